"""Root causes by excess work: named where something is wrong, with evidence, and never where nothing is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmanager_core.analysis import rca
from openmanager_core.errors import FleetError, InsufficientData, InvalidRequest
from openmanager_kit.cli.main import main

STEP_S = 300.0
T0 = 1_700_000_000.0
EDGES = [["front", "cart"], ["front", "search"], ["cart", "database"], ["search", "database"], ["front", "mail"]]
NORMAL = {"front": 0.10, "cart": 0.04, "search": 0.02, "database": 0.01, "mail": 3.0, "elsewhere": 0.5}
REQUESTS = {"front": 500.0, "cart": 200.0, "search": 300.0, "database": 600.0, "mail": 20.0, "elsewhere": 900.0}


def frame(
    add: dict[str, float] | None = None, *, metric: str = "latency", rows: int = 100, bad: int = 4, seed: int = 0
):
    """Normal rows, then `bad` rows in which the nodes of `add` are slower, or less available, by so much."""
    rng = np.random.default_rng(seed)
    out = {c: [] for c in ("timestamp", "node", "metric", "stat", "value")}

    def row(t: float, node: str, name: str, stat: str, value: float) -> None:
        for column, cell in zip(out, (t, node, name, stat, value), strict=True):
            out[column].append(cell)

    for k in range(rows + bad):
        t = T0 + k * STEP_S
        for node, level in NORMAL.items():
            extra = (add or {}).get(node, 0.0) if k >= rows else 0.0
            value = level * (1 + 0.03 * rng.standard_normal()) + extra if metric == "latency" else 100.0 - extra
            row(t, node, metric, "Average", value)
            row(t, node, "requests", "Sum", REQUESTS[node])
    return {c: np.array(v) for c, v in out.items()}


def request(metric: str = "latency", *, rows: int = 100, bad: int = 4, **more):
    """The question that fits `frame`."""
    start = T0 + rows * STEP_S
    asked = {
        "target": {"node": "front", "metric": metric, "stat": "Average"},
        "normal": [T0, start - STEP_S],
        "anomalous": [start, start + (bad - 1) * STEP_S],
        "trigger": start,
        "edges": EDGES,
        "top": 5,
    }
    return {**asked, **more}


def names(answer) -> list[str]:
    return [r["node"] for r in answer["ranking"]]


SLOW_DATABASE = {"database": 0.2, "cart": 0.2, "search": 0.2, "front": 0.2}


def test_the_node_whose_work_grew_by_itself_is_first_and_its_callers_are_not_blamed() -> None:
    answer = rca(frame(SLOW_DATABASE), request())
    assert names(answer)[0] == "database"
    # its callers show 400 of the 480 s that callers of the database wait
    assert answer["ranking"][0]["score"] == pytest.approx(0.2 * 600 * 4 * (400 / 480) ** 1.5, rel=0.05)
    assert all(r["score"] < 1 for r in answer["ranking"][1:])


def test_evidence_has_values_baseline_and_window() -> None:
    first = rca(frame(SLOW_DATABASE), request())["ranking"][0]
    assert "against a normal 0.009" in first["evidence"][0] or "against a normal 0.01" in first["evidence"][0]
    assert "robust sigmas) since 1700030000" in first["evidence"][0]
    assert "s waited until" in first["evidence"][1]


def test_failed_requests_are_counted_and_callees_taken_off() -> None:
    add = {"front": 4.0, "cart": 10.0}
    answer = rca(frame(add, metric="availability"), request("availability"))
    assert names(answer) == ["cart"]
    assert answer["ranking"][0]["score"] == pytest.approx(0.1 * 200 * 4)
    assert "failed requests" in answer["ranking"][0]["evidence"][1]


def test_work_nobody_waits_for_ranks_below_what_is_felt() -> None:
    add = {"front": 0.1, "cart": 0.25, "mail": 40.0}
    assert names(rca(frame(add), request()))[0] == "cart"


def test_a_load_balancer_address_does_not_outrank_the_service_behind_it() -> None:
    columns = frame(SLOW_DATABASE)
    extra = {c: columns[c][columns["node"] == "database"] for c in columns}
    extra["node"] = np.full(len(extra["node"]), "int-db.elb.example_remote")
    extra["value"] = np.where(extra["metric"] == "latency", extra["value"] * 3, extra["value"])
    both = {c: np.concatenate([columns[c], extra[c]]) for c in columns}
    edges = [*EDGES, ["cart", "int-db.elb.example_remote"]]
    assert names(rca(both, request(edges=edges)))[0] == "database"


def test_without_a_graph_the_cause_is_still_named() -> None:
    answer = rca(frame({"cart": 0.3, "front": 0.12}), request(edges=None))
    assert names(answer)[0] == "cart"
    assert "no call graph" in answer["ranking"][0]["evidence"][-1]


def test_nodes_missing_from_the_data_pass_calls_on() -> None:
    edges = [["front", "gateway"], ["gateway", "cart"], ["ghost", "front"]]
    assert names(rca(frame({"cart": 0.3, "front": 0.12}), request(edges=edges)))[0] == "cart"


@pytest.mark.parametrize("metric", ["latency", "availability"])
@pytest.mark.parametrize("edges", [EDGES, None])
def test_nothing_is_named_where_nothing_is_wrong(metric, edges) -> None:
    named = [rca(frame(metric=metric, seed=s), request(metric, edges=edges))["ranking"] for s in range(20)]
    assert sum(map(bool, named)) <= 1


def test_trouble_elsewhere_is_no_answer_when_the_target_is_well() -> None:
    assert rca(frame({"elsewhere": 5.0}), request()) == {"ranking": []}


def test_a_drop_of_two_tenths_of_a_point_in_flat_availability_is_seen() -> None:
    add = {"front": 0.5, "cart": 1.2}
    assert names(rca(frame(add, metric="availability"), request("availability")))[0] == "cart"


def test_times_may_be_iso_and_top_limits_the_answer() -> None:
    columns = frame(SLOW_DATABASE)
    stamps = np.array(columns["timestamp"], "datetime64[s]").astype(str)
    iso = {**columns, "timestamp": np.array([f"{s}Z" for s in stamps])}
    asked = request(top=1, trigger="2023-11-15T06:33:20+00:00")
    assert rca(iso, asked) == rca(columns, asked)
    assert len(rca(iso, asked)["ranking"]) == 1


def test_rows_without_a_value_are_left_out() -> None:
    columns = frame(SLOW_DATABASE)
    columns["value"][::7] = np.nan
    columns["value"][1::50] = np.inf
    assert names(rca(columns, request()))[0] == "database"


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"target": None}, InvalidRequest, "target must name node, metric and stat"),
        ({"target": {"node": "frnt", "metric": "latency", "stat": "Average"}}, InvalidRequest, "Try: one of front"),
        ({"target": {"node": "front", "metric": "latencies", "stat": "Average"}}, InvalidRequest, "latency"),
        ({"normal": [T0 + 10, T0]}, InvalidRequest, "must end after it starts"),
        ({"anomalous": "yesterday"}, InvalidRequest, "must be \\[start, end\\]"),
        ({"anomalous": [T0, "noon"]}, InvalidRequest, "got 'noon'"),
        ({"normal": [T0, float("nan")]}, InvalidRequest, "must be finite"),
        ({"trigger": T0 * 2}, InvalidRequest, "not be after the anomalous window"),
        ({"edges": [["front"]]}, InvalidRequest, "edges\\[0\\]"),
        ({"edges": "front"}, InvalidRequest, "list of"),
        ({"top": 0}, InvalidRequest, "from 1 to 1000, got '0'"),
        ({"normal": [0, 1]}, InsufficientData, "0 readings in the normal window"),
        ({"anomalous": [T0 * 2, T0 * 2 + 1], "trigger": T0 * 2}, InsufficientData, "no reading since the trigger"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(change, kind, text) -> None:
    with pytest.raises(kind, match=text):
        rca(frame(), request(**change))


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"value": None}, InvalidRequest, "lacks value"),
        ({"value": np.array(["a"] * 1248)}, InvalidRequest, "must hold numbers"),
        ({"value": np.full(1248, np.nan)}, InsufficientData, "no usable row, 1248 were given"),
        ({"value": np.ones(3)}, InvalidRequest, "equally long"),
        ({"timestamp": np.array(["x"] * 1248)}, InvalidRequest, "timestamp must be epoch"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(change, kind, text) -> None:
    columns = frame()
    assert len(columns["value"]) == 1248
    columns = {c: v for c, v in {**columns, **change}.items() if v is not None}
    with pytest.raises(kind, match=text):
        rca(columns, request())


def test_an_empty_table_is_insufficient() -> None:
    with pytest.raises(InsufficientData):
        rca({c: np.array([]) for c in ("timestamp", "node", "metric", "stat", "value")}, request())


leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5)
anything = st.recursive(leaves, lambda c: st.lists(c, max_size=3) | st.dictionaries(st.text(max_size=3), c, max_size=3))


@given(st.sampled_from(["target", "normal", "anomalous", "trigger", "edges", "top"]), anything)
def test_any_field_may_be_anything_and_only_known_failures_come_out(field, value) -> None:
    try:
        json.dumps(rca(frame(rows=20), request(rows=20, **{field: value})), allow_nan=False)
    except FleetError as exc:
        assert str(exc)


class TestCommand:
    """`openmanager rca` speaks JSON on stdout and sentences on stderr."""

    def write(self, tmp_path, rows_after: str = "", asked=None):
        columns = frame(SLOW_DATABASE)
        lines = ["timestamp,node,metric,stat,value"]
        lines += [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
        (tmp_path / "metrics.csv").write_text("\n".join(lines) + "\n" + rows_after, encoding="utf-8")
        (tmp_path / "request.json").write_text(json.dumps(asked or request()), encoding="utf-8")
        return ["rca", "--metrics", str(tmp_path / "metrics.csv"), "--request", str(tmp_path / "request.json")]

    def test_it_answers_what_the_function_answers(self, tmp_path, capsys) -> None:
        assert main(self.write(tmp_path)) == 0
        out, err = capsys.readouterr()
        assert names(json.loads(out)) == names(rca(frame(SLOW_DATABASE), request()))
        assert err == ""

    def test_broken_rows_are_counted_and_named_and_the_rest_is_used(self, tmp_path, capsys) -> None:
        words = self.write(tmp_path, "nonsense\n1,2,3\n\nnoon,front,latency,Average,1\n1,front,latency,Average,x\n")
        assert main(words) == 0
        out, err = capsys.readouterr()
        assert names(json.loads(out))[0] == "database"
        assert "4 of 1252 rows of metrics.csv could not be read and were left out, first line 1250" in err

    @pytest.mark.parametrize(
        ("name", "content", "text"),
        [
            ("metrics.csv", b"", "lacks the column timestamp"),
            ("metrics.csv", b"timestamp,node,metric,stat,value\n", "no usable row"),
            ("metrics.csv", b"\xff\xfe\x00", "not UTF-8"),
            ("metrics.csv", None, "cannot be read"),
            ("request.json", b"{", "is not JSON"),
            ("request.json", b"[]", "must hold one object, got list"),
            ("request.json", b"{}", "target must name"),
        ],
    )
    def test_files_that_cannot_be_used_end_in_one_sentence_and_exit_1(
        self, tmp_path, capsys, name, content, text
    ) -> None:
        words = self.write(tmp_path)
        (tmp_path / name).unlink()
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert main(words) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert text in err
        assert err.count("\n") == 1
