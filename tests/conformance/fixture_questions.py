"""Tools of the conformance suite that ask the client something, in the way of either protocol era."""

from __future__ import annotations

import json
import warnings
from typing import Any

import anyio
from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    ClientCapabilities,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    MissingRequiredClientCapabilityErrorData,
    SamplingCapability,
    SamplingMessage,
    TextContent,
)

from openmanager_kit.server import OpenManagerServer
from openmanager_kit.tools import reads

TEXT = {"type": "string"}


def _form(message: str, required: bool = True, **properties: Any) -> ElicitRequestFormParams:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(properties)
    return ElicitRequestFormParams(message=message, requested_schema=schema)


def _question(message: str, **properties: Any) -> ElicitRequest:
    return ElicitRequest(params=_form(message, **properties))


def _sampling(text: str, max_tokens: int) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens))


# -- up to 2025-11-25: the server sends requests of its own ----------------------------------------------------


async def test_sampling(prompt: str, ctx: Context) -> str:
    """Ask the client's model."""
    message = SamplingMessage(role="user", content=TextContent(type="text", text=prompt))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        reply = await ctx.session.create_message([message], max_tokens=100, related_request_id=ctx.request_id)
    return f"LLM response: {reply.content.text if isinstance(reply.content, TextContent) else reply.content}"


async def _asked(ctx: Context, form: ElicitRequestFormParams) -> str:
    reply = await ctx.session.elicit_form(form.message, form.requested_schema, related_request_id=ctx.request_id)
    return f"action={reply.action}, content={json.dumps(reply.content)}"


async def test_elicitation(message: str, ctx: Context) -> str:
    """Ask the user two things."""
    form = _form(
        message,
        username=TEXT | {"description": "User's response"},
        email=TEXT | {"description": "User's email address"},
    )
    return f"User response: {await _asked(ctx, form)}"


