"""A real Chromium for tests, spoken to over its own debugging pipe: nothing to install but the browser itself.

Without a Chromium the tests are skipped; with ``CI`` set they fail.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update",
    "--remote-debugging-pipe", "--window-size=900,900",
)  # fmt: skip
_LONGEST_MESSAGE = 64_000_000
PATIENCE_S = 20.0
Listener = Callable[[dict[str, Any], str], None]


def program() -> str:
    """Find the browser."""
    for name in _NAMES:
        if (found := shutil.which(name)) is not None:
            return found
    if os.environ.get("CI"):
        pytest.fail("chromium is not installed")
    pytest.skip("chromium is not installed")


class Browser:
    """The wire to a browser: commands, answers and events."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: dict[str, list[Listener]] = defaultdict(list)
        self._last = 0

    def on(self, event: str, listener: Listener) -> None:
        """Hear of an event, with the session that it came from."""
        self._listeners[event].append(listener)

    async def send(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self._waiting[self._last] = answer = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps(message).encode() + b"\0")
        with anyio.fail_after(PATIENCE_S):
            return await answer

    async def listen(self) -> None:
        """Take what the browser says to whom it concerns, until it says no more."""
        while True:
            try:
                message = json.loads((await self._reader.readuntil(b"\0"))[:-1])
            except asyncio.IncompleteReadError:
                return
            if "id" in message:
                answer = self._waiting.pop(message["id"])
                if answer.done():
                    continue
                if "error" in message:
                    answer.set_exception(AssertionError(message["error"]["message"]))
                else:
                    answer.set_result(message["result"])
                continue
            for listener in self._listeners[message["method"]]:
                listener(message["params"], message.get("sessionId", ""))


class Frame:
    """One document in which scripts can be run."""

    def __init__(self, browser: Browser, session: str, context: str, frame_id: str) -> None:
        self.browser, self.session, self.context, self.frame_id = browser, session, context, frame_id

    async def run(self, script: str) -> Any:
        """Give the value of an expression; a promise is waited for."""
        found = await self.browser.send(
            "Runtime.evaluate", self.session, expression=script, uniqueContextId=self.context, awaitPromise=True,
            returnByValue=True,
        )  # fmt: skip
        if "exceptionDetails" in found:
            details = found["exceptionDetails"]
            raise AssertionError(details.get("exception", {}).get("description") or details["text"])
        return found["result"].get("value")

    async def until(self, script: str, within_s: float = PATIENCE_S) -> Any:
        """Ask again and again until an expression is true; gives its value."""
        value = None
        with anyio.move_on_after(within_s):
            while True:
                if value := await self.run(script):
                    return value
                await anyio.sleep(0.03)
        seen = await self.run("document.body.innerText.slice(0, 2000)")
        raise AssertionError(f"{script} is {value!r} after {within_s} s; the page says:\n{seen}")


