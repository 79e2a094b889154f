"""What the Ledger keeps, and how incidents live."""

from __future__ import annotations

import math
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from naive_ledger import finding

from openmanager_core.errors import InvalidRequest, NotFound, StorageUnavailable
from openmanager_core.findings import Cause
from openmanager_core.fleet import Fleet
from openmanager_core.storage.ledger import Ledger
from openmanager_core.storage.memory import Baseline
from openmanager_core.storage.upkeep import digest

pytestmark = pytest.mark.anyio

T0 = 1_000_000.0
MINUTE = 60.0
FLEET = Fleet((), (), (("web", "api"), ("api", "db")))
CAUSE = Cause("db", "cluster", "saturation", "cpu_busy_ratio", 7.5, 0.81, T0, ("api", "web"), ("db rose first",))


@asynccontextmanager
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with await Ledger.open(tmp_path / "state" / "ledger.db") as opened:
        yield opened


async def test_the_folder_and_the_file_are_private(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        await book.audit("t", "d", "ok")
        folder = tmp_path / "state"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


async def test_findings_along_the_calls_open_one_incident(tmp_path: Path) -> None:
    found = [
        finding("web-01", T0 + 300),
        finding("api-02", T0 + 120, severity="critical", score_sigma=20.0),
        finding("db-01", T0),
        finding("mail-01", T0),
    ]
    async with ledger(tmp_path) as book:
        first, second = await book.record(found, fleet=FLEET, seen_at_s=T0 + 400)
        assert first.hosts == ("api-02", "db-01", "web-01")
        assert first.clusters == ("api", "db", "web")
        assert (first.severity, first.state, first.opened_s) == ("critical", "open", T0)
        assert first.title == "Level shift of cpu_busy_ratio on api-02, 3 servers in 3 clusters"
        assert [(e.kind, e.at_s, e.severity) for e in first.timeline] == [("opened", T0 + 400, "critical")]
        assert second.hosts == ("mail-01",)
        assert await book.findings(incident=first.id) == [found[1], found[2], found[0]]


async def test_findings_come_back_as_they_were_recorded(tmp_path: Path) -> None:
    odd = finding("web-\ud800\x00'", evidence=replace(finding().evidence, observed=math.nan, spread=math.inf))
    async with ledger(tmp_path) as book:
        await book.record([odd], fleet=FLEET, seen_at_s=T0)
        (back,) = await book.findings()
        assert back.id == odd.id
        assert back.host == odd.host
        assert math.isnan(back.evidence.observed)
        assert replace(back, evidence=odd.evidence) == odd
        assert await book.findings(host=odd.host) != []


async def test_recording_the_same_findings_again_changes_nothing_but_when_they_were_seen(tmp_path: Path) -> None:
    found = [finding("web-01"), finding("api-01", T0 + 60)]
    async with ledger(tmp_path) as book:
        (first,) = await book.record(found, fleet=FLEET, seen_at_s=T0 + 120)
        (again,) = await book.record([*found, *found], fleet=FLEET, seen_at_s=T0 + 600)
        assert again == replace(first, updated_s=T0 + 600)
        counts = await book.counts()
        assert (counts["findings"], counts["incidents"], counts["incident_events"]) == (2, 1, 1)


async def test_a_later_finding_joins_its_incident_and_raises_its_severity(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        (first,) = await book.record([finding("web-01")], fleet=FLEET, seen_at_s=T0 + 60)
        await book.acknowledge(first.id, "looking", at_s=T0 + 70)
        late = finding("api-01", T0 + 300, severity="critical")
        (grown,) = await book.record([finding("web-01"), late], fleet=FLEET, seen_at_s=T0 + 400)
        assert grown.id == first.id
        assert (grown.state, grown.severity) == ("acknowledged", "critical")
        assert [e.kind for e in grown.timeline] == ["opened", "acknowledged", "updated"]
        assert grown.timeline[-1].finding_ids == (late.id,)


async def test_findings_of_severity_info_open_nothing_but_join_what_they_belong_to(tmp_path: Path) -> None:
    weak = finding("api-01", T0 + 30, severity="info")
    async with ledger(tmp_path) as book:
        assert await book.record([weak], fleet=FLEET, seen_at_s=T0 + 60) == []
        (opened,) = await book.record([finding("web-01", T0 + 60)], fleet=FLEET, seen_at_s=T0 + 120)
        assert set(opened.hosts) == {"web-01", "api-01"}
        assert opened.opened_s == T0 + 30


async def test_an_incident_nobody_sees_any_more_resolves_at_a_later_record(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        await book.record([finding("web-01")], fleet=FLEET, seen_at_s=T0 + 60)
        assert await book.record([], fleet=FLEET, seen_at_s=T0 + 10 * MINUTE) == []
        (ended,) = await book.record([], fleet=FLEET, seen_at_s=T0 + 20 * MINUTE)
        assert (ended.state, ended.resolved_s) == ("resolved", T0 + 20 * MINUTE)
        assert ended.timeline[-1].automatic
        assert ended.duration_s(T0 * 2) == 20 * MINUTE


async def test_an_analysis_that_looked_elsewhere_resolves_nothing(tmp_path: Path) -> None:
    later = T0 + 60 * MINUTE
    async with ledger(tmp_path) as book:
        await book.record([finding("web-01")], fleet=FLEET, seen_at_s=T0 + 60)
        assert await book.record([], fleet=FLEET, seen_at_s=later, hosts=["api-01"]) == []
        assert await book.record([], fleet=FLEET, seen_at_s=later, metrics=["latency_p95_s"]) == []
        ended = await book.record([], fleet=FLEET, seen_at_s=later, hosts=["web-01"], metrics=["cpu_busy_ratio"])
        assert [i.state for i in ended] == ["resolved"]


async def test_a_look_that_did_not_look_for_a_kind_ends_no_incident_of_that_kind(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.sqlite3") as book:
        await book.record([finding(kind="decoupling")], fleet=FLEET, seen_at_s=T0 + 60)
        late_s = T0 + 60 * MINUTE
        assert await book.record([], fleet=FLEET, seen_at_s=late_s, unlooked=("decoupling",)) == []
        assert [i.state for i in await book.incidents()] == ["open"]
        assert [i.state for i in await book.record([], fleet=FLEET, seen_at_s=late_s)] == ["resolved"]


async def test_what_was_over_before_it_was_found_is_resolved_when_it_ended(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        past = finding("web-01", T0, end_s=T0 + 300)
        (found,) = await book.record([past], fleet=FLEET, seen_at_s=T0 + 6 * 3600)
        assert (found.state, found.resolved_s) == ("resolved", T0 + 300)
        (again,) = await book.record([past], fleet=FLEET, seen_at_s=T0 + 7 * 3600)
        assert again.state == "resolved"


async def test_a_resolved_incident_reopens_when_its_finding_goes_on(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        (opened,) = await book.record([finding("web-01")], fleet=FLEET, seen_at_s=T0 + 60)
        await book.resolve(opened.id, "restarted it", at_s=T0 + 120)
        (soon,) = await book.record([finding("web-01")], fleet=FLEET, seen_at_s=T0 + 300)
        assert soon.state == "resolved", "a fix may take a while to show"
        jitter = finding("web-01", T0 - 120)
        assert jitter.id != finding("web-01").id
        (soon,) = await book.record([jitter], fleet=FLEET, seen_at_s=T0 + 360)
        assert soon.state == "resolved", "a new estimate of the same beginning is no relapse"
        (late,) = await book.record([finding("web-01")], fleet=FLEET, seen_at_s=T0 + 30 * MINUTE)
        assert (late.id, late.state, late.resolved_s) == (opened.id, "open", None)
        assert [e.kind for e in late.timeline] == ["opened", "resolved", "updated", "reopened"]


async def test_a_relapse_elsewhere_in_the_cluster_reopens_at_once(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        (opened,) = await book.record([finding("web-01")], fleet=FLEET, seen_at_s=T0 + 60)
        await book.resolve(opened.id, at_s=T0 + 120)
        (again,) = await book.record([finding("web-02", T0 + 300)], fleet=FLEET, seen_at_s=T0 + 360)
        assert (again.id, again.state) == (opened.id, "open")


async def test_state_changes_by_hand_are_in_the_timeline_and_idempotent(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        (opened,) = await book.record([finding("web-01")], fleet=FLEET, seen_at_s=T0)
        await book.acknowledge(opened.id, at_s=T0 + 1)
        await book.acknowledge(opened.id, at_s=T0 + 2)
        done = await book.resolve("INC-1", "fixed", at_s=T0 + 3)
        with pytest.raises(InvalidRequest, match=r"inc-0001 is resolved. Try: reopen"):
            await book.acknowledge("1")
        back = await book.reopen(done.id, "not yet", at_s=T0 + 4)
        assert [(e.kind, e.note, e.automatic) for e in back.timeline[1:]] == [
            ("acknowledged", "", False),
            ("resolved", "fixed", False),
            ("reopened", "not yet", False),
        ]
        assert back.resolved_s is None


async def test_causes_are_attached_and_noted_when_the_first_changes(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        (opened,) = await book.record([finding("web-01")], fleet=FLEET, seen_at_s=T0)
        await book.set_causes(opened.id, [CAUSE], at_s=T0 + 1)
        known = await book.set_causes(opened.id, [replace(CAUSE, score=8.0)], at_s=T0 + 2)
        assert known.causes == (replace(CAUSE, score=8.0),)
        assert known.root_cause == "cluster db: saturation of cpu_busy_ratio (confidence 0.81)"
        assert [e.kind for e in known.timeline] == ["opened", "cause"]


async def test_false_alarms_damp_that_pattern_on_that_server_only(tmp_path: Path) -> None:
    loud = [finding("web-01", T0 + 900 * k, score_sigma=12.0) for k in range(3)]
    other = finding("web-02", T0, score_sigma=8.0)
    async with ledger(tmp_path) as book:
        await book.record([*loud, other], fleet=FLEET, seen_at_s=T0 + 3000)
        assert await book.damping("web-01", "cpu_busy_ratio", "level_shift") == 1.0
        assert await book.feedback(loud[0].id, "false_alarm", "the nightly job") == 0.5
        assert await book.feedback(loud[0].id, "false_alarm") == 0.5, "the same verdict counts once"
        assert await book.feedback(loud[1].id, "false_alarm") == 0.25
        assert await book.damping("web-02", "cpu_busy_ratio", "level_shift") == 1.0
        first, second = await book.damped([loud[2], other])
        assert (first, second.host) == (other, "web-01")
        assert (second.score_sigma, second.severity) == (3.0, "info")
        assert "false alarm" in second.evidence.note
        assert await book.feedback(loud[2].id, "confirmed") == 0.5
        (incident,) = await book.incidents()
        assert "feedback" in {e.kind for e in incident.timeline}


async def test_a_pattern_marked_as_a_false_alarm_opens_no_incident(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        await book.record([finding("web-01")], fleet=FLEET, seen_at_s=T0)
        await book.feedback(finding("web-01").id, "false_alarm")
        later = finding("web-01", T0 + 7200)
        assert [i.state for i in await book.record([later], fleet=FLEET, seen_at_s=T0 + 7300)] == ["resolved"]
        assert (await book.counts())["incidents"] == 1
        grave = finding("web-01", T0 + 14_400, severity="critical")
        assert len(await book.record([grave], fleet=FLEET, seen_at_s=T0 + 14_500)) == 1, "what is grave is still heard"


async def test_the_very_finding_called_false_does_not_bring_its_incident_back_however_grave(tmp_path: Path) -> None:
    grave = finding("web-01", severity="critical")
    async with ledger(tmp_path) as book:
        (opened,) = await book.record([grave], fleet=FLEET, seen_at_s=T0 + 600)
        await book.feedback(grave.id, "false_alarm", at_s=T0 + 610)
        await book.resolve(opened.id, at_s=T0 + 620)
        (after,) = await book.record([grave], fleet=FLEET, seen_at_s=T0 + 9_000)
        assert after.state == "resolved"
        await book.feedback(grave.id, "confirmed", at_s=T0 + 9_010)
        (again,) = await book.record([grave], fleet=FLEET, seen_at_s=T0 + 9_100)
        assert again.state == "open"


async def test_unknown_ids_are_answered_with_the_nearest(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        with pytest.raises(NotFound, match="none has been recorded yet"):
            await book.incident("inc-0001")
        await book.record([finding("web-01")], fleet=FLEET, seen_at_s=T0)
        with pytest.raises(NotFound, match=r"'inc-0009' does not exist. Try: .*inc-0001"):
            await book.incident("inc-0009")
        with pytest.raises(NotFound, match="nearest"):
            await book.feedback(finding("web-01").id[:-1] + "x", "confirmed")


async def test_incidents_are_listed_active_and_severe_first_in_pages(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        found = [finding(f"c{k}-01", T0 + k, severity="critical" if k == 1 else "warning") for k in range(4)]
        await book.record(found, fleet=FLEET, seen_at_s=T0 + 10)
        oldest = (await book.incidents(limit=1, offset=3))[0]
        await book.resolve((await book.incidents())[0].id, at_s=T0 + 11)
        assert [i.hosts[0] for i in await book.incidents()] == ["c3-01", "c2-01", "c0-01", "c1-01"]
        assert oldest.hosts == ("c0-01",)
        assert len(await book.incidents("active")) == 3
        assert len(await book.incidents("resolved")) == 1
        assert await book.incidents(since_s=T0 + 12) == []
        with pytest.raises(InvalidRequest, match=r"state must be one of active, open.*nope"):
            await book.incidents("nope")
        for limit, offset in ((0, 0), (1001, 0), (1, -1), (1, 10**5000)):
            with pytest.raises(InvalidRequest, match="must be within"):
                await book.incidents(limit=limit, offset=offset)


async def test_baselines_are_kept_per_server_and_metric(tmp_path: Path) -> None:
    normal = Baseline("web-01", "cpu_busy_ratio", 0.3, 0.02, 0.25, 0.38, 240, T0, T0 + 3600)
    async with ledger(tmp_path) as book:
        assert await book.baseline("web-01", "cpu_busy_ratio") is None
        await book.save_baselines([normal, replace(normal, host="web-02")])
        await book.save_baseline(replace(normal, median=0.4))
        assert (await book.baseline("web-01", "cpu_busy_ratio")) == replace(normal, median=0.4)
        assert len(await book.baselines([("web-01", "cpu_busy_ratio"), ("web-02", "cpu_busy_ratio"), ("x", "y")])) == 2
        with pytest.raises(InvalidRequest, match="baseline spread must be finite, got nan"):
            await book.save_baseline(replace(normal, spread=math.nan))


async def test_audit_rows_hold_a_digest_and_no_arguments(tmp_path: Path) -> None:
    mark = digest({"metric": "cpu_busy_ratio", "hosts": ["secret-host"]})
    assert mark == digest({"hosts": ["secret-host"], "metric": "cpu_busy_ratio"}) != digest({})
    async with ledger(tmp_path) as book:
        await book.audit("find_anomalies", mark, "ok", duration_s=0.2, principal="alice", at_s=T0)
        await book.audit("list_servers", digest({}), "not_found", at_s=T0 + 1)
        rows = await book.audit_rows()
        assert [row.tool for row in rows] == ["list_servers", "find_anomalies"]
        assert (rows[1].arguments_digest, rows[1].principal) == (mark, "alice")
        assert len(await book.audit_rows(tool="list_servers")) == 1


async def test_pruning_forgets_what_ended_and_keeps_what_is_active(tmp_path: Path) -> None:
    day = 86_400.0
    async with ledger(tmp_path) as book:
        await book.record([finding("old-01", T0, end_s=T0 + 60)], fleet=FLEET, seen_at_s=T0 + 7200)
        await book.record([finding("web-01", T0)], fleet=FLEET, seen_at_s=T0 + 7300)
        await book.feedback(finding("old-01", T0).id, "false_alarm", at_s=T0)
        await book.audit("t", "d", "ok", at_s=T0)
        removed = await book.prune(30, now_s=T0 + 60 * day)
        assert (removed["incidents"], removed["findings"], removed["audit"], removed["feedback"]) == (1, 1, 1, 0)
        assert [i.hosts for i in await book.incidents()] == [("web-01",)]
        assert await book.damping("old-01", "cpu_busy_ratio", "level_shift") == 0.5
        again, *_ = await book.record([finding("new-01", T0 + 60 * day)], fleet=FLEET, seen_at_s=T0 + 60 * day)
        assert again.id == "inc-0003", "numbers are never used twice"
        for keep in (0, -1, math.nan, math.inf):
            with pytest.raises(InvalidRequest, match="keep_days"):
                await book.prune(keep)


async def test_a_bad_finding_stores_nothing_at_all(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        for bad in (
            finding("web-02", T0, end_s=T0 - 1),
            finding("web-02", end_s=math.inf),
            finding("h" * 2000),
        ):
            with pytest.raises(InvalidRequest, match="finding "):
                await book.record([finding("web-01"), bad], fleet=FLEET, seen_at_s=T0)
        with pytest.raises(InvalidRequest, match="seen_at_s must be finite"):
            await book.record([finding("web-01")], fleet=FLEET, seen_at_s=math.nan)
        assert sum((await book.counts()).values()) == 0


async def test_what_is_written_is_there_after_opening_again(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        before = await book.record([finding("web-01")], fleet=FLEET, seen_at_s=T0)
    async with ledger(tmp_path) as book:
        assert await book.incidents() == before


async def test_a_closed_ledger_says_so(tmp_path: Path) -> None:
    async with ledger(tmp_path) as book:
        pass
    await book.aclose()
    with pytest.raises(StorageUnavailable, match="closed"):
        await book.counts()
