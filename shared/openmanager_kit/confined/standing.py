"""Whether the roots still stand: a directory may have been unmounted, moved or replaced since the server began."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from openmanager_core.job import offload

if TYPE_CHECKING:
    from openmanager_kit.confined.roots import Roots
    from openmanager_kit.hosting.readiness import Condition


async def roots_condition(roots: Roots) -> Condition:
    """Look at each root; ready while one can be listed. Says how many, not which: who asks may be anybody."""
    from openmanager_kit.hosting.readiness import Condition

    gone = await offload(_gone, roots)
    count = len(roots.roots)
    said = f"{count} root{'s' if count > 1 else ''}"
    return Condition(gone < count, f"{said}, {gone} of them cannot be read" if gone else said)


def _gone(roots: Roots) -> int:
    return sum(not (Path(root.real).is_dir() and os.access(root.real, os.R_OK | os.X_OK)) for root in roots.roots)
