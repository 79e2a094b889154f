"""A real process over real pipes: it answers everything, and it goes when it is told to."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import kit_served
import psutil
import pytest
from kit_wire import ENVELOPE, Wire, served, wait_for
from mcp import Client, StdioServerParameters

ERAS = ("legacy", "2026-07-28")


def parameters(home: Path) -> StdioServerParameters:
    path = kit_served.profile(home)
    words = kit_served.command("serve", "bench", "--config", str(path))
    return StdioServerParameters(command=words[0], args=words[1:], env=kit_served.environment(home))


@pytest.mark.anyio
@pytest.mark.parametrize("era", ERAS)
async def test_the_sdk_client_talks_to_it_with_progress(tmp_path: Path, era: str) -> None:
    seen: list[float] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)
        if len(seen) == 2:
            (tmp_path / "release").write_text("")

    async with Client(parameters(tmp_path), mode=era) as client:
        assert [tool.name for tool in (await client.list_tools()).tools][:2] == ["echo", "greet"]
        result = await client.call_tool("echo", {"text": "가나다 \u2028 \x00"})
        assert result.content[0].text == "가나다 \u2028 \x00"  # type: ignore[union-attr]
        result = await client.call_tool("greet", {})
        assert result.content[0].text == "hello from simulator"  # type: ignore[union-attr]
        result = await client.call_tool("work", {}, progress_callback=heard)
        assert result.content[0].text == "done"  # type: ignore[union-attr]
    assert seen == sorted(set(seen))
    wait_for(tmp_path / "closed")


def test_what_is_not_a_message_is_answered_and_nothing_ends(tmp_path: Path) -> None:
    answers: list[tuple[Any, int]] = []
    with served(tmp_path) as wire:
        for line in (
            b"garbage",
            b"\xff\xfe",
            b'{"jsonrpc":"2.0","id":1',
            b"[]",
            b'{"jsonrpc":"2.0","id":7,"method":5}',
            b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
            b"[" * 5000,
            b'{"jsonrpc":"2.0","id":"a","result":3}',
            b"",
            b"   \r",
        ):
            wire.send(line + b"\n")
        request = wire.call("echo", text="still here")
        while (message := wire.line()).get("id") != request:
            answers.append((message["id"], message["error"]["code"]))
        assert message["result"]["content"][0]["text"] == "still here"
    assert answers == [
        (None, -32700),
        (None, -32700),
        (None, -32700),
        (None, -32600),
        (7, -32600),
        (None, -32600),
        (None, -32700),
    ]


def test_a_message_in_pieces_and_two_in_one_piece_are_understood(tmp_path: Path) -> None:
    with served(tmp_path) as wire:
        first = json.dumps({"jsonrpc": "2.0", "id": 91, "method": "server/discover", "params": {"_meta": ENVELOPE}})
        for byte in first.encode():
            wire.send(bytes([byte]))
        wire.send(b"\n" + first.replace("91", "92").encode() + b"\n" + first.replace("91", "93").encode() + b"\r\n")
        assert {wire.line()["id"] for _ in range(3)} == {91, 92, 93}


def test_a_line_that_is_far_too_long_is_refused_and_the_next_is_served(tmp_path: Path) -> None:
    with served(tmp_path) as wire:
        assert wire.text(wire.call("echo", text="x" * 3_000_000)).startswith("answer_too_large")
        wire.send(b'{"jsonrpc":"2.0","id":1,"method":"')
        for _ in range(65):
            wire.send(b"x" * 1024 * 1024)
        wire.send(b'"}\n')
        refusal = wire.line()
        assert refusal["error"]["code"] == -32600
        assert "longer than 67108864 bytes" in refusal["error"]["message"]
        assert wire.text(wire.call("echo", text="next")) == "next"


def test_a_long_answer_arrives_whole_although_the_pipe_is_short(tmp_path: Path) -> None:
    with served(tmp_path, "--answer-chars", "9000000") as wire:
        requests = [wire.call("big", chars=2_000_000) for _ in range(3)]
        texts = {message["id"]: message["result"]["content"][0]["text"] for message in (wire.line() for _ in requests)}
        assert {len(text) for text in texts.values()} == {2_000_000}
        assert sorted(texts) == requests


def test_nothing_but_protocol_reaches_standard_output(tmp_path: Path) -> None:
    with served(tmp_path) as wire:
        assert wire.text(wire.call("noisy")) == "child left with 1"
        assert wire.text(wire.call("echo", text="clean")) == "clean"
        wire.close()
        assert wire.leaves() == 0
        noise = wire.stderr()
    assert "python says" in noise
    assert "descriptor says" in noise
    assert "child says" in noise


def test_open_requests_are_still_answered_when_input_ends(tmp_path: Path) -> None:
    with served(tmp_path) as wire:
        request = wire.call("slow", seconds=0.3)
        wire.close()
        assert wire.text(request) == "done"
        assert wire.leaves() == 0
    assert (tmp_path / "closed").exists()


def test_cancelling_stops_the_thread(tmp_path: Path) -> None:
    with served(tmp_path) as wire:
        request = wire.call("work")
        wait_for(tmp_path / "started")
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request}}
        wire.send(json.dumps(note).encode() + b"\n")
        wait_for(tmp_path / "stopped")
        assert wire.text(wire.call("echo", text="free")) == "free"


@pytest.mark.parametrize("tool", ["work", "stubborn", "slow"])
@pytest.mark.parametrize(
    ("ending", "code"), [("input", 0), (signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_it_leaves_soon_and_closes_its_state_whatever_still_runs(
    tmp_path: Path, tool: str, ending: Any, code: int
) -> None:
    with served(tmp_path) as wire:
        wire.call(tool, **({"seconds": 50} if tool == "slow" else {}))
        assert wire.text(wire.call("echo", text="up")) == "up"
        if tool != "slow":
            wait_for(tmp_path / "started")
        if ending == "input":
            wire.close()
        else:
            wire.process.send_signal(ending)
        # Two seconds are promised; the rest is this machine's other work.
        assert wire.leaves(within_s=10) == code
    assert (tmp_path / "closed").exists()


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with served(tmp_path) as wire:
        wire.call("stubborn")
        wait_for(tmp_path / "started")
        wire.process.send_signal(signal.SIGTERM)
        wire.process.send_signal(signal.SIGINT)
        assert wire.leaves(within_s=10) in (130, 143)


def test_it_leaves_when_nobody_reads_any_more(tmp_path: Path) -> None:
    with served(tmp_path) as wire:
        assert wire.text(wire.call("echo", text="up")) == "up"
        assert wire.process.stdout is not None
        wire.process.stdout.close()
        wire.call("echo", text="into the void")
        assert wire.leaves(within_s=10) == 0


def test_it_leaves_when_its_parent_is_killed(tmp_path: Path) -> None:
    kit_served.profile(tmp_path)
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import kit_served, pathlib, sys\n"
            f"child = kit_served.start(pathlib.Path({str(tmp_path)!r}))\n"
            "sys.stdout.write(f'{child.pid}\\n'); sys.stdout.flush()\n"
            "child.wait()\n",
        ],
        stdout=subprocess.PIPE,
        env=kit_served.environment(tmp_path),
    )
    try:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
    finally:
        parent.kill()
        parent.wait(10)
        parent.stdout.close()  # type: ignore[union-attr]
    deadline = time.monotonic() + 15
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the server outlived its parent"
        time.sleep(0.01)


def test_requests_from_a_file_are_answered_into_a_file(tmp_path: Path) -> None:
    path = kit_served.profile(tmp_path)
    params = {"name": "echo", "arguments": {"text": "x" * 300_000}, "_meta": ENVELOPE}
    lines = [{"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": params} for n in range(5)]
    (tmp_path / "in").write_text("\n".join(map(json.dumps, lines)))
    with (tmp_path / "in").open() as requests, (tmp_path / "out").open("w") as answers:
        done = subprocess.run(
            kit_served.command("serve", "bench", "--config", str(path)),
            stdin=requests,
            stdout=answers,
            env=kit_served.environment(tmp_path),
            timeout=50,
            check=False,
        )
    assert done.returncode == 0
    written = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert sorted(message["id"] for message in written) == list(range(5))
    assert all(len(message["result"]["content"][0]["text"]) == 300_000 for message in written)


def test_sixty_busy_tools_do_not_keep_another_from_answering(tmp_path: Path) -> None:
    with served(tmp_path) as wire:
        for _ in range(60):
            wire.call("stubborn")
        wait_for(tmp_path / "started")
        for number in range(5):
            assert wire.text(wire.call("echo", text=str(number))) == str(number)


def test_a_flood_is_answered_to_the_last_request(tmp_path: Path) -> None:
    with served(tmp_path) as wire:
        requests = {wire.call("echo", text="x") for _ in range(3000)}
        while requests:
            requests.discard(wire.line()["id"])


def test_it_speaks_utf8_on_a_machine_that_does_not(tmp_path: Path) -> None:
    path = kit_served.profile(tmp_path)
    environ = kit_served.environment(tmp_path) | {"PYTHONIOENCODING": "cp949", "LC_ALL": "C", "PYTHONUTF8": "0"}
    process = subprocess.Popen(
        kit_served.command("serve", "bench", "--config", str(path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
    )
    wire = Wire(process)
    try:
        assert wire.text(wire.call("echo", text="한국어 ✓ 😀")) == "한국어 ✓ 😀"
    finally:
        process.kill()
        process.communicate()


def test_memory_stays_bounded_while_a_client_does_not_read(tmp_path: Path) -> None:
    with served(tmp_path, "--answer-chars", "9000000") as wire:
        assert wire.text(wire.call("echo", text="up")) == "up"
        server = psutil.Process(wire.process.pid)
        before = server.memory_info().rss
        requests = {wire.call("big", chars=1_000_000) for _ in range(300)}
        most, quiet = before, 0
        while quiet < 20:  # until it grows no more
            time.sleep(0.05)
            now = server.memory_info().rss
            quiet = quiet + 1 if now <= most else 0
            most = max(most, now)
        assert most - before < 150_000_000
        while requests:
            requests.discard(wire.line()["id"])
