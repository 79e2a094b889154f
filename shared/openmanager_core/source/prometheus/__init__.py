"""Any server that answers the Prometheus HTTP API: Prometheus, VictoriaMetrics, Thanos, Mimir.

PromQL exists in this folder only.
"""

from __future__ import annotations

from openmanager_core.source.prometheus.source import PrometheusSource

__all__ = ["PrometheusSource"]
