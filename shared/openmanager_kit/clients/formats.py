"""How each client writes an MCP server into its configuration. A new client is one row of `CLIENTS`.

No secret is ever written: where a client can expand a variable its name stands there, elsewhere the server is
started over standard input and output and reads the variable itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from openmanager_core.errors import ConfigError
from openmanager_kit.clients.entries import Entry, Launch, Remote


@dataclass(frozen=True, slots=True)
class Client:
    """One client.

    Attributes
    ----------
    files
        Where its configuration is, for a person.
    root
        Key of the object that holds the servers.
    entry
        Writes one server.
    toml
        Whether the file is TOML; else JSON, comments allowed.
    asks
        Whether secrets are asked for through ``inputs`` beside the servers.
    """

    title: str
    files: str
    root: str
    entry: Callable[[Entry], dict[str, Any]]
    toml: bool = False
    asks: bool = False

    def write(self, entries: Sequence[Entry]) -> str:
        """Give the text of a configuration that has just these entries."""
        servers = {item.name: self.entry(item) for item in entries}
        if self.toml:
            return "\n".join(_table(self.root, name, values) for name, values in servers.items())
        asked = self.inputs(entries)
        return _dumped({"inputs": asked, self.root: servers} if asked else {self.root: servers})

    def inputs(self, entries: Sequence[Entry]) -> list[dict[str, Any]]:
        """Give the questions for the secrets that these entries refer to."""
        if not self.asks:
            return []
        named = [(item.token_env,) if isinstance(item, Remote) else item.variables for item in entries]
        ids = dict.fromkeys(name for names in named for name in names if name)
        return [{"type": "promptString", "id": name, "description": name, "password": True} for name in ids]


_NO_ADDRESS = (
    "--http: this client's file takes no such address, and a token must not stand in it; "
    "start the servers over stdio (--gateway), or add the address in the client itself"
)


def _dumped(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _started(item: Entry, reference: str = "", **extra: Any) -> dict[str, Any]:
    """Write an entry that the client starts; `reference` is how it expands a variable, ``%`` standing for the name."""
    launch = item.launch if isinstance(item, Remote) else item
    if launch is None:
        raise ConfigError(_NO_ADDRESS)
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


def _claude_desktop(item: Entry) -> dict[str, Any]:
    if isinstance(item, Remote) and item.launch is None:
        raise ConfigError(
            "--http: Claude Desktop takes no address in its file; add it under Settings > Connectors, "
            "or start the servers over stdio (--gateway)"
        )
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
    if isinstance(item, Remote) and (not item.token_env or item.launch is None):
        return _reached(item, "${%}", "httpUrl")
    # It drops inherited variables that look like secrets unless they are listed.
    return _started(item, "${%}")


def _vscode(item: Entry) -> dict[str, Any]:
    if isinstance(item, Remote):
        return _reached(item, "${input:%}", type="http")
    return _started(item, "${input:%}", type="stdio")


def _codex(item: Entry) -> dict[str, Any]:
    written: dict[str, Any]
    if isinstance(item, Launch):
        written = {"command": item.words[0], "args": list(item.words[1:])}
        if item.variables:
            written["env_vars"] = list(item.variables)
    else:
        written = {"url": item.url}
        if item.token_env:
            written["bearer_token_env_var"] = item.token_env
    return {**written, "startup_timeout_sec": 20, "tool_timeout_sec": 90}


def _table(root: str, name: str, values: dict[str, Any]) -> str:
    lines = [f"{key} = {_texts(value) if isinstance(value, list) else _text(value)}" for key, value in values.items()]
    return "\n".join([f"[{root}.{name}]", *lines]) + "\n"


def _text(value: Any) -> str:
    # A JSON string is a TOML basic string, except that TOML wants DEL escaped too.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _texts(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


CLIENTS: dict[str, Client] = {
    "claude-desktop": Client(
        "Claude Desktop",
        "claude_desktop_config.json in ~/Library/Application Support/Claude (macOS), %APPDATA%\\Claude or, from the "
        "Store, %LOCALAPPDATA%\\Packages\\Claude_*\\LocalCache\\Roaming\\Claude (Windows), ~/.config/Claude (Linux)",
        "mcpServers",
        _claude_desktop,
    ),
    "claude-code": Client("Claude Code", ".mcp.json in the project, or ~/.claude.json", "mcpServers", _claude_code),
    "cursor": Client("Cursor", ".cursor/mcp.json in the project, or ~/.cursor/mcp.json", "mcpServers", _cursor),
    "vscode": Client(
        "VS Code", ".vscode/mcp.json in the project, or the user's mcp.json", "servers", _vscode, asks=True
    ),
    "windsurf": Client("Windsurf", "~/.codeium/windsurf/mcp_config.json", "mcpServers", _windsurf),
    "zed": Client("Zed", "settings.json (zed: open settings)", "context_servers", _by_address_without_token),
    "codex": Client(
        "Codex", ".codex/config.toml in a trusted project, or ~/.codex/config.toml", "mcp_servers", _codex, toml=True
    ),
    "gemini": Client("Gemini CLI", ".gemini/settings.json, or ~/.gemini/settings.json", "mcpServers", _gemini),
    "lmstudio": Client("LM Studio", "~/.lmstudio/mcp.json", "mcpServers", _by_address_without_token),
    "junie": Client("Junie", ".junie/mcp/mcp.json in the project", "mcpServers", _started_only),
    "jetbrains": Client(
        "JetBrains AI Assistant",
        "Settings > Tools > AI Assistant > Model Context Protocol (MCP), pasted as JSON",
        "mcpServers",
        _by_address_without_token,
    ),
}
