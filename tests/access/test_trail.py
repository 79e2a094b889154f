"""The audit trail: what is in it, what is never in it, and that no change of it goes unseen."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from access_served import caller, everything_in, minted, profile, site, text_of

from openmanager_core.errors import StorageUnavailable
from openmanager_kit.access import trail_file
from openmanager_kit.access.assembly import access_of
from openmanager_kit.access.chain import Row
from openmanager_kit.access.trail_file import TrailFile, reading, rows, verified
from openmanager_kit.cli.main import main


def row(number: int, at_us: int = 0) -> Callable[[Any], Row]:
    return lambda sealer: Row(at_us or number, "kim", "files", "put", sealer.arguments({"n": number}), "ok", 5)


def filled(home: Path, count: int = 10) -> None:
    file = TrailFile(home)
    file.append([row(number) for number in range(1, count + 1)])
    file.close()


def all_rows(home: Path) -> list[Row]:
    with reading(home) as (db, _):
        return [link.row for link in rows(db)]


def changed(home: Path, *statements: str) -> None:
    with closing(sqlite3.connect(home / trail_file.FILE, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


@pytest.mark.anyio
async def test_every_call_with_a_token_is_in_it_and_no_argument_is(tmp_path: Path) -> None:
    ident, token = minted(tmp_path, "operator")
    viewer, other = minted(tmp_path, "viewer")
    async with site(tmp_path) as url:
        async with caller(url, token) as client:
            assert not (await client.call_tool("put", {"text": "hunter2-in-clear"})).is_error
            assert not (await client.call_tool("who", {})).is_error
            assert (await client.call_tool("fail", {})).is_error
            assert (await client.call_tool("put", {"text": "hunter2-in-clear", "extra": 1})).is_error
        async with caller(url, other) as client:
            assert (await client.call_tool("put", {"text": "hunter2-in-clear"})).is_error
    found = [(one.principal, one.tool, one.outcome) for one in sorted(all_rows(tmp_path))]
    assert found == [
        (ident, "put", "started"), (ident, "put", "ok"), (ident, "who", "ok"), (ident, "fail", "started"),
        (ident, "fail", "crash"), (ident, "put", "started"), (ident, "put", "invalid_request"),
        (viewer, "put", "not_allowed"),
    ]  # fmt: skip
    digests = {one.arguments for one in all_rows(tmp_path) if one.tool == "put"}
    assert len(digests) == 2
    for content in everything_in(tmp_path):
        assert b"hunter2" not in content and token.encode() not in content and token[16:].encode() not in content
    assert (tmp_path / trail_file.KEY).stat().st_mode & 0o777 == 0o600
    assert verified(tmp_path)[0] == []


SEAL = "x'" + "00" * 32 + "'"


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["UPDATE trail SET outcome = 'crash' WHERE seq = 5"], "row 5 was changed"),
        (["UPDATE trail SET principal = 'lee' WHERE seq = 1"], "row 1 was changed"),
        (["UPDATE trail SET at_us = at_us + 1 WHERE seq = 10"], "row 10 was changed"),
        (["DELETE FROM trail WHERE seq = 5"], "row 5 is missing"),
        (["DELETE FROM trail WHERE seq = 1"], "row 1 is missing"),
        (["DELETE FROM trail WHERE seq > 7"], "ends with row 7, but row 10 was written"),
        (["DELETE FROM trail WHERE seq = 10"], "ends with row 9"),
        (["DELETE FROM trail"], "ends with row 0"),
        (["UPDATE trail SET seq = -1 WHERE seq = 5", "UPDATE trail SET seq = 5 WHERE seq = 6",
          "UPDATE trail SET seq = 6 WHERE seq = -1"], "row 5 was changed"),
        ([f"INSERT INTO trail VALUES (11, 1, 'a', 'b', 'c', 'd', 'e', 1, {SEAL})"], "row 11 was changed"),
        (["UPDATE trail SET seq = seq + 100 WHERE seq > 5",
          f"INSERT INTO trail VALUES (6, 1, 'a', 'b', 'c', 'd', 'e', 1, {SEAL})"], "row 6 was changed"),
        (["DELETE FROM trail WHERE seq > 7", "UPDATE ends SET seq = 7, seal = (SELECT seal FROM trail WHERE seq = 7)"
          " WHERE which = 'last'"], "the end of the trail is not ours"),
        (["DELETE FROM trail WHERE seq < 4", "UPDATE ends SET seq = 3 WHERE which = 'first'"],
         "the beginning of the trail is not ours"),
        (["UPDATE ends SET seq = (SELECT seq FROM ends WHERE which = 'last'), seal = (SELECT seal FROM ends WHERE"
          " which = 'last'), sealed = (SELECT sealed FROM ends WHERE which = 'last') WHERE which = 'first'",
          "DELETE FROM trail"], "the beginning of the trail is not ours"),
        (["DELETE FROM ends WHERE which = 'last'"], "the end of the trail is not ours"),
    ],
)  # fmt: skip
def test_whatever_is_changed_is_found(tmp_path: Path, statements: list[str], said: str) -> None:
    filled(tmp_path)
    assert verified(tmp_path) == ([], 1, 10)
    changed(tmp_path, *statements)
    (found,) = verified(tmp_path)[0]
    assert said in found


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM trail WHERE seq > 7", "DELETE FROM trail", "DELETE FROM ends", "UPDATE ends SET seq = 7"],
)
def test_nothing_is_added_behind_a_cut_which_would_hide_it(tmp_path: Path, statement: str) -> None:
    filled(tmp_path)
    changed(tmp_path, statement)
    with pytest.raises(StorageUnavailable, match="was changed from outside"):
        filled(tmp_path)
    assert verified(tmp_path)[0]


@pytest.mark.parametrize("gone", [trail_file.FILE, trail_file.KEY])
def test_a_trail_or_key_that_was_taken_away_is_not_begun_anew(tmp_path: Path, gone: str) -> None:
    filled(tmp_path)
    (tmp_path / gone).unlink()
    with pytest.raises(StorageUnavailable, match="changed from outside"):
        filled(tmp_path)


def test_a_beginning_that_was_interrupted_goes_on(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    (tmp_path / trail_file.KEY).rename(tmp_path / "audit.key.new")  # killed before the last step
    filled(tmp_path, 1)
    assert verified(tmp_path) == ([], 1, 2)
    assert (tmp_path / trail_file.KEY).exists()


def test_old_rows_are_let_go_and_the_rest_still_verifies(tmp_path: Path) -> None:
    file = TrailFile(tmp_path)
    file.append([row(number, at_us=number * 1000) for number in range(1, 101)])
    assert file.let_go(50_000) == 49
    assert file.let_go(50_000) == 0
    assert verified(tmp_path) == ([], 50, 100)
    assert file.let_go(10**9) == 51
    assert verified(tmp_path) == ([], 0, 0)
    file.append([row(1)])
    file.close()
    assert verified(tmp_path) == ([], 101, 101)


def append_many(home: str, count: int) -> None:
    file = TrailFile(Path(home))
    for number in range(count):
        file.append([row(number)])
    file.close()


def test_several_processes_begin_and_append_to_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=append_many, args=(str(tmp_path), 40)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert verified(tmp_path) == ([], 1, 80)


@pytest.mark.anyio
async def test_a_trail_that_cannot_be_written_stops_changes_and_not_reading(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = minted(tmp_path, "operator")[1]
    (tmp_path / trail_file.FILE).mkdir()
    access = access_of(profile(tmp_path), {})
    assert access.trail is not None
    async with site(tmp_path, access) as url, caller(url, token) as client:
        refused = await client.call_tool("put", {"text": "x"})
        assert refused.is_error
        assert "storage_unavailable: nothing was changed, as the audit trail cannot be written" in text_of(refused)
        assert not (await client.call_tool("who", {})).is_error
        with anyio.fail_after(10):
            while access.trail._lost < 2:  # noqa: ASYNC110 - the refusal and the reading
                await anyio.sleep(0.01)
            (tmp_path / trail_file.FILE).rmdir()
            while (await client.call_tool("put", {"text": "x"})).is_error:  # noqa: ASYNC110 - until it works again
                await anyio.sleep(0.05)
    assert "the audit trail cannot be written" in caplog.text
    said = [one.outcome for one in all_rows(tmp_path)]
    assert any(one.startswith("lost 2 rows") for one in said) and "ok" in said


@pytest.mark.anyio
async def test_a_flood_that_is_refused_does_not_fill_the_disk(tmp_path: Path) -> None:
    token = minted(tmp_path, "operator")[1]
    async with site(tmp_path, calls_per_minute=6) as url, caller(url, token) as client:
        for _ in range(30):
            await client.call_tool("put", {"text": "x"})
    assert len(all_rows(tmp_path)) == 2


@pytest.mark.anyio
async def test_without_a_trail_nothing_is_written(tmp_path: Path) -> None:
    token = minted(tmp_path, "operator")[1]
    async with site(tmp_path, audit=False) as url, caller(url, token) as client:
        assert not (await client.call_tool("put", {"text": "x"})).is_error
    assert not (tmp_path / trail_file.FILE).exists()


def test_the_commands_verify_show_and_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--home", str(tmp_path), "--config", "minimal")
    assert main(["audit", "verify", *words]) == 1
    assert "there is no audit trail" in capsys.readouterr().err
    filled(tmp_path, 30)
    assert main(["audit", "verify", *words]) == 0
    assert capsys.readouterr().out == "unbroken: rows 1 to 30\n"
    assert main(["audit", "tail", "-n", "3", "--json", *words]) == 0
    assert [json.loads(line)["seq"] for line in capsys.readouterr().out.splitlines()] == [28, 29, 30]
    assert main(["audit", "tail", *words]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 20
    assert main(["audit", "export", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 31 and lines[0].startswith("seq,at,principal,server,tool,arguments,outcome")
    changed(tmp_path, "DELETE FROM trail WHERE seq = 30")
    assert main(["audit", "verify", "--json", *words]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["unbroken"] is False and "ends with row 29" in told["breaks"][0]


@pytest.mark.anyio
async def test_a_change_that_is_answered_is_durable_already(tmp_path: Path) -> None:
    _, token = minted(tmp_path, "operator")
    async with site(tmp_path) as url, caller(url, token) as client:
        for number in range(1, 6):
            await client.call_tool("put", {"text": str(number)})
            assert [one.outcome for one in all_rows(tmp_path)] == ["started", "ok"] * number


@pytest.mark.anyio
async def test_who_shows_no_token_is_not_in_it(tmp_path: Path) -> None:
    async with site(tmp_path) as url, httpx2.AsyncClient() as http:
        assert (await http.post(url, json={})).status_code == 401
    assert not (tmp_path / trail_file.FILE).exists()
