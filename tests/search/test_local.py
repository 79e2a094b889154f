"""The local index: what is found, in Korean too, what is left out, and what a killed command leaves."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import served
from hypothesis import given
from hypothesis import strategies as st
from mcp.client import Client
from search_served import addresses, ask, server

from openmanager_core.errors import FleetError, InvalidRequest, NotFound
from openmanager_search.engines import local_index
from openmanager_search.engines.local import Local
from openmanager_search.engines.local_words import matches, pairs, snippet
from openmanager_search.index_command import index

OFFLINE = {"engines": ["local"]}
TABLE = "CREATE VIRTUAL TABLE words USING fts5(title, body, grams, tokenize = 'unicode61')"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of all kinds of files."""
    top = tmp_path / "Team Notes"
    (top / "deep" / "er").mkdir(parents=True)
    (top / "guide.md").write_text(
        "# 서버 운영 안내\n\n데이터베이스가 느려지면 연결 수를 본다. Restart with systemctl.\n"
    )
    (top / "deep" / "er" / "pg.txt").write_text("The postgres cluster: patroni switchover, never kill -9.\n")
    (top / "menu.json").write_text('{"lunch": "kimchi", "price": 9000}')
    (top / "old.txt").write_bytes("한글 완성형 문서".encode("cp949"))
    (top / "page.html").write_text(
        "<html><head><title>Saved page</title><script>var hiddenword</script></head><body><h1>Heading</h1>"
        "<p>Visible paragraph</p><div style='display: none'>secretword</div><!-- commentword --></body></html>"
    )
    return top


def find(home: Path, text: str, **more: Any) -> list[str]:
    """The paths that a query finds, through the engine itself."""
    from openmanager_search.engines.base import Query

    page = Local(home)._search(Query(text, **more), 1)
    return [re.sub(r"^file://[^/]+/", "", hit.url) for hit in page.hits]


def made(tmp_path: Path, folder: Path, name: str = "notes") -> Path:
    index(tmp_path, folder, name)
    return tmp_path


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("서버", "guide.md"),
        ("베이스", "guide.md"),
        ("데이터베이스 연결", "guide.md"),
        ("안", "guide.md"),
        ("완성형", "old.txt"),
        ("서버 systemctl", "guide.md"),
        ("PATRONI", "deep/er/pg.txt"),
        ("switch", "deep/er/pg.txt"),
        ('"patroni switchover"', "deep/er/pg.txt"),
        ("kimchi", "menu.json"),
        ("visible", "page.html"),
        ("saved", "page.html"),
    ],
)
def test_words_are_found_in_any_script(tmp_path: Path, folder: Path, query: str, path: str) -> None:
    assert find(made(tmp_path, folder), query) == [path]


@pytest.mark.parametrize(
    "query", ["hiddenword", "secretword", "commentword", '"switchover patroni"', "버서", "patroni -cluster"]
)
def test_what_is_hidden_reversed_or_unwanted_is_not_found(tmp_path: Path, folder: Path, query: str) -> None:
    assert find(made(tmp_path, folder), query) == []


def test_names_in_pieces_are_composed(tmp_path: Path, folder: Path) -> None:
    import unicodedata

    (folder / "nfd.txt").write_text(unicodedata.normalize("NFD", "조합형 글자"))
    assert find(made(tmp_path, folder), "조합형") == ["nfd.txt"]


def test_all_words_come_before_any_word(tmp_path: Path, folder: Path) -> None:
    home = made(tmp_path, folder)
    assert find(home, "patroni kimchi") in (["menu.json", "deep/er/pg.txt"], ["deep/er/pg.txt", "menu.json"])
    assert find(home, "patroni postgres") == ["deep/er/pg.txt"]


def test_changes_are_taken_up_and_vanished_files_are_forgotten(tmp_path: Path, folder: Path) -> None:
    home = made(tmp_path, folder)
    (folder / "menu.json").unlink()
    (folder / "deep" / "er" / "pg.txt").write_text("Now about bananas.")
    (folder / "new.md").write_text("fresh words")
    os.utime(folder / "guide.md", (1, 1))
    summary = index(home, folder, "notes")
    assert (summary.files, summary.new, summary.changed, summary.gone) == (5, 1, 1, 1)
    assert find(home, "kimchi") == [] and find(home, "patroni") == []
    assert find(home, "bananas") == ["deep/er/pg.txt"] and find(home, "fresh") == ["new.md"]
    again = index(home, folder, "notes")
    assert (again.files, again.new, again.changed, again.gone) == (5, 0, 0, 0)


