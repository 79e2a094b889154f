"""`openmanager watch`: a line an event, in two languages or as JSON, and an end when it is asked for one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from openmanager_kit.cli.main import main
from openmanager_kit.wording import speak
from openmanager_local.watch_command import as_json, told
from openmanager_local.watching import Event

EVENTS = (
    Event("new", 1_790_000_000.0, "web-1", "cpu_busy_ratio", 0.93, 0.41, 9.24),
    Event("ongoing", 1_790_000_000.0, "web-1", "latency_p95_s", 0.9, 0.05, 9.2, 600.0),
    Event("over", 1_790_000_000.0, "web-1", "cpu_busy_ratio", 0.4, 0.41, 0.0, 1500.0),
    Event("accepted", 1_790_000_000.0, "web-1", "requests_per_s", 40.0, 90.0, 0.0, 3600.0),
    Event("silent", 1_790_000_000.0, "web-1", lasted_s=120.0),
    Event("back", 1_790_000_000.0, "web-1"),
)


def few(tmp_path: Path, *words: str) -> list[str]:
    return ["watch", "--servers", "12", "--home", str(tmp_path), "--every", "5s", "--for", "1s", *words]


def test_each_kind_of_event_is_one_line_in_english_and_in_korean() -> None:
    assert [told(event) for event in EVENTS] == [
        "2026-09-21T14:13:20Z NEW web-1 cpu_busy_ratio: 93 %, usually 41 %; score 9.2",
        "2026-09-21T14:13:20Z ONGOING web-1 latency_p95_s: 900 ms, usually 50 ms; for 10 min already",
        "2026-09-21T14:13:20Z OVER web-1 cpu_busy_ratio: 40 % again, after 25 min",
        "2026-09-21T14:13:20Z ACCEPTED web-1 requests_per_s: 40 1/s for 60 min, usual from now on",
        "2026-09-21T14:13:20Z SILENT web-1: no reading for 2 min",
        "2026-09-21T14:13:20Z BACK web-1: there are readings again",
    ]
    speak("ko")
    try:
        korean = [told(event) for event in EVENTS]
    finally:
        speak("en")
    assert korean[0] == "2026-09-21T14:13:20Z 새 이상 web-1 cpu_busy_ratio: 93 %, 평소 41 %, 점수 9.2"
    assert korean[2].endswith("25분 만에 다시 40 %")
    assert len(set(korean)) == len(EVENTS)


def test_a_server_with_a_hostile_name_stays_in_its_line() -> None:
    line = told(Event("back", 0.0, "web\n\x1b[31m2030-01-01T00:00:00Z NEW fake"))
    assert "\n" not in line
    assert "\x1b" not in line
    assert "\n" not in as_json(Event("back", 0.0, "web\nNEW fake"))


def test_what_happened_is_told_and_the_command_ends_in_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(few(tmp_path, "--scenario", "incident", "--since", "now-40m", "--format", "json")) == 0
    out, err = capsys.readouterr()
    events = [json.loads(line) for line in out.splitlines()]
    assert any(event["kind"] == "new" and event["metric"] == "latency_p95_s" for event in events)
    assert [event["at_s"] for event in events if event["kind"] != "ongoing"] == sorted(
        event["at_s"] for event in events if event["kind"] != "ongoing"
    )
    assert err.startswith("watching ")
    assert "of 12 servers every 5 s" in err
    assert list(tmp_path.glob("watch-*.npz"))


def test_korean_is_spoken_and_only_what_was_asked_for_is_watched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = few(tmp_path, "--metric", "cpu_busy_ratio", "--cluster", "web-production-us-east-1", "--lang", "ko")
    assert main(words) == 0
    assert "지켜봅니다" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--metric", "cpu"), "cpu_busy_ratio"),
        (("--cluster", "nowhere"), "nowhere"),
        (("--every", "soon"), "--every"),
        (("--since", "yesteryear"), "--since"),
    ],
)
def test_what_cannot_be_watched_is_said(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(few(tmp_path, *words)) == 1
    assert said in capsys.readouterr().err


def test_an_interrupted_watch_leaves_what_it_learned(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "openmanager_kit", "watch", "--servers", "12", "--home", str(tmp_path)]
    # Tests that run in the background of a shell ignore interrupts, and what they start would inherit that.
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    try:
        assert process.stderr.readline().startswith("watching ")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert list(tmp_path.glob("watch-*.npz"))


def test_a_recording_is_told_to_its_end_and_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    rows = ["timestamp,server,metric,value"]
    for k in range(600):
        for host in ("a", "b"):
            value = rng.normal(0.3, 0.02) + (0.4 if host == "b" and 500 <= k < 560 else 0.0)
            rows.append(f"{1_790_000_000 + 15 * k},{host},cpu_busy_ratio,{value:.4f}")
    recording = tmp_path / "recording.csv"
    recording.write_text("\n".join(rows), "utf-8")
    words = ["watch", "--source", "recorded", "--recording", str(recording), "--home", str(tmp_path)]
    assert main([*words, "--since", "now-60m"]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[1:4] for line in out.splitlines()] == [
        ["NEW", "b", "cpu_busy_ratio:"],
        ["OVER", "b", "cpu_busy_ratio:"],
    ]
    assert "this was all of it" in err
