"""Slow, obvious twins of the Ledger's parts, and findings to feed it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from openmanager_core.findings import Evidence, Finding
from openmanager_core.storage.grouping import Member


def finding(host: str = "web-01", start_s: float = 1_000_000.0, **changes: Any) -> Finding:
    """A plausible finding, with what a test cares about changed."""
    values: dict[str, Any] = {
        "kind": "level_shift",
        "host": host,
        "cluster": host.rsplit("-", 1)[0],
        "metric": "cpu_busy_ratio",
        "start_s": start_s,
        "end_s": None,
        "score_sigma": 9.0,
        "confidence": 0.9,
        "severity": "warning",
        "direction": "up",
        "summary": f"cpu_busy_ratio of {host} rose",
    } | changes
    evidence = Evidence(
        metric=values["metric"],
        unit="ratio",
        observed=0.93,
        baseline=0.31,
        spread=0.02,
        window_s=(start_s, start_s + 300.0),
        baseline_window_s=(start_s - 3600.0, start_s),
        method="robust level shift",
    )
    return Finding(**{"evidence": evidence} | values)


def linked(a: Member, b: Member, calls: Iterable[tuple[str, str]], gap_s: float) -> bool:
    """The definition, word for word."""
    early, late = sorted((a, b), key=lambda m: (m.start_s, m.id))
    apart = late.start_s - early.start_s
    if early.host == late.host and late.start_s <= early.end_s + gap_s:
        return True
    if early.cluster and early.cluster == late.cluster:
        return apart <= gap_s or (apart <= 4 * gap_s and early.end_s >= late.start_s)
    pairs = set(calls)
    called = (early.cluster, late.cluster) in pairs or (late.cluster, early.cluster) in pairs
    return bool(early.cluster and late.cluster and called and apart <= gap_s)


def groups(members: Sequence[Member], calls: Iterable[tuple[str, str]], gap_s: float) -> set[frozenset[str]]:
    """Connected members, by looking at every pair again and again."""
    parts = [{m.id} for m in members]
    by_id = {m.id: m for m in members}
    calls = list(calls)
    merged = True
    while merged:
        merged = False
        for i in range(len(parts)):
            for j in range(i + 1, len(parts)):
                if any(linked(by_id[a], by_id[b], calls, gap_s) for a in parts[i] for b in parts[j]):
                    parts[i] |= parts.pop(j)
                    merged = True
                    break
            if merged:
                break
    return {frozenset(part) for part in parts}