def test_secrets_links_and_odd_files_are_left_out(tmp_path: Path, folder: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("outsideword")
    (folder / "link.txt").symlink_to(outside)
    (folder / "linked").symlink_to(tmp_path)
    (folder / ".env.txt").write_text("envword")
    (folder / ".git").mkdir()
    (folder / ".git" / "x.txt").write_text("gitword")
    (folder / "passwords.txt").write_text("passwordword")
    (folder / "client_secret.json").write_text('"clientword"')
    (folder / "binary.txt").write_bytes(b"\0\1\2binaryword")
    (folder / "program.py").write_text("programword")
    os.mkfifo(folder / "pipe.txt")
    (folder / os.fsdecode(b"bad\xff.txt")).write_text("badnameword")
    (folder / "huge.txt").write_bytes(b"hugeword " + b"x" * (20 * 1024 * 1024))
    summary = index(tmp_path, folder, "notes")
    assert summary.files == 5
    assert summary.skipped == {
        "named like a secret": 2,
        "no text": 1,
        "with a name that is no text": 1,
        "longer than 20971520 bytes": 1,
    }
    for start in ("outside", "env", "git", "password", "client", "binary", "program", "badname", "huge"):
        assert find(tmp_path, f"{start}word") == []


def test_a_long_file_is_cut_and_that_is_said(tmp_path: Path, folder: Path) -> None:
    (folder / "long.txt").write_text("first " + "word " * 300_000 + "last")
    summary = index(tmp_path, folder, "notes")
    assert summary.cut == 1 and find(tmp_path, "first") == ["long.txt"] and find(tmp_path, "last") == []


def test_an_index_keeps_to_its_folder_and_names_are_checked(tmp_path: Path, folder: Path) -> None:
    made(tmp_path, folder)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(InvalidRequest, match="another folder"):
        index(tmp_path, other, "notes")
    for name in ("../up", "", "a/b", "A", "x" * 64, ".hidden"):
        with pytest.raises(InvalidRequest, match="name must be"):
            index(tmp_path, folder, name)


def test_two_commands_at_once_do_not_mix(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = made(tmp_path, folder)
    monkeypatch.setattr(local_index, "_BUSY_S", 0.05)
    with local_index.written(local_index.path_of(home, "notes")) as connection:
        connection.execute("DELETE FROM files")
        with pytest.raises(FleetError, match=r"cannot be written.*other command"):
            index(home, folder, "notes")
        assert find(home, "patroni") == ["deep/er/pg.txt"]  # readers see the old state meanwhile
        connection.execute("INSERT INTO files SELECT id, 'x', 0, 0, x'' FROM (SELECT 1 AS id)")


def test_a_killed_command_leaves_the_old_state_whole(tmp_path: Path, folder: Path) -> None:
    home = made(tmp_path / "home", folder)
    (folder / "menu.json").unlink()
    for number in range(400):
        (folder / f"many-{number}.txt").write_text(f"many words {number} " * 2000)
    path = local_index.path_of(home, "notes")
    words = served.command("index", str(folder), "--name", "notes")
    with subprocess.Popen(words, env=served.environment(home), stdout=subprocess.DEVNULL) as running:
        deadline_s = time.monotonic() + 20
        wal = Path(f"{path}-wal")
        while running.poll() is None and time.monotonic() < deadline_s:
            if wal.exists() and wal.stat().st_size > 500_000:
                break
            time.sleep(0.001)
        running.send_signal(signal.SIGKILL)
    assert find(home, "kimchi") == ["menu.json"] and find(home, "many") == []
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert index(home, folder, "notes").new == 400


@pytest.mark.parametrize("damage", [b"not a database" * 1000, b""])
def test_a_damaged_index_says_what_to_do(tmp_path: Path, folder: Path, damage: bytes) -> None:
    home = made(tmp_path, folder)
    local_index.path_of(home, "notes").write_bytes(damage)
    with pytest.raises(FleetError, match=r"local index notes cannot be read.*") as caught:
        find(home, "patroni")
    assert "--remove notes" in caught.value.hint and str(tmp_path) not in str(caught.value)


@pytest.mark.anyio
async def test_the_tool_finds_in_all_indexes_or_in_one(tmp_path: Path, folder: Path) -> None:
    home = made(tmp_path, folder)
    index(home, folder / "deep", "deep")
    async with Client(server(home, **OFFLINE)) as client:
        text, fields, failed = await ask(client, "patroni")
        assert not failed and sorted(addresses(fields)) == ["file://deep/er/pg.txt", "file://notes/deep/er/pg.txt"]
        assert str(tmp_path) not in text
        assert addresses((await ask(client, "patroni", site="deep"))[1]) == ["file://deep/er/pg.txt"]
        assert addresses((await ask(client, "patroni", site="elsewhere"))[1]) == []
        os.utime(folder / "guide.md", (1, 1))
        index(home, folder, "notes")
        assert addresses((await ask(client, "서버", time_range="year"))[1]) == []


@pytest.mark.anyio
@pytest.mark.parametrize("damage", ["damaged", "newer"])
async def test_one_index_that_cannot_be_read_takes_nothing_from_the_others(
    tmp_path: Path, folder: Path, damage: str
) -> None:
    home = made(tmp_path, folder)
    index(home, folder / "deep", "deep")
    if damage == "newer":
        with sqlite3.connect(local_index.path_of(home, "deep")) as connection:
            connection.execute(f"PRAGMA user_version = {local_index.VERSION + 1}")
        connection.close()
    else:
        local_index.path_of(home, "deep").write_bytes(b"not a database" * 1000)
    async with Client(server(home, **OFFLINE)) as client:
        text, fields, failed = await ask(client, "patroni")
        assert not failed and addresses(fields) == ["file://notes/deep/er/pg.txt"]
        assert "index deep" in text and "index deep" in str(fields["failures"]) and str(tmp_path) not in text
        text, _, failed = await ask(client, "nowhere-written")
        assert failed and "index deep" in text and "--remove deep" in text, "what is not searched is not 'no results'"
        text, _, failed = await ask(client, "patroni", site="deep")
        assert failed and "index deep" in text
        text, fields, failed = await ask(client, "patroni", site="notes")
        assert not failed and "index deep" not in text
        local_index.path_of(home, "notes").write_bytes(b"not a database" * 1000)
        assert (await ask(client, "patroni"))[2]


@pytest.mark.anyio
async def test_without_an_index_it_says_how_to_make_one(tmp_path: Path) -> None:
    async with Client(server(tmp_path, **OFFLINE)) as client:
        text, _, failed = await ask(client, "anything")
    assert failed and "openmanager index DIR" in text


@pytest.mark.anyio
async def test_a_long_list_is_paged(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(55):
        (folder / f"{number:02}.txt").write_text(f"apples number {number}")
    home = made(tmp_path, folder)
    seen: list[str] = []
    cursor: str | None = ""
    async with Client(server(home, **OFFLINE)) as client:
        while cursor is not None:
            _, fields, _ = await ask(client, "apples", max_results=15, cursor=cursor)
            seen += addresses(fields)
            cursor = fields["next_cursor"]
    assert len(seen) == 55 == len(set(seen))


@pytest.mark.anyio
async def test_the_text_of_a_result_can_be_had_and_nothing_else(tmp_path: Path, folder: Path) -> None:
    home = made(tmp_path, folder)
    local = Local(home)
    assert (await local.text_of("file://notes/deep/er/pg.txt"))[1].startswith("The postgres cluster")
    for url in ("file://notes/../guide.md", "file:///etc/passwd", "file://none/guide.md", "https://notes/guide.md"):
        with pytest.raises(NotFound):
            await local.text_of(url)


def test_the_command_indexes_lists_and_removes(tmp_path: Path, folder: Path) -> None:
    done = served.run(tmp_path, ["index", str(folder)])
    assert done.returncode == 0 and done.stdout.startswith("team-notes: 5 files (5 new, 0 changed, 0 gone)")
    listed = served.run(tmp_path, ["index", "--list"])
    assert listed.stdout == f"team-notes\t5 files\t{folder}\n"
    assert served.run(tmp_path, ["index", "--remove", "team-notes"]).returncode == 0
    missing = served.run(tmp_path, ["index", "--remove", "team-notes"])
    assert missing.returncode == 1 and "does not exist" in missing.stderr
    assert "no folder" in served.run(tmp_path, ["index", str(tmp_path / "none")]).stderr
    assert "DIR is missing" in served.run(tmp_path, ["index"]).stderr


@given(st.text(max_size=80))
def test_any_query_is_one_that_sqlite_understands(text: str) -> None:
    try:
        both = matches(text)
    except InvalidRequest:
        return
    connection = sqlite3.connect(":memory:")
    connection.execute(TABLE)
    connection.execute("INSERT INTO words VALUES ('서버 안내', 'some words', ?)", (pairs("서버 안내"),))
    for match in both:
        connection.execute("SELECT rowid FROM words WHERE words MATCH ?", (match,)).fetchall()
    connection.close()


@given(st.text(alphabet="가나다라 ab", min_size=1, max_size=12), st.integers(0, 10), st.integers(2, 6))
def test_every_stretch_of_two_syllables_or_more_is_found(text: str, start: int, length: int) -> None:
    stretch = text[start : start + length]
    if len(stretch) < 2 or not all("가" <= char <= "힣" for char in stretch):
        return
    connection = sqlite3.connect(":memory:")
    connection.execute(TABLE)
    connection.execute("INSERT INTO words VALUES ('', ?, ?)", (text, pairs(text)))
    assert connection.execute("SELECT rowid FROM words WHERE words MATCH ?", (matches(stretch)[0],)).fetchall()
    connection.close()


@given(st.text(max_size=600), st.text(max_size=30))
def test_a_snippet_is_a_short_stretch_of_the_text(body: str, query: str) -> None:
    cut = snippet(body, query)
    assert cut.removeprefix("… ").removesuffix(" …") in body or cut in body
    assert len(cut) <= 490
