"""What is learned about a fleet: verdicts on findings, which damp what cried wolf, and baselines."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from openmanager_core.errors import InvalidRequest, NotFound
from openmanager_core.findings import FINDING_KINDS, SEVERITIES, Finding, Severity
from openmanager_core.storage.database import Database, Rows
from openmanager_core.storage.failures import Damaged
from openmanager_core.storage.incident import VERDICTS, IncidentEvent, Verdict, severity_rank
from openmanager_core.storage.rows import MAX_NOTE, bounded, dump, event_doc, finite, load, read_finding, storable
from openmanager_core.text import quoted

Pattern = tuple[str, str, str]
"""(host, metric, kind) of a finding."""

_LEAST_DAMPING = 1 / 16


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is normal for one metric of one server, in the metric's unit.

    Attributes
    ----------
    low, high
        The range that holds the usual readings, e.g. quantiles 0.01 and 0.99.
    start_s, end_s
        The stretch it was learned from, Unix seconds.
    """

    host: str
    metric: str
    median: float
    spread: float
    low: float
    high: float
    samples: int
    start_s: float
    end_s: float


async def damping_of(rows: Rows, patterns: Iterable[Pattern]) -> dict[Pattern, float]:
    """The damping of each pattern that has verdicts; the others are not in the answer (theirs is 1)."""
    wanted = {tuple(storable(part) for part in pattern): pattern for pattern in patterns}
    found = await rows.all(
        """SELECT host, metric, kind, sum(CASE verdict WHEN 'false_alarm' THEN 1 ELSE -1 END)
           FROM feedback WHERE host IN (SELECT value FROM json_each(?)) GROUP BY host, metric, kind""",
        (dump(sorted({key[0] for key in wanted})),),
    )
    return {
        wanted[host, metric, kind]: max(_LEAST_DAMPING, 0.5 ** max(0, balance))
        for host, metric, kind, balance in found
        if (host, metric, kind) in wanted
    }


def damped_severity(severity: Severity, factor: float) -> Severity:
    """One step lower from one false alarm on, two from the second."""
    steps = 0 if factor >= 1 else 1 if factor > 0.25 else 2
    return SEVERITIES[max(0, severity_rank(severity) - steps)]


