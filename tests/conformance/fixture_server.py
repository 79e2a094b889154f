"""Everything the conformance suite asks for, on our own server class: ``python fixture_server.py [--stdio]``."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import fixture_content
import fixture_questions
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp_types import EmptyResult, SetLevelRequestParams, SubscribeRequestParams, UnsubscribeRequestParams

from openmanager_kit.hosting.http import serve_http
from openmanager_kit.hosting.leaving import leave
from openmanager_kit.hosting.stdio import serve_stdio
from openmanager_kit.profile import HttpSettings
from openmanager_kit.server import OpenManagerServer


def build() -> OpenManagerServer:
    """Build the fixture."""
    server = OpenManagerServer(
        "conformance",
        tools=(*fixture_content.TOOLS, *fixture_questions.TOOLS),
        instructions="A server for tests.",
    )
    server.add_tool(fixture_content.json_schema_2020_12_tool, input_schema=fixture_content.FULL_SCHEMA)
    fixture_content.add_resources(server)
    fixture_content.add_prompts(server)
    fixture_questions.add_prompts(server)
    _serve_the_old_methods(server)
    return server


def _serve_the_old_methods(server: OpenManagerServer) -> None:
    """Answer what only the older era has, and the SDK's high-level class does not offer."""
    watched: set[str] = set()

    async def set_level(ctx: ServerRequestContext[Any, Any], params: SetLevelRequestParams) -> EmptyResult:
        return EmptyResult()

    async def subscribe(ctx: ServerRequestContext[Any, Any], params: SubscribeRequestParams) -> EmptyResult:
        watched.add(str(params.uri))
        return EmptyResult()

    async def unsubscribe(ctx: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams) -> EmptyResult:
        watched.discard(str(params.uri))
        return EmptyResult()

    lowlevel = server._lowlevel_server
    lowlevel.add_request_handler("logging/setLevel", SetLevelRequestParams, set_level)
    lowlevel.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)
    lowlevel.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, unsubscribe)


if __name__ == "__main__":
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    # Tools that call back into an older client need sessions.
    over_stdio = "--stdio" in sys.argv
    code = serve_stdio(build()) if over_stdio else serve_http(build(), HttpSettings(port=0, sessions=True))
    leave(code)
    sys.exit(code)
