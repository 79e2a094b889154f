"""`openmanager backup` and `restore`: everything, as it was, or nothing; never a byte outside of the state folder."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import kit_served
import pytest

from openmanager_core.errors import ConfigError, Conflict, FleetError, InvalidRequest, NotFound, StorageUnavailable
from openmanager_kit.access.tokens import TokenStore
from openmanager_kit.access.trail_file import TrailFile, verified
from openmanager_kit.backups import holding
from openmanager_kit.backups.holding import hold, hold_alone
from openmanager_kit.backups.making import back_up
from openmanager_kit.backups.restoring import check, put_back
from openmanager_kit.cli.main import main


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """State of every kind: databases, a key, a nested cache."""
    home = tmp_path / "home"
    TokenStore(home).mint("Kim", "admin", 600)
    TrailFile(home).close()
    with closing(sqlite3.connect(home / "ledger.sqlite3")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (x)")
        db.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(1000)])
        db.commit()
    (home / "cache" / "deep").mkdir(parents=True)
    (home / "cache" / "deep" / "item.json").write_text('{"a": 1}')
    (home / "clients.json").write_text("{}")
    return home


def content(home: Path) -> dict[str, Any]:
    """What is in a state folder: rows of databases, bytes of the rest."""
    found: dict[str, Any] = {}
    for path in sorted(home.rglob("*")):
        if path.is_file() and path.suffix == ".sqlite3":
            with closing(sqlite3.connect(path)) as db:
                found[path.relative_to(home).as_posix()] = list(db.iterdump())
        elif path.is_file() and path.suffix in (".json", ".key"):
            found[path.relative_to(home).as_posix()] = path.read_bytes()
    return found


def test_what_was_backed_up_comes_back_and_what_was_there_is_kept(tmp_path: Path, home: Path) -> None:
    file = tmp_path / "state.tar"
    before = content(home)
    back_up(home, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    (home / "clients.json").write_text('{"later": true}')
    (home / "new.json").write_text("1")
    _, kept = put_back(file, home)
    assert content(home) == before
    assert kept is not None and (kept / "new.json").exists() and json.loads((kept / "clients.json").read_text())
    assert home.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in home.rglob("*") if path.is_file()} == {0o600}
    assert verified(home) == ([], 0, 0) and TokenStore(home).list()[0].name == "Kim"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["home", kept.name, "state.tar"])


def test_a_database_is_copied_whole_while_it_is_written(tmp_path: Path, home: Path) -> None:
    with closing(sqlite3.connect(home / "ledger.sqlite3", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO t VALUES (-1)")  # under way: not in the copy
        back_up(home, tmp_path / "state.tar")
        db.execute("COMMIT")
    put_back(tmp_path / "state.tar", tmp_path / "other")
    with closing(sqlite3.connect(tmp_path / "other" / "ledger.sqlite3")) as db:
        assert db.execute("SELECT count(*), min(x) FROM t").fetchone() == (1000, 0)


def test_it_is_refused_while_a_database_is_open_elsewhere(tmp_path: Path, home: Path) -> None:
    back_up(home, tmp_path / "state.tar")
    program = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT * FROM t').fetchone();"
        "print('open', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(home / "ledger.sqlite3")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin is not None and other.stdout is not None
    try:
        other.stdout.readline()
        with pytest.raises(Conflict, match=r"ledger\.sqlite3 is open in another process"):
            put_back(tmp_path / "state.tar", home)
        put_back(tmp_path / "state.tar", home, force=True)
    finally:
        other.communicate(b"")
    put_back(tmp_path / "state.tar", home)


def test_it_is_refused_while_a_service_runs_and_a_service_waits_for_it(tmp_path: Path, home: Path) -> None:
    back_up(home, tmp_path / "state.tar")
    service = hold(home)
    with pytest.raises(Conflict, match="a service uses the state folder"):
        put_back(tmp_path / "state.tar", home)
    service.let_go()
    restoring = hold_alone(home)
    with pytest.raises(ConfigError, match="is being restored"):
        hold(home)
    restoring.let_go()
    hold(home).let_go()
    assert (home / holding.LOCK).exists()
    assert "in-use.lock" not in {entry.path for entry in back_up(home, tmp_path / "again.tar").files}


def test_a_real_service_holds_its_state(tmp_path: Path, home: Path) -> None:
    back_up(home, tmp_path / "state.tar")
    process = kit_served.start(home, "--http", "127.0.0.1:0")
    assert process.stderr is not None
    try:
        assert b"listens on" in process.stderr.readline()
        with pytest.raises(Conflict):
            put_back(tmp_path / "state.tar", home)
    finally:
        process.terminate()
        process.communicate(timeout=10)


def packed(path: Path, members: list[tuple[str, bytes, bytes]], names: list[tuple[str, bytes]] | None = None) -> Path:
    """A tar with members of any type, and a manifest that lists `names`, by default all of them."""
    listed = names if names is not None else [(name.removeprefix("state/"), data) for name, data, _ in members]
    files = [{"path": name, "bytes": len(data), "sha256": sha256(data).hexdigest()} for name, data in listed]
    manifest = json.dumps({"format": 1, "made": "x", "version": "x", "files": files}).encode()
    with tarfile.open(path, "w") as tar:
        for name, data, kind in [("manifest.json", manifest, tarfile.REGTYPE), *members]:
            member = tarfile.TarInfo(name)
            member.type, member.size = kind, len(data) if kind == tarfile.REGTYPE else 0
            member.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            tar.addfile(member, io.BytesIO(data))
    return path


REG = tarfile.REGTYPE


@pytest.mark.parametrize(
    "members",
    [
        [("state/../evil", b"x", REG)],
        [("state//evil", b"x", REG)],
        [("state/a/../../evil", b"x", REG)],
        [("state/./evil", b"x", REG)],
        [("state/a\\..\\evil", b"x", REG)],
        [("state/C:evil", b"x", REG)],
        [("state/a", b"x", REG), ("state/A", b"x", REG)],
        [("state/a", b"x", REG), ("state/a", b"x", REG)],
        [("state/a", b"", tarfile.SYMTYPE)],
        [("state/a", b"", tarfile.LNKTYPE)],
        [("state/a", b"", tarfile.FIFOTYPE)],
        [("state/a", b"", tarfile.CHRTYPE)],
        [("state/a", b"", tarfile.DIRTYPE)],
        [("evil", b"x", REG)],
        [("/tmp/evil", b"x", REG)],
    ],
)
def test_names_and_kinds_that_could_lead_out_are_refused_and_nothing_changes(
    tmp_path: Path, home: Path, members: list[tuple[str, bytes, bytes]]
) -> None:
    file, before = packed(tmp_path / "evil.tar", members), content(home)
    with pytest.raises(InvalidRequest):
        put_back(file, home)
    assert content(home) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.tar", "home"]


def test_a_backup_that_is_not_whole_is_refused(tmp_path: Path, home: Path) -> None:
    file, before = tmp_path / "state.tar", content(home)
    back_up(home, file)
    whole = file.read_bytes()
    at = whole.index(b'{"a": 1}')
    assert check(file).files
    for number, broken in enumerate(
        (whole[:at] + b'{"a": 2}' + whole[at + 8 :], whole[: len(whole) // 2], whole[:700], b"", b"x" * 2000)
    ):
        path = tmp_path / f"broken-{number}.tar"
        path.write_bytes(broken)
        with pytest.raises(InvalidRequest):
            put_back(path, home)
    extra = packed(tmp_path / "extra.tar", [("state/a", b"x", REG), ("state/b", b"y", REG)], [("a", b"x")])
    missing = packed(tmp_path / "missing.tar", [("state/a", b"x", REG)], [("a", b"x"), ("b", b"y")])
    longer = packed(tmp_path / "longer.tar", [("state/a", b"xx", REG)], [("a", b"x")])
    for path, said in ((extra, "is not what its manifest lists"), (missing, "b is missing"), (longer, "has 2 bytes")):
        with pytest.raises(InvalidRequest, match=said):
            put_back(path, home)
    assert content(home) == before


def test_a_newer_backup_says_so(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "new.tar", "w") as tar:
        text = json.dumps({"format": 2}).encode()
        member = tarfile.TarInfo("manifest.json")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    with pytest.raises(InvalidRequest, match="newer OpenManager"):
        put_back(tmp_path / "new.tar", tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_a_backup_goes_only_where_nothing_is_and_not_into_the_state(tmp_path: Path, home: Path) -> None:
    (tmp_path / "there").write_text("x")
    with pytest.raises(Conflict, match="is there already"):
        back_up(home, tmp_path / "there")
    with pytest.raises(InvalidRequest, match="lies in the state folder"):
        back_up(home, home / "b.tar")
    with pytest.raises(NotFound):
        back_up(tmp_path / "none", tmp_path / "b.tar")
    with pytest.raises(StorageUnavailable):
        back_up(home, tmp_path / "no" / "folder.tar")
    (home / "ledger.sqlite3").write_bytes((home / "ledger.sqlite3").read_bytes()[:5000] + b"\xff" * 8000)
    with pytest.raises(FleetError):
        back_up(home, tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()


def test_links_and_pipes_in_the_state_are_left_out(tmp_path: Path, home: Path) -> None:
    (home / "link.json").symlink_to("/etc/passwd")
    os.mkfifo(home / "pipe")
    assert not {"link.json", "pipe"} & {entry.path for entry in back_up(home, tmp_path / "b.tar").files}


def test_as_a_user_types_it(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--home", str(home), "--config", "minimal")
    file = str(tmp_path / "state.tar")
    assert main(["backup", file, *words]) == 0
    assert main(["restore", file, "--dry-run", *words]) == 0
    assert "whole, 6 files" in capsys.readouterr().out
    assert main(["restore", file, *words]) == 0
    said = capsys.readouterr()
    assert "6 files as of" in said.out and "What was there before is in" in said.err
    assert main(["restore", "nobody", *words]) == 2
    assert "is neither a file nor a client" in capsys.readouterr().err
    assert main(["restore", "./none.tar", *words]) == 1
    assert "there is no file" in capsys.readouterr().err
