"""What every test shares."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from openmanager_kit.wording import language_of

if language_of(os.environ) != "en":
    os.environ["LC_ALL"] = "C.UTF-8"  # what commands say is compared in English, on every developer's machine

settings.register_profile(
    "project", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
# In CI the same examples every time: a verdict there is about the change. New ones are tried on every other machine.
settings.register_profile("ci", settings.get_profile("project"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "project"))


@pytest.fixture
def anyio_backend() -> str:
    """The SDK runs on asyncio; so do we."""
    return "asyncio"


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores, since many tests wait: for engines, browsers and clients."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the one that waits three minutes for a real engine, so that others run beside it."""
    items.sort(key=lambda item: "test_live_prometheus" not in item.nodeid)
