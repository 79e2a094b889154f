"""Where the numbers come from: one Protocol, four sources, chosen by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openmanager_core.errors import ConfigError
from openmanager_core.source.settings import SOURCE_KINDS, SourceSettings

if TYPE_CHECKING:
    from openmanager_core.source.base import Source

__all__ = ["SOURCE_KINDS", "Source", "SourceSettings", "open_source"]


def open_source(settings: SourceSettings) -> Source:
    """Make the source that `settings` describe; imports only that one.

    Raises
    ------
    ConfigError
        If the kind is unknown or its settings can not be used.
    """
    match settings.kind:
        case "simulator":
            from openmanager_core.source.simulated import SimulatedSource

            return SimulatedSource.from_settings(settings)
        case "host":
            from openmanager_core.source.host import HostSource

            return HostSource.from_settings(settings)
        case "recorded":
            from openmanager_core.source.recorded import RecordedSource

            return RecordedSource.from_settings(settings)
        case "prometheus":
            from openmanager_core.source.prometheus import PrometheusSource

            return PrometheusSource.from_settings(settings)
    raise ConfigError(f"source.kind must be one of {', '.join(SOURCE_KINDS)}, got {settings.kind!r}")


def __getattr__(name: str) -> object:
    # The Protocol speaks of panels, and those of numpy: a process that only reads settings needs neither.
    if name == "Source":
        from openmanager_core.source.base import Source

        return Source
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
