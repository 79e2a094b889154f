"""One worker of ``openmanager up``: serves the whole profile on a socket that its supervisor opened."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from pathlib import Path

from openmanager_core.errors import ConfigError
from openmanager_kit.hosting import tuning
from openmanager_kit.hosting.orders import Orders

BEAT_S = 1.0
READY = b"r"
ALIVE = b"."
EXIT_CONFIG = 2


def main() -> int:
    """Serve until a signal comes or the supervisor is gone."""
    tuning.starting()
    orders = Orders.read(sys.stdin.buffer.readline())
    try:
        code = _serve(orders)
    except ConfigError as exc:
        sys.stderr.write(f"openmanager: {exc}\n")
        return EXIT_CONFIG
    from openmanager_kit.hosting.leaving import leave

    leave(code)
    return code


def _serve(orders: Orders) -> int:
    import anyio

    from openmanager_kit import logs
    from openmanager_kit.access.assembly import access_of
    from openmanager_kit.access.crew import Crew
    from openmanager_kit.backups.holding import hold
    from openmanager_kit.hosting.fairness import loop_factory
    from openmanager_kit.hosting.http import run_app
    from openmanager_kit.hosting.leaving import Leaving
    from openmanager_kit.hosting.metrics import Metrics
    from openmanager_kit.hosting.service import service_app
    from openmanager_kit.profile import load_profile
    from openmanager_kit.registry import build_gateway

    profile = load_profile(orders.config, orders.flags, os.environ)
    logs.configure(profile.log_level)
    shared = Path(orders.shared) if orders.shared else None
    crew = Crew(shared, orders.number, orders.workers) if shared is not None and orders.workers > 1 else None
    gateway = build_gateway(profile, bytes.fromhex(orders.state_key), shared)
    hold(profile.home)
    app = service_app(gateway, profile.http, access_of(profile, os.environ, crew), Metrics(orders.starts))
    sock = socket.socket(fileno=orders.socket)
    leaving = Leaving()
    threading.Thread(target=_watch_supervisor, daemon=True).start()

    async def run() -> None:
        beating: asyncio.Task[None] | None = None

        def tell() -> None:
            nonlocal beating
            tuning.serving()
            os.write(orders.beat, READY)
            beating = asyncio.get_running_loop().create_task(_beat(orders.beat))

        await run_app(app, sock, leaving, tell, profile.http)
        if beating is not None:
            beating.cancel()

    try:
        anyio.run(run, backend_options={"loop_factory": loop_factory()})
    finally:
        leaving.done()
    return leaving.code


async def _beat(fd: int) -> None:
    """Show that the event loop turns."""
    os.set_blocking(fd, False)
    while True:
        try:
            os.write(fd, ALIVE)
        except BlockingIOError:
            pass  # the supervisor is busy and will read that we live
        except OSError:
            return
        await asyncio.sleep(BEAT_S)


def _watch_supervisor() -> None:
    """End this process when the supervisor's end of standard input closes, however it died."""
    # Not through sys.stdin: this thread would hold its lock, which the interpreter wants when it ends.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
