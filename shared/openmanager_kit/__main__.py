"""``python -m openmanager_kit`` is the `openmanager` command."""

from __future__ import annotations

import sys

from openmanager_kit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
