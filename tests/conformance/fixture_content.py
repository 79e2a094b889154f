"""Tools, resources and prompts of the conformance suite that answer without asking anything."""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any

import anyio
from mcp.server.mcpserver import Context
from mcp_types import (
    AudioContent,
    CallToolResult,
    Completion,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

from openmanager_core.errors import InvalidRequest
from openmanager_core.job import checkpoint
from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads, state_of, writes

PNG = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
        "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
    )
).decode()
WAV = base64.b64encode(
    b"RIFF" + (38).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    + bytes.fromhex("01000100401f0000803e000002001000") + b"data" + (2).to_bytes(4, "little") + b"\0\0"
).decode()  # fmt: skip


async def test_simple_text() -> str:
    """Answer with a text."""
    return "This is a simple text response for testing."


async def test_image_content() -> list[ImageContent]:
    """Answer with an image."""
    return [ImageContent(type="image", data=PNG, mime_type="image/png")]


async def test_audio_content() -> list[AudioContent]:
    """Answer with a sound."""
    return [AudioContent(type="audio", data=WAV, mime_type="audio/wav")]


def _embedded(uri: str, mime_type: str, text: str) -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


async def test_embedded_resource() -> list[EmbeddedResource]:
    """Answer with a resource."""
    return [_embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")]


async def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
    """Answer with a text, an image and a resource."""
    return [
        TextContent(type="text", text="Multiple content types test:"),
        ImageContent(type="image", data=PNG, mime_type="image/png"),
        _embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ]


async def test_error_handling() -> str:
    """Fail on purpose."""
    raise InvalidRequest("This tool intentionally returns an error for testing")


async def test_tool_with_progress() -> str:
    """Report progress as our own tools do: from wherever the work is."""
    for done_ratio in (0.0, 0.5, 1.0):
        checkpoint(done_ratio, f"{done_ratio:.0%}")
        await anyio.sleep(0.15)
    return "done"


async def test_custom_headers(
    region: Annotated[str, Field(description="Which region", json_schema_extra={"x-mcp-header": "Region"})] = "",
) -> str:
    """Take an argument that clients repeat in a header."""
    return region


async def test_trigger_tool_change(ctx: Context) -> str:
    """Say that the list of tools has changed."""
    await ctx.notify_tools_changed()
    return "said"


async def test_trigger_prompt_change(ctx: Context) -> str:
    """Say that the list of prompts has changed."""
    await ctx.notify_prompts_changed()
    return "said"


async def json_schema_2020_12_tool(name: str = "", address: dict[str, Any] | None = None) -> CallToolResult:
    """Take arguments described with the whole vocabulary of JSON Schema."""
    return CallToolResult(content=[TextContent(type="text", text=json.dumps([name, address]))])


FULL_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}

TOOLS = (
    reads(test_simple_text, "Text"),
    reads(test_image_content, "Image"),
    reads(test_audio_content, "Audio"),
    reads(test_embedded_resource, "Resource"),
    reads(test_multiple_content_types, "Mixed"),
    reads(test_error_handling, "Error"),
    reads(test_tool_with_progress, "Progress"),
    reads(test_custom_headers, "Headers"),
    writes(test_trigger_tool_change, "Tools changed"),
    writes(test_trigger_prompt_change, "Prompts changed"),
)


def add_resources(server: OpenManagerServer) -> None:
    """Serve the suite's resources, and its completions."""

    @server.resource("test://static-text", mime_type="text/plain", description="A text")
    async def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png", description="An image")
    async def static_binary() -> bytes:
        return base64.b64decode(PNG)

    @server.resource("test://watched-resource", mime_type="text/plain", description="One to subscribe to")
    async def watched_resource() -> str:
        return "watched"

    @server.resource("test://template/{id}/data", mime_type="application/json", description="One of many")
    async def template(id: str, ctx: Context) -> str:  # noqa: A002 - the suite's own name
        assert state_of(ctx) is None
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.completion()
    async def complete(ref: Any, argument: Any, context: Any) -> Completion:
        return Completion(values=[word for word in ("paris", "park", "party") if word.startswith(argument.value)])


def add_prompts(server: OpenManagerServer) -> None:
    """Serve the suite's prompts."""

    @server.prompt(description="A text")
    async def test_simple_prompt() -> str:
        return "This is a simple prompt for testing."

    @server.prompt(description="Two arguments")
    async def test_prompt_with_arguments(
        arg1: Annotated[str, Field(description="First test argument")],
        arg2: Annotated[str, Field(description="Second test argument")],
    ) -> str:
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt(description="An embedded resource")
    async def test_prompt_with_embedded_resource(resourceUri: str) -> list[Any]:  # noqa: N803 - the suite's own name
        return [
            _embedded(resourceUri, "text/plain", "Embedded resource content for testing."),
            "Please process the embedded resource above.",
        ]

    @server.prompt(description="An image")
    async def test_prompt_with_image() -> list[Any]:
        return [ImageContent(type="image", data=PNG, mime_type="image/png"), "Please analyze the image above."]
