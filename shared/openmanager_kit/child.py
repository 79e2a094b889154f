"""Child processes that are bounded in time and output, stop when nobody waits any more, and end with us.

A child runs in a process group of its own, with the environment it is given and no standard input unless some is
passed; the whole group is ended when the block or the call is left, however it is left.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio

from openmanager_core.errors import DeadlineExceeded, StorageUnavailable

_CHUNK = 256 * 1024
_LOOK_S, _LINGER_S = 0.05, 0.25
_LIVE: set[int] = set()
KEPT = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
"""Variables that a child may inherit; everything else is left out."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a child said, and how it ended.

    Attributes
    ----------
    code
        Exit code; minus the number of the signal that ended it.
    cut
        Whether there was more output than was asked for: the child was ended then.
    """

    code: int
    out: bytes
    err: bytes
    cut: bool = False


class Child:
    """A running child process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._said = bytearray()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give its standard output as it comes."""
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(_CHUNK):
            yield data

    async def ended(self) -> int:
        """Wait for its end; gives the exit code."""
        return await self._process.wait()

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs. Known even while something it started holds its output open."""
        return self._process.returncode

    async def errors(self, most: int = 64 * 1024) -> bytes:
        """Give its standard error, the first `most` bytes of it, when it has closed it."""
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(_CHUNK):
            self._said += data[: most - len(self._said)]
        return self.said

    @property
    def said(self) -> bytes:
        """What it has written to standard error so far, as `errors` collects it."""
        return bytes(self._said)

    async def say(self, data: bytes) -> None:
        """Write to its standard input and leave it open, for a child that takes one request after another.

        Raises
        ------
        ConnectionError
            If it no longer reads.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        await self._process.stdin.drain()

    async def feed(self, data: bytes) -> None:
        """Write its standard input and close it; a child that does not read is no failure."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError, ConnectionResetError):
                self._process.stdin.write(data)
                await self._process.stdin.drain()
            self._process.stdin.close()


@asynccontextmanager
async def child(
    words: Sequence[str | bytes],
    *,
    cwd: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
    given: bool = False,
    pass_fds: Sequence[int] = (),
    grace_s: float = 0.0,
) -> AsyncIterator[Child]:
    """Start a program, without a shell; its group is gone when the block ends.

    Parameters
    ----------
    words
        Program and arguments.
    env
        The whole environment; `plain_environment` by default.
    given
        Whether `Child.feed` or `Child.say` will be called; otherwise standard input is empty.
    grace_s
        How long a child that still runs may take to clean up (its lock files) before it is ended the hard way.

    Raises
    ------
    StorageUnavailable
        If the program cannot be started.
    """
    try:
        # Whoever is cancelled between the fork and its end would leave a child that nobody knows of.
        with anyio.CancelScope(shield=True):
            process = await asyncio.create_subprocess_exec(
                *words,
                cwd=cwd,
                env=dict(plain_environment() if env is None else env),
                stdin=subprocess.PIPE if given else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                pass_fds=tuple(pass_fds),
                limit=_CHUNK,
            )
    except OSError as exc:
        name = os.fsdecode(words[0]).rpartition("/")[2]
        raise StorageUnavailable(f"{name} cannot be started: {exc.strerror}", hint=f"install {name}") from exc
    _LIVE.add(process.pid)
    try:
        yield Child(process)
    finally:
        if grace_s and process.returncode is None:
            _end_group(process.pid, signal.SIGTERM)
            with anyio.move_on_after(grace_s, shield=True):
                while process.returncode is None:  # noqa: ASYNC110
                    await anyio.sleep(0.002)  # its wait() would also wait for whoever holds its output open
        _end_group(process.pid, signal.SIGKILL)
        with anyio.CancelScope(shield=True), anyio.move_on_after(1):
            await process.wait()
        transport = getattr(process, "_transport", None)
        if transport is not None:
            transport.close()
        _LIVE.discard(process.pid)


async def run(
    words: Sequence[str | bytes],
    *,
    cwd: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
    given: bytes | None = None,
    deadline_s: float = 30.0,
    most_bytes: int = 64 * 1024 * 1024,
    pass_fds: Sequence[int] = (),
    grace_s: float = 0.0,
) -> Finished:
    """Run a program to its end and collect what it says, up to `most_bytes` of standard output.

    Something that it leaves behind in the background with its output open is not waited for.

    Raises
    ------
    DeadlineExceeded
        If it takes longer than `deadline_s`; it has been ended then.
    StorageUnavailable
        If it cannot be started.
    """
    out, err, cut, code = bytearray(), b"", False, 0
    with anyio.move_on_after(deadline_s) as scope:
        async with child(
            words, cwd=cwd, env=env, given=given is not None, pass_fds=pass_fds, grace_s=grace_s
        ) as running:

            async def collect() -> bool:
                async for data in running.chunks():
                    out.extend(data)
                    if len(out) > most_bytes:
                        return True
                return False

            collecting = asyncio.ensure_future(collect())
            errors = asyncio.ensure_future(running.errors())
            feeding = asyncio.ensure_future(running.feed(given or b""))
            try:
                await _until_over(running, collecting, errors)
                cut = collecting.done() and collecting.result()
                if not cut:
                    err = errors.result() if errors.done() else running.said
                    code = running.code if running.code is not None else await running.ended()
            finally:
                collecting.cancel()
                errors.cancel()
                feeding.cancel()
    if scope.cancelled_caught:
        name = os.fsdecode(words[0]).rpartition("/")[2]
        raise DeadlineExceeded(f"{name} did not finish within {deadline_s:g} s and was stopped", hint="ask for less")
    return Finished(code, bytes(out[:most_bytes]), err, cut)


async def _until_over(running: Child, collecting: asyncio.Future[bool], errors: asyncio.Future[bytes]) -> None:
    """Wait until both outputs are closed, too much was said, or the child has ended and somebody else holds them."""
    linger_s = 0.0
    while linger_s < _LINGER_S:
        pending = {one for one in (collecting, errors) if not one.done()}
        if not pending or (collecting.done() and collecting.result()):
            return
        await asyncio.wait(pending, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        if running.code is not None:
            linger_s += _LOOK_S


def plain_environment(**more: str) -> dict[str, str]:
    """Give the environment for a child: the few variables of `KEPT`, messages in English and UTF-8, and `more`."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {"LC_ALL": "C.UTF-8", "LANGUAGE": "en"} | more


def end_all() -> None:
    """End every child's group at once; for the moment before the process ends the hard way."""
    for pid in tuple(_LIVE):
        _end_group(pid, signal.SIGKILL)


def _end_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
