"""The bundle, the plugin and the extension as the programs that read them see them, installed from npm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import package_formats as formats
import pytest
import served
from conformance import node_tools

ROOT = formats.ROOT
CLIENTS = ROOT / "tests/e2e/clients/package.json"
MCPB = Path(__file__).parent / "node/package.json"

pytestmark = [pytest.mark.node, pytest.mark.timeout(700)]


def run(home: Path, *words: str, manifest: Path = CLIENTS, cwd: Path = ROOT) -> str:
    folders = (home / "bin", *(node_tools.folder(m) / "node_modules/.bin" for m in (manifest, CLIENTS)))
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("CLAUDE", "GEMINI", "OPENMANAGER"))}
    environ |= {"HOME": str(home), "PATH": os.pathsep.join([*map(str, folders), os.environ["PATH"]])}
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=180, env=environ)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    return done.stdout + done.stderr


def test_the_bundle_is_valid_and_packs(tmp_path: Path) -> None:
    assert formats.tool().main(["--bundle", str(tmp_path / "bundle")]) == 0
    run(tmp_path, "mcpb", "validate", str(tmp_path / "bundle/manifest.json"), manifest=MCPB)
    run(tmp_path, "mcpb", "pack", str(tmp_path / "bundle"), str(tmp_path / "om.mcpb"), manifest=MCPB)
    names = set(zipfile.ZipFile(tmp_path / "om.mcpb").namelist())
    assert {
        "manifest.json",
        "pyproject.toml",
        "configs/development.toml",
        "shared/openmanager_kit/__main__.py",
    } <= names
    assert not any("__pycache__" in name or name.startswith("tests") for name in names)


def test_the_extension_is_valid(tmp_path: Path) -> None:
    assert "successfully validated" in run(tmp_path, "gemini", "extensions", "validate", str(ROOT))


def test_the_plugin_is_valid_and_connects_once_installed(tmp_path: Path) -> None:
    """``uvx`` stands for itself here: it runs this checkout with the words that the plugin gives it."""
    for folder in (ROOT, ROOT / "packaging/claude-plugin"):
        assert "Validation passed" in run(tmp_path, "claude", "plugin", "validate", str(folder))
    uvx = tmp_path / "bin/uvx"
    uvx.parent.mkdir()
    environ = served.environment(tmp_path / "state")
    kept = " ".join(f"{name}='{environ[name]}'" for name in ("PYTHONPATH", "OPENMANAGER_HOME"))
    uvx.write_text(f'#!/bin/sh\nshift 3\nexec env {kept} {sys.executable} -m openmanager_kit "$@"\n')
    uvx.chmod(0o755)
    project = tmp_path / "project"
    project.mkdir()
    run(tmp_path, "claude", "plugin", "marketplace", "add", str(ROOT), cwd=project)
    run(tmp_path, "claude", "plugin", "install", "openmanager@openmanager-mcp", cwd=project)
    listed = run(tmp_path, "claude", "mcp", "list", cwd=project)
    [line] = [line for line in listed.splitlines() if "openmanager" in line]
    assert "Connected" in line
    assert json.loads((ROOT / ".claude-plugin/marketplace.json").read_text())["plugins"][0]["name"] == "openmanager"
