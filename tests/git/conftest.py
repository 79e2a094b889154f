"""A user of their own for each test of the changing half."""

from __future__ import annotations

from pathlib import Path

import pytest
from git_made import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A user with nothing but a name."""
    folder = tmp_path / "user"
    folder.mkdir()
    return Home(folder, monkeypatch)
