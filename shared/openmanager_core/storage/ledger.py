"""The Ledger: what was found, what came of it, and what people said about it."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.findings import SEVERITIES, Cause, Finding
from openmanager_core.fleet import Fleet
from openmanager_core.storage.database import Rows
from openmanager_core.storage.incident import STATES, Incident, IncidentEvent, State, cause_line, worst_first
from openmanager_core.storage.memory import Memory
from openmanager_core.storage.recording import Recording, add_event
from openmanager_core.storage.rows import (
    MAX_NOTE,
    apart,
    bounded,
    causes_doc,
    check_finding,
    dump,
    finite,
    read_causes,
    read_event,
    read_finding,
    storable,
)
from openmanager_core.storage.upkeep import Upkeep, page
from openmanager_core.text import quoted

_ID = re.compile(r"(?:inc(?:ident)?[-_ #]?)?0*([0-9]{1,15})", re.IGNORECASE | re.ASCII)
_MAX_CAUSES = 10
Row = tuple[Any, ...]


def incident_id(seq: int) -> str:
    """How an incident is called: ``inc-0007``."""
    return f"inc-{seq:04d}"


class Ledger(Memory, Upkeep):
    """Findings, incidents, baselines, verdicts and audit in one SQLite file.

    Several processes may use one file at once; within a process, share one Ledger. Every call is one
    transaction, is on the disk when it returns, and gives up within its deadline with `StorageUnavailable`.
    """

    async def record(
        self,
        findings: Sequence[Finding],
        *,
        fleet: Fleet,
        seen_at_s: float,
        hosts: Collection[str] | None = None,
        metrics: Collection[str] | None = None,
        unlooked: Collection[str] = (),
        quiet_s: float = 900.0,
    ) -> list[Incident]:
        """Keep what an analysis found, and open, update, reopen or resolve incidents accordingly.

        Recording the same findings again changes nothing but when they were last seen. A finding of
        severity info, given or left after the damping that feedback brought on its pattern, opens no
        incident of its own; it joins one that it belongs to.

        Parameters
        ----------
        findings
            As the analysis made them, not `damped`: damping is applied here once.
        seen_at_s
            The source's "now" of the analysis, Unix seconds.
        hosts, metrics
            What the analysis looked at; None means everything. Only incidents whose unfinished findings
            all lie within can be resolved by their absence.
        unlooked
            Kinds of finding that the analysis did not look for: their absence says nothing either.
        quiet_s
            An incident is resolved when nothing of it was seen for so long, and reopened when something
            of it goes on for so long after it was resolved.

        Returns
        -------
        list of Incident
            Those that these findings belong to or that were resolved by this call; active and severe first.

        Raises
        ------
        InvalidRequest
            If a finding's times are not finite or its names too long; nothing is stored then.
        StorageUnavailable
            If it could not be stored; nothing of it is, then.
        """
        finite("seen_at_s", seen_at_s)
        unique = {finding.id: check_finding(finding) for finding in sorted(findings, key=worst_first, reverse=True)}
        async with self._transaction() as rows:
            recording = Recording(rows, fleet, seen_at_s, quiet_s)
            touched = await recording.run(list(unique.values()))
            touched |= await recording.resolve_quiet(hosts, metrics, unlooked)
            return await self._load(rows, touched)

    async def findings(
        self,
        *,
        host: str = "",
        metric: str = "",
        incident: str = "",
        since_s: float = 0.0,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Finding]:
        """Findings kept, last seen first; an empty condition is none."""
        limit, offset = page(limit, offset)
        seq = _seq(incident) if incident else 0
        since_s = finite("since_s", since_s)
        async with self._transaction(write=False) as rows:
            found = await rows.all(
                """SELECT doc FROM findings WHERE (?1 = '' OR host = ?1) AND (?2 = '' OR metric = ?2)
                   AND (?3 = 0 OR incident = ?3) AND last_seen_s >= ?4
                   ORDER BY last_seen_s DESC, severity DESC, score DESC, id LIMIT ?5 OFFSET ?6""",
                (bounded("host", host), bounded("metric", metric), seq or 0, since_s, limit, offset),
            )
            return [read_finding(row[0]) for row in found]

    async def incidents(
        self, state: str = "", *, limit: int = 50, offset: int = 0, since_s: float = 0.0
    ) -> list[Incident]:
        """Incidents, active ones first, then the most severe, then the newest.

        Parameters
        ----------
        state
            ``open``, ``acknowledged``, ``resolved``, ``active`` (the first two), or empty for all.
        since_s
            Only those that changed or were seen since, Unix seconds.
        """
        states = {"": STATES, "active": STATES[:2]}.get(state, (state,))
        if not set(states) <= set(STATES):
            raise InvalidRequest(f"state must be one of active, {', '.join(STATES)}, got {quoted(state, 40)}")
        limit, offset = page(limit, offset)
        since_s = finite("since_s", since_s)
        async with self._transaction(write=False) as rows:
            found = await rows.all(
                """SELECT seq FROM incidents WHERE state IN (SELECT value FROM json_each(?1)) AND updated_s >= ?2
                   ORDER BY state = 'resolved', severity DESC, opened_s DESC, seq DESC LIMIT ?3 OFFSET ?4""",
                (dump(states), since_s, limit, offset),
            )
            return await self._load(rows, {row[0] for row in found})

    async def incident(self, incident_id: str) -> Incident:
        """One incident with all that is known about it. ``7`` and ``INC-7`` mean ``inc-0007``.

        Raises
        ------
        NotFound
            If there is none of that id; the message gives the nearest.
        """
        async with self._transaction(write=False) as rows:
            return (await self._load(rows, {await self._find(rows, incident_id)}))[0]

    async def acknowledge(self, incident_id: str, note: str = "", *, at_s: float | None = None) -> Incident:
        """Somebody is on it. A resolved incident can not be acknowledged; reopen it first."""
        return await self._move(incident_id, "acknowledged", note, at_s)

    async def resolve(self, incident_id: str, note: str = "", *, at_s: float | None = None) -> Incident:
        """It is over. It reopens by itself if its findings go on."""
        return await self._move(incident_id, "resolved", note, at_s)

    async def reopen(self, incident_id: str, note: str = "", *, at_s: float | None = None) -> Incident:
        """It is not over after all."""
        return await self._move(incident_id, "open", note, at_s)

    async def set_causes(self, incident_id: str, causes: Sequence[Cause], *, at_s: float | None = None) -> Incident:
        """Attach the likely root causes, best first, in place of those attached before (at most 10 are kept)."""
        at = finite("at_s", time.time() if at_s is None else at_s)
        kept = tuple(causes[:_MAX_CAUSES])
        async with self._transaction() as rows:
            seq = await self._find(rows, incident_id)
            before = read_causes((await rows.all("SELECT causes FROM incidents WHERE seq = ?", (seq,)))[0][0])
            await rows.run(
                "UPDATE incidents SET causes = ?, updated_s = max(updated_s, ?) WHERE seq = ?",
                (causes_doc(kept), at, seq),
            )
            if [c.node for c in kept[:1]] != [c.node for c in before[:1]]:
                await add_event(rows, seq, IncidentEvent(at, "cause", cause_line(kept)))
            return (await self._load(rows, {seq}))[0]

    async def _move(self, incident: str, to: State, note: str, at_s: float | None) -> Incident:
        """Change the state by hand; to be where one already is changes nothing unless there is a note."""
        note = bounded("note", note, MAX_NOTE)
        at = finite("at_s", time.time() if at_s is None else at_s)
        async with self._transaction() as rows:
            seq = await self._find(rows, incident)
            state, opened_s = (await rows.all("SELECT state, opened_s FROM incidents WHERE seq = ?", (seq,)))[0]
            if to == "acknowledged" and state == "resolved":
                raise InvalidRequest(f"incident {incident_id(seq)} is resolved", hint="reopen it first")
            if state != to or note:
                await rows.run(
                    "UPDATE incidents SET state = ?, updated_s = max(updated_s, ?), resolved_s = ? WHERE seq = ?",
                    (to, at, max(at, opened_s) if to == "resolved" else None, seq),
                )
                kind = "reopened" if to == "open" else to
                await add_event(rows, seq, IncidentEvent(at, kind, note, automatic=False))
            return (await self._load(rows, {seq}))[0]

    async def _find(self, rows: Rows, given: str) -> int:
        seq = _seq(given)
        if seq is not None and await rows.all("SELECT 1 FROM incidents WHERE seq = ?", (seq,)):
            return seq
        newest = await rows.all("SELECT seq FROM incidents ORDER BY seq DESC LIMIT 500")
        hint = "list_incidents shows them" if newest else "none has been recorded yet; find_anomalies records them"
        raise NotFound.named("incident", storable(given), [incident_id(row[0]) for row in newest], hint=hint)

    async def _load(self, rows: Rows, seqs: Collection[int]) -> list[Incident]:
        """Whole incidents, active ones first, then the most severe, then the newest."""
        wanted = (dump(sorted(seqs)),)
        found = await rows.all(
            """SELECT seq, title, state, severity, opened_s, updated_s, resolved_s, causes FROM incidents
               WHERE seq IN (SELECT value FROM json_each(?))
               ORDER BY state = 'resolved', severity DESC, opened_s DESC, seq DESC""",
            wanted,
        )
        findings = await rows.all(
            "SELECT incident, doc FROM findings WHERE incident IN (SELECT value FROM json_each(?))", wanted
        )
        events = await rows.all(
            """SELECT incident, at_s, doc FROM incident_events
               WHERE incident IN (SELECT value FROM json_each(?)) ORDER BY id""",
            wanted,
        )
        return await apart(len(findings) + len(events), lambda: _assemble(found, findings, events))


def _assemble(found: list[Row], finding_rows: list[Row], event_rows: list[Row]) -> list[Incident]:
    """Incidents from their rows, in the order of `found`."""
    findings: dict[int, list[Finding]] = defaultdict(list)
    for seq, doc in finding_rows:
        findings[seq].append(read_finding(doc))
    events: dict[int, list[IncidentEvent]] = defaultdict(list)
    for seq, at_s, doc in event_rows:
        events[seq].append(read_event(at_s, doc))
    out = []
    for seq, title, state, severity, opened_s, updated_s, resolved_s, causes_text in found:
        ranked, causes = sorted(findings[seq], key=worst_first), read_causes(causes_text)
        out.append(
            Incident(
                id=incident_id(seq),
                title=title,
                state=state,
                severity=SEVERITIES[severity],
                opened_s=opened_s,
                updated_s=updated_s,
                resolved_s=resolved_s,
                clusters=tuple(dict.fromkeys(f.cluster for f in ranked if f.cluster)),
                hosts=tuple(dict.fromkeys(f.host for f in ranked)),
                finding_ids=tuple(f.id for f in ranked),
                root_cause=cause_line(causes),
                causes=causes,
                timeline=tuple(events[seq]),
            )
        )
    return out


def _seq(given: str) -> int | None:
    match = _ID.fullmatch(given[:40].strip())
    return int(match[1]) if match else None
