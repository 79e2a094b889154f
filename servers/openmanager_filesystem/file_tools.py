"""The list of tools that read, write, edit and organise files."""

from __future__ import annotations

from openmanager_filesystem.media import read_media_file
from openmanager_filesystem.reading_tools import read_file, read_multiple_files, read_text_file
from openmanager_kit.tools import Tool, reads

FILE_TOOLS: tuple[Tool, ...] = (
    reads(read_text_file, "Read text file"),
    reads(read_file, "Read file"),
    reads(read_media_file, "Read media file"),
    reads(read_multiple_files, "Read multiple files"),
)