async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Ask with defaults."""
    form = _form(
        "Please check",
        required=False,
        name={"type": "string", "default": "John Doe"},
        age={"type": "integer", "default": 30},
        score={"type": "number", "default": 95.5},
        status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        verified={"type": "boolean", "default": True},
    )
    return f"Elicitation completed: {await _asked(ctx, form)}"


async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Ask with every kind of choice."""
    plain = ["option1", "option2", "option3"]
    titled = [
        {"const": f"value{n}", "title": f"{word} Option"} for n, word in enumerate(("First", "Second", "Third"), 1)
    ]
    choices = [
        {"const": f"value{n}", "title": f"{word} Choice"} for n, word in enumerate(("First", "Second", "Third"), 1)
    ]
    form = _form(
        "Please choose",
        required=False,
        untitledSingle={"type": "string", "enum": plain},
        titledSingle={"type": "string", "oneOf": titled},
        legacyEnum={
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        untitledMulti={"type": "array", "items": {"type": "string", "enum": plain}},
        titledMulti={"type": "array", "items": {"anyOf": choices}},
    )
    return f"Elicitation completed: {await _asked(ctx, form)}"


async def test_tool_with_logging(ctx: Context) -> str:
    """Send three log messages."""
    await _log(ctx, "Tool execution started")
    await anyio.sleep(0.05)
    await _log(ctx, "Tool processing data")
    await anyio.sleep(0.05)
    await _log(ctx, "Tool execution completed")
    return "logged"


async def test_logging_tool(ctx: Context) -> str:
    """Send a log message, which only goes to clients that asked for it."""
    await _log(ctx, "logged")
    return "logged"


async def _log(ctx: Context, text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        await ctx.info(text)


# -- from 2026-07-28: the answer says what is missing, and the client calls again ------------------------------


def _answer(ctx: Context, key: str) -> dict[str, Any] | None:
    reply = (ctx.input_responses or {}).get(key)
    return reply.content or {} if isinstance(reply, ElicitResult) and reply.action == "accept" else None


def _needs(state: str | None = None, **requests: InputRequest) -> InputRequiredResult:
    return InputRequiredResult(input_requests=requests, request_state=state)


async def test_input_required_result_elicitation(ctx: Context) -> str | InputRequiredResult:
    """Greet by name."""
    reply = _answer(ctx, "user_name")
    if reply is None or "name" not in reply:
        return _needs(user_name=_question("What is your name?", name=TEXT))
    return f"Hello, {reply['name']}!"


async def test_streaming_elicitation(ctx: Context) -> str | InputRequiredResult:
    """Ask for a name, as the other one does."""
    return await test_input_required_result_elicitation(ctx)


async def test_input_required_result_sampling(ctx: Context) -> str | InputRequiredResult:
    """Ask the client's model for a capital."""
    reply = (ctx.input_responses or {}).get("capital_question")
    if reply is None:
        return _needs(capital_question=_sampling("What is the capital of France?", 100))
    return json.dumps(reply.model_dump(mode="json"))


async def test_input_required_result_list_roots(ctx: Context) -> str | InputRequiredResult:
    """Ask for the client's roots."""
    reply = (ctx.input_responses or {}).get("client_roots")
    if reply is None:
        return _needs(client_roots=ListRootsRequest())
    return json.dumps(reply.model_dump(mode="json"))


async def test_input_required_result_request_state(ctx: Context) -> str | InputRequiredResult:
    """Ask, and know the state again."""
    if _answer(ctx, "confirm") is None or ctx.request_state != "asked":
        return _needs("asked", confirm=_question("Please confirm", ok={"type": "boolean"}))
    return "state-ok"


async def test_input_required_result_tampered_state(ctx: Context) -> str | InputRequiredResult:
    """Ask with a state that nobody else can write."""
    return await test_input_required_result_request_state(ctx)


async def test_input_required_result_multiple_inputs(ctx: Context) -> str | InputRequiredResult:
    """Ask three things at once."""
    replies = ctx.input_responses or {}
    if not {"user_name", "greeting", "client_roots"} <= set(replies):
        return _needs(
            "three",
            user_name=_question("What is your name?", name=TEXT),
            greeting=_sampling("Generate a greeting", 50),
            client_roots=ListRootsRequest(),
        )
    return f"{len(replies)} answers"


async def test_input_required_result_multi_round(ctx: Context) -> str | InputRequiredResult:
    """Ask one thing after the other."""
    if ctx.request_state == "two" and (reply := _answer(ctx, "step2")) is not None:
        return f"Your color is {reply.get('color')}."
    if ctx.request_state == "one" and _answer(ctx, "step1") is not None:
        return _needs("two", step2=_question("Step 2: What is your favorite color?", color=TEXT))
    return _needs("one", step1=_question("Step 1: What is your name?", name=TEXT))


async def test_input_required_result_capabilities(ctx: Context) -> str | InputRequiredResult:
    """Ask only what the client can answer."""
    able = ctx.client_capabilities or ClientCapabilities()
    requests: dict[str, InputRequest] = {}
    if able.elicitation is not None:
        requests["user_name"] = _question("What is your name?", name=TEXT)
    if able.sampling is not None:
        requests["greeting"] = _sampling("Generate a greeting", 50)
    return _needs(**requests) if requests and not ctx.input_responses else "nothing to ask"


async def test_missing_capability(ctx: Context) -> str:
    """Need sampling."""
    if ctx.client_capabilities is None or ctx.client_capabilities.sampling is None:
        lacking = MissingRequiredClientCapabilityErrorData(
            required_capabilities=ClientCapabilities(sampling=SamplingCapability())
        )
        raise MCPError(
            code=MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="this tool needs sampling",
            data=lacking.model_dump(by_alias=True, mode="json", exclude_none=True),
        )
    return "sampling is there"


TOOLS = tuple(
    reads(tool, (tool.__doc__ or "").rstrip("."))
    for tool in (
        test_sampling,
        test_elicitation,
        test_elicitation_sep1034_defaults,
        test_elicitation_sep1330_enums,
        test_tool_with_logging,
        test_logging_tool,
        test_input_required_result_elicitation,
        test_streaming_elicitation,
        test_input_required_result_sampling,
        test_input_required_result_list_roots,
        test_input_required_result_request_state,
        test_input_required_result_tampered_state,
        test_input_required_result_multiple_inputs,
        test_input_required_result_multi_round,
        test_input_required_result_capabilities,
        test_missing_capability,
    )
)


def add_prompts(server: OpenManagerServer) -> None:
    """Serve the prompt that asks first."""

    @server.prompt(description="A prompt that needs to know more")
    async def test_input_required_result_prompt(ctx: Context) -> str | InputRequiredResult:
        reply = _answer(ctx, "user_context")
        if reply is None:
            return _needs(user_context=_question("What context should the prompt use?", context=TEXT))
        return f"Use this context: {reply.get('context')}"
