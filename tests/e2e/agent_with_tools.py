"""Run by an interpreter that has pydantic-ai: an agent whose test model calls tools of an MCP server.

``python agent_with_tools.py TOOL[,TOOL] (URL | COMMAND...)`` prints what each tool answered, a line of JSON each.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any


async def main(tools: list[str], target: list[str]) -> None:
    """Let the model call each tool once."""
    from fastmcp.client.transports import StdioTransport
    from pydantic_ai import Agent
    from pydantic_ai.mcp import MCPToolset
    from pydantic_ai.messages import ToolReturnPart
    from pydantic_ai.models.test import TestModel

    client: Any = target[0] if target[0].startswith("http") else StdioTransport(command=target[0], args=target[1:])
    agent = Agent(TestModel(call_tools=tools), toolsets=[MCPToolset(client)])
    async with agent:
        result = await agent.run("How is my fleet?")
    for message in result.all_messages():
        for part in message.parts:
            if isinstance(part, ToolReturnPart):
                line = {"tool": part.tool_name, "answer": str(part.content)[:4000]}
                sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1].split(","), sys.argv[2:]))
