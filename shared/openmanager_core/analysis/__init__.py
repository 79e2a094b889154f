"""Methods, one per file: what is unusual, what changed, what caused it, what comes next.

The four functions of the public contract are found here by name; each is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openmanager_core.analysis.anomalies import detect
    from openmanager_core.analysis.causes import rca
    from openmanager_core.analysis.forecast import forecast
    from openmanager_core.analysis.multivariate import detect_multi

__all__ = ["detect", "detect_multi", "forecast", "rca"]

_HOMES = {
    "detect": "openmanager_core.analysis.anomalies",
    "detect_multi": "openmanager_core.analysis.multivariate",
    "rca": "openmanager_core.analysis.causes",
    "forecast": "openmanager_core.analysis.forecast",
}


def __getattr__(name: str) -> Any:
    """Import the module that holds `name` and hand the function on."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)
