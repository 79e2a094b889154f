"""State files of every released version are read by today's code; those of a newer one are left as they are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mcp.client import Client
from naive_ledger import finding
from released_state import FORMATS, KEY, SECRET, T0, kept, laid_down, structure
from thoughts import call, refused, server_in, text_of

from openmanager_core.errors import StorageUnavailable
from openmanager_core.storage.ledger import Ledger
from openmanager_kit.access.tokens import TokenStore
from openmanager_kit.access.trail_file import KEY as KEY_FILE
from openmanager_kit.access.trail_file import TrailFile, verified
from openmanager_kit.backups.making import back_up
from openmanager_kit.backups.restoring import put_back
from openmanager_search.engines.base import Query
from openmanager_search.engines.local import Local
from openmanager_search.engines.local_index import Source, Update, written

pytestmark = pytest.mark.anyio


def every_version(name: str) -> list[int]:
    return list(range(1, FORMATS[name].version + 1))


@pytest.mark.parametrize("name", FORMATS)
def test_every_released_version_is_written_down(name: str) -> None:
    missing = [version for version in every_version(name) if not kept(name, version).is_file()]
    assert not missing, f"write down {name} {missing}: python tests/released_state.py"


@pytest.mark.parametrize("version", every_version("ledger"))
async def test_a_ledger_of_then_is_read_and_written(tmp_path: Path, version: int) -> None:
    path = laid_down("ledger", version, tmp_path)
    async with await Ledger.open(path) as book:
        incidents = await book.incidents()
        assert len(incidents) == 2
        acknowledged = next(one for one in incidents if one.state == "acknowledged")
        assert [cause.kind for cause in acknowledged.causes]
        assert await book.damping("mail-01", "cpu_busy_ratio", "level_shift") < 1
        assert len(await book.audit_rows()) == 1
        await book.resolve(acknowledged.id, "done", at_s=T0 + 500)
        assert finding("web-01", T0).id in {one.id for one in await book.findings()}


@pytest.mark.parametrize("version", every_version("thinking"))
async def test_chains_of_then_are_read_found_and_continued(tmp_path: Path, version: int) -> None:
    laid_down("thinking", version, tmp_path)
    async with Client(server_in(tmp_path, expire_days=0)) as client:
        (row,) = (await call(client, "list_chains")).structured_content["chains"]
        chain = row["chainId"]
        assert "a second, from the first" in text_of(await call(client, "read_chain", chainId=chain))
        assert (await call(client, "search_thoughts", query="another")).structured_content["hits"]
        await call(
            client, "sequentialthinking", chainId=chain, thought="now", thoughtNumber=3, totalThoughts=3,
            nextThoughtNeeded=False,
        )  # fmt: skip
        assert (await call(client, "search_thoughts", query="now")).structured_content["hits"]


@pytest.mark.parametrize("version", every_version("tokens"))
def test_tokens_of_then_are_still_valid(tmp_path: Path, version: int) -> None:
    laid_down("tokens", version, tmp_path)
    row = TokenStore(tmp_path).verify(f"om_0123456789ab_{SECRET}")
    assert row is not None and (row.name, row.role) == ("Kim", "operator")


@pytest.mark.parametrize("version", every_version("audit"))
def test_a_trail_of_then_verifies_and_goes_on(tmp_path: Path, version: int) -> None:
    laid_down("audit", version, tmp_path)
    (tmp_path / KEY_FILE).write_text(KEY)
    assert verified(tmp_path) == ([], 3, 5)
    file = TrailFile(tmp_path)
    file.let_go(5)
    file.close()
    assert verified(tmp_path) == ([], 5, 5)


@pytest.mark.parametrize("version", every_version("index"))
async def test_an_index_of_then_is_searched_and_brought_up_to_date(tmp_path: Path, version: int) -> None:
    path = laid_down("index", version, tmp_path)
    engine = Local(tmp_path)
    for question, title in (("pool exhausted", "pool.md"), ("고갈", "글.md")):
        assert [hit.title for hit in (await engine.search(Query(question), 1)).hits] == [title]
    with written(path) as connection:
        update = Update(connection, "/srv/wiki")
        update.take(Source("new.md", 2, 3), b"new", "new.md", "drained")
        update.forget_vanished()
        assert (update.summary.new, update.summary.gone) == (1, 2)
    assert [hit.title for hit in (await engine.search(Query("drained"), 1)).hits] == ["new.md"]


@pytest.mark.parametrize("name", FORMATS)
async def test_what_today_s_code_makes_is_what_was_written_down_for_its_version(tmp_path: Path, name: str) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    await FORMATS[name].write(new)
    written = laid_down(name, FORMATS[name].version, old)
    assert list(structure(written)) == list(structure(new / FORMATS[name].file))


@pytest.mark.parametrize("name", FORMATS)
async def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path, name: str) -> None:
    path = laid_down(name, FORMATS[name].version, tmp_path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {FORMATS[name].version + 1}")
    before = path.read_bytes()
    if name == "thinking":
        async with Client(server_in(tmp_path)) as client:
            said = await refused(client, "list_chains")
    else:
        with pytest.raises(StorageUnavailable) as caught:
            if name == "ledger":
                await Ledger.open(path)
            elif name == "tokens":
                TokenStore(tmp_path).list()
            elif name == "index":
                await Local(tmp_path).search(Query("pool"), 1)
            else:
                TrailFile(tmp_path)
        said = str(caught.value)
    assert "written by a newer OpenManager" in said and "update OpenManager" in said
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == FORMATS[name].version + 1
    assert name == "audit" or path.read_bytes() == before


@pytest.mark.parametrize("name", FORMATS)
def test_the_way_back_to_an_older_version_is_the_backup_made_with_it(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    path = laid_down(name, 1, home)
    tables = list(structure(path))
    back_up(home, tmp_path / "before.tar")
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE of_a_newer_version (x)")
        db.execute("PRAGMA user_version = 99")
    put_back(tmp_path / "before.tar", home)
    assert list(structure(path)) == tables
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 1
