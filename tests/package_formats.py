"""The files of every package format as the tests read them, and the words that each starts."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parents[1]


def tool() -> ModuleType:
    """``tools/package.py`` as a module."""
    if "package_tool" not in sys.modules:
        spec = importlib.util.spec_from_file_location("package_tool", ROOT / "tools/package.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["package_tool"] = module
        spec.loader.exec_module(module)
    return sys.modules["package_tool"]


def read(name: str) -> Any:
    return json.loads((ROOT / name).read_text("utf-8"))


def buttons(readme: str = "README.md") -> dict[str, dict[str, Any]]:
    """What each button of a page would add, by host."""
    block = (ROOT / readme).read_text("utf-8").split("<!-- buttons:start -->")[1].split("<!-- buttons:end -->")[0]
    found = {}
    for link in re.findall(r"\]\((https://[^)]*install[^)]*)\)", block):
        parts = urlsplit(link)
        [config] = parse_qs(parts.query)["config"]
        text = config if config.startswith("{") else base64.b64decode(config, validate=True).decode()
        found[str(parts.hostname)] = json.loads(text)
    return found


def started() -> dict[str, list[str]]:
    """Format to the words after ``openmanager``."""
    package = read("server.json")["packages"][0]
    registry: list[str] = []
    for said in package["packageArguments"]:
        registry += [said["name"]] if said["type"] == "named" else []
        registry.append(said.get("value", "FOLDER"))
    whole = {
        "mcpb": read("packaging/mcpb/manifest.json")["server"]["mcp_config"],
        "plugin": read("packaging/claude-plugin/.mcp.json")["mcpServers"]["openmanager"],
        "gemini": read("gemini-extension.json")["mcpServers"]["openmanager"],
        **buttons(),
    }
    words = {name: entry["args"][entry["args"].index("openmanager") + 1 :] for name, entry in whole.items()}
    return {"registry": registry} | words
