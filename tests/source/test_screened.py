"""Ranking and averaging by reading, for sources without an engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import InsufficientData, InvalidRequest, NotFound, SourceUnavailable
from openmanager_core.panel import Panel, Window
from openmanager_core.source import screened
from openmanager_core.source.base import Suspect
from openmanager_core.source.recorded import RecordedSource

pytestmark = pytest.mark.anyio

HOURS = Window(0.0, 3600.0, 15.0)


def recording(folder: Path) -> RecordedSource:
    """Eight quiet servers, one that jumps lately, one that stopped before, one that only just began."""
    rng = np.random.default_rng(5)
    lines = ["timestamp,server,metric,value"]
    for t in HOURS.times_s():
        lines += [f"{t},quiet-{i},cpu_busy_ratio,{0.3 + 0.02 * rng.standard_normal():.5f}" for i in range(8)]
        lines.append(f"{t},odd,cpu_busy_ratio,{0.3 + 0.02 * rng.standard_normal() + 0.4 * (t > 3300):.5f}")
        lines.append(f"{t},odd,memory_used_ratio,0.5")
        if t < 1800:
            lines.append(f"{t},gone,cpu_busy_ratio,0.9")
        if t > 3500:
            lines.append(f"{t},new,cpu_busy_ratio,0.9")
    (folder / "fleet.csv").write_text("\n".join(lines))
    return RecordedSource(folder / "fleet.csv")


async def test_the_series_that_moved_lately_comes_first_and_series_without_data_are_not_counted(
    tmp_path: Path,
) -> None:
    source = recording(tmp_path)
    ranking = await screened.read_and_rank(source, ["cpu_busy_ratio", "memory_used_ratio"], HOURS, 3)
    assert (ranking.suspects[0].host, ranking.suspects[0].metric) == ("odd", "cpu_busy_ratio")
    assert ranking.suspects[0].score > 10
    assert ranking.screened_series == 9 + 1
    assert {s.host for s in ranking.suspects} & {"gone", "new"} == set()
    assert len(ranking.suspects) <= 3


async def test_metrics_that_nobody_has_are_left_out_and_named(tmp_path: Path) -> None:
    source = recording(tmp_path)
    ranking = await screened.read_and_rank(source, ["cpu_busy_ratio", "errors_per_s"], HOURS, 3)
    assert ranking.problems == ("no server here has errors_per_s",)
    with pytest.raises(NotFound, match="no server here has errors_per_s"):
        await screened.read_and_rank(source, ["errors_per_s"], HOURS, 3)


@pytest.mark.parametrize(
    ("metrics", "k", "hosts", "words"),
    [(["cpu_busy_ratio"], 0, None, "k must be"), ([], 3, None, "metrics"), (["cpu_busy_ratio"], 3, [], "hosts")],
)
async def test_a_ranking_of_nothing_is_refused(
    tmp_path: Path, metrics: list[str], k: int, hosts: Sequence[str] | None, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        await screened.read_and_rank(recording(tmp_path), metrics, HOURS, k, hosts)


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(0, 3600, 15), 24),  # a tenth
        (Window(0, 60, 15), 1),  # at least one
        (Window(0, 7 * 86_400, 60), 30),  # at most half an hour
        (Window(0, 70 * 86_400, 86_400), 1),
    ],
)
def test_lately_is_a_tenth_but_at_least_one_instant_and_at_most_half_an_hour(window: Window, expected: int) -> None:
    assert screened.recent_instants(window) == expected


def test_a_window_of_three_instants_is_too_short_to_rank() -> None:
    with pytest.raises(InsufficientData, match="the window holds 3"):
        screened.recent_instants(Window(0, 45, 15))


def test_a_noisy_metric_does_not_hide_the_strangest_series_of_the_others() -> None:
    noisy = [Suspect(f"h{i}", "errors_per_s", 100.0 + i) for i in range(50)]
    disk, calm = Suspect("db", "disk_used_ratio", 20.0), Suspect("db", "memory_used_ratio", 2.0)
    chosen = screened.strongest([*noisy, disk, calm], 12)
    assert len(chosen) == 12
    assert chosen[-1] == disk
    assert calm not in chosen
    assert [s.score for s in chosen[:-1]] == [149.0 - i for i in range(11)]
    assert screened.strongest([*noisy, disk, calm], 1) == (noisy[-1],)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y"]), st.floats(0.1, 50)), max_size=30),
    st.integers(1, 12),
)
def test_the_strongest_are_distinct_sorted_and_hold_the_very_first(rows: list[tuple[str, str, float]], k: int) -> None:
    suspects = list({(h, m): Suspect(h, m, score) for h, m, score in rows}.values())
    chosen = screened.strongest(suspects, k)
    assert len(chosen) == min(k, len(suspects)) == len(set(chosen))
    assert [s.score for s in chosen] == sorted((s.score for s in chosen), reverse=True)
    assert not suspects or chosen[0].score == max(s.score for s in suspects)


async def test_a_source_that_fails_fails_the_ranking_with_its_own_reason(tmp_path: Path) -> None:
    class Failing(RecordedSource):
        async def read(self, metric: str, window: Window, hosts: Sequence[str] | None = None) -> Panel:
            raise SourceUnavailable(f"{metric} can not be read")

    recording(tmp_path)
    with pytest.raises(SourceUnavailable, match="can not be read"):
        await screened.read_and_rank(Failing(tmp_path / "fleet.csv"), ["cpu_busy_ratio", "memory_used_ratio"], HOURS, 3)


async def test_the_average_of_a_steady_series_is_its_value(tmp_path: Path) -> None:
    source = recording(tmp_path)
    panel = await screened.read_and_average(source, "memory_used_ratio", 3000.0)
    assert panel.values.tolist() == [[0.5]]
    assert panel.times_s.tolist() == [3000.0]
    with pytest.raises(InvalidRequest, match="over_s"):
        await screened.read_and_average(source, "memory_used_ratio", 3000.0, 0.0)
