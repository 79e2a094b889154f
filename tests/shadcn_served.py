"""A registry on a real loopback socket, with what it was asked; and a server over a project that uses it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mcp_types import CallToolResult, TextContent

from openmanager_kit.registry import ServerSettings
from openmanager_kit.server import OpenManagerServer
from openmanager_shadcn.server import build
from openmanager_shadcn.settings import Section

BASE = "/r/styles/new-york-v4"
Reply = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Registry:
    """What is served and what was asked.

    Attributes
    ----------
    documents
        Path to JSON; sent with an ETag.
    replies
        Path to what answers instead.
    asked
        Path and status of each request, in order.
    """

    url: str = ""
    documents: dict[str, Any] = field(default_factory=dict)
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    stop: Callable[[], None] = lambda: None

    @property
    def base(self) -> str:
        """The value of ``registry_url``."""
        return f"{self.url}/r"

    def put(self, item: Mapping[str, Any]) -> None:
        """Serve an item, and name it in the index without its sources."""
        self.documents[f"{BASE}/{item['name']}.json"] = item
        index = self.documents.setdefault(f"{BASE}/registry.json", {"name": "ui", "homepage": "x", "items": []})
        bare = {**item, "files": [{k: v for k, v in f.items() if k != "content"} for f in item.get("files", [])]}
        index["items"] = [*(known for known in index["items"] if known["name"] != item["name"]), bare]

    def index_requests(self) -> int:
        """How often the index was asked for, with or without a query."""
        return sum(path.partition("?")[0].endswith("/registry.json") for path, _ in self.asked)

    def count(self, end: str, status: int = 0) -> int:
        """How often paths with this end were asked for."""
        return sum(path.endswith(end) and status in (0, said) for path, said in self.asked)


def item(name: str, description: str = "", kind: str = "registry:ui", **more: Any) -> dict[str, Any]:
    """A registry item with one file."""
    folder = kind.removeprefix("registry:")
    source = f"export function {name.title().replace('-', '')}() {{\n  return <div>{name}</div>\n}}\n"
    return {
        "name": name,
        "type": kind,
        **({"description": description} if description else {}),
        "files": [{"path": f"registry/{folder}/{name}.tsx", "type": kind, "content": source}],
        **more,
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    registry: Registry

    def do_GET(self) -> None:
        path = self.path
        self.registry.headers.append({name.lower(): value for name, value in self.headers.items()})
        if path in self.registry.replies:
            self.registry.asked.append((path, 0))
            self.close_connection = True
            self.registry.replies[path](self)
            return
        document = self.registry.documents.get(path.partition("?")[0])
        body = b"{}" if document is None else json.dumps(document, ensure_ascii=False).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        status = 404 if document is None else 304 if self.headers.get("if-none-match") == etag else 200
        self.registry.asked.append((path, status))
        self.send_response(status)
        self.send_header("content-type", "application/json")
        if status == 200:
            self.send_header("etag", etag)
        self.send_header("content-length", str(0 if status == 304 else len(body)))
        self.end_headers()
        if status != 304:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def registry(*items: Mapping[str, Any]) -> Iterator[Registry]:
    """Serve items until the block ends, or until `Registry.stop`."""
    served = Registry()
    for entry in items:
        served.put(entry)
    handler = type("Handler", (_Handler,), {"registry": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    served.stop = stop
    try:
        yield served
    finally:
        stop()


def project(folder: Path, registries: Mapping[str, Any] | None = None, **more: Any) -> Path:
    """Make a project with a ``components.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "style": "new-york-v4",
        "rsc": True,
        "tsx": True,
        "tailwind": {"config": "", "css": "app/globals.css", "baseColor": "neutral", "cssVariables": True},
        "aliases": {"components": "@/components", "utils": "@/lib/utils", "ui": "@/components/ui"},
        **({"registries": registries} if registries else {}),
        **more,
    }
    (folder / "components.json").write_text(json.dumps(config))
    return folder


def server(folder: Path, home: Path, base: str, **section: Any) -> OpenManagerServer:
    """The server over one project; `base` takes the place of shadcn's own registry."""
    given = {"registry_url": base, "directory": False, "timeout_s": 2.0, **section}
    settings = ServerSettings("shadcn-ui", home=home, roots=(str(folder),), section=Section.model_validate(given))
    return build(settings)


def texts(result: Any) -> list[str]:
    """The text blocks of an answer."""
    assert isinstance(result, CallToolResult)
    return [block.text for block in result.content if isinstance(block, TextContent)]


def text(result: Any) -> str:
    """All text of an answer that is no failure."""
    assert not result.is_error, texts(result)
    return "\n".join(texts(result))


def failure(result: Any) -> str:
    """The text of a failure."""
    assert result.is_error, texts(result)
    return "\n".join(texts(result))
