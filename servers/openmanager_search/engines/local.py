"""The engine that needs no network: full-text search over folders that the user has indexed."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from openmanager_core.errors import NotFound, SourceUnavailable, StorageUnavailable
from openmanager_core.job import checkpoint, offload
from openmanager_search.engines import local_index
from openmanager_search.engines.base import Hit, Page, Query
from openmanager_search.engines.local_words import matches, snippet

PER_PAGE = 20
_MOST_PLACES = 1000
_STEPS_BETWEEN_LOOKS = 20_000
_SPANS_S = {"day": 86_400, "week": 7 * 86_400, "month": 31 * 86_400, "year": 366 * 86_400}
_FIND = (
    "SELECT f.path, f.mtime_ns, w.title, w.rowid, bm25(words, 8.0, 1.0, 1.0) AS score FROM words w "
    "JOIN files f ON f.id = w.rowid WHERE words MATCH ? AND f.mtime_ns >= ? ORDER BY score, f.path LIMIT ?"
)
_Row = tuple[float, str, str, int, str, int]


class Local:
    """The engine over all indexes below `home`; `site` of a query picks one by its name.

    An index that cannot be read is named beside what the others hold; it is an error only where none can be.
    """

    name = "local"
    kinds = frozenset(("text",))
    kept = False

    def __init__(self, home: Path) -> None:
        self._home = home

    async def search(self, query: Query, page: int) -> Page:
        """Look through the indexes; see `base.Engine`."""
        return await offload(self._search, query, page)

    async def aclose(self) -> None:
        """Hold nothing between calls."""

    async def text_of(self, url: str) -> tuple[str, str]:
        """Give title and text of an indexed file by the address that a result gave.

        Raises
        ------
        NotFound
            If no index has it.
        """
        return await offload(self._text_of, url)

    def _search(self, query: Query, page: int) -> Page:
        names = local_index.names(self._home)
        if not names:
            raise SourceUnavailable("local has no index yet", hint="openmanager index DIR in a terminal makes one")
        if query.site:
            names = [name for name in names if name == query.site]
            if not names:
                return Page(())
        strict, loose = matches(query.text)
        since_ns = int((time.time() - _SPANS_S[query.time_range]) * 1e9) if query.time_range else 0
        most = min(page * PER_PAGE + 1, _MOST_PLACES)
        rows: list[_Row] = []
        lost: dict[str, StorageUnavailable] = {}
        for match in (strict, loose):
            for name in names:
                if name not in lost:
                    try:
                        rows += self._found(name, match, since_ns, most)
                    except StorageUnavailable as exc:
                        lost[name] = exc
            if rows:
                break
        if len(lost) == len(names):
            raise next(iter(lost.values()))
        rows.sort()
        mine = rows[(page - 1) * PER_PAGE : page * PER_PAGE]
        return Page(
            tuple(self._hit(row, query.text) for row in mine),
            more=len(rows) > page * PER_PAGE,
            lost=tuple(lost.values()),
        )

    def _found(self, name: str, match: str, since_ns: int, most: int) -> list[_Row]:
        with local_index.reading(local_index.path_of(self._home, name)) as connection:
            _stoppable(connection)
            return [
                (score, name, path, mtime_ns, title, number)
                for path, mtime_ns, title, number, score in connection.execute(_FIND, (match, since_ns, most))
            ]

    def _hit(self, row: _Row, text: str) -> Hit:
        _, name, path, mtime_ns, title, number = row
        checkpoint()
        with local_index.reading(local_index.path_of(self._home, name)) as connection:
            found = connection.execute("SELECT body FROM words WHERE rowid = ?", (number,)).fetchone()
        return Hit(
            title=title or path,
            url=address(name, path),
            snippet=snippet(found[0], text) if found else "",
            date=datetime.fromtimestamp(mtime_ns / 1e9, UTC).date().isoformat(),
            source=f"index {name}",
        )

    def _text_of(self, url: str) -> tuple[str, str]:
        parts = urlsplit(url)
        name, path = parts.netloc, unquote(parts.path).removeprefix("/")
        if parts.scheme == "file" and local_index.NAME.fullmatch(name):
            with local_index.reading(local_index.path_of(self._home, name)) as connection:
                found = connection.execute(
                    "SELECT w.title, w.body FROM files f JOIN words w ON w.rowid = f.id WHERE f.path = ?", (path,)
                ).fetchone()
            if found is not None:
                return str(found[0]), str(found[1])
        raise NotFound(
            "url is not that of an indexed file", hint="an address that search gave, of the form file://index/path"
        )


def address(name: str, path: str) -> str:
    """Write the address of an indexed file: the index is its host, the path is below the index's folder."""
    return f"file://{name}/{quote(path)}"


def _stoppable(connection: sqlite3.Connection) -> None:
    """Let a search end when nobody waits for it any more."""

    def look() -> int:
        checkpoint()
        return 0

    connection.set_progress_handler(look, _STEPS_BETWEEN_LOOKS)
