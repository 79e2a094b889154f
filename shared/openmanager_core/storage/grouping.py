"""Which findings are one incident: a pure function of their times, places and who calls whom.

Two findings belong together when

* they are on one server and their stretches come within `gap_s` of each other, or
* they are in one cluster and began within `gap_s` of each other, or within ``4 * gap_s`` while the
  earlier one still went on (trouble that spreads from server to server), or
* their clusters call each other and they began within `gap_s` of each other (trouble that follows calls).

Belonging is passed on from finding to finding. A cluster-mate that has been odd for days does not swallow
a new outage, because what counts between servers is when trouble began. Incidents that exist are never merged.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GAP_S = 900.0
_SPREAD = 4
_LOOK_BACK = 64


@dataclass(frozen=True, slots=True)
class Member:
    """A finding as grouping sees it.

    Attributes
    ----------
    start_s, end_s
        When it began; when it ended or was last seen.
    incident
        The incident it belongs to already; None for a new one.
    """

    id: str
    host: str
    cluster: str
    start_s: float
    end_s: float
    incident: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """New findings that belong together, and the incident they belong to (None: to none that exists)."""

    incident: int | None
    ids: tuple[str, ...]


def group(members: Sequence[Member], calls: Iterable[tuple[str, str]], *, gap_s: float = GAP_S) -> list[Group]:
    """Assign every member without an incident to an incident, or to a group of its own.

    Parameters
    ----------
    members
        New findings and those of recent incidents, each id once.
    calls
        (caller, callee) cluster ids; the direction does not matter here.
    gap_s
        Seconds within which beginnings count as one event.

    Returns
    -------
    list of Group
        Existing incidents first, by number; then new groups by their beginning. Every new member is in
        exactly one group; among several incidents in reach the one fewest links away wins, then the older.
        The order of `members` does not matter. Cost n log n.
    """
    order = sorted(members, key=lambda m: (m.start_s, m.id))
    links = _links(order, calls, gap_s)
    owner: list[int | None] = [m.incident for m in order]
    joined: dict[int, list[str]] = defaultdict(list)
    queue = deque(sorted((i for i, m in enumerate(order) if m.incident is not None), key=lambda i: (owner[i] or 0, i)))
    while queue:
        at = queue.popleft()
        number = owner[at]
        for other in links[at]:
            if owner[other] is None and number is not None:
                owner[other] = number
                joined[number].append(order[other].id)
                queue.append(other)
    groups = [Group(number, tuple(ids)) for number, ids in sorted(joined.items())]
    seen = [number is not None for number in owner]
    for first in range(len(order)):
        if seen[first]:
            continue
        seen[first] = True
        reach = [first]
        for at in reach:  # grows while it is walked
            for other in links[at]:
                if not seen[other]:
                    seen[other] = True
                    reach.append(other)
        groups.append(Group(None, tuple(order[i].id for i in sorted(reach))))
    return groups


def _links(order: Sequence[Member], calls: Iterable[tuple[str, str]], gap_s: float) -> list[list[int]]:
    """Neighbours of every member; enough links to connect what belongs together, not all of them."""
    links: list[list[int]] = [[] for _ in order]

    def link(a: int, b: int) -> None:
        links[a].append(b)
        links[b].append(a)

    on_host: dict[str, list[int]] = defaultdict(list)
    in_cluster: dict[str, list[int]] = defaultdict(list)
    for i, member in enumerate(order):
        on_host[member.host].append(i)
        if member.cluster:
            in_cluster[member.cluster].append(i)

    for rows in on_host.values():
        longest = rows[0]
        for i in rows[1:]:
            if order[i].start_s <= order[longest].end_s + gap_s:
                link(longest, i)
            if order[i].end_s > order[longest].end_s:
                longest = i

    for rows in in_cluster.values():
        for k, i in enumerate(rows[1:], start=1):
            began = order[i].start_s
            if began - order[rows[k - 1]].start_s <= gap_s:
                link(rows[k - 1], i)
                continue
            for j in reversed(rows[max(0, k - _LOOK_BACK) : k]):
                if began - order[j].start_s > _SPREAD * gap_s:
                    break
                if order[j].end_s >= began:
                    link(j, i)
                    break

    for caller, callee in sorted(set(calls)):
        here, there = in_cluster.get(caller), in_cluster.get(callee)
        if caller == callee or not here or not there:
            continue
        onsets = [order[j].start_s for j in there]
        for i in here:
            after = bisect_left(onsets, order[i].start_s)
            for k in (after - 1, after):
                if 0 <= k < len(there) and abs(onsets[k] - order[i].start_s) <= gap_s:
                    link(i, there[k])
    return links
