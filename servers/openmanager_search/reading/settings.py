"""The reading half of the ``[search]`` section: whom may be spoken to, and how much is read."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

USER_AGENT = "OpenManager-MCP/1.0 (autonomous reader for an assistant)"


class ReadingSection(BaseModel):
    """Keys of ``[search]`` that decide how pages are read; the server's `Section` adds the engines to them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow_private: tuple[str, ...] = Field((), description="Private ranges that may be read, such as 192.168.0.0/16")
    allow_ports: tuple[Annotated[int, Field(ge=1, le=65_535)], ...] = Field(
        (), description="Ports that may be used beside 80 and 443"
    )
    ignore_robots_txt: bool = Field(False, description="Let tool calls read what a site's robots.txt asks not to")
    user_agent: str = Field(USER_AGENT, min_length=1, max_length=300, pattern=r"^[\x20-\x7e]+$")
    proxy: str = Field("", description="Address of an HTTP proxy, or env for the usual variables; none by default")
    ca_file: str = Field("", description="Certificates to trust beside the system's")
    page_bytes: int = Field(8 * 1024 * 1024, ge=1024, le=256 * 1024 * 1024, description="Most bytes of a page")
    deadline_s: float = Field(25.0, gt=0, le=300, description="Seconds that one page may take in all")
    keep_bytes: int = Field(32 * 1024 * 1024, ge=0, le=2**30, description="Memory for pages that were read")
    keep_s: float = Field(300.0, ge=0, le=86_400, description="Seconds for which a page that was read is kept")
