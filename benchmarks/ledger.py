"""How fast the Ledger keeps things, against the floor: bare sqlite3 in the same mode, one commit each.

Run ``python benchmarks/ledger.py [--rows N]``. Speed is printed, only correctness is asserted. The floor
inserts the same row with the same settings (WAL, synchronous FULL) from the same thread, without asyncio.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import anyio

from openmanager_core.findings import Evidence, Finding
from openmanager_core.fleet import Fleet
from openmanager_core.storage.ledger import Ledger
from openmanager_core.storage.rows import finding_doc

ROUNDS = 5
FLEET = Fleet(())


def finding(number: int) -> Finding:
    """A finding like those of an analysis, each in a cluster of its own."""
    seen = Evidence("cpu_busy_ratio", "ratio", 0.93, 0.31, 0.02, (1e9, 1e9 + 300), (1e9 - 3600, 1e9), "level shift")
    host, cluster = f"web-{number:06d}", f"cluster-{number:06d}"
    return Finding(
        "level_shift", host, cluster, "cpu_busy_ratio", 1e9, None, 9.0, 0.9, "warning", "up", f"{host} rose", seen
    )


def floor_audit(path: Path, rows: int) -> float:
    """Seconds for bare sqlite3 to insert audit rows, one commit each."""
    with closing(sqlite3.connect(path, isolation_level=None)) as plain:
        plain.execute("PRAGMA journal_mode = WAL")
        plain.execute("PRAGMA synchronous = FULL")
        plain.execute("CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at_s, tool, digest, outcome, d, who)")
        plain.execute("CREATE INDEX audit_by_time ON audit (at_s)")
        begun = time.perf_counter()
        for k in range(rows):
            plain.execute("BEGIN IMMEDIATE")
            plain.execute(
                "INSERT INTO audit (at_s, tool, digest, outcome, d, who) VALUES (?, ?, ?, ?, ?, ?)",
                (1e9 + k, "find_anomalies", "0123456789abcdef", "ok", 0.1, ""),
            )
            plain.execute("COMMIT")
        return time.perf_counter() - begun


def floor_incident(path: Path, rows: int) -> float:
    """Seconds for bare sqlite3 to insert the rows that one new incident needs (three tables), one commit each."""
    with closing(sqlite3.connect(path, isolation_level=None)) as plain:
        plain.execute("PRAGMA journal_mode = WAL")
        plain.execute("PRAGMA synchronous = FULL")
        for table in ("findings", "incidents", "events"):
            plain.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, doc TEXT)")
        docs = [finding_doc(finding(k)) for k in range(rows)]
        begun = time.perf_counter()
        for k, doc in enumerate(docs):
            plain.execute("BEGIN IMMEDIATE")
            plain.execute("INSERT INTO findings (key, doc) VALUES (?, ?)", (f"f{k}", doc))
            plain.execute("INSERT INTO incidents (key, doc) VALUES (?, ?)", (f"i{k}", "a title"))
            plain.execute("INSERT INTO events (key, doc) VALUES (?, ?)", (f"e{k}", "{}"))
            plain.execute("COMMIT")
        return time.perf_counter() - begun


async def timed(
    work: Callable[[Ledger, int], Awaitable[object]], path: Path, rows: int
) -> tuple[float, dict[str, int]]:
    """Seconds for `rows` calls on a fresh Ledger, and what it holds afterwards."""
    async with await Ledger.open(path) as book:
        begun = time.perf_counter()
        for k in range(rows):
            await work(book, k)
        took = time.perf_counter() - begun
        return took, await book.counts()


async def audit(book: Ledger, k: int) -> None:
    """One audit row."""
    await book.audit("find_anomalies", "0123456789abcdef", "ok", duration_s=0.1, at_s=1e9 + k)


async def incident(book: Ledger, k: int) -> None:
    """One finding that opens an incident."""
    await book.record([finding(k)], fleet=FLEET, seen_at_s=1e9 + 60, hosts=())


async def main(rows: int) -> None:
    """Measure in turn, so that both sides see the same machine, and print medians."""
    with tempfile.TemporaryDirectory() as folder:
        for name, floor, work, expected in (
            ("audit rows", floor_audit, audit, {"audit": rows}),
            ("new incidents", floor_incident, incident, {"incidents": rows, "findings": rows, "incident_events": rows}),
        ):
            bare, ours = [], []
            for turn in range(ROUNDS):
                bare.append(floor(Path(folder) / f"{name}-floor-{turn}.db", rows))
                took, counts = await timed(work, Path(folder) / f"{name}-{turn}.db", rows)
                assert {table: counts[table] for table in expected} == expected, counts
                ours.append(took)
            low, high = statistics.median(bare), statistics.median(ours)
            sys.stdout.write(
                f"{name:<14} {rows / high:8.0f} per s   floor {rows / low:8.0f} per s   ratio {high / low:5.2f}\n"
            )
        everything = [finding(k) for k in range(1_000)]
        async with await Ledger.open(Path(folder) / "batch.db") as book:
            begun = time.perf_counter()
            opened = await book.record(everything, fleet=FLEET, seen_at_s=1e9 + 60)
            took = time.perf_counter() - begun
            assert len(opened) == len(everything)
        sys.stdout.write(f"1000 findings that open 1000 incidents in one call: {took * 1e3:.0f} ms\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300)
    anyio.run(main, parser.parse_args().rows)
