"""What clients can take, in one table. Where a client says nothing of a limit, or none was found, it is 0."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientLimit:
    """What one client can take.

    Attributes
    ----------
    most_tools
        Tools of all servers together; beyond it the client warns or leaves some out.
    longest_name, name
        Longest name of a tool as this client forms it from ``{server}`` and ``{tool}``.
    description_chars
        Of a tool's description; the rest is cut.
    answer_chars
        Of one answer; the rest is cut, or put into a file.
    underscore
        Whether a server's name may hold an underscore.
    """

    title: str
    most_tools: int = 0
    longest_name: int = 0
    name: str = "{server}{tool}"
    description_chars: int = 0
    answer_chars: int = 0
    underscore: bool = True


LIMITS: dict[str, ClientLimit] = {
    "claude-code": ClientLimit(
        "Claude Code", longest_name=64, name="mcp__{server}__{tool}", description_chars=4096, answer_chars=49_830
    ),
    "claude-desktop": ClientLimit("Claude Desktop", longest_name=64, name="{tool}"),
    "cursor": ClientLimit("Cursor", most_tools=80, longest_name=60),
    "vscode": ClientLimit("VS Code", most_tools=128),
    "windsurf": ClientLimit("Windsurf", most_tools=100),
    "codex": ClientLimit("Codex", longest_name=64, name="mcp__{server}__{tool}", answer_chars=12_000),
    "gemini": ClientLimit(
        "Gemini CLI", longest_name=63, name="mcp_{server}_{tool}", answer_chars=40_000, underscore=False
    ),
}
"""Tried with Claude Code 2.1.330, Codex 0.169.0 and Gemini CLI 0.61.0; the others as their makers or users write.
64 characters is what the models' interfaces take for the name of a function."""

REFUSED = ("$ref", "anyOf", "oneOf", "allOf", "const", "exclusiveMinimum", "exclusiveMaximum", "additionalProperties")
"""Words of a schema that some client or model provider refuses."""
