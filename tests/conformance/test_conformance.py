"""The protocol's own conformance suite against our server class, for both protocol eras, expected failures named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import node_tools

HERE = Path(__file__).parent
pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]


def fixture_command(*words: str) -> list[str]:
    return [sys.executable, str(HERE / "fixture_server.py"), *words]


def environ() -> dict[str, str]:
    import kit_served

    return kit_served.environment(HERE)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve the fixture over HTTP."""
    process = subprocess.Popen(fixture_command(), stderr=subprocess.PIPE, text=True, env=environ())
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        assert line.startswith("conformance listens on "), line + process.stderr.read()
        yield line.split()[-1]
    finally:
        process.terminate()
        process.wait(10)
        process.stderr.close()


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_the_conformance_suite_passes(revision: str, url: str, tmp_path: Path) -> None:
    baseline = HERE / f"expected_failures_{revision}.yml"
    done = node_tools.run(
        "@modelcontextprotocol/conformance",
        "dist/index.js",
        "server", "--url", url, "--requirements", revision,
        "--expected-failures", str(baseline), "-o", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "=== SUMMARY ===" in done.stdout
