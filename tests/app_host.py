"""The host's side of MCP Apps for tests: a page of ours in a real browser that relays to a client of a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
from browser import Browser, Frame, Tab, open_tab
from mcp.client import Client

_HOST = (Path(__file__).parent / "app_host.html").read_text("utf-8")


class AppHost:
    """One drawn page: the tool that it shows was called, and what the page asks for is asked of the same server."""

    def __init__(self, client: Client, tool: str) -> None:
        self.client, self.tool = client, tool
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.heard: list[dict[str, Any]] = []
        self._more = anyio.Event()
        self.tab: Tab
        self.view: Frame

    async def _relay(self, text: str) -> None:
        message = json.loads(text)
        self.heard.append(message)
        if message.get("method") != "tools/call":
            return
        params = message["params"]
        self.calls.append((params["name"], params["arguments"]))
        self._more.set()
        self._more = anyio.Event()
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        try:
            result = await self.client.call_tool(params["name"], params["arguments"])
            reply["result"] = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        except Exception as exc:
            reply["error"] = {"code": -32000, "message": str(exc)}
        await self.tab.main.run(f"give({json.dumps(reply)})")

    async def until_calls(self, count: int) -> None:
        """Wait until the page has asked for a tool so many times."""
        with anyio.fail_after(20):
            while len(self.calls) < count:
                await self._more.wait()

    async def tear_down(self) -> None:
        """Tell the page that it ends, and wait for its answer."""
        await self.tab.main.run("ask('ui/resource-teardown', {reason: 'test'})")


async def shown(
    browser: Browser, client: Client, tool: str, arguments: dict[str, Any], context: dict[str, Any] | None = None
) -> AppHost:
    """Call a tool and draw its page, as hosts do: its address from the list of tools, its text by reading it."""
    listed = {one.name: one for one in (await client.list_tools()).tools}
    meta = listed[tool].meta or {}
    page: Any = (await client.read_resource(meta["ui"]["resourceUri"])).contents[0]
    assert page.mime_type == "text/html;profile=mcp-app"
    result = await client.call_tool(tool, arguments)
    described = listed[tool].model_dump(mode="json", by_alias=True, exclude_none=True)
    given = {
        "html": page.text,
        "context": {"theme": "light", "toolInfo": {"tool": described}, **(context or {})},
        "arguments": arguments,
        "result": result.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    host = AppHost(client, tool)
    host.tab = await open_tab(browser, _HOST, host._relay)
    await host.tab.main.run(f"draw({json.dumps(given)})")
    host.view = await host.tab.inner()
    return host