class Tab:
    """One tab with its frames, what its scripts tell, and what went wrong in it."""

    def __init__(self, browser: Browser, session: str) -> None:
        self.browser, self.session = browser, session
        self.frames: list[Frame] = []
        self.complaints: list[str] = []
        self.told: Callable[[str], Awaitable[None]] | None = None
        self._busy: set[asyncio.Task[None]] = set()
        self._sessions = {session}
        browser.on("Runtime.executionContextCreated", self._born)
        browser.on("Runtime.bindingCalled", self._tell)
        browser.on("Runtime.exceptionThrown", self._complain)
        browser.on("Log.entryAdded", self._complain)
        browser.on("Target.attachedToTarget", self._attached)
        browser.on("Page.javascriptDialogOpening", self._complain)

    @property
    def main(self) -> Frame:
        """The tab's own document."""
        return self.frames[0]

    async def prepare(self, session: str) -> None:
        """Hear of what happens in a session, and of those inside of it."""
        await self.browser.send(
            "Target.setAutoAttach", session, autoAttach=True, waitForDebuggerOnStart=False, flatten=True
        )
        for method in ("Page.enable", "Log.enable", "Runtime.enable"):
            await self.browser.send(method, session)

    async def inner(self) -> Frame:
        """The document of the newest frame inside of the tab's."""
        with anyio.fail_after(PATIENCE_S):
            while True:
                inside = [frame for frame in self.frames if frame.frame_id != self.main.frame_id]
                if inside:
                    with suppress(AssertionError):
                        if await inside[-1].run(
                            "document.readyState === 'complete' && location.href !== 'about:blank'"
                        ):
                            return inside[-1]
                await anyio.sleep(0.03)

    async def click(self, frame: Frame, selector: str) -> None:
        """Click the middle of an element, as a person would, in a frame or in the tab's own document."""
        where = json.dumps(selector)
        spot = (
            f"(() => {{ const e = document.querySelector({where}); e.scrollIntoView({{block: 'center'}});"
            " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        x, y = await frame.run(spot)
        if frame is not self.main:
            left, top = await self.main.run(
                "(() => { const r = document.querySelector('iframe').getBoundingClientRect(); return [r.x, r.y]; })()"
            )
            x, y = x + left, y + top
        for kind in ("mousePressed", "mouseReleased"):
            await self.browser.send(
                "Input.dispatchMouseEvent", self.session, type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        for key in keys:
            text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
            await self.browser.send(
                "Input.dispatchKeyEvent", self.session, type="keyDown", key=key, code=key,
                windowsVirtualKeyCode=_CODES.get(key, 0), **({"text": text} if text else {}),
            )  # fmt: skip
            await self.browser.send("Input.dispatchKeyEvent", self.session, type="keyUp", key=key, code=key)

    def _born(self, params: dict[str, Any], session: str) -> None:
        context = params["context"]
        if session in self._sessions and context.get("auxData", {}).get("isDefault"):
            self.frames.append(Frame(self.browser, session, context["uniqueId"], context["auxData"]["frameId"]))

    def _attached(self, params: dict[str, Any], session: str) -> None:
        if session in self._sessions and params["targetInfo"]["type"] == "iframe":
            self._sessions.add(params["sessionId"])
            self._later(self.prepare(params["sessionId"]))

    def _tell(self, params: dict[str, Any], session: str) -> None:
        if session in self._sessions and self.told is not None:
            self._later(self.told(params["payload"]))

    def _complain(self, params: dict[str, Any], session: str) -> None:
        if session in self._sessions:
            self.complaints.append(json.dumps(params)[:1000])

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)


_CODES = {
    "Enter": 13, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Home": 36, "End": 35,
    "Tab": 9,
}  # fmt: skip


def _started(folder: Path) -> tuple[subprocess.Popen[bytes], int, int]:
    """Start it; gives what it says and hears by."""
    words = [program(), *_FLAGS, f"--user-data-dir={folder}"]
    (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}', *words],
        pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    os.close(theirs_in)
    os.close(theirs_out)
    return process, ours_in, ours_out


@asynccontextmanager
async def chromium(folder: Path) -> AsyncIterator[Browser]:
    """Run a browser with a profile of its own in `folder` until the block ends."""
    process, ours_in, ours_out = _started(folder)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LONGEST_MESSAGE)
    incoming, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours_in, "rb"))
    outgoing, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(ours_out, "wb"))
    browser = Browser(reader, asyncio.StreamWriter(outgoing, protocol, None, loop))
    listening = asyncio.ensure_future(browser.listen())
    try:
        yield browser
    finally:
        with anyio.CancelScope(shield=True):
            outgoing.close()
            incoming.close()
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await anyio.to_thread.run_sync(process.wait)


async def open_tab(browser: Browser, html: str, told: Callable[[str], Awaitable[None]] | None = None) -> Tab:
    """Open a tab with a document; what its scripts say to ``tell(text)`` comes to `told`."""
    target = (await browser.send("Target.createTarget", url="about:blank"))["targetId"]
    session = (await browser.send("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
    tab = Tab(browser, session)
    tab.told = told
    await tab.prepare(session)
    await browser.send("Runtime.addBinding", session, name="tell")
    tree = await browser.send("Page.getFrameTree", session)
    frame_id = tree["frameTree"]["frame"]["id"]
    await browser.send("Page.setDocumentContent", session, frameId=frame_id, html=html)
    return tab
