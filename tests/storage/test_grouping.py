"""Which findings are one incident."""

from __future__ import annotations

import random

import naive_ledger as naive
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.storage.grouping import Group, Member, group

CALLS = (("web", "api"), ("api", "db"), ("api", "cache"))
MINUTE = 60.0


def member(name: str, host: str, start_min: float, minutes: float = 5, incident: int | None = None) -> Member:
    return Member(name, host, host.split("-")[0], start_min * MINUTE, (start_min + minutes) * MINUTE, incident)


@st.composite
def members(draw: st.DrawFn, *, with_incidents: bool = False) -> list[Member]:
    count = draw(st.integers(0, 14))
    hosts = st.sampled_from(["web-1", "web-2", "api-1", "api-2", "db-1", "cache-1", "queue-1"])
    incidents = st.sampled_from([None, None, 1, 2]) if with_incidents else st.none()
    return [
        member(f"f{i:02d}", draw(hosts), draw(st.integers(0, 120)), draw(st.integers(0, 60)), draw(incidents))
        for i in range(count)
    ]


@given(members())
def test_grouping_matches_the_definition(found: list[Member]) -> None:
    answer = group(found, CALLS, gap_s=900)
    assert {frozenset(g.ids) for g in answer} == naive.groups(found, CALLS, 900)
    assert all(g.incident is None for g in answer)


@given(members(with_incidents=True), st.integers(0, 1000))
def test_every_new_finding_gets_one_place_whatever_the_order(found: list[Member], seed: int) -> None:
    answer = group(found, CALLS, gap_s=900)
    placed = [i for g in answer for i in g.ids]
    assert sorted(placed) == sorted(m.id for m in found if m.incident is None)
    shuffled = random.Random(seed).sample(found, len(found))
    assert group(shuffled, CALLS, gap_s=900) == answer


@given(members(with_incidents=True))
def test_a_finding_joins_an_incident_exactly_if_new_findings_lead_to_it(found: list[Member]) -> None:
    by_id = {m.id: m for m in found}
    fresh = [m for m in found if m.incident is None]
    for g in group(found, CALLS, gap_s=900):
        reach = {m.incident for m in found for i in g.ids if m.incident and naive.linked(by_id[i], m, CALLS, 900)}
        if g.incident is None:
            assert not reach
        else:
            known = [m for m in found if m.incident == g.incident]
            parts = naive.groups([*known, *fresh], CALLS, 900)
            assert all(any(i in part and any(k.id in part for k in known) for part in parts) for i in g.ids)


def test_trouble_that_follows_calls_is_one_incident() -> None:
    found = [member("a", "db-1", 0), member("b", "api-2", 5), member("c", "web-1", 12)]
    assert group(found, CALLS) == [Group(None, ("a", "b", "c"))]


def test_clusters_that_do_not_call_each_other_are_apart() -> None:
    found = [member("a", "db-1", 0), member("b", "cache-1", 0), member("c", "queue-1", 0)]
    assert len(group(found, CALLS)) == 3


def test_a_server_that_is_odd_for_days_does_not_swallow_a_new_outage_of_its_cluster() -> None:
    stale = member("old", "web-1", 0, minutes=3 * 24 * 60, incident=7)
    outage = [member(f"n{i}", f"web-{i}", 2 * 24 * 60 + i) for i in range(2, 6)]
    assert group([stale, *outage], CALLS) == [Group(None, ("n2", "n3", "n4", "n5"))]


def test_trouble_that_spreads_slowly_through_a_cluster_is_one_incident_while_it_goes_on() -> None:
    lasting = [member(f"n{i}", f"web-{i}", 40 * i, minutes=600) for i in range(4)]
    assert len(group(lasting, CALLS)) == 1
    ended = [member(f"n{i}", f"web-{i}", 40 * i, minutes=2) for i in range(4)]
    assert len(group(ended, CALLS)) == 4


def test_a_finding_between_two_incidents_joins_the_nearest_and_merges_nothing() -> None:
    found = [
        member("x", "db-1", 0, incident=1),
        member("y", "web-1", 20, incident=2),
        member("new", "api-1", 10),
        member("next", "web-2", 22),
    ]
    assert group(found, CALLS) == [Group(1, ("new",)), Group(2, ("next",))]


def test_servers_without_a_cluster_are_grouped_by_themselves() -> None:
    found = [Member("a", "h1", "", 0, 10), Member("b", "h2", "", 0, 10), Member("c", "h1", "", 60, 70)]
    assert {g.ids for g in group(found, [("", "")])} == {("a", "c"), ("b",)}


def test_thousands_of_findings_are_grouped_without_looking_at_every_pair() -> None:
    rng = random.Random(5)
    found = [member(f"f{i}", f"web-{rng.randrange(900)}", rng.randrange(10_000)) for i in range(20_000)]
    assert sum(len(g.ids) for g in group(found, CALLS)) == 20_000
