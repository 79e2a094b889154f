"""Questions in words, English and Korean, read into a plan of analyses. Rules and tables only, no model call."""

from openmanager_core.knowledge.asking.plan import INTENTS, Intent, Plan, plan

__all__ = ["INTENTS", "Intent", "Plan", "plan"]