class Memory(Database):
    """Feedback and baselines."""

    async def feedback(self, finding_id: str, verdict: Verdict, note: str = "", *, at_s: float | None = None) -> float:
        """Keep a person's verdict on a finding; a later one on the same finding replaces it.

        `finding_id` may be ``host|metric|kind`` for a finding that is not kept.

        Returns
        -------
        float
            The damping that holds from now on for this pattern on this server.

        Raises
        ------
        NotFound
            If the finding is not in the Ledger; the message gives the nearest ids.
        """
        if verdict not in VERDICTS:
            raise InvalidRequest(f"verdict must be one of {', '.join(VERDICTS)}, got {quoted(verdict, 40)}")
        note = bounded("note", note, MAX_NOTE)
        at = finite("at_s", time.time() if at_s is None else at_s)
        async with self._transaction() as rows:
            found = await rows.all("SELECT doc, incident FROM findings WHERE id = ?", (storable(finding_id),))
            pattern: Pattern
            if found:
                finding = read_finding(found[0][0])
                pattern = (finding.host, finding.metric, finding.kind)
            elif len(parts := finding_id.split("|")) == 3 and parts[2] in FINDING_KINDS:
                # What ended, or was weak, is shown without being kept: its pattern can be judged all the same.
                pattern = (bounded("host", parts[0]), bounded("metric", parts[1]), parts[2])
            else:
                known = await rows.all("SELECT id FROM findings ORDER BY last_seen_s DESC LIMIT 1000")
                raise NotFound.named(
                    "finding",
                    storable(finding_id),
                    [row[0] for row in known],
                    hint="an id from find_anomalies, or server|metric|kind",
                )
            await rows.run(
                """INSERT INTO feedback (finding_id, host, metric, kind, verdict, at_s, note)
                   VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (finding_id) DO UPDATE
                   SET verdict = excluded.verdict, at_s = excluded.at_s, note = excluded.note""",
                (storable(finding_id), *map(storable, pattern), verdict, at, note),
            )
            if found and found[0][1] is not None:
                said = IncidentEvent(
                    at, "feedback", f"{verdict}: {note}" if note else verdict, "", (finding_id,), False
                )
                await rows.run(
                    "INSERT INTO incident_events (incident, at_s, doc) VALUES (?, ?, ?)",
                    (found[0][1], at, event_doc(said)),
                )
            return (await damping_of(rows, [pattern])).get(pattern, 1.0)

    async def damping(self, host: str, metric: str, kind: str) -> float:
        """By what to multiply the score of this pattern on this server: 1, halved by each false alarm.

        A confirmed finding takes one false alarm back. It never falls below 1/16, so that what is strong
        enough is still heard.
        """
        pattern = (host, metric, kind)
        async with self._transaction(write=False) as rows:
            return (await damping_of(rows, [pattern])).get(pattern, 1.0)

    async def damped(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings with the scores that feedback leaves them, strongest first.

        Score and confidence are multiplied by the damping; each halving also takes a step of severity
        away. The evidence says so.
        """
        async with self._transaction(write=False) as rows:
            factors = await damping_of(rows, {(f.host, f.metric, f.kind) for f in findings})
        out: list[Finding] = []
        for finding in findings:
            factor = factors.get((finding.host, finding.metric, finding.kind), 1.0)
            if factor < 1:
                note = f"score damped to {factor:g} of its value: this pattern was marked a false alarm here"
                finding = replace(
                    finding,
                    score_sigma=finding.score_sigma * factor,
                    confidence=finding.confidence * factor,
                    severity=damped_severity(finding.severity, factor),
                    evidence=replace(finding.evidence, note="; ".join(filter(None, (finding.evidence.note, note)))),
                )
            out.append(finding)
        return sorted(out, key=lambda f: (-f.score_sigma, f.start_s, f.id))

    async def save_baselines(self, baselines: Sequence[Baseline], *, at_s: float | None = None) -> None:
        """Keep what is normal; newer replaces older. All of them, or none."""
        at = finite("at_s", time.time() if at_s is None else at_s)
        saved = []
        for baseline in baselines:
            for name in ("median", "spread", "low", "high", "start_s", "end_s"):
                finite(f"baseline {name}", getattr(baseline, name))
            host, metric = bounded("baseline host", baseline.host), bounded("baseline metric", baseline.metric)
            saved.append((host, metric, at, dump(asdict(baseline))))
        async with self._transaction() as rows:
            await rows.many(
                """INSERT INTO baselines (host, metric, saved_s, doc) VALUES (?, ?, ?, ?)
                   ON CONFLICT (host, metric) DO UPDATE SET saved_s = excluded.saved_s, doc = excluded.doc""",
                saved,
            )

    async def save_baseline(self, baseline: Baseline, *, at_s: float | None = None) -> None:
        """Keep what is normal for one metric of one server."""
        await self.save_baselines([baseline], at_s=at_s)

    async def baseline(self, host: str, metric: str) -> Baseline | None:
        """What is normal for one metric of one server; None if nobody has said."""
        return (await self.baselines([(host, metric)])).get((host, metric))

    async def baselines(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Baseline]:
        """Baselines of many (host, metric) pairs; pairs without one are not in the answer."""
        keys = set(wanted)
        async with self._transaction(write=False) as rows:
            found = await rows.all(
                "SELECT doc FROM baselines WHERE host IN (SELECT value FROM json_each(?))",
                (dump(sorted({storable(host) for host, _ in keys})),),
            )
            out: dict[tuple[str, str], Baseline] = {}
            for (doc,) in found:
                try:
                    baseline = Baseline(**load(doc))
                except TypeError as exc:
                    raise Damaged("a row holds no baseline") from exc
                if (baseline.host, baseline.metric) in keys:
                    out[baseline.host, baseline.metric] = baseline
            return out
