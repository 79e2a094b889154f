"""What kind of data a file holds, by its first bytes and else by its name; and the tool that sends such files."""

from __future__ import annotations

import base64
import os
from typing import Annotated
from urllib.parse import quote

from mcp_types import AudioContent, BlobResourceContents, CallToolResult, EmbeddedResource, ImageContent
from pydantic import Field

from openmanager_core.errors import InvalidRequest
from openmanager_core.job import checkpoint, offload
from openmanager_core.text import quoted
from openmanager_filesystem.desk import Desk, TheDesk
from openmanager_filesystem.parameters import FilePath
from openmanager_kit.confined import walk

_BLOCK_BYTES = 3 * 1024 * 1024
_MEGABYTE = 1_000_000
_DEFAULT = "application/octet-stream"
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x7fELF", "application/x-executable"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
)
_BY_NAME = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "svg": "image/svg+xml",
    "avif": "image/avif",
    "ico": "image/x-icon",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "oga": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "pdf": "application/pdf",
    "zip": "application/zip",
    "gz": "application/gzip",
    "json": "application/json",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "wasm": "application/wasm",
    "woff2": "font/woff2",
}
_CONTAINERS = ("application/zip", "audio/ogg")


def kind_of(path: str, sample: bytes) -> str:
    """Name the MIME type of a file, by its first bytes if they tell and else by the end of its name."""
    extension = path.rsplit("/", 1)[-1].rpartition(".")[2].lower()
    by_name = _BY_NAME.get(extension, "")
    if sample[:4] == b"RIFF":
        riff = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(sample[8:12])
        if riff:
            return riff
    for magic, mime in _MAGIC:
        if sample.startswith(magic):
            return by_name if by_name and mime in _CONTAINERS else mime
    return by_name or _DEFAULT


async def read_media_file(
    desk: TheDesk,
    path: FilePath,
    max_mb: Annotated[int, Field(ge=1, le=100, description="Refuse a larger file")] = 10,
) -> CallToolResult:
    """Read an image, a sound or another binary file as base64 with its MIME type."""
    return await offload(_media, desk, path, max_mb)


def _media(desk: Desk, path: str, max_mb: int) -> CallToolResult:
    spot = desk.spot(path)
    with walk.regular_file(spot) as (fd, status):
        most = max_mb * _MEGABYTE
        if status.st_size > most:
            raise InvalidRequest(
                f"{spot.parameter} {quoted(spot.shown)} has {status.st_size:,} bytes, the most is {most:,}",
                hint="a larger max_mb" if status.st_size <= 100 * _MEGABYTE else "a smaller file",
            )
        encoded: list[bytes] = []
        position, sample = 0, os.pread(fd, 512, 0)
        # Blocks of a multiple of three bytes: their base64 can be put together.
        while position <= most and (block := _full(fd, position)):
            checkpoint()
            encoded.append(base64.b64encode(block))
            position += len(block)
    if position > most:
        raise InvalidRequest(
            f"{spot.parameter} {quoted(spot.shown)} grew beyond {most:,} bytes", hint="a larger max_mb"
        )
    data = b"".join(encoded).decode("ascii")
    mime = kind_of(spot.path, sample)
    content: ImageContent | AudioContent | EmbeddedResource
    if mime.startswith("image/"):
        content = ImageContent(type="image", data=data, mime_type=mime)
    elif mime.startswith("audio/"):
        content = AudioContent(type="audio", data=data, mime_type=mime)
    else:
        uri = f"file://{quote(os.fsencode(spot.path))}"
        content = EmbeddedResource(type="resource", resource=BlobResourceContents(uri=uri, mime_type=mime, blob=data))
    return CallToolResult(content=[content])


def _full(fd: int, position: int) -> bytes:
    """Read one whole block; it is shorter only at the end."""
    block = os.pread(fd, _BLOCK_BYTES, position)
    while (
        block and len(block) < _BLOCK_BYTES and (more := os.pread(fd, _BLOCK_BYTES - len(block), position + len(block)))
    ):
        block += more
    return block
