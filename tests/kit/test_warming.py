"""Servers load what they need before the first call; one that cannot keeps nobody from starting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from openmanager_core.errors import ConfigError, SourceUnavailable
from openmanager_core.source import SourceSettings
from openmanager_kit.hosting.members import Member, gathered, warmed
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads
from openmanager_local.analyst import Analyst


def hello() -> str:
    """Greet."""
    return "hello"


class Warming:
    """Can be warmed; `problem` is what comes of it, none given ends never."""

    def __init__(self, problem: Exception | None) -> None:
        self.problem = problem
        self.begun = False

    async def warm(self) -> None:
        self.begun = True
        if self.problem is None:
            await anyio.sleep_forever()
        raise self.problem


class Ready(Warming):
    async def warm(self) -> None:
        self.begun = True


def member(name: str, state: Any) -> Member:
    [made] = gathered([(name, lambda: OpenManagerServer(name, tools=(reads(hello, "Greet"),), state=state))])
    return made


def missing() -> OpenManagerServer:
    raise ConfigError("not here")


@pytest.mark.anyio
async def test_all_are_warmed_whatever_becomes_of_one() -> None:
    states: list[Any] = [Warming(SourceUnavailable("away")), Warming(ZeroDivisionError()), Warming(None), Ready(None)]
    members = [member(f"server-{number}", state) for number, state in enumerate([*states, object()])]
    members += gathered([("missing", missing)], quietly=True)
    await warmed(members, within_s=0.05)
    assert all(state.begun for state in states)


@pytest.mark.anyio
async def test_a_fleet_is_warmed_without_its_source_being_asked(tmp_path: Path) -> None:
    opened: list[SourceSettings] = []

    def opener(settings: SourceSettings) -> Any:
        opened.append(settings)
        return object()  # whatever is asked of it fails

    analyst = Analyst(SourceSettings(kind="prometheus", url="http://127.0.0.1:9"), tmp_path, opener)
    await analyst.warm()
    assert len(opened) == 1
    ledger = await analyst.require_ledger()
    assert await ledger.incidents() == []
    await ledger.aclose()
    assert len(opened) == 1
