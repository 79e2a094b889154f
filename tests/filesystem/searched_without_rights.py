"""Searches a folder as a root that may not read everything: ``python searched_without_rights.py FOLDER``; Linux.

The kernel's two rights to pass over permissions are given up, for this process and all that it starts.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path

import anyio

_DROP, _DAC_OVERRIDE, _DAC_READ_SEARCH = 24, 1, 2


async def main() -> None:
    """Print what three searches say."""
    from finding import call, client, texts

    said = []
    async with client(Path(sys.argv[1])) as over:
        for tool, arguments in (
            ("search_text", {"pattern": "hit"}),
            ("search_files", {"pattern": "**/*.txt"}),
            ("directory_tree", {}),
        ):
            said.append("\n".join(texts(await call(over, tool, path=".", **arguments))))
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    if sys.argv[-1] != "dropped":
        libc = ctypes.CDLL(None)
        for right in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
            libc.prctl(_DROP, right, 0, 0, 0)
        os.execv(sys.executable, [sys.executable, *sys.argv, "dropped"])
    anyio.run(main)
