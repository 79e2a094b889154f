"""A process that writes to a Ledger until it is killed, and says aloud what it was told is safe.

Run as ``python ledger_writer.py LEDGER NAME COUNT``; prints one number after each acknowledged batch.
"""

from __future__ import annotations

import sys

import anyio
from naive_ledger import finding

from openmanager_core.fleet import Fleet
from openmanager_core.storage.ledger import Ledger

HOUR = 3600.0
BATCH = 3


async def write(path: str, name: str, count: int) -> None:
    """Each batch: three findings and an incident in one call, and an audit row in another."""
    async with await Ledger.open(path, deadline_s=30) as book:
        for k in range(count):
            at_s = 1e9 + 2 * HOUR * k
            found = [finding(f"{name}{k}-{i}", at_s, cluster=f"{name}{k}") for i in range(BATCH)]
            await book.record(found, fleet=Fleet(()), seen_at_s=at_s + 60, hosts=[])
            await book.audit(name, str(k), "ok")
            sys.stdout.write(f"{k}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    anyio.run(write, sys.argv[1], sys.argv[2], int(sys.argv[3]))
