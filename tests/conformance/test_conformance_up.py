"""The suite's generic scenarios against a profile as ``openmanager up`` serves it: the gateway and a single server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from served_up import up

from conformance import node_tools

HERE = Path(__file__).parent
pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the development profile."""
    home = tmp_path_factory.mktemp("home")
    with up(home, "--root", str(home)) as running:
        yield running.base


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
@pytest.mark.parametrize("path", ["/mcp", "/openmanager-local/mcp"])
def test_what_is_served_over_http_passes_everything_generic(
    path: str, revision: str, base: str, tmp_path: Path
) -> None:
    done = node_tools.run(
        "@modelcontextprotocol/conformance",
        "dist/index.js",
        "server", "--url", f"{base}{path}", "--requirements", revision,
        "--expected-failures", str(HERE / f"expected_failures_up_{revision}.yml"), "-o", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "✓ tools-list" in done.stdout and "✓ dns-rebinding-protection" in done.stdout
