"""State files as each released version wrote them; a version is written down once, by this program.

``python tests/released_state.py`` writes what is missing for the versions of today. What is there is never changed:
it stands for files on the disks of users.
"""

from __future__ import annotations

import asyncio
import gzip
import sqlite3
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mcp.client import Client
from naive_ledger import finding
from thoughts import server_in, step

from openmanager_core.findings import Cause
from openmanager_core.fleet import Fleet
from openmanager_core.storage import schema as ledger_schema
from openmanager_core.storage.ledger import Ledger
from openmanager_kit.access import tokens, trail_file
from openmanager_kit.access.chain import Row
from openmanager_search.engines import local_index
from openmanager_search.engines.local_index import Source, Update, path_of, written
from openmanager_thinking import schema as thinking_schema
from openmanager_thinking.store import FILE as THINKING_FILE

FOLDER = Path(__file__).parent / "released"
KEY = "6b" * 32
SECRET = "a" * 43
T0 = 1_000_000.0
INDEX = "wiki"
FLEET = Fleet((), (), (("web", "api"), ("api", "db")))


async def _ledger(home: Path) -> None:
    async with await Ledger.open(home / "ledger.sqlite3") as book:
        await book.record([finding("web-01", T0), finding("mail-01", T0)], fleet=FLEET, seen_at_s=T0 + 60)
        first = (await book.incidents())[0]
        await book.set_causes(
            first.id, [Cause("web", "cluster", "saturation", "cpu_busy_ratio", 7.5, 0.8, T0, ("web",), ("first",))]
        )
        await book.acknowledge(first.id, "seen", at_s=T0 + 90)
        await book.feedback(finding("mail-01", T0).id, "false_alarm", "noise", at_s=T0 + 100)
        await book.audit("tool", "digest", "ok")


async def _thinking(home: Path) -> None:
    async with Client(server_in(home)) as client:
        await client.call_tool("sequentialthinking", step(1, "a first thought"))
        await client.call_tool("sequentialthinking", step(2, "a second, from the first"))
        await client.call_tool("sequentialthinking", step(2, "another way", branchFromThought=1, branchId="b"))


async def _tokens(home: Path) -> None:
    store = tokens.TokenStore(home)
    store.mint("Kim", "operator", tokens.LONGEST_S)
    with closing(sqlite3.connect(home / tokens.FILE)) as db:
        digest = tokens._digest(SECRET)
        db.execute("UPDATE tokens SET id = '0123456789ab', digest = ?, expires_s = 1e11", (digest,))
        db.commit()


async def _trail(home: Path) -> None:
    (home / "audit.key.new").write_text(KEY)
    file = trail_file.TrailFile(home)
    file.append([lambda s, n=n: Row(n, "kim", "git", "git_add", s.arguments({"n": n}), "ok", n) for n in range(1, 6)])
    file.let_go(3)
    file.close()


async def _index(home: Path) -> None:
    with written(path_of(home, INDEX)) as connection:
        update = Update(connection, "/srv/wiki")
        for name, text in (("pool.md", "The pool of connections was exhausted."), ("글.md", "연결 풀이 고갈되었다.")):
            update.take(Source(name, 1, len(text.encode())), text.encode(), name, text)


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of state file: its name, its version of today, and what writes one."""

    file: str
    version: int
    write: Callable[[Path], Awaitable[None]]


FORMATS = {
    "ledger": Format("ledger.sqlite3", ledger_schema.VERSION, _ledger),
    "thinking": Format(THINKING_FILE, thinking_schema.VERSION, _thinking),
    "tokens": Format(tokens.FILE, tokens.VERSION, _tokens),
    "index": Format(f"search/indexes/{INDEX}.sqlite3", local_index.VERSION, _index),
    "audit": Format(trail_file.FILE, trail_file.VERSION, _trail),
}


def kept(name: str, version: int) -> Path:
    """Where a version is written down."""
    return FOLDER / f"{name}-{version}.sqlite3.gz"


def laid_down(name: str, version: int, home: Path) -> Path:
    """Make a file as that version left it."""
    path = home / FORMATS[name].file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.decompress(kept(name, version).read_bytes()))
    return path


def structure(path: Path) -> Iterator[tuple[str, str]]:
    """The tables and indexes of a database, by name."""
    with closing(sqlite3.connect(path)) as db:
        yield from db.execute("SELECT name, coalesce(sql, '') FROM sqlite_master ORDER BY name")


def main() -> int:
    """Write down what is missing."""
    FOLDER.mkdir(exist_ok=True)
    for name, one in FORMATS.items():
        target = kept(name, one.version)
        if not target.exists():
            with tempfile.TemporaryDirectory() as home:
                asyncio.run(one.write(Path(home)))  # type: ignore[arg-type]
                with closing(sqlite3.connect(Path(home) / one.file, isolation_level=None)) as db:
                    db.execute("PRAGMA journal_mode = DELETE")
                    db.execute("VACUUM")
                target.write_bytes(gzip.compress((Path(home) / one.file).read_bytes(), mtime=0))
                sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
