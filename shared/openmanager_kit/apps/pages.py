"""A page at ``ui://``: put together out of its parts when a host asks for it, never before.

A page is its own markup, style and script, on top of a style and a bridge that all pages share. The text that goes
out needs nothing from anywhere: its policy forbids every connection, image, frame and font, and of scripts it lets
run only the one that we wrote, by its digest. So a thought or a host name that somehow became markup would still be
markup that does nothing.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mcp.server.mcpserver.resources import FunctionResource

from openmanager_core.job import offload

if TYPE_CHECKING:
    from openmanager_kit.server import OpenManagerServer

EXTENSION = "io.modelcontextprotocol/ui"
"""What servers and hosts call pages when they say what they can."""

MIME = "text/html;profile=mcp-app"
_HERE = Path(__file__).parent
_SHARED_STYLE, _SHARED_SCRIPT = _HERE / "page.css", _HERE / "bridge.js"


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes
    ----------
    uri
        Where hosts read it; tools point to it with `Tool.shown_by`.
    title, description
        What hosts show.
    parts
        The folder of the page's own ``NAME.html``, ``NAME.css`` and ``NAME.js``.
    name
        Of these three files.
    """

    uri: str
    title: str
    description: str
    parts: Path
    name: str

    @cached_property
    def text(self) -> str:
        """The whole page; read from the files at the first look."""
        style = _read(_SHARED_STYLE) + _read(self.parts / f"{self.name}.css")
        script = '"use strict";\n' + _read(_SHARED_SCRIPT) + _read(self.parts / f"{self.name}.js")
        body = _read(self.parts / f"{self.name}.html")
        for text, end in ((script, "</script"), (style, "</style"), (script, "<!--")):
            if end in text.lower():
                raise ValueError(f"page {self.uri} must not hold {end} in its parts")
        policy = f"default-src 'none'; script-src '{_digest(script)}'; style-src 'unsafe-inline'; form-action 'none'"
        return (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{html.escape(self.title)}</title>\n<style>{style}</style>\n</head>\n"
            f"<body>\n{body}<script>{script}</script>\n</body>\n</html>\n"
        )


def _read(path: Path) -> str:
    return path.read_text("utf-8")  # with universal newlines: the digest is of what a browser sees


def _digest(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def add_pages(server: OpenManagerServer, *pages: Page) -> None:
    """Serve pages, and say that this server has some."""
    for page in pages:
        server.add_resource(
            FunctionResource(
                uri=page.uri,
                name=page.uri.removeprefix("ui://").replace("/", "_"),
                title=page.title,
                description=page.description,
                mime_type=MIME,
                meta={"ui": {"prefersBorder": True}},
                fn=_reader(page),
            )
        )
    server._lowlevel_server.extensions.setdefault(EXTENSION, {})


def _reader(page: Page) -> Callable[[], Awaitable[str]]:
    async def read() -> str:
        return await offload(lambda: page.text)

    return read
