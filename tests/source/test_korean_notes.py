"""What sources, checks and files find wrong with the data can be said in Korean, with the same figures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from fleet_client import AT_S

from openmanager_core.analysis.overview import overview
from openmanager_core.facts import Sentence
from openmanager_core.knowledge import folder
from openmanager_core.knowledge.folder import Folder
from openmanager_core.operations_log import MOST_LINES, OperationsLog
from openmanager_core.panel import Panel, Window
from openmanager_core.source import SourceSettings
from openmanager_core.source.base import Source
from openmanager_core.source.prometheus import decode
from openmanager_core.source.prometheus.access import Access
from openmanager_core.source.recorded import RecordedSource
from openmanager_core.source.simulated import SimulatedSource
from openmanager_core.validation import check
from openmanager_core.wording import said_in

START = 1_790_000_000
HANGUL = re.compile("[가-힣]")
FIGURE = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")

pytestmark = pytest.mark.anyio


def both(texts: Iterable[str]) -> dict[str, str]:
    """English to Korean; each has its fact, its language and the figures of the other."""
    out = {}
    for text in texts:
        assert isinstance(text, Sentence), text
        korean = said_in(text, "ko")
        assert HANGUL.search(korean) and not HANGUL.search(text), text
        assert sorted(FIGURE.findall(text)) == sorted(FIGURE.findall(korean)), (text, korean)
        out[str(text)] = korean
    return out


def simulated() -> Source:
    source: Source = SimulatedSource.from_settings(SourceSettings(servers=12), clock=lambda: AT_S)
    return source


def test_everything_that_a_check_finds() -> None:
    times = np.array([0.0, 30.0, 15.0, 45.0, 45.0, np.nan, 500.0])
    values = np.array([[7.0, np.inf, 0.2, 0.2, 0.3, 0.1, 0.4], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]])
    said = both(check(Panel("cpu_busy_ratio", ("a", "a"), times, values), now_s=100.0).problems)
    said |= both(check(Panel("cpu_busy_ratio", ("a", "b"), times, values), now_s=100.0).problems)
    assert len(said) == 8  # two of them about the future, of one host and of two
    assert all(text.startswith("cpu_busy_ratio: ") for text in said)
    assert all(text.startswith("CPU 사용률: ") for text in said.values())


async def test_broken_files_and_what_lies_beside_them(tmp_path: Path) -> None:
    rows = [
        "timestamp,server,metric,value", f"{START},a,cpu_busy_ratio,0.1", "yesterday,a,cpu_busy_ratio,0.1",
        f"{START},a,cpu_busy_ratio,lots", f"{START},a,cpu_busy_ratio", f'{START},"a,cpu_busy_ratio,0.2',
        f"{START},,cpu_busy_ratio,0.2", f"{START},a,wobble,3", f"{START},a,cpu_busy_ratio,0.2",
        f"{START + 15},a,cpu_busy_ratio,inf", f"{START + 30},a,cpu_busy_ratio,0.3",
    ]  # fmt: skip
    (tmp_path / "good.csv").write_text("\n".join(rows), "utf-8")
    (tmp_path / "other.csv").write_text("one\ntwo\n", "utf-8")
    fleet = {"servers": "none", "calls": [["web", "nowhere"], 3]}
    (tmp_path / "fleet.json").write_text(json.dumps(fleet), "utf-8")
    source = RecordedSource(tmp_path)
    try:
        status = await source.status()
    finally:
        await source.aclose()
    said = both(status.problems)
    assert len(said) == 8
    broken = next(korean for korean in said.values() if korean.startswith("행 5개가 깨져"))
    for part in ("3행 시각 'yesterday'", "4행 값 'lots'", "머리글은 4칸인데 3칸", "따옴표의 짝", "서버 이름이 없음"):
        assert part in broken
    assert any("원문: 'other.csv' is not a recording" in korean for korean in said.values())
    assert both([status.detail])


async def test_what_a_look_at_a_fleet_and_a_screening_leave_out(tmp_path: Path) -> None:
    source = simulated()
    window, fleet = Window(AT_S - 3600, AT_S, 15), await source.inventory()
    cpu = await source.read("cpu_busy_ratio", window)
    memory = await source.read("memory_used_ratio", window)
    cpu.values[0] = np.nan
    memory.values[:] = np.nan
    cpu.values[2:6, -60:] += 0.3
    strange = Panel(cpu.metric, (*cpu.hosts[:-1], "stranger"), cpu.times_s, cpu.values)
    seen = overview({cpu.metric: strange, memory.metric: memory}, fleet, window, top=1)
    said = both(seen.problems)
    assert len(said) == 4 and "메모리 사용률 측정값이 이 구간에 없습니다" in said.values()
    (tmp_path / "a.csv").write_text("timestamp,cpu_busy_ratio\n" + "\n".join(f"{START + i},0.5" for i in range(60)))
    recorded = RecordedSource(tmp_path)
    ranking = await recorded.rank(["cpu_busy_ratio", "errors_per_s"], Window(START, START + 60, 1), 3)
    assert len(both((*ranking.problems, ranking.method))) == 2
    assert both([(await source.rank(["cpu_busy_ratio"], window, 3)).method])
    await recorded.aclose()


async def test_the_file_of_changes(tmp_path: Path) -> None:
    fleet, path = await simulated().inventory(), tmp_path / "changes.txt"
    path.write_text("nonsense\n" * 5 + "2026-11-26T07:20:00Z nowhere commit x\n", "utf-8")
    wrong, nowhere = both(OperationsLog(path).changes(fleet, 0.0, 2e9)[1]).values()
    assert "원문: " in wrong and "그 밖에 2건" in wrong and "'nowhere' does not exist" in nowhere
    path.write_text("# nothing\n" * (MOST_LINES + 1), "utf-8")
    assert f"{MOST_LINES:,}" in next(iter(both(OperationsLog(path).changes(fleet, 0.0, 2e9)[1])))
    assert both(OperationsLog(tmp_path / "none.txt").changes(fleet, 0.0, 2e9)[1])


def test_the_users_own_runbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MOST_BYTES", 1000)
    (tmp_path / "big.md").write_text("# Big\n" + "x" * 2000, "utf-8")
    (tmp_path / "link.md").symlink_to(tmp_path / "big.md")
    books = Folder(tmp_path, tmp_path / "home")
    try:
        books.search("disk", 3)
        assert len(both(books.problems)) == 2
    finally:
        books.close()


def test_engines_and_the_way_to_them() -> None:
    body = b'{"status":"success","data":[],"warnings":["a store is gone"],"isPartial":true}'
    said = both(decode.envelope(body, "it").warnings)
    assert said["a store is gone"] == "엔진의 경고: a store is gone"
    plain = SourceSettings(kind="prometheus", url="http://far.example", token_env="T")
    unsure = SourceSettings(kind="prometheus", url="https://far.example", tls_verify=False)
    assert len(both(Access.from_settings(plain, {"T": "x"}).problems + Access.from_settings(unsure, {}).problems)) == 2


async def test_a_sensor_of_this_machine_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psutil")
    from openmanager_core.source import _psutil

    probe = _psutil.Probe()
    monkeypatch.setattr(_psutil, "_SNMP", Path("/no/such/file"))
    monkeypatch.setattr(_psutil.psutil, "virtual_memory", _denied)
    probe.sample()
    assert "메모리 사용률을 읽을 수 없습니다(PermissionError)" in both(probe.problems).values()


def _denied() -> None:
    raise PermissionError("not for you")
