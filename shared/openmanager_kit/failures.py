"""What a failure looks like from outside: domain errors word for word, crashes as an id and nothing else."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import anyio
from mcp.server.mcpserver.exceptions import (
    ResourceError,
    ResourceNotFoundError,
    ToolError,
    UnexpectedResourceError,
)
from mcp.shared.exceptions import MCPError

from openmanager_core.errors import DeadlineExceeded, FleetError, JobCancelled, NotFound
from openmanager_core.job import Job, current_job

T = TypeVar("T")
_CLOSE_S = 0.5

_log = logging.getLogger(__name__)


def crash(exc: BaseException, where: str) -> str:
    """Log a crash with its traceback and give the text for the client: an id that finds it in the log."""
    number = secrets.token_hex(4)
    _log.error("internal error %s in %s", number, where, exc_info=exc)
    return f"internal error, id {number}. The server's log says more."


class ToolErrors:
    """Turns what a tool raises inside of the block into an error whose text is for the model."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None: ...

    def __exit__(self, exc_type: Any, exc: BaseException | None, traceback: Any) -> None:
        if isinstance(exc, FleetError):
            raise ToolError(str(exc)) from exc
        if isinstance(exc, JobCancelled):
            raise ToolError("cancelled: the work was stopped before it was done.") from exc
        if isinstance(exc, Exception) and not isinstance(exc, (MCPError, ToolError, ResourceError)):
            raise ToolError(crash(exc, f"tool {self._name}")) from exc


def domain_error(exc: BaseException | None) -> FleetError | None:
    """Find the domain's own error behind the wrappers that the SDK put around it."""
    while exc is not None:
        if isinstance(exc, FleetError):
            return exc
        exc = exc.__cause__
    return None


async def in_time(work: Awaitable[T], what: str, deadline_s: float) -> T:
    """Await `work` as a job of its own.

    Raises
    ------
    DeadlineExceeded
        If it takes longer than `deadline_s`.
    """
    async with _job_scope():
        with anyio.move_on_after(deadline_s):
            return await work
    raise DeadlineExceeded(f"{what} did not finish within {deadline_s:g} s and was stopped", hint="again later")


@asynccontextmanager
async def _job_scope() -> AsyncIterator[Job]:
    """Have a job of one's own; its threads stop when the block ends, however it ends."""
    job = Job()
    token = current_job.set(job)
    try:
        yield job
    finally:
        job.cancel()
        current_job.reset(token)


@contextmanager
def resource_errors(uri: str) -> Iterator[None]:
    """Turn what a resource raises into the SDK's errors with the right text.

    Raises
    ------
    ResourceNotFoundError
        For a `NotFound` of the domain: clients get "invalid params".
    ResourceError
        For any other domain error, and for a crash, which is logged.
    """
    try:
        yield
    except FleetError as exc:
        raise _resource_error(exc) from exc
    except UnexpectedResourceError as exc:
        domain = domain_error(exc)
        if domain is not None:
            raise _resource_error(domain) from exc
        raise ResourceError(crash(exc.__cause__ or exc, f"resource {uri}")) from exc


def _resource_error(exc: FleetError) -> ResourceError:
    return (ResourceNotFoundError if isinstance(exc, NotFound) else ResourceError)(str(exc))


async def aclose(state: Any, within_s: float) -> None:
    """Close what a server was built around, if it can be closed; never raises, never takes long."""
    close = getattr(state, "aclose", None)
    if close is None:
        return
    with anyio.move_on_after(within_s, shield=True) as scope:
        try:
            await close()
        except Exception:
            _log.exception("closing %s failed", type(state).__name__)
    if scope.cancelled_caught:
        _log.warning("closing %s took longer than %g s", type(state).__name__, within_s)


@asynccontextmanager
async def closing_the_state(server: Any) -> AsyncIterator[Any]:
    """Give a server's state, and close it when the server ends."""
    state = getattr(server, "state", None)
    try:
        yield state
    finally:
        await aclose(state, _CLOSE_S)
