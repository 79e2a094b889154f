"""The list of tools that read, write, edit and organise files."""

from __future__ import annotations

from openmanager_filesystem.editing_tools import edit_file
from openmanager_filesystem.info_tools import get_file_info, list_allowed_directories
from openmanager_filesystem.media import read_media_file
from openmanager_filesystem.organising_tools import copy_path, create_directory, delete_path, move_file
from openmanager_filesystem.reading_tools import read_file, read_multiple_files, read_text_file
from openmanager_filesystem.writing_tools import append_file, insert_lines, write_file
from openmanager_kit.tools import Tool, reads, writes

_LONG_S = 300.0

FILE_TOOLS: tuple[Tool, ...] = (
    reads(read_text_file, "Read text file"),
    reads(read_file, "Read file"),
    reads(read_media_file, "Read media file"),
    reads(read_multiple_files, "Read multiple files"),
    writes(write_file, "Write file", destructive=True, idempotent=True),
    writes(edit_file, "Edit file", destructive=True),
    writes(append_file, "Append to file"),
    writes(insert_lines, "Insert lines"),
    writes(create_directory, "Create directory", idempotent=True),
    writes(copy_path, "Copy", destructive=True, deadline_s=_LONG_S),
    writes(move_file, "Move or rename", destructive=True, deadline_s=_LONG_S),
    writes(delete_path, "Delete", destructive=True, deadline_s=_LONG_S),
    reads(get_file_info, "File information"),
    reads(list_allowed_directories, "List allowed directories"),
)
