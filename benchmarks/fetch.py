"""Reading pages beside PyPI's `duckduckgo-mcp-server` and `mcp-server-fetch`, from a site on loopback, in turn.

Run: ``python benchmarks/fetch.py [--rounds 5] [--only NAME]``. Pages of 10 kB, 200 kB and 2 MB, each call another
address, so nobody answers from a cache. Prints milliseconds and the ratio of ours to the peer's; asserts only that the
answers are right. Targets: a third of `duckduckgo-mcp-server`, half of `mcp-server-fetch`; no cheap call waits more
than 20 ms for a page of 2 MB.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import peer_servers
import side_by_side
from side_by_side import Behind, Case, Contest
from written_page import FIRST, page_of

DDG, FETCH = ("duckduckgo-mcp-server", "0.7.0"), ("mcp-server-fetch", "2026.10.24")
SIZES = {"10 kB": 10_000, "200 kB": 200_000, "2 MB": 2_000_000}


@contextmanager
def loopback_site() -> Iterator[str]:
    """Serve the pages: ``/10_kB/1`` and so on."""
    chance = random.Random(1)
    pages = {name.replace(" ", "_"): page_of(size, chance) for name, size in SIZES.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # as every real server has it: else a kept connection waits 40 ms for nothing

        def do_GET(self) -> None:
            body = pages.get(self.path.split("/")[1], b"")
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def cases(tool: str, base: str, at_most: float, more: Mapping[str, object]) -> list[Case]:
    """List the calls of one comparison."""

    def arguments(name: str) -> side_by_side.Arguments:
        return lambda contestant, number: {"url": f"{base}/{name.replace(' ', '_')}/{contestant}-{number}", **more}

    return [
        Case(f"{tool} of {name}", tool, _quoted(arguments(name)), calls, at_most, lambda text: FIRST in text)
        for name, calls in (("10 kB", 10), ("200 kB", 5), ("2 MB", 2))
    ]


def _quoted(arguments: side_by_side.Arguments) -> side_by_side.Arguments:
    def safe(contestant: str, number: int) -> Mapping[str, object]:
        return {key: str(value).replace(" ", "_").replace(",", "") if key == "url" else value
                for key, value in arguments(contestant, number).items()}  # fmt: skip

    return safe


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparisons."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="run the cases with this in their name")
    args = parser.parse_args(argv)
    with loopback_site() as base, tempfile.TemporaryDirectory() as scratch:
        profile = Path(scratch) / "profile.toml"
        port = base.rpartition(":")[2]
        profile.write_text(
            f'servers = ["search"]\n[search]\nallow_private = ["127.0.0.1"]\nallow_ports = [{port}]\n', encoding="utf-8"
        )
        ours = [sys.executable, "-m", "openmanager_kit", "serve", "search", "--config", str(profile)]
        ddg = [*peer_servers.from_pypi(*DDG), "--allow-private-urls", "--fetch-rpm", "100000"]
        fetch = [*peer_servers.from_pypi(*FETCH), "--allow-private-ips"]
        for peer, tool, at_most, more in (
            (ddg, "fetch_content", 1 / 3, {}),
            (ddg, "fetch_content", 1 / 3, {"parse_mode": "markdown"}),
            (fetch, "fetch", 1 / 2, {}),
        ):
            sys.stdout.write(f"\nbeside {Path(peer[0]).name}{''.join(f', {k}={v}' for k, v in more.items())}\n")
            contest = Contest(ours, ours, peer, args.rounds)
            found = [case for case in cases(tool, base, at_most, more) if args.only in case.name]
            if found:
                side_by_side.compare(contest, found)
        slow = ("fetch_content", {"url": f"{base}/2_MB/slow"})
        for peer, cheap in ((ddg, {"url": f"{base}/10_kB/kept"}),):
            contest = Contest(ours, ours, peer, args.rounds)
            row = Behind("a kept page during a page of 2 MB", *slow, "fetch_content", cheap)
            if args.only in row.name:
                side_by_side.compare_waits(contest, [row])
    return 0


if __name__ == "__main__":
    sys.exit(main())
