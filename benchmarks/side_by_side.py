"""Two MCP servers over standard input and output, the same work in turn: what the comparisons with peers share.

Blocks of calls in the order A B, B A, so what the machine does meanwhile falls on both; processor time of the whole
process tree. On a shared machine trust the ratio of processor times most, then the ratio of p50 (the median of one
ratio per round), then best.
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from line_client import Server, text_of

MOST_CHARS = 20_000_000
"""What a server that bounds its answers is asked for where the whole answer is wanted."""

MOST_CHEAP, BETWEEN_S = 300, 0.003
WHOLE_FLAGS = ("--answer-chars", "40000000")
Arguments = Callable[[str, int], Mapping[str, Any]]
"""From the name of a contestant and the number of the call to the arguments."""


@dataclass(frozen=True)
class Case:
    """Work that every contestant does, and what is asked of ours."""

    name: str
    tool: str
    arguments: Arguments
    calls: int
    """In one block."""

    at_most: float
    """Target: our p50 over the peer's."""

    holds: Callable[[str], bool]
    """Whether a whole answer is right. One that was cut need only not be a failure."""

    whole: bool = False
    """Ours cuts the answer unless asked for more: compare both ways."""

    free_s: float = 0.0
    """Seconds above the target that are the SDK's and not ours."""

    raw: Sequence[str] = ()
    """A command that does the work without a server."""


EVERYTHING = {"max_chars": MOST_CHARS, "limit": 100_000}
LISTINGS = ("list_directory", "list_directory_with_sizes", "search_files")
"""Where `limit` counts entries."""


@dataclass
class Times:
    """What one contestant took, round by round."""

    wall_s: list[list[float]] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    answer_bytes: int = 0

    def p50_s(self) -> float:
        """Median over every call."""
        return statistics.median(wall for block in self.wall_s for wall in block)

    def best_s(self) -> float:
        """The lowest median of a block: what the quietest moment gave."""
        return min(statistics.median(block) for block in self.wall_s)


@dataclass
class Contestant:
    """A server under the name it has in the tables."""

    name: str
    server: Server
    whole: bool
    """It was started without a bound on its answers."""

    numbers: dict[str, int] = field(default_factory=dict)

    def run(self, case: Case, times: Times, calls: int) -> None:
        """Run one block, into `times`."""
        walls_s, line = [], b""
        known = self.server.arguments[case.tool]
        more = {name: most for name, most in EVERYTHING.items() if self.whole and name in known}
        if case.tool not in LISTINGS:
            more.pop("limit", None)
        before_s = self.server.cpu_s()
        for _ in range(calls):
            number = self.numbers[case.name] = self.numbers.get(case.name, -1) + 1
            line, wall_s = self.server.call(case.tool, {**case.arguments(self.name, number), **more})
            walls_s.append(wall_s)
        times.cpu_s.append((self.server.cpu_s() - before_s) / calls)
        times.wall_s.append(walls_s)
        times.answer_bytes = len(line)
        text = text_of(line)
        complete = self.whole or not case.whole
        assert not complete or case.holds(text), f"{self.name}, {case.name}: {text[:500]}"


def run_raw(command: Sequence[str], times: Times, calls: int) -> None:
    """Run the command of a case instead of a server."""
    walls_s, size = [], 0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(calls):
        begun_s = time.perf_counter()
        size = len(subprocess.run(command, check=True, capture_output=True).stdout)
        walls_s.append(time.perf_counter() - begun_s)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    times.cpu_s.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / calls)
    times.wall_s.append(walls_s)
    times.answer_bytes = size


OURS, OURS_WHOLE, PEER, RAW = "ours", "ours, all of it", "peer", "raw"


