"""The shadcn-ui server beside npm's `shadcn mcp`, the same calls in turn, over one local registry.

Run: ``python benchmarks/shadcn.py [--rounds 5] [--only NAME] [--peer COMMAND] [--items 450]``. Both ask a registry that
serves HTTP on loopback in a process of its own, with keep-alive and ETags; the peer is installed into the user's cache
unless its command is given. Prints milliseconds and the ratio of ours to the peer's; asserts only that the answers are
right. Target for the p50 of search and view: half of the peer's. An item that was never seen is
downloaded, checked and stored by ours, and downloaded only by the peer: no target but twice. The last lines are a new
process's first search, with an empty cache and with a kept one, and the memory after many calls.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import peer_servers
import side_by_side
from line_client import Server, text_of
from side_by_side import Case, Contest

PACKAGE, VERSION = "shadcn", "4.23.0"
BASE = "/r/styles/new-york-v4"
WORDS = ("button", "card", "dialog", "table", "input", "menu", "chart", "sidebar", "form", "calendar")
LINES = 60
MANY = 1_500


def make_items(count: int) -> list[dict[str, Any]]:
    """Make items with names, descriptions and sources as registries have them."""
    items = []
    for number in range(count):
        first, second = WORDS[number % 10], WORDS[(number // 10) % 10]
        name = first if number < 10 else f"{first}-{second}-{number:03d}"
        source = "\n".join(f"  const line{line} = cn('{name}', 'px-{line % 8} py-2')" for line in range(LINES))
        content = f"export function Part{number}() {{\n{source}\n  return <div />\n}}\n"
        items.append(
            {
                "name": name,
                "type": "registry:ui" if number % 3 else "registry:block",
                "description": f"A {first} for use with a {second}, number {number}",
                "dependencies": ["radix-ui", "clsx"],
                "files": [{"path": f"registry/ui/{name}.tsx", "type": "registry:ui", "content": content}],
            }
        )
    return items


def serve(count: int) -> None:
    """Serve the registry until the process is ended; its port is printed first."""
    items = make_items(count)
    bare = [{**item, "files": [{"path": item["files"][0]["path"], "type": "registry:ui"}]} for item in items]
    documents = {f"{BASE}/{item['name']}.json": json.dumps(item).encode() for item in items}
    documents[f"{BASE}/registry.json"] = json.dumps({"name": "ui", "homepage": "x", "items": bare}).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = documents.get(self.path.partition("?")[0], b"")
            etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
            known = self.headers.get("if-none-match") == etag
            self.send_response(304 if known else 200 if body else 404)
            self.send_header("content-type", "application/json")
            self.send_header("etag", etag)
            self.send_header("content-length", str(0 if known else len(body)))
            self.end_headers()
            if not known:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


@contextmanager
def local_registry(count: int) -> Iterator[str]:
    """The base of a registry in a process of its own."""
    process = subprocess.Popen([sys.executable, __file__, "--serve", str(count)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/r"
    finally:
        process.kill()
        process.communicate()


def make_project(root: Path) -> None:
    """Make the project that both servers work in."""
    config = {
        "style": "new-york-v4", "rsc": True, "tsx": True,
        "tailwind": {"config": "", "css": "app.css", "baseColor": "neutral", "cssVariables": True},
        "aliases": {"components": "@/components", "utils": "@/lib/utils"},
    }  # fmt: skip
    (root / "components.json").write_text(json.dumps(config), encoding="utf-8")
    (root / "package.json").write_text('{"name": "p"}', encoding="utf-8")
    (root / "package-lock.json").write_text("{}", encoding="utf-8")
    paths = {"compilerOptions": {"baseUrl": ".", "paths": {"@/*": ["./*"]}}}
    (root / "tsconfig.json").write_text(json.dumps(paths), encoding="utf-8")
    (root / "own.toml").write_text('servers = ["shadcn-ui"]\n[shadcn-ui]\ndirectory = false\n', encoding="utf-8")


def make_cases(items: Sequence[dict[str, Any]]) -> list[Case]:
    """List the calls of the comparison."""
    ui = {"registries": ["@shadcn"]}
    half = 1 / 2

    def named(number: int) -> str:
        return f"@shadcn/{items[number % len(items)]['name']}"

    return [
        Case(
            "search for one word",
            "search_items_in_registries",
            lambda who, number: {**ui, "query": "sidebar"},
            20,
            half,
            lambda text: "sidebar" in text and "Part" not in text,
        ),
        Case(
            "search, another word each time",
            "search_items_in_registries",
            lambda who, number: {**ui, "query": WORDS[number % 10]},
            20,
            half,
            lambda text: "@shadcn" in text,
        ),
        Case(
            "search for 10 of a type",
            "search_items_in_registries",
            lambda who, number: {**ui, "query": "card", "types": ["block"], "limit": 10},
            20,
            half,
            lambda text: "card" in text,
        ),
        Case(
            "list of 100",
            "list_items_in_registries",
            lambda who, number: {**ui, "limit": 100},
            20,
            half,
            lambda text: "button" in text,
        ),
        Case(
            "view one item, the same again",
            "view_items_in_registries",
            lambda who, number: {"items": [named(0)]},
            20,
            half,
            lambda text: "button" in text,
        ),
        Case(
            "view one item, first seen: a download",
            "view_items_in_registries",
            lambda who, number: {"items": [named(number)]},
            20,
            2,
            lambda text: "radix-ui" in text,
        ),
        Case(
            "add command",
            "get_add_command_for_items",
            lambda who, number: {"items": [named(0), named(1)]},
            20,
            1,
            lambda text: "shadcn@latest add" in text,
        ),
    ]


def first_calls(name: str, command: Sequence[str], rounds: int) -> None:
    """Print what the first search of a new process takes: with an empty cache, and with what the last one left."""
    taken: dict[str, list[float]] = {"empty": [], "kept": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            env = {**os.environ, "OPENMANAGER_HOME": home}
            for state in taken:
                with Server(command, env=env) as server:
                    arguments = {"registries": ["@shadcn"], "query": "sidebar"}
                    begun_s = time.perf_counter()
                    line, _ = server.call("search_items_in_registries", arguments)
                    taken[state].append(time.perf_counter() - begun_s)
                    assert "sidebar" in text_of(line)
    for state, walls_s in taken.items():
        sys.stdout.write(f"first search, cache {state}: {name} {statistics.median(walls_s) * 1e3:.1f} ms\n")


def memory(name: str, command: Sequence[str], items: Sequence[dict[str, Any]]) -> None:
    """Print how much memory a server holds after many searches and views."""
    seen: list[str] = []
    with Server(command) as server:
        process = server.process
        for number in range(MANY + 1):
            query = {"registries": ["@shadcn"], "query": WORDS[number % 10]}
            server.call("search_items_in_registries", query)
            server.call("view_items_in_registries", {"items": [f"@shadcn/{items[number % len(items)]['name']}"]})
            if number in (0, MANY // 15, MANY // 3, MANY):
                seen.append(f"{process.memory_info().rss / 2**20:.0f} after {number + 1}")
    sys.stdout.write(f"MiB resident, searches and views: {name} {', '.join(seen)}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    side_by_side.add_arguments(parser)
    parser.add_argument("--items", type=int, default=450)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.serve:
        serve(args.serve)
        return 0
    found = shlex.split(args.peer) if args.peer else peer_servers.from_npm(PACKAGE, VERSION, "dist/index.js")
    peer = None if found is None else [*found, "mcp"]
    with tempfile.TemporaryDirectory() as scratch, local_registry(args.items) as base:
        root = Path(os.path.realpath(scratch))
        make_project(root)
        os.chdir(root)
        os.environ["REGISTRY_URL"] = base
        ours = [sys.executable, "-m", "openmanager_kit", "serve", "shadcn-ui", "--root", str(root)]
        ours += ["--config", str(root / "own.toml")]
        contest = Contest(ours, ours, peer, args.rounds, args.modern)
        cases = [case for case in make_cases(make_items(args.items)) if args.only in case.name]
        side_by_side.compare(contest, cases)
        os.environ["OPENMANAGER_HOME"] = str(root / "home")
        first_calls("ours", ours, args.rounds)
        if peer is not None:
            first_calls("peer", peer, args.rounds)
        for name, command in (("ours", ours), ("peer", peer)):
            if command is not None and not args.only:
                memory(name, command, make_items(args.items))
    return 0


if __name__ == "__main__":
    sys.exit(main())
