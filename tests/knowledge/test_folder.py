"""The user's own runbooks: found in both languages, read again only when changed, never outside the folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from openmanager_core.errors import NotFound
from openmanager_core.knowledge import folder as module
from openmanager_core.knowledge.folder import Folder
from openmanager_core.knowledge.passages import Passage, Passages, snippet


@pytest.fixture(autouse=True)
def _always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REFRESH_S", 0.0)


def made(tmp_path: Path, **files: str) -> Folder:
    root = tmp_path / "books"
    root.mkdir(exist_ok=True)
    for name, text in files.items():
        (root / f"{name}.md").write_text(text, "utf-8")
    return Folder(root, tmp_path / "home")


def test_a_heading_is_found_in_english_and_korean(tmp_path) -> None:
    books = made(
        tmp_path,
        payments="# Payments\n\n## Gateway time-out\nRestart the gateway.\n\n## 결제 지연\n게이트웨이를 재시작한다.\n",
    )
    assert books.search("gateway timeout restart", 3)[0].title == "payments: Gateway time-out"
    assert books.search("결제가 지연돼요", 3)[0].title == "payments: 결제 지연"
    assert "재시작" in snippet(books.search("게이트웨이", 1)[0].body, books.search("게이트웨이", 1)[0].terms)
    books.close()


def test_changed_new_and_deleted_files_are_noticed_and_the_rest_is_not_read_again(tmp_path, monkeypatch) -> None:
    books = made(tmp_path, a="# A\nalpha walrus", b="# B\nbeta")
    read: list[int] = []
    really = module._read
    monkeypatch.setattr(module, "_read", lambda d: read.append(d) or really(d))
    assert books.search("walrus", 3)
    assert len(read) == 2
    (tmp_path / "books/a.md").write_text("# A\nalpha penguin now", "utf-8")
    assert not books.search("walrus", 3)
    assert books.search("penguin", 3)
    assert len(read) == 3
    (tmp_path / "books/a.md").unlink()
    assert not books.search("penguin", 3)
    books.close()
    again = Folder(tmp_path / "books", tmp_path / "home")
    assert again.search("beta", 3)
    assert len(read) == 3
    again.close()


def test_links_devices_hidden_and_large_files_are_left_out(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    (tmp_path / "secret.md").write_text("# Secret\nzebra", "utf-8")
    books = made(tmp_path, big="# Big\n" + "zebra " * 1000, ok="# Ok\nzebra here")
    root = tmp_path / "books"
    (root / "link.md").symlink_to(tmp_path / "secret.md")
    (root / "away").symlink_to(tmp_path)
    (root / ".hidden.md").write_text("zebra", "utf-8")
    os.mkfifo(root / "pipe.md")
    assert [f.source for f in books.search("zebra", 10)] == ["ok.md"]
    assert any("big.md has more than 1000 bytes" in p for p in books.problems)
    assert any("link.md is a link" in p for p in books.problems)
    books.close()


def test_the_index_is_private_and_made_anew_when_it_is_damaged(tmp_path) -> None:
    books = made(tmp_path, a="# A\nwalrus")
    assert books.search("walrus", 1)
    books.close()
    file = next((tmp_path / "home").glob("runbooks-*.sqlite3"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_bytes(b"this is no database" * 100)
    again = Folder(tmp_path / "books", tmp_path / "home")
    assert again.search("walrus", 1)
    again.close()


def test_a_folder_that_is_not_there_says_which_setting_to_check(tmp_path) -> None:
    with pytest.raises(NotFound, match="runbooks folder is not there") as caught:
        Folder(tmp_path / "nowhere", tmp_path / "home").search("disk", 3)
    assert str(tmp_path) not in caught.value.message


def test_signs_of_the_query_language_are_words_like_any_other() -> None:
    index = Passages()
    index.add([Passage("a", "Disk", "", 'NEAR("disk" OR 1) AND *')])
    for query in ('"', "disk* OR", "NEAR(disk, 5)", "title:disk", "' OR 1=1 --", "disk^2", "-disk"):
        index.search(query, 5)
    assert index.search("disk", 1)[0].matched == 1.0
    index.close()
