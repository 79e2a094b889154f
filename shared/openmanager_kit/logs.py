"""Logs go to stderr, one line each, warnings and worse unless asked for more."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def configure(level: str = "WARNING") -> None:
    """Send the process's logs to stderr; called once, by a command."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


@contextmanager
def left_alone() -> Iterator[None]:
    """Keep a library's constructor from configuring the root logger meanwhile."""
    root = logging.getLogger()
    shield = logging.NullHandler()
    root.addHandler(shield)
    try:
        yield
    finally:
        root.removeHandler(shield)