@dataclass(frozen=True)
class Contest:
    """Who takes part: the commands of our server, with and without its bounds, and of the peer if there is one."""

    ours: Sequence[str]
    ours_whole: Sequence[str]
    peer: Sequence[str] | None
    rounds: int
    modern: bool = False

    def open(self, stack: ExitStack) -> dict[str, Contestant]:
        """Start everyone."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("OPENMANAGER_")}
        env["OPENMANAGER_HOME"] = stack.enter_context(tempfile.TemporaryDirectory())
        commands = {OURS: self.ours, OURS_WHOLE: self.ours_whole, PEER: self.peer}
        return {
            name: Contestant(
                name,
                stack.enter_context(Server(command, modern=self.modern and name != PEER, env=env)),
                whole=name != OURS,
            )
            for name, command in commands.items()
            if command is not None
        }


def in_turn(names: Sequence[str], rounds: int) -> Iterator[str]:
    """Every name once a round, the order turned round each time."""
    for number in range(rounds):
        yield from names if number % 2 == 0 else reversed(names)


def compare(contest: Contest, cases: Sequence[Case]) -> None:
    """Run the cases and print a line for each."""
    sys.stdout.write(
        f"{'ms':<46}{'ours p50':>10}{'peer p50':>10}{'raw p50':>9}{'ours best':>10}{'peer best':>10}"
        f"{'ratio':>8}{'CPU':>7}{'ours kB':>9}{'peer kB':>9}  target\n"
    )
    with ExitStack() as stack:
        contestants = contest.open(stack)
        for case in cases:
            times = {name: Times() for name in contestants if case.whole or name != OURS_WHOLE}
            if case.raw:
                times[RAW] = Times()
            for name in times:
                _block(case, name, contestants, Times(), 1)  # what is read once is in memory from here on
            for name in in_turn(list(times), contest.rounds):
                _block(case, name, contestants, times[name], case.calls)
            _write_row(case.name, case, times[OURS], times)
            if case.whole:
                _write_row(f"{case.name}, all of it", case, times[OURS_WHOLE], times)


def _block(case: Case, name: str, contestants: Mapping[str, Contestant], times: Times, calls: int) -> None:
    if name == RAW:
        run_raw(case.raw, times, calls)
    else:
        contestants[name].run(case, times, calls)


def _write_row(label: str, case: Case, ours: Times, times: Mapping[str, Times]) -> None:
    peer, raw = times.get(PEER), times.get(RAW)
    row = f"{label:<46}{ours.p50_s() * 1e3:10.2f}{_ms(peer, Times.p50_s):>10}{_ms(raw, Times.p50_s):>9}"
    row += f"{ours.best_s() * 1e3:10.2f}{_ms(peer, Times.best_s):>10}"
    if peer is None:
        sys.stdout.write(f"{row}{'-':>8}{'-':>7}{ours.answer_bytes / 1e3:9.1f}{'-':>9}  no peer\n")
        return
    pairs = zip(ours.wall_s, peer.wall_s, strict=True)
    ratio = statistics.median(statistics.median(mine) / statistics.median(theirs) for mine, theirs in pairs)
    met = ratio <= case.at_most or ours.p50_s() <= case.at_most * peer.p50_s() + case.free_s
    cpu = f"{sum(ours.cpu_s) / theirs_s:.3f}" if (theirs_s := sum(peer.cpu_s)) > 0 else "-"
    sys.stdout.write(
        f"{row}{ratio:8.3f}{cpu:>7}{ours.answer_bytes / 1e3:9.1f}{peer.answer_bytes / 1e3:9.1f}"
        f"  {case.at_most:g} {'met' if met else 'NOT met'}\n"
    )
    sys.stdout.flush()


def _ms(times: Times | None, figure: Callable[[Times], float]) -> str:
    return "-" if times is None else f"{figure(times) * 1e3:.2f}"


@dataclass(frozen=True)
class Behind:
    """A cheap call that is made while a slow one is in flight."""

    name: str
    slow: str
    slow_arguments: Mapping[str, Any]
    cheap: str
    cheap_arguments: Mapping[str, Any]
    at_most_s: float = 0.020


def waits(contestant: Contestant, behind: Behind) -> list[float]:
    """Seconds that each cheap call took during one slow call."""
    server, found = contestant.server, []
    more = {"max_chars": MOST_CHARS} if contestant.whole and "max_chars" in server.arguments[behind.slow] else {}
    slow = server.send_call(behind.slow, {**behind.slow_arguments, **more})
    running = True
    while running and len(found) < MOST_CHEAP:
        begun_s = time.perf_counter()
        cheap = server.send_call(behind.cheap, behind.cheap_arguments)
        answered = -1
        while answered != cheap:
            answered, line, at_s = server.receive()
            running = running and answered != slow
        found.append(at_s - begun_s)
        text_of(line)
        time.sleep(BETWEEN_S)
    while running:
        running = server.receive()[0] != slow
    return found


def compare_waits(contest: Contest, rows: Sequence[Behind]) -> None:
    """Print how long a cheap call waits for a slow one, beside how long it takes alone."""
    sys.stdout.write(f"\n{'a cheap call, ms':<46}{'':<18}{'alone p50':>10}{'p50':>9}{'max':>9}{'calls':>7}  target\n")
    with ExitStack() as stack:
        contestants = contest.open(stack)
        for row in rows:
            alone: dict[str, list[float]] = {name: [] for name in contestants}
            during: dict[str, list[float]] = {name: [] for name in contestants}
            for name in in_turn(list(contestants), contest.rounds + 1):
                server = contestants[name].server
                alone[name] += [server.call(row.cheap, row.cheap_arguments)[1] for _ in range(20)]
                during[name] += waits(contestants[name], row)
            for name, seen in during.items():
                _write_wait(row, name, alone[name], seen)


def _write_wait(row: Behind, name: str, alone: Sequence[float], during: Sequence[float]) -> None:
    worst_s = max(during)
    verdict = "-" if name == PEER else "met" if worst_s <= row.at_most_s else "NOT met"
    sys.stdout.write(
        f"{row.name:<46}{name:<18}{statistics.median(alone) * 1e3:10.2f}{statistics.median(during) * 1e3:9.2f}"
        f"{worst_s * 1e3:9.2f}{len(during):7}  max {row.at_most_s * 1e3:g} {verdict}\n"
    )
    sys.stdout.flush()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what every comparison takes."""
    parser.add_argument("--ours", help="our server's command; {root} in it becomes the folder")
    parser.add_argument("--peer", help="the peer's command, without the folder; or with {root} for it")
    parser.add_argument("--data", type=Path, help="keep the generated data there and use it again")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="run the cases with this in their name")
    parser.add_argument("--modern", action="store_true", help="speak 2026-07-28 with our server")


def contest(args: argparse.Namespace, server: str, root: Path, peer: Sequence[str] | None, *flags: str) -> Contest:
    """Put the commands together: `peer` is what it starts with, `flags` stand between that and the folder."""
    ours = [sys.executable, "-m", "openmanager_kit", "serve", server, "--root", str(root)]
    whole = [*ours, *WHOLE_FLAGS]
    if args.ours:
        ours = whole = [word.replace("{root}", str(root)) for word in shlex.split(args.ours)]
    if peer is not None:
        placed = any("{root}" in word for word in peer)
        peer = [word.replace("{root}", str(root)) for word in peer] if placed else [*peer, *flags, str(root)]
    return Contest(ours, whole, peer, args.rounds, args.modern)
