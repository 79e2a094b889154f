"""The Ledger's own housekeeping: who asked what, how much there is, and forgetting what is old."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openmanager_core.errors import InvalidRequest
from openmanager_core.storage.database import Database
from openmanager_core.storage.rows import bounded, finite
from openmanager_core.storage.schema import TABLES

_PRUNE_S = 60.0
_COUNT = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in TABLES)  # noqa: S608 - our names


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One call: what was asked, by whom, and what came of it. Arguments are kept as a digest only."""

    at_s: float
    tool: str
    arguments_digest: str
    outcome: str
    duration_s: float
    principal: str


def digest(arguments: Mapping[str, Any]) -> str:
    """Sixteen hex digits, the same for the same arguments: calls can be compared, what was asked is not kept."""
    canonical = json.dumps(arguments, sort_keys=True, default=repr)
    return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()


class Upkeep(Database):
    """Audit, counts and pruning."""

    async def audit(
        self,
        tool: str,
        arguments_digest: str,
        outcome: str,
        *,
        duration_s: float = 0.0,
        principal: str = "",
        at_s: float | None = None,
    ) -> None:
        """Note one call. When this returns, the row is on the disk."""
        row = (
            finite("at_s", time.time() if at_s is None else at_s),
            bounded("tool", tool),
            bounded("arguments_digest", arguments_digest),
            bounded("outcome", outcome),
            finite("duration_s", duration_s),
            bounded("principal", principal),
        )
        async with self._transaction() as rows:
            await rows.run(
                """INSERT INTO audit (at_s, tool, arguments_digest, outcome, duration_s, principal)
                   VALUES (?, ?, ?, ?, ?, ?)""",
                row,
            )

    async def audit_rows(self, *, limit: int = 100, offset: int = 0, tool: str = "") -> list[AuditRow]:
        """Calls noted, newest first."""
        limit, offset = page(limit, offset)
        async with self._transaction(write=False) as rows:
            found = await rows.all(
                """SELECT at_s, tool, arguments_digest, outcome, duration_s, principal FROM audit
                   WHERE ?1 = '' OR tool = ?1 ORDER BY id DESC LIMIT ?2 OFFSET ?3""",
                (bounded("tool", tool), limit, offset),
            )
        return [AuditRow(*row) for row in found]

    async def counts(self) -> dict[str, int]:
        """Rows per table, and incidents per state as ``incidents_open`` and so on."""
        async with self._transaction(write=False) as rows:
            tables = await rows.all(_COUNT)
            states = dict(await rows.all("SELECT state, count(*) FROM incidents GROUP BY state"))
        return dict(tables) | {
            f"incidents_{state}": states.get(state, 0) for state in ("open", "acknowledged", "resolved")
        }

    async def prune(self, keep_days: float, *, now_s: float | None = None) -> dict[str, int]:
        """Forget what ended more than `keep_days` ago: resolved incidents, findings, audit rows, baselines.

        Active incidents with all that belongs to them, and verdicts, are kept whatever their age.

        Returns
        -------
        dict
            Rows removed per table.
        """
        if not 0 < keep_days < 1e6:
            raise InvalidRequest(f"keep_days must be above 0 and below 1000000, got {keep_days}", hint="e.g. 90")
        before = (finite("now_s", time.time() if now_s is None else now_s) - keep_days * 86_400.0,)
        async with self._transaction(deadline_s=max(self._deadline_s, _PRUNE_S)) as rows:
            had = dict(await rows.all(_COUNT))
            await rows.run(
                """DELETE FROM findings WHERE (incident IS NULL AND last_seen_s < ?1) OR incident IN
                   (SELECT seq FROM incidents WHERE state = 'resolved' AND resolved_s < ?1)""",
                before,
            )
            await rows.run("DELETE FROM incidents WHERE state = 'resolved' AND resolved_s < ?1", before)
            await rows.run("DELETE FROM audit WHERE at_s < ?1", before)
            await rows.run("DELETE FROM baselines WHERE saved_s < ?1", before)
            has = dict(await rows.all(_COUNT))
        await self._shrink()
        return {table: had[table] - has[table] for table in TABLES}

    async def _shrink(self) -> None:
        """Give freed pages back to the disk; a reader in the way only postpones it."""
        async with self._transaction(deadline_s=max(self._deadline_s, _PRUNE_S)) as rows:
            await rows.run("PRAGMA incremental_vacuum")


def page(limit: int, offset: int) -> tuple[int, int]:
    """A page's bounds, checked.

    Raises
    ------
    InvalidRequest
        If `limit` is not within 1 to 1000 or `offset` is negative or beyond all reason.
    """
    if not 1 <= limit <= 1_000:
        raise InvalidRequest(f"limit must be within 1 and 1000, got {_shown(limit)}")
    if not 0 <= offset <= 1_000_000_000:
        raise InvalidRequest(f"offset must be within 0 and 1000000000, got {_shown(offset)}")
    return limit, offset


def _shown(number: int) -> str:
    """A number that may have more digits than Python agrees to write."""
    return str(number) if abs(number) < 10**18 else "a number of more than 18 digits"
