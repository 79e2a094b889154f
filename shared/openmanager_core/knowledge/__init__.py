"""What to do about it: shipped runbooks as data, and search over them in English and Korean."""

from openmanager_core.knowledge.retrieval import Hit, search
from openmanager_core.knowledge.shelf import Runbook, Step, filled, for_cause, for_finding, runbook, runbooks

__all__ = ["Hit", "Runbook", "Step", "filled", "for_cause", "for_finding", "runbook", "runbooks", "search"]
