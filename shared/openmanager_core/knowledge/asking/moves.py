"""Load that would move: "what if 30 % of web-a's load moved to web-b", between two clusters by their ids."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openmanager_core.analysis.moved_load import MovedLoad
    from openmanager_core.fleet import Fleet

_TOKEN = re.compile(r"[a-z0-9]+(?:[-_./:][a-z0-9]+)*")
_MOVED = re.compile(
    r"\b(?:mov(?:e|es|ed|ing)|shift(?:s|ed|ing)?|migrat\w+|transfer\w*|redirect\w*|rerout\w+|fail(?:s|ed|ing)?[ -]?over"
    r"|failover|tak(?:e|es|ing) over|took over|drain(?:s|ed|ing)?|evacuat\w+)\b"
    r"|옮|넘기|넘겨|넘긴|이전(?:하|시|해|할)|이동|돌리|돌려|보내|떠넘|페일\s?오버|몰아|인계|받으면|받아도"
)
_PAST = re.compile(r"\bwhy\b|\bsince\b|\bcaused?\b|yesterday|왜|원인|이후|어제|옮긴\s?(?:뒤|후|다음)|옮겼")
_PERCENT = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,3})?)\s?(?:%|percent\b|pct\b|프로|퍼센트)")
_PARTS = (
    (re.compile(r"\bhalf\b|절반|반(?=\s?(?:을|만|정도|쯤|\s))"), 0.5),
    (re.compile(r"\b(?:a|one)[ -]third\b|3\s?분의\s?1"), 1 / 3),
    (re.compile(r"\b(?:a|one)[ -]quarter\b|4\s?분의\s?1"), 0.25),
)
_ALL = re.compile(r"\b(?:all|everything|whole|entire|full|completely)\b|전부|모두|전체|몽땅|싹")
_TO_BEFORE = re.compile(r"(?:\b(?:to|onto|into|towards?)|->|→)\s*(?:the\s+)?(?:cluster\s+)?$")
_TO_AFTER = re.compile(r"\s?(?:클러스터\s?)?(?:쪽\s?)?(?:으로|로|에게|한테|에다|에(?![서게]))")
_TAKES = re.compile(r"\b(?:take|takes|took|taking) over\b|^\s?(?:클러스터\s?)?(?:이|가)\s")
_FROM_BEFORE = re.compile(r"\b(?:from|of|drain|draining|evacuate|over)\s+(?:the\s+)?(?:cluster\s+)?$")
_FROM_AFTER = re.compile(r"\s?(?:클러스터\s?)?(?:에서|의|꺼|것)")


def moved(text: str, fleet: Fleet) -> tuple[MovedLoad, bool] | None:
    """The move that is asked about, and whether its size was said; `text` is folded.

    None where no move is meant, where it is one of the past (a cause, not a what-if), or where not two
    clusters are named.
    """
    if not _MOVED.search(text) or _PAST.search(text):
        return None
    from openmanager_core.analysis.moved_load import MovedLoad

    ids = {c.id.casefold(): c.id for c in fleet.clusters}
    at: dict[str, re.Match[str]] = {}
    for match in _TOKEN.finditer(text):
        if match.group() in ids:
            at.setdefault(match.group(), match)
    share, said = _share(text)
    if len(at) != 2 or not 0 < share <= 1:
        return None
    first, second = sorted(at.values(), key=lambda m: m.start())
    source, target = (second, first) if _other_way(text, first, second) else (first, second)
    return MovedLoad(ids[source.group()], ids[target.group()], share), said


def _share(text: str) -> tuple[float, bool]:
    found = _PERCENT.search(text)
    if found is not None:
        return float(found[1]) / 100, True
    for pattern, share in _PARTS:
        if pattern.search(text):
            return round(share, 4), True
    return 1.0, _ALL.search(text) is not None


def _other_way(text: str, first: re.Match[str], second: re.Match[str]) -> bool:
    """Whether the cluster that is named first is the one that takes."""

    def marked(name: re.Match[str], before: re.Pattern[str], after: re.Pattern[str]) -> bool:
        return bool(before.search(text[: name.start()]) or after.match(text, name.end()))

    gives = marked(second, _FROM_BEFORE, _FROM_AFTER) and not marked(first, _FROM_BEFORE, _FROM_AFTER)
    if marked(second, _TO_BEFORE, _TO_AFTER):
        return False
    return marked(first, _TO_BEFORE, _TO_AFTER) or gives or bool(_TAKES.search(text[first.end() : second.start()]))
