"""Searching beside PyPI's `duckduckgo-mcp-server`, both asking a DuckDuckGo played on loopback; and the local index.

Run: ``python benchmarks/search.py [--rounds 5] [--only NAME]``. The player is that of the tests, so it needs what they
need. Prints milliseconds and the ratio of ours to the peer's; asserts only that the answers are right. Targets: half
of the peer's for a new search, a tenth for one that was asked before. The waits that our pace puts between requests
are outside of what is measured, as is the peer's own limit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import peer_servers
import side_by_side
from engines_played import DDG_TEXT, played
from line_client import Server, text_of
from search_served import ddg_ten_each
from side_by_side import OURS, Case, Contest

from openmanager_search.index_command import index

PACKAGE, VERSION = "duckduckgo-mcp-server", "0.7.0"
PER_MINUTE = 600
FILES, WORDS_EACH, KNOWN_WORDS = 5_000, 300, 20_000
NEEDLE = "zanzibar"


def new(name: str, number: int) -> Mapping[str, Any]:
    """A question that nobody has asked; ours when its next turn has come."""
    if name == OURS:
        time.sleep(60 / PER_MINUTE * 1.1)
    return {"query": f"question {number}"}


def again(name: str, number: int) -> Mapping[str, Any]:
    """The question of the call before."""
    if number == 0 and name == OURS:
        time.sleep(60 / PER_MINUTE * 1.1)
    return {"query": "the same question"}


def right(text: str) -> bool:
    """Whether all ten results are there."""
    return "Found 10 search results" in text and "https://www.example.org/page/9" in text


CASES = (
    Case("a new search", "search", new, 10, 0.5, right),
    Case("the same search again", "search", again, 20, 0.1, right),
)


def profile(folder: Path, **section: object) -> str:
    """A profile with the search server alone."""
    lines = ['servers = ["search"]', "[search]", *(f"{key} = {json.dumps(value)}" for key, value in section.items())]
    (folder / "search.toml").write_text("\n".join(lines), encoding="utf-8")
    return str(folder / "search.toml")


def command(config: str) -> list[str]:
    """What starts our server."""
    return [sys.executable, "-m", "openmanager_kit", "serve", "search", "--config", config]


def write_files(folder: Path) -> int:
    """Write a folder of notes, English and Korean by turns, one of them with the needle; gives their bytes."""
    chance = random.Random(7)
    latin = ["".join(chance.choices("abcdefghijklmnoprstuvw", k=chance.randint(3, 10))) for _ in range(KNOWN_WORDS)]
    hangul = ["".join(chr(chance.randint(0xAC00, 0xD7A3)) for _ in range(chance.randint(2, 5))) for _ in latin]
    size = 0
    for number in range(FILES):
        words = chance.choices(hangul if number % 2 else latin, k=WORDS_EACH)
        if number == FILES // 2:
            words += [NEEDLE, "바늘을찾아서"]
        text = f"# Note {number}\n\n{' '.join(words)} common\n"
        below = folder / f"{number % 50:02d}"
        below.mkdir(exist_ok=True)
        size += (below / f"{number}.md").write_text(text, encoding="utf-8")
    return size


def local_index(scratch: Path, rounds: int) -> None:
    """Print how long the index takes to make, to look over again, and to search."""
    folder, home = scratch / "notes", scratch / "home"
    folder.mkdir()
    size = write_files(folder)
    times: dict[str, float] = {}
    for name in ("made", "looked over"):
        begun_s = time.perf_counter()
        summary = index(home, folder, "notes")
        times[name] = time.perf_counter() - begun_s
        assert summary.files == FILES
    sys.stdout.write(
        f"\na local index of {FILES} files, {size / 1e6:.1f} million characters: made in {times['made']:.2f} s "
        f"({FILES / times['made']:.0f} files/s), looked over again in {times['looked over']:.3f} s\n"
    )
    env = {**os.environ, "OPENMANAGER_HOME": str(home)}
    with Server(command(profile(scratch, engines=["local"])), env=env) as server:
        for name, query, first in (
            ("one file has the word", NEEDLE, f"Note {FILES // 2}"),
            ("in the middle of a Korean word", "찾아", f"Note {FILES // 2}"),
            ("every file has the word", "common", "Found 10"),
            ("no file has the word", "absolutelynothing", "No results"),
        ):
            walls_s: list[float] = []
            for _ in range(rounds * 10):
                line, wall_s = server.call("search", {"query": query, "engine": "local"})
                walls_s.append(wall_s)
            assert first in text_of(line), text_of(line)[:300]
            sys.stdout.write(
                f"{name:<46}{statistics.median(walls_s) * 1e3:10.2f} ms p50{max(walls_s) * 1e3:9.2f} max\n"
            )


def main(argv: Sequence[str] | None = None) -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="run the cases with this in their name")
    parser.add_argument("--modern", action="store_true", help="speak 2026-07-28 with our server")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as given:
        scratch = Path(given)
        with played(scratch) as stage:
            stage.hosts[DDG_TEXT] = ddg_ten_each
            os.environ |= {"HTTPS_PROXY": stage.proxy, "DDG_CA_CERTS": stage.ca_file, "DDG_SEARCH_RPM": "1000000"}
            config = profile(
                scratch, engines=["duckduckgo"], proxy=stage.proxy, ca_file=stage.ca_file, per_minute=PER_MINUTE
            )
            peer = peer_servers.from_pypi(PACKAGE, VERSION)
            contest = Contest(command(config), command(config), peer, args.rounds, args.modern)
            side_by_side.compare(contest, [case for case in CASES if args.only in case.name])
        if args.only in "local index":
            local_index(scratch, args.rounds)


if __name__ == "__main__":
    main()
