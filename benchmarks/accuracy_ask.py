"""How well questions in words are understood: intents and entities, on the part tuned on and the part kept aside.

python benchmarks/accuracy_ask.py            # both parts, figures only for the part kept aside
python benchmarks/accuracy_ask.py --errors   # and the errors of the part that was tuned on
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from openmanager_core.fleet import Fleet
from openmanager_core.knowledge.asking import Plan, plan
from openmanager_core.knowledge.asking.hangul import language_of
from openmanager_core.simulator.inventory import build
from openmanager_core.timespan import parse_duration, parse_instant

DATA = Path(__file__).parent.parent / "tests" / "knowledge" / "data"
NOW_S = datetime(2026, 11, 25, 15, 30, tzinfo=UTC).timestamp()
_IGNORED = ("runbook", "unknown", "help", "metrics", "incidents")
"""Intents for which a metric or a time that was read as well does no harm."""


@dataclass(frozen=True, slots=True)
class Question:
    """One line of the data: what it means, and how it was put."""

    intent: str
    entities: dict[str, str]
    text: str
    language: str
    batch: str

    @property
    def entities_known(self) -> bool:
        """Whether somebody wrote down which entities are meant."""
        return "-" not in self.entities

    @property
    def kept_aside(self) -> bool:
        """Whether nothing was tuned on it, and nothing learnt from it."""
        return self.batch in ALL_ASIDE


BATCHES = (
    "en", "ko", "hard", "late", "fresh", "more", "registers", "broad", "apart", "trades", "desks", "voices", "wide",
    "plain", "daily", "idioms", "strangers", "callers", "tellers", "hallway",
)  # fmt: skip
"""The fresh one was written and labelled before its author had read the rules, the one called more after that."""
ALL_ASIDE = ("callers", "tellers", "hallway")
"""Every question of these is kept aside: written before others of their time were measured, and never looked at."""


def questions(*names: str) -> list[Question]:
    """Those of the batches named, else all of them."""
    out = []
    for name in names or BATCHES:
        for line in (DATA / f"questions_{name}.tsv").read_text("utf-8").splitlines():
            intent, entities, text = line.split("\t")
            known = {"-": ""} if entities == "-" else dict(e.split("=", 1) for e in entities.split())
            out.append(Question(intent, known, text, language_of(text), name))
    return out


def _instant(said: str) -> float:
    return parse_instant(said.replace("_", " "), NOW_S)


def entity_errors(asked: Question, got: Plan) -> Iterator[str]:
    """Each entity that is missing, wrong, or there without having been said."""
    want = asked.entities
    assumed = {a[1] for a in got.assumptions if a[0] == "metric"}
    seen = {
        "server": got.servers[0] if got.servers else "",
        "cluster": got.cluster,
        "type": got.type,
        "environment": got.environment,
        "region": got.region,
        "metric": got.metrics[0] if got.metrics and got.metrics[0] not in assumed else "",
    }
    for key, value in seen.items():
        wanted = want.get(key, "")
        if value != wanted and (
            wanted or (asked.intent not in _IGNORED and key in ("server", "cluster", "region", "metric"))
        ):
            yield f"{key}: {value!r} not {wanted!r}"
    if "start" in want and (got.start_s is None or abs(got.start_s - _instant(want["start"])) > 90):
        yield f"start: {got.start_s and got.start_s - NOW_S} not {_instant(want['start']) - NOW_S}"
    if "end" in want and got.end_s != _instant(want["end"]):
        yield f"end: {got.end_s}"
    if "before" in want and (
        got.before_start_s is None or not -1 <= (got.before_start_s - _instant("yesterday")) / 86_400 < 1
    ):
        yield f"before: {got.before_start_s and got.before_start_s - NOW_S}"
    if "horizon" in want and got.horizon_s != parse_duration(want["horizon"]):
        yield f"horizon: {got.horizon_s}"
    for key, number in (("threshold", got.threshold), ("growth", got.growth_ratio), ("lost", got.lost_servers)):
        if key in want and (number is None or abs(number - float(want[key])) > 1e-6):
            yield f"{key}: {number} not {want[key]}"


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of questions understood."""

    n: int
    intent: float
    entities: float
    errors: tuple[str, ...]


def measure(asked: list[Question], fleet: Fleet) -> Figures:
    """Intent accuracy, and the share of questions with every entity right and none invented."""
    right = whole = known = 0
    errors = []
    for q in asked:
        got = plan(q.text, fleet, NOW_S)
        ok = got.intent == q.intent
        right += ok
        wrong = list(entity_errors(q, got)) if q.entities_known and q.intent != "unknown" else []
        known += q.entities_known
        whole += q.entities_known and not wrong
        if not ok or wrong:
            errors.append(
                f"{q.text!r}: {got.intent} (not {q.intent}) {'; '.join(wrong)}"
                if not ok
                else f"{q.text!r}: {'; '.join(wrong)}"
            )
    n = max(1, len(asked))
    return Figures(len(asked), right / n, whole / max(1, known), tuple(errors))


def fleet() -> Fleet:
    """The fleet that the questions are about: 30 simulated servers."""
    return build(30, 7)[0]


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="show the errors of the part that was tuned on")
    parser.add_argument("--tuning-only", action="store_true", help="do not look at the part kept aside at all")
    parser.add_argument("--batch", action="append", choices=BATCHES, default=[], help="only these batches")
    args = parser.parse_args()
    every, known = questions(*args.batch), fleet()
    for aside in (False, True):
        if aside and args.tuning_only:
            continue
        for language in ("en", "ko", ""):
            part = [q for q in every if q.kept_aside == aside and q.language.startswith(language)]
            f = measure(part, known)
            name = "kept aside" if aside else "tuned on"
            sys.stdout.write(
                f"{name:10s} {language or 'all':3s} n={f.n:3d} intent {f.intent:.3f} entities {f.entities:.3f}\n"
            )
            if args.errors and not aside and not language:
                sys.stdout.write("".join(f"  {e}\n" for e in f.errors))
    return 0


if __name__ == "__main__":
    sys.exit(main())
