"""The wheel and the source archive hold what they should, and the wheel works where nothing else of ours is."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import anyio
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters

ROOT = Path(__file__).resolve().parents[2]


def build(kind: str, folder: Path) -> Path:
    """Build with the back end that `pyproject.toml` names."""
    words = (sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(folder))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr[-800:]
    [made] = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_every_module_and_profile_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(["git", "ls-files", "shared", "servers"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode == 0 and tracked.stdout:
        assert {name.split("/", 1)[1] for name in tracked.stdout.splitlines()} <= names
    assert {f"openmanager_kit/configs/{p.name}" for p in (ROOT / "configs").glob("*.toml")} <= names
    assert {name.split("/")[0].rsplit("_", 1)[0] for name in names} == {"openmanager"}
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_the_source_archive_holds_what_tests_and_packages_need(tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = {"pyproject.toml", "server.json", "packaging/manifest.toml", "tools/package.py", "Makefile", "LICENSE",
              "requirements.lock", "configs/minimal.toml", "tests/conftest.py", "README.ko.md"}  # fmt: skip
    assert wanted <= names


def test_the_wheel_works_where_nothing_else_of_ours_is(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, timeout=50)
    python = venv / "bin/python"
    words = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check", wheel]
    subprocess.run(words, check=True, timeout=50)
    [site] = venv.glob("lib/python*/site-packages")
    # What it depends on is borrowed from this environment; a .pth in there, as of an editable install, is not followed.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    environ = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environ |= {"OPENMANAGER_HOME": str(tmp_path / "state")}
    program = str(venv / "bin/openmanager")

    def said(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=tmp_path, timeout=50)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert said(program, "--version").startswith("openmanager 0.")
    assert Path(said(str(python), "-c", "import openmanager_kit; print(openmanager_kit.__file__)")).is_relative_to(site)
    assert "development" in said(program, "configs", "list")
    parameters = StdioServerParameters(command=program, args=["serve", "--config", "minimal"], env=environ)
    assert "fleet_overview" in anyio.run(tools_of, parameters)


async def tools_of(parameters: StdioServerParameters) -> set[str]:
    async with Client(parameters) as client:
        return {tool.name for tool in (await client.list_tools()).tools}
