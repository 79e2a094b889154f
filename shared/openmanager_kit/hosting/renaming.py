"""Names that stay apart when servers are joined: of tools and prompts, and of pages together with their tools."""

from __future__ import annotations

from collections.abc import Mapping

from mcp_types import Tool as ListedTool

UI = "ui://"
_LONGEST = 64


def joined_name(server: str, name: str) -> str:
    """Put the server's name in front, in a form that every client takes: 64 characters of letters, digits, ``_-``."""
    if name.startswith(UI):
        return f"{UI}{server}/{name.removeprefix(UI)}"
    return f"{server.replace('-', '_')}_{name}"[:_LONGEST]


def with_ui_addresses(tool: ListedTool, renamed: Mapping[str, str]) -> ListedTool:
    """Let a tool point to its page under the address by which the page is read here.

    A page is named twice in a tool's ``_meta``: as ``ui.resourceUri`` and, for older hosts, as ``ui/resourceUri``.
    """
    meta = dict(tool.meta or {})
    nested = meta.get("ui")
    changed = False
    if isinstance(nested, dict) and nested.get("resourceUri") in renamed:
        meta["ui"] = {**nested, "resourceUri": renamed[nested["resourceUri"]]}
        changed = True
    if meta.get("ui/resourceUri") in renamed:
        meta["ui/resourceUri"] = renamed[meta["ui/resourceUri"]]
        changed = True
    return tool.model_copy(update={"meta": meta}) if changed else tool
