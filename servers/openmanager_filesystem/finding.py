"""All tools that find things."""

from __future__ import annotations

from openmanager_filesystem.listing_tools import LISTING
from openmanager_filesystem.searching_tools import SEARCHING
from openmanager_kit.tools import Tool

FIND_TOOLS: tuple[Tool, ...] = (*LISTING, *SEARCHING)
