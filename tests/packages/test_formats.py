"""Every package format says the same, is up to date, and starts what it says; nobody published anything yet."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import package_formats as formats
import pytest
import served
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

ROOT = formats.ROOT
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_nothing_is_out_of_date() -> None:
    assert formats.tool().main(["--check"]) == 0


def test_every_format_names_this_version() -> None:
    version = PROJECT["version"]
    server = formats.read("server.json")
    assert (server["version"], server["packages"][0]["version"]) == (version, version)
    for name in ("packaging/mcpb/manifest.json", "gemini-extension.json"):
        assert formats.read(name)["version"] == version
    assert formats.read("packaging/claude-plugin/.claude-plugin/plugin.json")["version"] == version
    assert f'image.version="{version}"' in (ROOT / "Dockerfile").read_text("utf-8")


def test_the_registry_would_take_its_entry() -> None:
    """The bounds of the schema of 2025-12-11 that an entry like ours can miss."""
    server = formats.read("server.json")
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", server["name"])
    assert f"<!-- mcp-name: {server['name']} -->" in (ROOT / "README.md").read_text("utf-8")
    assert 1 <= len(server["description"]) <= 100
    assert 1 <= len(server["title"]) <= 100
    [package] = server["packages"]
    assert package["identifier"] == PROJECT["name"]
    assert package["registryType"] == "pypi" and package["transport"] == {"type": "stdio"}
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", package["version"])
    for said in package["packageArguments"]:
        assert said["type"] in ("positional", "named")
        assert said["type"] == "named" or said.get("value") or said.get("valueHint")
        assert said["type"] == "positional" or said["name"].startswith("--")


def test_variables_are_settings_of_ours() -> None:
    from openmanager_kit.settings import TABLE

    known = {setting.variable for setting in TABLE}
    assert {v["name"] for v in formats.read("server.json")["packages"][0]["environmentVariables"]} <= known
    assert set(formats.read("packaging/mcpb/manifest.json")["server"]["mcp_config"]["env"]) <= known
    assert {s["envVar"] for s in formats.read("gemini-extension.json")["settings"]} <= known


def test_every_format_starts_the_same_but_for_the_folder() -> None:
    started = formats.started()
    assert len(started) == 7
    folders = {}
    for name, words in started.items():
        assert words[:3] == ["serve", "--config", "development"], name
        folders[name] = words[3:]
    assert folders.pop("lmstudio.ai") == []
    assert {tuple(rest[:1]) for rest in folders.values()} == {("--root",)}
    assert formats.buttons("README.ko.md") == formats.buttons()


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["mcpb", "lmstudio.ai"])
async def test_what_is_started_answers(name: str, tmp_path: Path) -> None:
    words = [str(tmp_path) if word.startswith("${") else word for word in formats.started()[name]]
    empty = {"OPENMANAGER_PROMETHEUS_URL": "", "OPENMANAGER_READ_ONLY": "false"}  # as a client passes what is not set
    program, *args = served.command(*words)
    environ = served.environment(tmp_path / "state") | empty
    async with Client(StdioServerParameters(command=program, args=args, env=environ)) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
    assert "fleet_overview" in names
    assert ("read_text_file" in names) == (name == "mcpb")


INSTRUCTIONS = {"FROM", "WORKDIR", "COPY", "RUN", "LABEL", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL",
                "HEALTHCHECK", "ENTRYPOINT", "CMD"}  # fmt: skip


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile, an instruction an element."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines.splitlines() if line)]


def test_the_image_is_described_as_it_should_be() -> None:
    """There is no daemon where this was written: the image was never built, so what can be read is checked."""
    steps = instructions()
    assert {word for word, _ in steps} <= INSTRUCTIONS
    last = max(i for i, (word, _) in enumerate(steps) if word == "FROM")
    final = dict(steps[last:])
    assert final["USER"] == "openmanager"
    assert [word for word, _ in steps[last:]].index("USER") < [word for word, _ in steps[last:]].index("ENTRYPOINT")
    assert 'io.modelcontextprotocol.server.name="io.github.openmanager/openmanager-mcp"' in final["LABEL"]
    assert not re.search(r":latest|--privileged|ADD ", (ROOT / "Dockerfile").read_text("utf-8"))
    for rest in (rest for word, rest in steps if word == "FROM"):
        assert re.fullmatch(r"\S+:\S+( AS \w+)?", rest)
    for word in ("ENTRYPOINT", "CMD"):
        assert isinstance(json.loads(final[word]), list)
    copied = [rest.split()[:-1] for word, rest in steps if word == "COPY" and "--from" not in rest]
    allowed = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for name in (name for names in copied for name in names):
        assert (ROOT / name).exists() and f"!{name}" in allowed, name


def test_what_the_image_runs_becomes_healthy(tmp_path: Path) -> None:
    """Its command and its health check, outside of a container, on another port."""
    final = dict(instructions())
    health = json.loads(final["HEALTHCHECK"].partition("CMD ")[2])
    environ = dict(pair.split("=", 1) for pair in final["ENV"].split() if pair.startswith("OPENMANAGER_"))
    work = tmp_path / "work"
    work.mkdir()
    environ |= {"OPENMANAGER_HOME": str(tmp_path / "data"), "OPENMANAGER_ROOTS": str(work)}
    environ = served.environment(tmp_path / "data") | environ | {"OPENMANAGER_TOKEN": "t" * 32}
    command = served.command(*json.loads(final["CMD"]), "--port", "0")
    process: Any = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    try:
        url = process.stderr.readline().split()[-1].replace("0.0.0.0", "127.0.0.1").removesuffix("/mcp")
        health[health.index("--url") + 1] = url
        done = subprocess.run(served.command(*health[1:]), capture_output=True, text=True, env=environ, timeout=50)
        assert done.returncode == 0, done.stdout + done.stderr
        stranger = {**environ, "OPENMANAGER_TOKEN": "x" * 32}
        assert subprocess.run(served.command(*health[1:]), capture_output=True, env=stranger, timeout=50).returncode
    finally:
        process.terminate()
        process.communicate(timeout=20)
    without = {k: v for k, v in environ.items() if k != "OPENMANAGER_TOKEN"}
    refused = subprocess.run(command, capture_output=True, text=True, env=without, timeout=50)
    assert refused.returncode == 2 and "OPENMANAGER_TOKEN" in refused.stderr
    assert list(work.iterdir()) == []
