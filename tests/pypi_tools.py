"""Programs from PyPI that the project does not depend on, at exact versions, installed once per machine.

Each has an environment of its own in the user's cache. Without a network the tests are skipped; with ``CI`` set they
fail.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

_INSTALL_S = 600


def program(requirement: str, name: str) -> Path:
    """Find or install the program `name` of a pinned requirement."""
    digest = hashlib.sha256(f"{requirement} {sys.version_info[:2]}".encode()).hexdigest()[:12]
    target = platformdirs.user_cache_path("openmanager-tests", appauthor=False) / f"pypi-{digest}"
    target.parent.mkdir(parents=True, exist_ok=True)
    done = target / "installed"
    # An environment holds its own path, so it can not be made elsewhere and renamed: the lock keeps others away
    # while it is made, and the file that is written last says that it is whole.
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _install(requirement, target)
            done.touch()
    return target / "bin" / name


def _install(requirement: str, target: Path) -> None:
    pip = (str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    for command in ((sys.executable, "-m", "venv", "--clear", str(target)), (*pip, requirement)):
        made = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_S)
        if made.returncode != 0:
            reason = f"{' '.join(command[:4])} failed: {(made.stderr or made.stdout)[-500:]}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
