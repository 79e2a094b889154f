"""How each client writes an MCP server into its configuration. A new client is one row of `CLIENTS`.

No secret is ever written: where a client can expand a variable its name stands there, elsewhere the server is
started over standard input and output and reads the variable itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from openmanager_kit.clients.entries import Entry, Launch, Remote


@dataclass(frozen=True, slots=True)
class Client:
    """One client.

    Attributes
    ----------
    files
        Where its configuration is, for a person.
    write
        Entries to the text of the configuration.
    """

    title: str
    files: str
    write: Callable[[Sequence[Entry]], str]


def _json(root: str, entry: Callable[[Entry], dict[str, Any]]) -> Callable[[Sequence[Entry]], str]:
    def write(entries: Sequence[Entry]) -> str:
        return _dumped({root: {item.name: entry(item) for item in entries}})

    return write


def _dumped(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _started(item: Entry, reference: str = "", **extra: Any) -> dict[str, Any]:
    """Write an entry that the client starts; `reference` is how it expands a variable, ``%`` standing for the name."""
    launch = item.launch if isinstance(item, Remote) else item
    written: dict[str, Any] = {**extra, "command": launch.words[0], "args": list(launch.words[1:])}
    if reference and launch.variables:
        written["env"] = {name: reference.replace("%", name) for name in launch.variables}
    return written


def _reached(item: Remote, reference: str, key: str = "url", **extra: Any) -> dict[str, Any]:
    written: dict[str, Any] = {**extra, key: item.url}
    if item.token_env:
        written["headers"] = {"Authorization": f"Bearer {reference.replace('%', item.token_env)}"}
    return written


def _started_only(item: Entry) -> dict[str, Any]:
    return _started(item)


def _by_address_without_token(item: Entry) -> dict[str, Any]:
    """Take the address where no token is needed: this client expands no variables."""
    return _reached(item, "") if isinstance(item, Remote) and not item.token_env else _started(item)


def _claude_code(item: Entry) -> dict[str, Any]:
    if isinstance(item, Remote):
        return _reached(item, "${%}", type="http")
    return _started(item, "${%}", type="stdio")


def _cursor(item: Entry) -> dict[str, Any]:
    return _reached(item, "${env:%}") if isinstance(item, Remote) else _started(item, "${env:%}")


def _windsurf(item: Entry) -> dict[str, Any]:
    return _reached(item, "${env:%}", "serverUrl") if isinstance(item, Remote) else _started(item, "${env:%}")


def _gemini(item: Entry) -> dict[str, Any]:
    if isinstance(item, Remote) and not item.token_env:
        return _reached(item, "", "httpUrl")
    # It drops inherited variables that look like secrets unless they are listed.
    return _started(item, "${%}")


def _vscode(entries: Sequence[Entry]) -> str:
    servers: dict[str, Any] = {}
    asked: dict[str, Any] = {}
    for item in entries:
        names = (item.token_env,) if isinstance(item, Remote) else item.variables
        for name in names:
            if name:
                asked[name] = {"type": "promptString", "id": name, "description": name, "password": True}
        if isinstance(item, Remote):
            servers[item.name] = _reached(item, "${input:%}", type="http")
        else:
            servers[item.name] = _started(item, "${input:%}", type="stdio")
    return _dumped({"inputs": list(asked.values()), "servers": servers} if asked else {"servers": servers})


def _codex(entries: Sequence[Entry]) -> str:
    blocks = []
    for item in entries:
        lines = [f"[mcp_servers.{item.name}]"]
        if isinstance(item, Launch):
            lines += [f"command = {_text(item.words[0])}", f"args = {_texts(item.words[1:])}"]
            if item.variables:
                lines.append(f"env_vars = {_texts(item.variables)}")
        else:
            lines.append(f"url = {_text(item.url)}")
            if item.token_env:
                lines.append(f"bearer_token_env_var = {_text(item.token_env)}")
        blocks.append("\n".join([*lines, "startup_timeout_sec = 20", "tool_timeout_sec = 90"]))
    return "\n\n".join(blocks) + "\n"


def _text(value: str) -> str:
    # A JSON string is a TOML basic string, except that TOML wants DEL escaped too.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _texts(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


CLIENTS: dict[str, Client] = {
    "claude-desktop": Client(
        "Claude Desktop",
        "claude_desktop_config.json in ~/Library/Application Support/Claude (macOS), %APPDATA%\\Claude (Windows), "
        "~/.config/Claude (Linux)",
        _json("mcpServers", _started_only),
    ),
    "claude-code": Client("Claude Code", ".mcp.json in the project", _json("mcpServers", _claude_code)),
    "cursor": Client("Cursor", ".cursor/mcp.json in the project, or ~/.cursor/mcp.json", _json("mcpServers", _cursor)),
    "vscode": Client("VS Code", ".vscode/mcp.json in the project", _vscode),
    "windsurf": Client("Windsurf", "~/.codeium/windsurf/mcp_config.json", _json("mcpServers", _windsurf)),
    "zed": Client("Zed", "settings.json (zed: open settings)", _json("context_servers", _by_address_without_token)),
    "codex": Client("Codex", "~/.codex/config.toml", _codex),
    "gemini": Client("Gemini CLI", ".gemini/settings.json, or ~/.gemini/settings.json", _json("mcpServers", _gemini)),
    "lmstudio": Client("LM Studio", "~/.lmstudio/mcp.json", _json("mcpServers", _by_address_without_token)),
}
