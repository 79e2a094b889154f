"""Equal work that is wanted by several calls at once is done once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio

from openmanager_core.errors import FleetError

T = TypeVar("T")


@dataclass(slots=True)
class _Flight:
    done: anyio.Event = field(default_factory=anyio.Event)
    result: Any = None
    error: FleetError | None = None
    landed: bool = False


class Flights:
    """The first caller of a key works, the others wait; if the first gives up, one of them goes on."""

    def __init__(self) -> None:
        self._flights: dict[Any, _Flight] = {}

    async def once(self, key: Any, work: Callable[[], Awaitable[T]]) -> T:
        """Give the result of `work`, or of the same work that is under way already."""
        while (flight := self._flights.get(key)) is not None:
            await flight.done.wait()
            if flight.error is not None:
                raise flight.error.with_traceback(None)
            if flight.landed:
                result: T = flight.result
                return result
        flight = self._flights[key] = _Flight()
        try:
            flight.result = await work()
            flight.landed = True
            return flight.result  # type: ignore[no-any-return]
        except FleetError as exc:
            flight.error = exc
            raise
        finally:
            del self._flights[key]
            flight.done.set()
