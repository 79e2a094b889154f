"""The suite, the Inspector and the reference server from npm, at the versions of ``package.json``, once per machine.

``OPENMANAGER_TEST_NODE`` names a folder with a ready ``node_modules``; otherwise they go into the user's cache.
Without npm, or without a network, the tests are skipped; with ``CI`` set they fail.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs
import pytest

_MANIFEST = Path(__file__).parent / "package.json"
_INSTALL_S = 600


def folder(manifest: Path = _MANIFEST) -> Path:
    """Find or make the folder that holds the ``node_modules`` of a manifest, by default of ours."""
    named = os.environ.get("OPENMANAGER_TEST_NODE")
    if named and manifest == _MANIFEST:
        return Path(named)
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest()[:12]
    target = platformdirs.user_cache_path("openmanager-tests", appauthor=False) / f"node-{digest}"
    if not target.exists():
        _install(manifest, target)
    return target


def _install(manifest: Path, target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        _give_up("npm is not installed")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        shutil.copy(manifest, scratch)
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"],
            cwd=scratch,
            capture_output=True,
            text=True,
            timeout=_INSTALL_S,
        )
        if done.returncode != 0:
            _give_up(f"npm install failed: {done.stderr[-500:]}")
        try:
            Path(scratch).rename(target)
        except OSError:
            if not target.exists():  # another run was faster otherwise
                raise
        else:
            Path(scratch).mkdir()  # what the context manager wants to remove


def _give_up(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def command(package: str, script: str, *words: str) -> list[str]:
    """Build the command line that runs a script of an npm package with the pinned Node.js."""
    modules = folder() / "node_modules"
    return [str(modules / ".bin" / "node"), str(modules / package / script), *words]


def run(package: str, script: str, *words: str, timeout_s: float = 170) -> subprocess.CompletedProcess[str]:
    """Run a script of an npm package with the pinned Node.js."""
    bin_folder = folder() / "node_modules" / ".bin"
    environ = os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        command(package, script, *words), capture_output=True, text=True, timeout=timeout_s, env=environ
    )
