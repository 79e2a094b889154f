"""How often the right runbook is among the first three (recall@3), on the part tuned on and the part kept aside.

python benchmarks/accuracy_runbooks.py [--errors] [--tuning-only]
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from openmanager_core.knowledge import search

DATA = Path(__file__).parent.parent / "tests" / "knowledge" / "data" / "runbook_queries.tsv"


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody types, and the runbooks that answer it."""

    wanted: frozenset[str]
    text: str

    @property
    def kept_aside(self) -> bool:
        """Whether it is of the third that nothing was tuned on."""
        return hashlib.blake2b(self.text.encode(), digest_size=4).digest()[0] % 3 == 0

    @property
    def language(self) -> str:
        """``ko`` if Hangul is in it."""
        return "ko" if re.search("[가-힣]", self.text) else "en"


def queries() -> list[Query]:
    """All of them."""
    rows = (line.split("\t") for line in DATA.read_text("utf-8").splitlines())
    return [Query(frozenset(wanted.split("|")), text) for wanted, text in rows]


def recall(asked: list[Query], top: int = 3) -> tuple[float, list[str]]:
    """The share whose runbook is among the first `top`, and the others with what came instead."""
    missed = []
    for q in asked:
        got = [h.runbook.id for h in search(q.text, top)]
        if not q.wanted & set(got):
            missed.append(f"{q.text!r}: {', '.join(got) or 'nothing'} (not {'/'.join(q.wanted)})")
    return 1 - len(missed) / max(1, len(asked)), missed


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="show the errors of the part that was tuned on")
    parser.add_argument("--tuning-only", action="store_true", help="do not look at the part kept aside at all")
    args = parser.parse_args()
    for aside in (False, True):
        if aside and args.tuning_only:
            continue
        for language in ("en", "ko", ""):
            part = [q for q in queries() if q.kept_aside == aside and q.language.startswith(language)]
            three, missed = recall(part)
            one, _ = recall(part, 1)
            name = "kept aside" if aside else "tuned on"
            sys.stdout.write(
                f"{name:10s} {language or 'all':3s} n={len(part):3d} recall@3 {three:.3f} recall@1 {one:.3f}\n"
            )
            if args.errors and not aside and not language:
                sys.stdout.write("".join(f"  {m}\n" for m in missed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
