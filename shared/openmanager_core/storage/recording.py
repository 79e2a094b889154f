"""One analysis goes into the Ledger: findings are kept, and incidents open, grow, reopen and end."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from openmanager_core.findings import SEVERITIES, Finding
from openmanager_core.fleet import Fleet
from openmanager_core.storage.database import Rows
from openmanager_core.storage.grouping import GAP_S, Group, Member, group
from openmanager_core.storage.incident import EventKind, IncidentEvent, severity_rank, title_of
from openmanager_core.storage.memory import damped_severity, damping_of
from openmanager_core.storage.rows import apart, dump, event_doc, finding_doc, read_finding, storable

_REACH_S = 4 * GAP_S
_MAX_UPDATES = 500
_MAX_MEMBERS = 5_000


async def add_event(rows: Rows, seq: int, event: IncidentEvent) -> None:
    """One more line of an incident's timeline."""
    await rows.run(
        "INSERT INTO incident_events (incident, at_s, doc) VALUES (?, ?, ?)", (seq, event.at_s, event_doc(event))
    )


class Recording:
    """The work of one `Ledger.record`, within its transaction."""

    def __init__(self, rows: Rows, fleet: Fleet, seen_at_s: float, quiet_s: float) -> None:
        self._rows = rows
        self._fleet = fleet
        self._now = seen_at_s
        self._quiet_s = quiet_s
        self._state: dict[int, str] = {}
        self._resolved_s: dict[int, float | None] = {}

    async def run(self, findings: Sequence[Finding]) -> set[int]:
        """Keep the findings; returns the numbers of the incidents they belong to."""
        if not findings:
            return set()
        by_id = {finding.id: finding for finding in findings}
        before = await self._stored(by_id)
        await self._keep(findings)
        await self._read_incidents(set(before.values()), min(f.start_s for f in findings))
        openers = await self._openers(findings)
        touched = await self._seen_again(by_id, before, openers)
        for found in await self._grouped([f for f in findings if before.get(f.id) is None]):
            touched |= await self._join(found, by_id, openers)
        return touched

    def _cluster_of(self, finding: Finding) -> str:
        server = None if finding.cluster else self._fleet.by_id.get(finding.host)
        return server.cluster if server else finding.cluster

    async def _stored(self, by_id: Collection[str]) -> dict[str, int | None]:
        found = await self._rows.all(
            "SELECT id, incident FROM findings WHERE id IN (SELECT value FROM json_each(?))", (dump(sorted(by_id)),)
        )
        return dict(found)

    async def _keep(self, findings: Sequence[Finding]) -> None:
        await self._rows.many(
            """INSERT INTO findings
               (id, host, metric, kind, severity, score, start_s, end_s, first_seen_s, last_seen_s, doc, cluster)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11)
               ON CONFLICT (id) DO UPDATE SET cluster = excluded.cluster, severity = excluded.severity,
               score = excluded.score,
               start_s = excluded.start_s, end_s = excluded.end_s, doc = excluded.doc,
               first_seen_s = min(first_seen_s, excluded.first_seen_s),
               last_seen_s = max(last_seen_s, excluded.last_seen_s), times_seen = times_seen + 1""",
            [
                (
                    f.id,
                    storable(f.host),
                    storable(f.metric),
                    f.kind,
                    severity_rank(f.severity),
                    0.0 if math.isnan(f.score_sigma) else f.score_sigma,
                    f.start_s,
                    f.end_s,
                    self._now,
                    finding_doc(f),
                    storable(self._cluster_of(f)),
                )
                for f in findings
            ],
        )

    async def _read_incidents(self, named: Collection[int | None], since_s: float) -> None:
        """States of incidents that could be concerned: active, lately active, or named by a finding."""
        for seq, state, resolved_s in await self._rows.all(
            """SELECT seq, state, resolved_s FROM incidents WHERE state != 'resolved' OR active_s >= ?
               OR seq IN (SELECT value FROM json_each(?))""",
            (since_s - _REACH_S, dump(sorted(seq for seq in named if seq is not None))),
        ):
            self._state[seq], self._resolved_s[seq] = state, resolved_s

    async def _openers(self, findings: Sequence[Finding]) -> set[str]:
        """Findings that may open or reopen an incident: at least a warning, after what feedback takes away."""
        factors = await damping_of(self._rows, {(f.host, f.metric, f.kind) for f in findings})
        judged = await self._rows.all(
            """SELECT finding_id FROM feedback WHERE verdict = 'false_alarm'
               AND finding_id IN (SELECT value FROM json_each(?))""",
            (dump([f.id for f in findings]),),
        )
        false = {row[0] for row in judged}
        return {
            f.id
            for f in findings
            if f.id not in false and damped_severity(f.severity, factors.get((f.host, f.metric, f.kind), 1.0)) != "info"
        }

    async def _seen_again(
        self, by_id: dict[str, Finding], before: dict[str, int | None], openers: set[str]
    ) -> set[int]:
        """Findings that are in an incident already: it goes on, and is reopened if it should have ended."""
        owners = {seq for seq in before.values() if seq is not None}
        for owner in sorted(owners):
            again = [i for i, seq in before.items() if seq == owner and i in openers]
            await self._refresh(owner, relapse=[i for i in again if self._outlasts(by_id[i], owner, self._quiet_s)])
        return owners

    def _outlasts(self, finding: Finding, seq: int, grace_s: float) -> bool:
        """Whether the finding went on for longer than `grace_s` after its incident was resolved."""
        until_s = self._now if finding.end_s is None else min(finding.end_s, self._now)
        return until_s > (self._resolved_s.get(seq) or 0.0) + grace_s

    async def _grouped(self, fresh: Sequence[Finding]) -> list[Group]:
        """Findings without an incident, with loose ones kept earlier, assigned to incidents or put together."""
        if not fresh:
            return []
        new = {f.id for f in fresh}
        found = await self._rows.all(
            """SELECT id, host, cluster, start_s, max(start_s, coalesce(end_s, last_seen_s)), incident FROM findings
               WHERE coalesce(end_s, last_seen_s) >= ?1 AND start_s <= ?2
               AND (incident IN (SELECT value FROM json_each(?3)) OR incident IS NULL)
               ORDER BY last_seen_s DESC LIMIT ?4""",
            (
                min(f.start_s for f in fresh) - _REACH_S,
                max(f.start_s for f in fresh) + _REACH_S,
                dump(sorted(self._state)),
                _MAX_MEMBERS + len(new),
            ),
        )
        calls = [(storable(caller), storable(callee)) for caller, callee in self._fleet.calls]
        groups = await apart(len(found), lambda: group([Member(*row) for row in found], calls))
        return [g for g in groups if new.intersection(g.ids)]

    async def _join(self, found: Group, by_id: dict[str, Finding], openers: set[str]) -> set[int]:
        """Put a group into its incident, opening one if the group has a reason to."""
        reasons = [i for i in found.ids if i in openers]
        owner = found.incident
        if owner is None:
            if not reasons:
                return set()
            owner = await self._rows.insert(
                """INSERT INTO incidents (state, severity, opened_s, updated_s, active_s, title)
                   VALUES ('open', 0, ?1, ?1, ?1, '')""",
                (self._now,),
            )
            self._state[owner] = "new"
        known = {
            tuple(row)
            for row in await self._rows.all("SELECT host, metric, kind FROM findings WHERE incident = ?", (owner,))
        }
        await self._rows.run(
            "UPDATE findings SET incident = ? WHERE id IN (SELECT value FROM json_each(?))",
            (owner, dump(found.ids)),
        )
        relapse = []
        for i in reasons:
            f = by_id[i]
            # Its id changes when the estimate of its beginning does; that alone is no relapse.
            same = (storable(f.host), storable(f.metric), f.kind) in known
            if self._outlasts(f, owner, self._quiet_s if same else 0.0):
                relapse.append(i)
        await self._refresh(owner, joined=found.ids, relapse=relapse)
        return {owner}

    async def _refresh(self, seq: int, *, joined: Sequence[str] = (), relapse: Sequence[str] = ()) -> None:
        """Bring an incident's row up to its findings, and note what is new in its timeline."""
        found = await self._rows.all("SELECT doc, last_seen_s FROM findings WHERE incident = ?", (seq,))
        findings = await apart(len(found), lambda: [read_finding(doc) for doc, _ in found])
        active_s = max(
            seen if f.end_s is None else min(f.end_s, max(seen, f.start_s))
            for f, (_, seen) in zip(findings, found, strict=True)
        )
        worst = max(severity_rank(f.severity) for f in findings)
        ((was, events),) = await self._rows.all(
            """SELECT severity, (SELECT count(*) FROM incident_events WHERE incident = seq)
               FROM incidents WHERE seq = ?""",
            (seq,),
        )
        kind: EventKind | None = "updated" if (joined or worst > was) and events < _MAX_UPDATES else None
        if self._state[seq] == "new":
            self._state[seq], kind = "open", "opened"
        elif self._state[seq] == "resolved" and relapse:
            self._state[seq], self._resolved_s[seq], kind = "open", None, "reopened"
        await self._rows.run(
            """UPDATE incidents SET state = ?2, severity = max(severity, ?3), opened_s = ?4, active_s = ?5,
               updated_s = max(updated_s, ?6), resolved_s = ?7, title = ?8 WHERE seq = ?1""",
            (
                seq,
                self._state[seq],
                worst,
                min(f.start_s for f in findings),
                active_s,
                self._now,
                self._resolved_s.get(seq),
                title_of(findings),
            ),
        )
        if kind:
            severity = SEVERITIES[max(worst, was)]
            ids = tuple(dict.fromkeys((*joined, *relapse)))
            await add_event(self._rows, seq, IncidentEvent(self._now, kind, "", severity, ids))

    async def resolve_quiet(
        self, hosts: Collection[str] | None, metrics: Collection[str] | None, unlooked: Collection[str] = ()
    ) -> set[int]:
        """End incidents of which nothing was seen for long enough, if this analysis would have seen it."""
        there = None if hosts is None else {storable(host) for host in hosts}
        named = None if metrics is None else set(metrics)
        ended: set[int] = set()
        for seq, active_s in await self._rows.all(
            "SELECT seq, active_s FROM incidents WHERE state != 'resolved' AND active_s <= ?",
            (self._now - self._quiet_s,),
        ):
            unfinished = await self._rows.all(
                "SELECT host, metric, kind FROM findings WHERE incident = ? AND end_s IS NULL", (seq,)
            )
            if any(
                (there is not None and host not in there)
                or (named is not None and metric not in named)
                or kind in unlooked
                for host, metric, kind in unfinished
            ):
                continue
            await self._rows.run(
                "UPDATE incidents SET state = 'resolved', resolved_s = ?, updated_s = max(updated_s, ?) WHERE seq = ?",
                (self._now if unfinished else active_s, self._now, seq),
            )
            await add_event(self._rows, seq, IncidentEvent(self._now, "resolved"))
            ended.add(seq)
        return ended
