"""``openmanager shadcn mirror`` fills the cache ahead."""

from __future__ import annotations

from pathlib import Path

import pytest
import served as processes
from mcp.client import Client
from shadcn_served import BASE, item, project, registry, server, text

from openmanager_kit.cli.main import main

PROFILE = """
servers = ["shadcn-ui"]
[shadcn-ui]
registry_url = "{base}"
directory = false
"""


@pytest.fixture
def no_network_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENMANAGER_HOME", str(tmp_path / "home"))


def words(tmp_path: Path, base: str, *more: str) -> list[str]:
    config = tmp_path / "own.toml"
    config.write_text(PROFILE.format(base=base))
    return ["shadcn", "mirror", "--config", str(config), "--root", str(tmp_path / "p"), *more]


@pytest.mark.usefixtures("no_network_settings")
def test_everything_is_there_afterwards_without_a_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = project(tmp_path / "p")
    with registry(item("button"), item("card"), item("dialog")) as source:
        assert main(words(tmp_path, source.base)) == 0
        base = source.base
    assert "3 items are in the cache" in capsys.readouterr().out

    async def offline() -> None:
        async with Client(server(folder, tmp_path / "home", base, ttl_s=0)) as client:
            assert "@shadcn/dialog" in text(await client.call_tool("search_items_in_registries", {"query": "dialog"}))
            for name in ("button", "card", "dialog"):
                assert "export function" in text(await client.call_tool("view_items_in_registries", {"items": [name]}))

    import anyio

    anyio.run(offline)


@pytest.mark.usefixtures("no_network_settings")
def test_only_some_items_and_what_they_need(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project(tmp_path / "p")
    with registry(item("button"), item("card"), item("dialog", registryDependencies=["button"])) as source:
        assert main(words(tmp_path, source.base, "--item", "dialog")) == 0
        assert source.count("card.json") == 0
    assert "2 items" in capsys.readouterr().out


@pytest.mark.usefixtures("no_network_settings")
def test_what_could_not_be_brought_is_named_and_the_exit_code_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path / "p", {"@gone": "https://gone.invalid/{name}.json"})
    with registry(item("button"), item("card")) as source:
        del source.documents[f"{BASE}/card.json"]
        assert main(words(tmp_path, source.base, "--registry", "@shadcn", "--registry", "@none")) == 1
    told = capsys.readouterr()
    assert "1 items are" in told.out and "@shadcn/card" in told.err and "@none" in told.err


def test_the_command_is_in_the_help_and_explains_itself(tmp_path: Path) -> None:
    assert "shadcn" in processes.run(tmp_path, ["--help"]).stdout
    told = processes.run(tmp_path, ["shadcn", "mirror", "--help"])
    assert told.returncode == 0 and "--registry" in told.stdout
