"""Runbooks as data: what to do for each kind of trouble, why, what it should bring, and how to check it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template
from typing import Any, Literal, cast

from openmanager_core.errors import NotFound
from openmanager_core.wording.particles import with_particle

_FOLDER = "runbooks"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `$target`, `$selector` and `$prometheus` stand for the place and the metric.

    `$target_obj` is the place with the Korean particle of an object. `verify` is a query or a command; where it is a
    phrase, `verify_ko` has it in Korean.
    """

    action: str
    expected_effect: str
    risk: Literal["low", "medium", "high"]
    verify: str
    command: str
    action_ko: str = ""
    expected_effect_ko: str = ""
    verify_ko: str = ""


@dataclass(frozen=True, slots=True)
class Runbook:
    """One failure mode.

    Attributes
    ----------
    causes, findings
        Kinds of causes and of findings it answers.
    metrics, types, direction
        Narrow the findings it answers; empty: any.
    why
        Why it hurts, one sentence.
    symptoms, symptoms_ko
        Words people use for it; searched, not shown first.
    likely, likely_ko
        What usually causes it, the commonest first.
    diagnose
        Commands that tell which of these it is; they only read.
    """

    id: str
    title: str
    title_ko: str
    causes: tuple[str, ...]
    findings: tuple[str, ...]
    metrics: tuple[str, ...]
    types: tuple[str, ...]
    direction: str
    why: str
    symptoms: str
    symptoms_ko: str
    steps: tuple[Step, ...]
    why_ko: str = ""
    likely: tuple[str, ...] = ()
    likely_ko: tuple[str, ...] = ()
    diagnose: tuple[str, ...] = ()

    def text(self) -> str:
        """All of it as one passage, for searching."""
        said = [self.title, self.title_ko, self.id.replace("_", " "), self.why, self.symptoms, self.symptoms_ko]
        said += [m.replace("_", " ") for m in self.metrics]
        said += [self.why_ko, *self.likely, *self.likely_ko, *self.diagnose]
        said += [f"{s.action} {s.action_ko} {s.expected_effect}" for s in self.steps]
        return "\n".join(said)


def filled(text: str, words: Mapping[str, str]) -> str:
    """A text of a step with its blanks filled; `words` has the target, the selector and the metric's name."""
    return Template(text).safe_substitute({**words, "target_obj": with_particle(words["target"], "을/를")})


@cache
def runbooks() -> tuple[Runbook, ...]:
    """All shipped runbooks, in the order of their files; read once."""
    found: list[Runbook] = []
    folder = resources.files("openmanager_core.knowledge") / _FOLDER
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".toml"):
            found += [_runbook(row) for row in tomllib.loads(file.read_text("utf-8"))["runbook"]]
    return tuple(found)


def runbook(name: str) -> Runbook:
    """The runbook with this id.

    Raises
    ------
    NotFound
        If there is none; the message gives the nearest ids.
    """
    by_id = {r.id: r for r in runbooks()}
    if name not in by_id:
        raise NotFound.named("runbook", name, by_id, hint=f"one of {', '.join(by_id)}")
    return by_id[name]


def for_cause(kind: str) -> Runbook:
    """The runbook that answers a cause of this kind; the one for unknown causes if none does."""
    return next((r for r in runbooks() if kind in r.causes), runbook("unknown"))


def for_finding(kind: str, metric: str, *, server_type: str = "", direction: str = "") -> Runbook:
    """The runbook that fits a finding best: one for its metric first, then one for its kind."""
    fits = [
        r
        for r in runbooks()
        if kind in r.findings
        and (not r.types or server_type in r.types)
        and (not r.direction or direction == r.direction)
    ]
    named = [r for r in fits if metric in r.metrics]
    # the narrower one knows more: its type or its direction was asked for, or it answers fewer metrics
    named.sort(key=lambda r: (not r.types, not r.direction, kind not in r.findings[:2], len(r.metrics)))
    if named:
        return named[0]
    return next((r for r in fits if not r.metrics), runbook("unknown"))


def _runbook(row: dict[str, Any]) -> Runbook:
    steps = tuple(
        Step(
            s["action"],
            s["expected_effect"],
            cast(Literal["low", "medium", "high"], s["risk"]),
            s["verify"],
            s["command"],
            s.get("action_ko", ""),
            s.get("expected_effect_ko", ""),
            s.get("verify_ko", ""),
        )
        for s in row["step"]
    )
    return Runbook(
        row["id"],
        row["title"],
        row["title_ko"],
        tuple(row["causes"]),
        tuple(row["findings"]),
        tuple(row["metrics"]),
        tuple(row.get("types", ())),
        row.get("direction", ""),
        row["why"],
        row["symptoms"],
        row["symptoms_ko"],
        steps,
        row.get("why_ko", ""),
        tuple(row.get("likely", ())),
        tuple(row.get("likely_ko", ())),
        tuple(row.get("diagnose", ())),
    )
