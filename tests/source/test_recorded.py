"""Recordings as people have them: every shape, every clock, and every way to be broken."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.errors import ConfigError, NotFound, SourceInvalid
from openmanager_core.panel import Window
from openmanager_core.source import _csv, _parquet, recorded
from openmanager_core.source._csv import parse_time
from openmanager_core.source._store import Builder
from openmanager_core.source.recorded import RecordedSource
from openmanager_core.source.settings import SourceSettings

pytestmark = pytest.mark.anyio

START = 1_790_000_000.0


def source_of(folder: Path, text: str, name: str = "web-1.csv") -> RecordedSource:
    (folder / name).write_text(text, "utf-8")
    return RecordedSource(folder / name)


async def one(source: RecordedSource, metric: str, at_s: float, host: str = "a") -> float:
    panel = await source.read(metric, Window(at_s, at_s + 1, 1), [host])
    return float(panel.values[0, 0])


@pytest.mark.parametrize(
    "header", ["timestamp,server,metric,value", "ts;host;name;val", "time\tinstance\tmetric\tvalue"]
)
async def test_a_long_file_is_read_whatever_its_columns_are_called(tmp_path: Path, header: str) -> None:
    mark = next(c for c in ",;\t" if c in header)
    rows = [[str(START + 15 * i), s, "cpu_busy_ratio", str(0.1 * i)] for i in range(4) for s in ("a", "b")]
    source = source_of(tmp_path, "\n".join([header, *(mark.join(r) for r in rows)]))
    panel = await source.read("cpu_busy_ratio", Window(START, START + 60, 15))
    assert panel.hosts == ("a", "b")
    np.testing.assert_allclose(panel.values, np.tile([0, 0.1, 0.2, 0.3], (2, 1)))
    assert await source.metrics() == ("cpu_busy_ratio",)
    assert await source.now_s() == START + 46


@pytest.mark.parametrize(
    ("columns", "hosts"),
    [
        (["cpu_busy_ratio", "openmanager_memory_used_ratio"], ("web-1",)),
        (["a:cpu_busy_ratio", "10.0.0.1:9100:cpu_busy_ratio"], ("a", "10.0.0.1:9100")),
        (["a/cpu_busy_ratio", "eu/b/cpu_busy_ratio"], ("a", "eu/b")),
    ],
)
async def test_a_wide_file_is_one_server_or_names_them_in_its_columns(
    tmp_path: Path, columns: list[str], hosts: tuple[str, ...]
) -> None:
    lines = [",".join(["timestamp", *columns]), *(f"{START + 15 * i},0.{i},0.{i + 1}" for i in range(1, 5))]
    source = source_of(tmp_path, "\n".join(lines))
    panel = await source.read("cpu_busy_ratio", Window(START + 15, START + 75, 15))
    assert panel.hosts == hosts
    np.testing.assert_allclose(panel.values[0], [0.1, 0.2, 0.3, 0.4])


async def test_a_folder_is_one_fleet_and_its_sidecar_says_who_is_who(tmp_path: Path) -> None:
    for name in ("web-1", "db-1"):
        rows = "\n".join(f"{START + 15 * i},0.5" for i in range(10))
        (tmp_path / f"{name}.csv").write_text(f"timestamp,cpu_busy_ratio\n{rows}")
    sidecar = {
        "servers": [
            {"id": "db-1", "type": "database", "cluster": "db", "environment": "prod", "cpu_cores": 8, "team": "x"},
            {"id": "web-9", "type": "mainframe", "cluster": "web", "architecture": "aarch64"},
            {"type": "web"},
        ],
        "calls": [["web", "db"], ["web", "nowhere"], "x"],
        "changes": [
            {"kind": "deployment", "at": "2026-09-21T14:13:30Z", "target": "web", "description": "v2"},
            {"kind": "prayer", "at": 0, "target": "web"},
        ],
    }
    (tmp_path / "fleet.json").write_text(json.dumps(sidecar))
    source = RecordedSource(tmp_path)
    fleet = await source.inventory()
    assert [s.id for s in fleet.servers] == ["db-1", "web-9", "web-1"]
    assert (fleet.servers[0].type, fleet.servers[0].environment, fleet.servers[0].spec.cpu_cores) == (
        "database", "production", 8,
    )  # fmt: skip
    assert fleet.servers[0].labels == (("team", "x"),)
    assert (fleet.servers[1].type, fleet.servers[1].architecture) == ("unknown", "arm64")
    assert fleet.calls == (("web", "db"),)
    at = datetime(2026, 9, 21, 14, 13, 30, tzinfo=UTC).timestamp()
    (change,) = await source.changes(Window(at, at + 60, 15))
    assert (change.target, change.at_s) == ("web", at)
    assert await source.changes(Window(at - 60, at, 15)) == ()
    problems = " | ".join((await source.status()).problems)
    for part in ("1 of 3 servers", "1 of 3 calls", "1 of 2 changes", "1 calls name a cluster"):
        assert part in problems
    assert np.isnan((await source.read("cpu_busy_ratio", Window(START, START + 60, 15), ["web-9"])).values).all()


async def test_broken_rows_are_counted_and_named_by_line_and_the_rest_is_used(tmp_path: Path) -> None:
    text = "\n".join(
        [
            "timestamp,server,metric,value",
            f"{START},a,cpu_busy_ratio,0.1",
            "yesterday,a,cpu_busy_ratio,0.1",
            f"{START + 15},a,cpu_busy_ratio,lots",
            f"{START + 15},a,cpu_busy_ratio",
            f'{START + 15},"a,cpu_busy_ratio,0.2',
            "",
            f"{START + 15},,cpu_busy_ratio,0.2",
            f"{START + 15},a,wobble,3",
            f'{START + 15},"a",cpu_busy_ratio,"0.2"',
        ]
    )
    source = source_of(tmp_path, text)
    assert await one(source, "cpu_busy_ratio", START + 15) == 0.2
    status = await source.status()
    broken, unknown = status.problems
    assert broken.startswith("5 rows are broken")
    for part in (
        "line 3: time 'yesterday' is neither", "line 4: value 'lots' is not", "line 5: 3 fields",
        "line 6: unbalanced quotes", "line 8: the server has no name",
    ):  # fmt: skip
        assert part in broken
    assert unknown == "1 rows or columns name a metric the catalogue does not have: 'wobble'"
    assert status.state == "degraded"


async def test_an_empty_cell_is_a_gap_and_infinities_are_counted_as_gaps(tmp_path: Path) -> None:
    values = ["0.1", "", "0.3", "NaN", "0.5", "inf", "0.7"]
    rows = "\n".join(f"{START + 15 * i},{v}" for i, v in enumerate(values))
    source = source_of(tmp_path, f"timestamp,cpu_busy_ratio\n{rows}")
    panel = await source.read("cpu_busy_ratio", Window(START, START + 105, 15))
    np.testing.assert_array_equal(panel.values[0], [0.1, np.nan, 0.3, np.nan, 0.5, np.nan, 0.7])
    assert (await source.status()).problems == ("1 readings are infinite and count as gaps",)


async def test_padding_in_a_file_that_joins_servers_scraped_apart_is_not_a_gap(tmp_path: Path) -> None:
    rows = "\n".join(f"{START + 5 * i},{'0.5' if i % 3 == 0 else ''},{'0.7' if i % 3 == 1 else ''}" for i in range(30))
    source = source_of(tmp_path, f"timestamp,a:cpu_busy_ratio,b:cpu_busy_ratio\n{rows}")
    panel = await source.read("cpu_busy_ratio", Window(START + 15, START + 120, 5))
    np.testing.assert_array_equal(panel.values, np.repeat([[0.5], [0.7]], 21, axis=1))


async def test_rows_in_any_order_are_sorted_and_the_last_of_two_wins(tmp_path: Path) -> None:
    rows = f"{START + 30},0.3\n{START},0.1\n{START + 15},0.9\n{START + 15},0.2"
    source = source_of(tmp_path, f"timestamp,cpu_busy_ratio\n{rows}")
    panel = await source.read("cpu_busy_ratio", Window(START, START + 45, 15))
    assert panel.values.tolist() == [[0.1, 0.2, 0.3]]
    assert (await source.status()).problems == (
        "1 readings repeat an instant of the same series; the last of each was kept",
    )


async def test_a_reading_is_not_carried_past_one_and_a_half_intervals_nor_into_the_future(tmp_path: Path) -> None:
    rows = "\n".join(f"{START + 60 * i},0.5" for i in (0, 1, 2, 3, 10))
    source = source_of(tmp_path, f"timestamp,cpu_busy_ratio\n{rows}")
    at = START + 180
    panel = await source.read("cpu_busy_ratio", Window(at, at + 120, 10))
    assert np.isfinite(panel.values[0]).sum() == 10  # 0 to 90 s after the reading
    late = await source.now_s() + 90
    assert np.isnan((await source.read("cpu_busy_ratio", Window(late, late + 600, 60))).values).all()


async def test_the_latest_value_is_the_mean_of_the_last_readings_or_the_newest_of_a_sparse_recording(
    tmp_path: Path,
) -> None:
    rows = "\n".join(f"{START + 15 * i},{i},0.5" for i in range(5))
    source = source_of(tmp_path, f"timestamp,requests_per_s,cpu_busy_ratio\n{rows}")
    assert (await source.latest("requests_per_s", START + 60, 30)).values.tolist() == [[3.5]]
    sparse = source_of(
        tmp_path, "\n".join(["t,cpu_busy_ratio", *(f"{START + 300 * i},0.{i}" for i in range(5))]), "s.csv"
    )
    assert (await sparse.latest("cpu_busy_ratio", START + 1290)).values.tolist() == [[0.4]]


@pytest.mark.parametrize("kind", ["long", "wide"])
async def test_parquet_reads_the_same_as_csv(tmp_path: Path, kind: str) -> None:
    times = pa.array([int((START + 15 * i) * 1e6) for i in range(4)], pa.timestamp("us", "UTC"))
    values = pa.array([0.1, None, float("inf"), 0.4])
    if kind == "wide":
        table = pa.table({"timestamp": times, "a:cpu_busy_ratio": values})
    else:
        table = pa.table(
            {
                "time": times,
                "host": pa.array(["a"] * 4).dictionary_encode(),
                "metric": ["cpu_busy_ratio"] * 4,
                "value": values,
            }
        )
    pq.write_table(table, tmp_path / "x.parquet")
    source = RecordedSource(tmp_path / "x.parquet")
    panel = await source.read("cpu_busy_ratio", Window(START, START + 60, 15))
    assert panel.hosts == ("a",)
    np.testing.assert_array_equal(panel.values[0], [0.1, np.nan, np.nan, 0.4])


async def test_a_file_that_only_claims_to_be_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(SourceInvalid, match=r"'x.parquet' can not be read as Parquet"):
        await RecordedSource(tmp_path / "x.parquet").metrics()


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr(_parquet, "find_spec", lambda name: None)
    assert importlib.util.find_spec("pyarrow") is not None
    with pytest.raises(ConfigError, match=r"openmanager-mcp\[parquet\]"):
        RecordedSource(tmp_path / "x.parquet")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line has 1 column"),
        ("timestamp\n1", "first line has 1 column"),
        ("timestamp,wobble\n1,2", "no column this project knows: 'wobble'"),
        ("timestamp,cpu_busy_ratio\n", "no usable reading: it is empty"),
        ("timestamp,cpu_busy_ratio\nx,1\ny,2", "no usable reading: 2 rows are broken"),
    ],
)
async def test_a_file_without_one_usable_reading_is_refused_and_its_status_is_down(
    tmp_path: Path, text: str, words: str
) -> None:
    source = source_of(tmp_path, text)
    with pytest.raises(SourceInvalid, match=words):
        await source.inventory()
    status = await source.status()
    assert status.state == "down"
    assert words in status.detail


async def test_unknown_names_are_not_found_and_the_nearest_are_said(tmp_path: Path) -> None:
    source = source_of(tmp_path, f"timestamp,cpu_busy_ratio\n{START},0.5")
    window = Window(START, START + 60, 15)
    with pytest.raises(NotFound, match="web-1"):
        await source.read("cpu_busy_ratio", window, ["wbe-1"])
    with pytest.raises(NotFound, match="cpu_busy_ratio"):
        await source.read("cpu_busy", window)
    with pytest.raises(NotFound, match="no server here has cpu_steal_ratio"):
        await source.read("cpu_steal_ratio", window)


def test_a_path_that_can_not_be_used_is_refused_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"source\.path must name"):
        RecordedSource.from_settings(SourceSettings(kind="recorded"))
    with pytest.raises(ConfigError, match="is no file or folder"):
        RecordedSource(tmp_path / "missing.csv")
    with pytest.raises(ConfigError, match=r"holds no \.csv"):
        RecordedSource(tmp_path)
    (tmp_path / "x.csv").write_text("x" * 100)
    monkeypatch.setattr(recorded, "MAX_BYTES", 50)
    with pytest.raises(ConfigError, match="the most is"):
        RecordedSource(tmp_path)


async def test_more_readings_than_the_limit_are_refused_before_they_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openmanager_core.source._store.MAX_READINGS", 10)
    source = source_of(tmp_path, "\n".join(["timestamp,cpu_busy_ratio", *(f"{i},1" for i in range(20))]))
    with pytest.raises(SourceInvalid, match="more than 1e-05 million readings"):
        await source.metrics()


@pytest.mark.parametrize(
    "text",
    ["1790000000", "1790000000.0", "1790000000000", "1790000000000000", "1790000000000000000", "2026-09-21T14:13:20Z",
     "2026-09-21 14:13:20", "2026-09-21T16:13:20+02:00", " 2026-09-21T14:13:20.000Z "],
)  # fmt: skip
def test_every_spelling_of_an_instant_is_the_same_instant(text: str) -> None:
    assert parse_time(text) == START


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)), st.timezones())
def test_iso_times_come_back_as_they_were(naive: datetime, zone: object) -> None:
    at = naive.replace(tzinfo=UTC)
    assert parse_time(at.isoformat()) == at.timestamp()
    assert parse_time(naive.isoformat()) == at.timestamp()


@given(st.text(max_size=40))
def test_a_text_is_a_time_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError, OverflowError):
        assert np.isfinite(parse_time(text))


@given(st.binary(max_size=400), st.sampled_from(["timestamp,server,metric,value", "timestamp,cpu_busy_ratio"]))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, junk: bytes, header: str) -> None:
    path = tmp_path_factory.mktemp("junk") / "x.csv"
    path.write_bytes(header.encode() + b"\n" + junk + b"\n" + b"1790000000,a,cpu_busy_ratio,0.5\n1790000000,0.5\n")
    builder = Builder(file="x.csv")
    _csv.read_csv(path, builder)
    recording = builder.finish()
    assert recording.last_s >= START
    assert any("rows are broken" in p for p in recording.problems)


CELLS = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=6),
        st.sampled_from(["cpu_busy_ratio", "requests_per_s"]),
        st.floats(0, 1e6, allow_nan=False),
    ),
    min_size=1,
    max_size=30,
)


@given(CELLS)
def test_what_was_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[int, str, str, float]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    quoted = [(t, '"' + s.replace('"', '""') + '"', m, v) for t, s, m, v in cells]
    path.write_text(
        "timestamp,server,metric,value\n" + "\n".join(f"{t},{s},{m},{v!r}" for t, s, m, v in quoted), "utf-8"
    )
    builder = Builder(file="x.csv")
    _csv.read_csv(path, builder)
    recording = builder.finish()
    for metric in ("cpu_busy_ratio", "requests_per_s"):
        expected = {(s, float(t)): v for t, s, m, v in cells if m == metric}
        if not expected:
            assert metric not in recording.samples
            continue
        samples = recording.samples[metric]
        seen = {
            (recording.servers[i], samples.times_s[j]): samples.values[j]
            for i in range(len(recording.servers))
            for j in range(samples.starts[i], samples.starts[i + 1])
        }
        assert seen == expected
