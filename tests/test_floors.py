"""The layout's promises: imports go down only, files stay small, servers and registry agree."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE, KIT, SERVERS = ROOT / "shared/openmanager_core", ROOT / "shared/openmanager_kit", ROOT / "servers"

FLOORS = (
    (
        "near",
        "errors",
        "catalog",
        "fleet",
        "findings",
        "panel",
        "job",
        "text",
        "timespan",
        "files",
        "operations_log",
        "resilience",
        "facts",
        "wording",
    ),
    ("screening", "simulator", "source"),
    ("validation",),
    ("processing",),
    ("analysis", "knowledge"),
    ("storage",),
    ("postmortem", "postmortem_words"),
)
"""Of the core, lowest first: a module imports from its own floor or from below."""

HEAVY_AT_START = {"numpy", "aiosqlite", "psutil", "pyarrow"}


def imports(path: Path) -> Iterator[str]:
    """Every module that the file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def floor_of(module: str) -> int | None:
    part = module.split(".")[1] if "." in module else ""
    return next((i for i, names in enumerate(FLOORS) if part in names), None)


def sources(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*.py"))


@pytest.mark.parametrize("path", sources(CORE), ids=lambda p: str(p.relative_to(CORE)))
def test_the_core_imports_neither_mcp_nor_anything_above_its_own_floor(path: Path) -> None:
    relative = path.relative_to(CORE).with_suffix("")
    own = floor_of("openmanager_core." + ".".join(relative.parts))
    for name in imports(path):
        top = name.split(".")[0]
        assert top not in {"mcp", "mcp_types", "starlette", "pydantic", "openmanager_kit"}, name
        assert not top.startswith("openmanager_") or top == "openmanager_core", name
        theirs = floor_of(name) if top == "openmanager_core" else None
        if own is not None and theirs is not None:
            assert theirs <= own, f"{path.name} imports {name}, which is on a higher floor"


def test_every_core_module_stands_on_a_floor() -> None:
    known = {name for floor in FLOORS for name in floor} | {"__init__"}
    found = {p.stem if p.is_file() else p.name for p in CORE.iterdir() if p.suffix == ".py" or p.is_dir()}
    assert found - {"__pycache__"} <= known


@pytest.mark.parametrize("path", sources(KIT), ids=lambda p: str(p.relative_to(KIT)))
def test_the_kit_imports_no_server(path: Path) -> None:
    servers = {p.name for p in SERVERS.iterdir() if p.is_dir()}
    assert not {name.split(".")[0] for name in imports(path)} & servers


def test_servers_never_import_each_other() -> None:
    names = {p.name for p in SERVERS.iterdir() if p.is_dir() and p.name != "__pycache__"}
    for folder in names:
        for path in sources(SERVERS / folder):
            assert not {name.split(".")[0] for name in imports(path)} & (names - {folder}), path


def test_every_server_folder_has_its_line_in_the_registry_and_the_reverse() -> None:
    from openmanager_kit import registry

    folders = {p.name for p in SERVERS.iterdir() if (p / "server.py").exists()}
    assert {module.split(".")[0] for module in registry.SERVERS.values()} == folders


@pytest.mark.parametrize("folder", ["shared", "servers", "tests", "benchmarks"])
def test_no_file_is_longer_than_400_lines(folder: str) -> None:
    long = {
        str(p.relative_to(ROOT)): n
        for p in sources(ROOT / folder)
        if (n := len(p.read_text("utf-8").splitlines())) > 400
    }
    assert not long, "look for the second file hiding in it"


@pytest.mark.parametrize(
    "path", [*sources(CORE), *sources(KIT), *sources(SERVERS)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_file_says_in_its_first_line_why_it_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text)), path


def test_the_core_imports_where_only_its_three_libraries_are() -> None:
    code = (
        "import sys\n"
        "for name in ('mcp', 'mcp_types', 'starlette', 'pydantic', 'psutil', 'pyarrow', 'platformdirs'):\n"
        "    sys.modules[name] = None\n"
        "import pkgutil, importlib, openmanager_core\n"
        "for m in pkgutil.walk_packages(openmanager_core.__path__, 'openmanager_core.'):\n"
        "    if not m.name.endswith(('._psutil', '.host')):\n"
        "        importlib.import_module(m.name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, env=_paths())
    assert done.returncode == 0, done.stderr[-800:]


def test_starting_a_server_imports_nothing_heavy_before_the_first_call() -> None:
    code = (
        "import sys\n"
        "import openmanager_local.server, openmanager_kit.hosting.stdio, openmanager_kit.cli.serve\n"
        f"sys.stdout.write(','.join(sorted({HEAVY_AT_START!r} & set(sys.modules))))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, env=_paths())
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-800:]


def _paths() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "shared"), str(SERVERS)])}
