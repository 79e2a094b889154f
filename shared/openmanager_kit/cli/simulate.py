"""``openmanager simulate``: serve a simulated fleet to Prometheus, or write a stretch of it to a file."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from openmanager_core.errors import ConfigError, FleetError

if TYPE_CHECKING:
    from openmanager_core.panel import Window
    from openmanager_core.simulator import Fault, Simulator

_START_S = 1_793_577_600.0  # Monday, 2026-11-02, 00:00 UTC: a file's content must not depend on when it is made
_LISTEN = "127.0.0.1:9105"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default=None,
        help=f"serve /metrics there (default {_LISTEN}; port 0 picks a free one; the URL is the first line on stderr)",
    )
    where.add_argument("--out", metavar="FILE.npz", type=Path, help="write the screened metrics as a NumPy archive")
    where.add_argument(
        "--openmetrics", metavar="FILE", type=Path, help="write all metrics for promtool tsdb create-blocks-from"
    )
    parser.add_argument("--servers", type=int, default=30, metavar="N", help="1 to 100000 (default 30)")
    parser.add_argument("--seed", type=int, default=7, metavar="K", help="which fleet (default 7)")
    parser.add_argument("--tick", type=float, default=3.0, metavar="S", help="seconds between new values (default 3)")
    parser.add_argument("--hours", type=float, default=24.0, metavar="H", help="files: how much time (default 24)")
    parser.add_argument("--step", type=float, default=60.0, metavar="S", help="files: seconds between samples")
    parser.add_argument(
        "--start", type=float, default=_START_S, metavar="UNIX_S", help="files: first instant (default a fixed Monday)"
    )
    parser.add_argument(
        "--scenario",
        metavar="NAME",
        help="incident, quiet, black_friday or leaky_release, as it looks now (files: at their end). "
        "Without it nothing goes wrong, except in --out files, which get faults of all kinds drawn from the seed",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND:TARGET[:START:LASTS:SEVERITY]",
        help="something that goes wrong (repeatable): START seconds after now or after the file's first instant "
        "(may be negative), LASTS seconds (0: goes on), SEVERITY up to 1 (default 0.8)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until a signal, or write the file; 0 when done."""
    if args.out is None and args.openmetrics is None:
        return _serve(args)
    from openmanager_core.panel import Window

    hours = args.hours
    try:
        window = Window(args.start, args.start + hours * 3600.0, args.step)
    except FleetError as exc:
        raise ConfigError(f"--hours {hours:g} --step {args.step:g}: {exc.message}") from exc
    simulator = _simulator(args, now_s=window.end_s, zero_s=window.start_s, draw=window if args.out else None)
    if args.out:
        from openmanager_core.simulator.archive import write_archive

        write_archive(args.out, simulator, window)
        text = f"{len(simulator.fleet().servers)} servers x {window.n_times} instants, {len(simulator.faults)} faults"
        sys.stderr.write(f"wrote {args.out}: {text}\n")
    else:
        from openmanager_core.files import written
        from openmanager_core.simulator.exposition import Exposition

        with written(args.openmetrics) as file:
            samples = Exposition(simulator).write_history(file, window)
        sys.stderr.write(f"wrote {args.openmetrics}: {samples} samples\n")
    return 0


def _simulator(args: argparse.Namespace, *, now_s: float, zero_s: float, draw: Window | None) -> Simulator:
    """The fleet that the options describe; every mistake in them is a usage error."""
    from openmanager_core.simulator import Simulator
    from openmanager_core.simulator.scenarios import random_faults, scenario

    try:
        simulator = Simulator(args.servers, args.seed, args.tick)
        fleet = simulator.fleet()
        faults: tuple[Fault, ...] = ()
        if args.scenario:
            faults = scenario(args.scenario, fleet, now_s)
        elif draw is not None and not args.fault:
            faults = random_faults(fleet, draw.start_s, draw.end_s, args.seed)
        return simulator.with_faults((*faults, *(_fault(text, zero_s) for text in args.fault)))
    except FleetError as exc:
        raise ConfigError(f"{exc.message}" + (f". Try: {exc.hint}" if exc.hint else "")) from exc


def _fault(text: str, zero_s: float) -> Fault:
    from openmanager_core.simulator import Fault

    kind, *rest = text.split(":")
    if not 1 <= len(rest) <= 4 or not rest[0]:
        raise ConfigError(f"--fault wants KIND:TARGET[:START:LASTS:SEVERITY], got {text!r}")
    try:
        start, lasts, severity = [float(x) for x in rest[1:]] + [0.0, 0.0, 0.8][len(rest) - 1 :]
    except ValueError:
        raise ConfigError(f"--fault wants numbers for START, LASTS and SEVERITY, got {text!r}") from None
    end_s = zero_s + start + lasts if lasts else None
    return Fault("", kind, (rest[0],), zero_s + start, end_s, severity)  # type: ignore[arg-type]  # checked with the fleet


def _serve(args: argparse.Namespace) -> int:
    from openmanager_core.simulator.serving import FleetServer, address

    now_s = time.time()
    host, port = address(_LISTEN if args.listen is None else args.listen)
    simulator = _simulator(args, now_s=now_s, zero_s=now_s, draw=None)
    stop = threading.Event()
    with FleetServer(simulator, host, port) as server:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stop.set())
        worker = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        worker.start()
        sys.stderr.write(f"{server.url}\n")
        sys.stderr.flush()
        stop.wait()
        server.shutdown()
        worker.join(5)
    return 0
