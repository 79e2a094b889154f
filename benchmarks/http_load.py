"""A thousand clients at once against ``openmanager up``: no error, no lost reply, every answer right.

Run: ``python benchmarks/http_load.py [--clients 1000] [--seconds 60] [--workers 2] [--minutes 10] [--kill 5]
[--tokens 50] [--each-second]``. First the same clients call a bare SDK echo server (uvicorn, as many processes, the
same settings) and then ours with cheap calls only; the ratio of their throughput is printed (target: 0.8). With
`--tokens` N the same is done once more with so many bearer tokens shared out among the clients: looked up, counted
and written to the audit trail. Then cheap and analytic calls are mixed for `--seconds`: quantiles of both for the
whole run and from 10 s on, throughput, and the memory of the workers over time. `--minutes` makes the mix last so
long, for memory that has to be flat; `--each-second` shows each second of the mix; `--kill S` kills a worker every S
seconds, which may break connections but not lose an answer. The clients share the cores with the servers. Asserts
correctness, never time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
from load_client import Ask, Crowd, Tally, once, quantile, tool

from openmanager_kit.access.tokens import TokenStore

BARE = '''
import asyncio, os, socket, sys
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
import uvicorn
workers = int(sys.argv[1])
sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
sock.bind(("127.0.0.1", 0))
sock.listen(2048)
server = MCPServer("bare", log_level="WARNING")
@server.tool()
async def echo(text: str) -> str:
    """Say it again."""
    return text
app = server.streamable_http_app(
    stateless_http=True,
    json_response="json" in sys.argv,
    transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
)
print(sock.getsockname()[1], flush=True)
for _ in range(workers - 1):
    if os.fork() == 0:
        break
parser = "httptools" if "httptools" in sys.argv else "h11"
config = uvicorn.Config(app, loop="asyncio", http=parser, log_config=None, access_log=False,
                        server_header=False, proxy_headers=False, ws="none")
uvicorn.Server(config).run(sockets=[sock])
'''
_HOST = "127.0.0.1"
_SERVERS = 30
_SETTLED_S = 10.0
_NO_LIMIT = "10000000"
"""Calls a minute: everybody is counted, and nobody is refused."""


@contextlib.contextmanager
def bare(workers: int, folder: Path, *words: str) -> Iterator[tuple[int, int]]:
    """Run the bare server; gives its process's number and its port."""
    script = folder / "bare.py"
    script.write_text(BARE, encoding="utf-8")
    command = [sys.executable, str(script), str(workers), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextlib.contextmanager
def ours(workers: int, folder: Path, config: str, *more: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run ``openmanager up``; gives the process and its port."""
    words = ["up", "--config", config, "--port", "0", "--workers", str(workers), "--source", "simulator"]
    words += ["--servers", str(_SERVERS), "--home", str(folder / "home"), "--scenario", "incident", *more]
    with (folder / "up.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "openmanager_kit", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, text=True,
        )  # fmt: skip
    try:
        while "listens on" not in (said := (folder / "up.log").read_text()):
            assert process.poll() is None, said
            time.sleep(0.05)
        yield process, int(said.split("listens on ")[1].split("/mcp")[0].rpartition(":")[2])
    finally:
        process.terminate()
        process.wait(15)


def tokens_of(folder: Path, count: int) -> list[str]:
    """Mint tokens for the service that runs in `folder`."""
    store = TokenStore(folder / "home")
    return [store.mint(f"client {number}", "operator", 86_400.0)[1] for number in range(count)]


def with_tokens(clients: int, count: int) -> list[str]:
    """Give the words that make a service ask for tokens, count their calls and write them down."""
    each = str(max(64, -(-clients // count)))
    return [
        "--access-tokens", "--requests-each", each, "--calls-per-minute", _NO_LIMIT,
        "--calls-per-tool-per-minute", _NO_LIMIT,
    ]  # fmt: skip


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Give the workers that live now."""
    return psutil.Process(process.pid).children()


def _has_servers(result: bytes) -> bool:
    answer = json.loads(result)
    rows = answer["structuredContent"]["servers"]
    return not answer.get("isError") and len({row["id"] for row in rows}) == len(rows) == _SERVERS


def _is_overview(result: bytes) -> bool:
    answer = json.loads(result)
    seen = answer["structuredContent"]
    return not answer.get("isError") and seen["servers"] == _SERVERS and seen["anomalies_total"] > 0


def _has_anomalies(result: bytes) -> bool:
    answer = json.loads(result)
    return not answer.get("isError") and len(answer["structuredContent"]["anomalies"]) == 5


async def our_calls(
    port: int, path: str, tokens: Sequence[str] = ()
) -> tuple[list[tuple[Ask, float]], list[tuple[Ask, float]]]:
    """Give cheap and analytic calls with their weights; what never changes is compared byte for byte."""
    metrics = await once(_HOST, port, path, tool("list_metrics", bool), tokens)
    listed = await once(_HOST, port, path, Ask("tools/list", "tools/list", {}, bool), tokens)
    assert b"fleet_overview" in listed and b"cpu_busy_ratio" in metrics
    cheap = [
        (tool("list_servers", _has_servers), 0.45),
        (tool("list_metrics", metrics.__eq__), 0.45),
        (Ask("tools/list", "tools/list", {}, listed.__eq__), 0.1),
    ]
    analytic = [
        (tool("fleet_overview", _is_overview, analytic=True), 0.05),
        (tool("find_anomalies", _has_anomalies, analytic=True, limit=5), 0.05),
    ]
    return cheap, analytic


async def _watch(process: subprocess.Popen[str], seen: list[tuple[float, list[float]]], every_s: float) -> None:
    begun = time.perf_counter()
    while True:
        with contextlib.suppress(psutil.NoSuchProcess):
            rss = [worker.memory_info().rss / 1e6 for worker in workers_of(process)]
            seen.append((time.perf_counter() - begun, rss))
        await asyncio.sleep(every_s)


async def _kill(process: subprocess.Popen[str], every_s: float, killed: list[int]) -> None:
    while True:
        await asyncio.sleep(every_s)
        alive = workers_of(process)
        if len(alive) > 1:  # one has to be left to answer
            alive[len(killed) % len(alive)].kill()
            killed.append(1)


def cpu_s(pid: int) -> float:
    """Give the CPU seconds of a process and of its children."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(times.user + times.system for times in (one.cpu_times() for one in family))


async def cheap_only(
    pid: int,
    port: int,
    path: str,
    mix: list[tuple[Ask, float]],
    clients: int,
    seconds: float,
    tokens: Sequence[str] = (),
) -> tuple[float, float]:
    """Give the answers per second, and the server's CPU seconds for each, which a busy machine changes little."""
    crowd = Crowd(_HOST, port, path, mix, seed=3, tokens=tokens)
    await crowd.run(clients, seconds / 4)  # everybody is connected, everything is loaded
    crowd = Crowd(_HOST, port, path, mix, seed=4, tokens=tokens)
    before_s = cpu_s(pid)
    took_s = await crowd.run(clients, seconds)
    each_s = (cpu_s(pid) - before_s) / crowd.tally.answered()
    assert not crowd.tally.wrong, crowd.tally.wrong[:3]
    rate = crowd.tally.answered() / took_s
    sys.stdout.write(f"  {rate:8.0f} answers/s   CPU {each_s * 1e3:.2f} ms an answer\n")
    tell_times("all", crowd.tally.took([ask.name for ask, _ in mix]))
    return rate, each_s


def tell_times(title: str, took: Sequence[float]) -> None:
    """Print how long calls took."""
    shown = "   ".join(f"p{q * 100:g} {quantile(took, q) * 1e3:6.0f}" for q in (0.5, 0.95, 0.99))
    longest = took[-1] if took else 0.0
    sys.stdout.write(f"  {title:<20} {len(took):8} answers   {shown}   max {longest * 1e3:6.0f} ms\n")


def tell_each_second(tally: Tally, cheap: Sequence[str], analytic: Sequence[str], seconds: float) -> None:
    """Print each second of a run: the slowest tell what everybody waited for."""
    sys.stdout.write("  second   cheap    p50    p99    max ms   analytic    max ms\n")
    for second in range(int(seconds) + 1):
        quick, slow = (tally.took(names, second, second + 1) for names in (cheap, analytic))
        middle, late = (quantile(quick, q) * 1e3 for q in (0.5, 0.99))
        most, most_slow = ((took[-1] if took else 0.0) * 1e3 for took in (quick, slow))
        quickly = f"{len(quick):7} {middle:6.0f} {late:6.0f} {most:6.0f}"
        sys.stdout.write(f"  {second:6} {quickly}      {len(slow):6}    {most_slow:6.0f}\n")


async def mixed(
    args: argparse.Namespace,
    process: subprocess.Popen[str],
    port: int,
    mix: list[tuple[Ask, float]],
    tokens: Sequence[str] = (),
) -> None:
    """Mix cheap and analytic calls, and print what was seen."""
    seconds = args.minutes * 60 if args.minutes else args.seconds
    crowd = Crowd(_HOST, port, args.path, mix, seed=args.seed, may_break=bool(args.kill), tokens=tokens)
    memory: list[tuple[float, list[float]]] = []
    killed: list[int] = []
    beside = [asyncio.create_task(_watch(process, memory, 60.0 if args.minutes else max(1.0, seconds / 10)))]
    if args.kill:
        beside.append(asyncio.create_task(_kill(process, args.kill, killed)))
    took_s = await crowd.run(args.clients, seconds)
    for task in beside:
        task.cancel()
    tally = crowd.tally
    cheap, analytic = ([ask.name for ask, _ in mix if ask.analytic is slow] for slow in (False, True))
    for title, names in (("cheap", cheap), ("analytic", analytic)):
        tell_times(title, tally.took(names))
        tell_times(f"{title}, from {_SETTLED_S:g} s on", tally.took(names, _SETTLED_S))
    if args.each_second:
        tell_each_second(tally, cheap, analytic, took_s)
    sys.stdout.write(f"  {tally.answered() / took_s:.0f} answers/s in all, {len(tally.wrong)} wrong\n")
    if args.kill:
        sys.stdout.write(f"  {len(killed)} workers killed, {tally.lost} calls had to be sent again\n")
    for at, rss in memory:
        sys.stdout.write(f"  after {at:5.0f} s: RSS {' '.join(f'{one:.0f}' for one in rss)} MB\n")
    assert not tally.wrong, tally.wrong[:3]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison, then the mix."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=0, help="let the mix last so long instead")
    parser.add_argument("--kill", type=float, default=0, help="kill a worker every so many seconds")
    parser.add_argument("--tokens", type=int, default=0, help="bearer tokens that the clients share out")
    parser.add_argument("--each-second", action="store_true", help="show each second of the mix")
    parser.add_argument("--config", default="minimal")
    parser.add_argument("--path", default="/mcp", help="the gateway, or one server's /NAME/mcp")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bare-sse", action="store_true", help="compare with the SDK's default, not with plain JSON")
    parser.add_argument("--bare-httptools", action="store_true", help="compare with a bare server that has our parser")
    parser.add_argument("--no-bare", action="store_true", help="leave the comparison out")
    args = parser.parse_args(argv)
    short = max(3.0, min(20.0, args.seconds / 4))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        echo_rate = echo_s = 0.0
        if not args.no_bare:
            words = [] if args.bare_sse else ["json"]
            words += ["httptools"] if args.bare_httptools else []
            with bare(args.workers, folder, *words) as (pid, port):
                echo = tool("echo", lambda result: b'"hello"' in result, text="hello")
                time.sleep(2)
                sys.stdout.write(f"bare SDK echo server, {args.clients} clients\n")
                asked = cheap_only(pid, port, "/mcp", [(echo, 1.0)], args.clients, short)
                echo_rate, echo_s = asyncio.run(asked)
        rate = each_s = 0.0
        for tokens_shown in [0, args.tokens] if args.tokens else [0]:
            more = with_tokens(args.clients, tokens_shown) if tokens_shown else []
            with ours(args.workers, folder, args.config, *more) as (process, port):
                tokens = tokens_of(folder, tokens_shown)
                time.sleep(2)
                cheap, analytic = asyncio.run(our_calls(port, args.path, tokens))
                if not args.no_bare:
                    sys.stdout.write(f"ours, cheap calls only{f', {tokens_shown} tokens' if tokens_shown else ''}\n")
                    asked = cheap_only(process.pid, port, args.path, cheap, args.clients, short, tokens)
                    before, (rate, each_s) = (rate, each_s), asyncio.run(asked)
                    sys.stdout.write(f"  ratio {rate / echo_rate:.2f} by answers, {echo_s / each_s:.2f} by CPU\n")
                    if tokens_shown:
                        more_s = each_s - before[1]
                        sys.stdout.write(
                            f"  tokens, rates and the trail cost {more_s * 1e3:.2f} ms of CPU an answer: "
                            f"{rate / before[0]:.2f} times the answers without\n"
                        )
                if tokens_shown == args.tokens:
                    sys.stdout.write("ours, cheap and analytic calls\n")
                    asyncio.run(mixed(args, process, port, cheap + analytic, tokens))
    return 0


if __name__ == "__main__":
    sys.exit(main())
