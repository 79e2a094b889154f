"""The reference servers that ours are compared with, at exact versions, installed once into the user's cache."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import platformdirs


def from_npm(package: str, version: str, script: str) -> list[str] | None:
    """Find or install a package from npm: the command that runs its script, or None where there is no npm."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        sys.stdout.write(f"npm is not installed: {package} is left out\n")
        return None
    target = _folder(f"{package.rpartition('/')[2]}-{version}")
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            made = Path(scratch) / "made"
            _run(npm, "install", "--no-audit", "--no-fund", "--prefix", str(made), f"{package}@{version}")
            made.rename(target)
    return [node, str(target / "node_modules" / package / script)]


def from_pypi(package: str, version: str) -> list[str]:
    """Find or install a package from PyPI in an environment of its own: the command that runs it."""
    target = _folder(f"{package}-{version}")
    done = target / "installed"
    if not done.exists():  # an environment can not be renamed, so the last file says that it is complete
        venv.create(target, clear=True, with_pip=True)
        _run(str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", f"{package}=={version}")
        done.touch()
    return [str(target / "bin" / package)]


def _folder(name: str) -> Path:
    parent = platformdirs.user_cache_path("openmanager-benchmarks", appauthor=False)
    parent.mkdir(parents=True, exist_ok=True)
    return parent / name


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:3])} failed: {done.stderr[-1000:]}")
