"""Whatever text reaches the Ledger is kept as text: no SQL, no broken line, no memory without bound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from naive_ledger import finding

from openmanager_core.errors import FleetError, InvalidRequest
from openmanager_core.findings import Cause
from openmanager_core.fleet import Fleet
from openmanager_core.storage.ledger import Ledger
from openmanager_core.storage.memory import Baseline
from openmanager_core.storage.rows import storable
from openmanager_core.storage.upkeep import digest

pytestmark = pytest.mark.anyio

NASTY = {
    "drop": "x'); DROP TABLE incidents; --",
    "union": "' UNION SELECT sql FROM sqlite_master --",
    "always": "' OR '1'='1",
    "quotes": "\"'`\"'`'\"\\\\'",
    "wildcards": "%_*?[a-z]",
    "parameters": "?1 :name @x $y {z} %s",
    "nul": "before\x00after",
    "lines": "a\nb\r\nc\x85d\u2028e",
    "surrogate": "lone \ud800 and \udfff",
    "bidi": "\u202egnp.exe\u2066",
    "ansi": "\x1b[2J\x1b]0;owned\x07",
    "empty": "",
    "pragma": "PRAGMA writable_schema=1",
    "json": '{"kind": "spike"}]',
    "megabyte": "a" * 1_000_000,
    "megabyte of nul": "\x00" * 1_000_000,
    "megabyte of quotes": "'" * 1_000_000,
}
FLEET = Fleet(())
CAUSE = Cause("db", "cluster", "saturation", "cpu_busy_ratio", 7.5, 0.81, 0.0, (), ())
NORMAL = Baseline("h", "m", 0.3, 0.02, 0.25, 0.38, 240, 0.0, 3600.0)


@pytest.mark.parametrize("name", NASTY)
async def test_no_text_argument_can_do_more_than_be_kept_or_refused(tmp_path: Path, name: str) -> None:
    text = NASTY[name]
    async with await Ledger.open(tmp_path / "ledger.db") as book:
        await book.record([finding("safe-01")], fleet=FLEET, seen_at_s=1e6)
        safe = finding("safe-01").id
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "host": lambda: book.record([finding(text)], fleet=FLEET, seen_at_s=1e6),
            "cluster": lambda: book.record([finding("b-1", cluster=text)], fleet=FLEET, seen_at_s=1e6),
            "metric": lambda: book.record([finding("c-1", metric=text)], fleet=FLEET, seen_at_s=1e6),
            "summary": lambda: book.record([finding("d-1", summary=text)], fleet=FLEET, seen_at_s=1e6),
            "looked at": lambda: book.record([], fleet=FLEET, seen_at_s=1e6, hosts=[text], metrics=[text]),
            "calls": lambda: book.record([finding("e-1")], fleet=Fleet((), (), ((text, "e"),)), seen_at_s=1e6),
            "state": lambda: book.incidents(text),
            "id": lambda: book.incident(text),
            "ack id": lambda: book.acknowledge(text, text),
            "note": lambda: book.acknowledge("inc-0001", text),
            "resolve": lambda: book.resolve("inc-0001", text),
            "reopen": lambda: book.reopen("inc-0001", text),
            "causes": lambda: book.set_causes("inc-0001", [replace(CAUSE, node=text, kind=text, change=text)]),
            "finding": lambda: book.feedback(text, "false_alarm"),
            "verdict": lambda: book.feedback(safe, text),  # type: ignore[arg-type]
            "verdict note": lambda: book.feedback(safe, "confirmed", text),
            "damping": lambda: book.damping(text, text, text),
            "damped": lambda: book.damped([finding(text, metric=text)]),
            "baseline": lambda: book.save_baseline(replace(NORMAL, host=text, metric=text)),
            "read baseline": lambda: book.baseline(text, text),
            "findings": lambda: book.findings(host=text, metric=text),
            "findings of": lambda: book.findings(incident=text),
            "audit": lambda: book.audit(text, digest({text: text}), text, principal=text),
            "read audit": lambda: book.audit_rows(tool=text),
        }
        for argument, call in calls.items():
            try:
                await call()
            except FleetError as refused:
                said = str(refused)
                assert len(said) < 1_000, argument
                assert len(said.splitlines()) == 1, argument
                said.encode()
        assert (await book.incident("inc-0001")).hosts[0]
        assert (await book.counts())["incidents"] >= 1
        (checked,) = await book._connection.execute_fetchall("PRAGMA integrity_check")
        assert checked[0] == "ok"


@pytest.mark.parametrize("name", [n for n in NASTY if "megabyte" not in n and n != "empty"])
async def test_what_is_kept_comes_back_to_the_letter(tmp_path: Path, name: str) -> None:
    text = NASTY[name]
    async with await Ledger.open(tmp_path / "ledger.db") as book:
        odd = finding(text, cluster=text, summary=text)
        both = await book.record([odd, finding("other-01", 5e5)], fleet=FLEET, seen_at_s=1e6)
        (incident,) = [i for i in both if text in i.hosts]
        assert await book.findings(host=text) == [odd]
        assert (incident.hosts, incident.clusters) == ((text,), (text,))
        assert len(incident.title.splitlines()) == 1
        noted = await book.acknowledge(incident.id, text)
        assert noted.timeline[-1].note == storable(text)
        assert await book.feedback(odd.id, "false_alarm", text) == 0.5
        assert await book.damping(text, odd.metric, odd.kind) == 0.5
        assert await book.damping("other-01", odd.metric, odd.kind) == 1.0
        await book.save_baseline(replace(NORMAL, host=text))
        assert await book.baseline(text, "m") == replace(NORMAL, host=text)


async def test_a_megabyte_is_refused_by_name_and_bound(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as book:
        await book.record([finding("safe-01")], fleet=FLEET, seen_at_s=1e6)
        with pytest.raises(InvalidRequest, match=r"note may have at most 4000 characters, got 1000000"):
            await book.resolve("inc-0001", "a" * 1_000_000)
        with pytest.raises(InvalidRequest, match=r"tool may have at most 1000 characters, got 1000000"):
            await book.audit("a" * 1_000_000, "d", "ok")
