"""Which kind of question it is: trained votes, and weights of cues summed with what was named in it; how far from home."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from openmanager_core.knowledge.asking.cues import ENGLISH, FLEET_WORDS, KOREAN
from openmanager_core.knowledge.asking.cues_wide import ENGLISH_WIDE, KOREAN_WIDE
from openmanager_core.knowledge.asking.votes import Votes

_NEVER_OF_ONE = ("unknown", "overview", "unhealthy", "servers", "help")
"""What nobody asks who names a server."""
_SHARE = 0.04
"""What one point of the rules is worth beside a vote; 0.02 to 0.06 do the same for questions left out."""
_MOST_POINTS = 8.0
_CHATTER_POINTS = 6.0
_ANALYSES = ("root_cause", "anomalies", "patterns", "correlation", "forecast", "compare", "capacity")
_CHATTER = re.compile(
    r"weather|\bbook\b(?!s? me)|\bceo\b|chess|exchange rate|\bpizza|how old|directions|airport|\bcat\b|\bdog\b|blah|everest|\bpizza|\bdreams?\b|how tall|what time is it|python|javascript|quicksort|\bjoke|\bpoem|recipe|world cup|capital of|love you|\bflight|\bbitcoin|\bgold\b|translat|\bmovie|\bsong|\bmusic|football|soccer|\bdinner|(?<!after )(?<!since )(?<!before )\blunch|"
    r"horoscope|lottery|\bstory\b|birthday|president|restaurant|holiday|\bnews\b|stock (?:price|market)|homework|essay|"
    r"날씨|농담|레시피|점심(?! ?(?:이후|부터|뒤|후|때|시간|전))|저녁메뉴|대통령|사랑|비행기|비트코인|번역|축구|야구|영화|노래|심심|놀아|환율|책추천|노래추천|체스|뭐먹|몇살|고양이|강아지|아무말|사진보여|수학|기분|라면|파이썬|코딩|(?<!작전좀)(?<!작전 좀 )(?<!계획좀)(?<!계획 좀 )(?<!작전)(?<!계획)짜줘|퀵소트|맛집|주식|로또|운세|생일|여행|시써|시를써|뉴스|드라마|게임|수학문제|숙제"
)
"""Subjects that questions to an assistant are about when they are not about servers."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The scores of all intents, best first, and whether it is about servers at all."""

    scores: tuple[tuple[str, float], ...]
    at_home: bool

    @property
    def best(self) -> str:
        """The intent with the highest score."""
        return self.scores[0][0]

    @property
    def margin(self) -> float:
        """By how much the best one leads."""
        return self.scores[0][1] - self.scores[1][1]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read before: it speaks for some intents and against others."""

    server: bool = False
    place: bool = False
    metrics: int = 0
    window: bool = False
    before: bool = False
    horizon: bool = False
    deploy: bool = False
    threshold: bool = False
    growth: bool = False
    lost: bool = False


@lru_cache(maxsize=1)
def _compiled() -> tuple[tuple[tuple[str, float, re.Pattern[str]], ...], ...]:
    return tuple(
        tuple((i, w, re.compile(p)) for i, w, p in rows) for rows in (ENGLISH + ENGLISH_WIDE, KOREAN + KOREAN_WIDE)
    )


def judge(text: str, seen: Seen, votes: Votes) -> Judged:
    """Score the intents; `text` is folded and its spelling put right, names of servers blanked out.

    Votes were trained and know much; the rules add the points of what they are certain of, and what was named in the
    question moves those.
    """
    words = " ".join(text.split())
    squeezed = re.sub(r"[\s.,!?~^;:]+", "", text)
    english, korean = _compiled()
    scores: dict[str, float] = {}
    for rows, subject in ((english, words), (korean, squeezed)):
        best: dict[str, float] = {}
        for intent, weight, pattern in rows:
            if pattern.search(subject):
                held = best.get(intent, 0.0)
                # a second cue of the same intent says a little more, not twice as much
                best[intent] = max(held, weight) + 0.3 * min(held, weight) if held else weight
        for intent, score in best.items():
            scores[intent] = scores.get(intent, 0.0) + score
    at_home = about_servers(words, seen)
    _weigh(scores, seen, words, squeezed)
    if (_CHATTER.search(words) or _CHATTER.search(squeezed)) and not (seen.server or seen.metrics):
        scores = {"unknown": max(_CHATTER_POINTS, scores.get("unknown", 0.0))}
    total = {
        intent: vote + _SHARE * min(max(scores.get(intent, 0.0), 0.0), _MOST_POINTS)
        for intent, vote in votes.scores.items()
        if intent not in _NEVER_OF_ONE or not seen.server  # whoever names a server asks about it
    }
    ordered = sorted(((i, round(s, 4)) for i, s in total.items()), key=lambda row: -row[1])
    return Judged(tuple(ordered), at_home)


def about_servers(words: str, seen: Seen) -> bool:
    """Whether anything of a fleet was named; `words` is folded, with single spaces."""
    named = seen.server or seen.place or seen.metrics or seen.growth or seen.lost or seen.deploy
    return bool(named or re.search(FLEET_WORDS, words))


def _weigh(scores: dict[str, float], seen: Seen, words: str, squeezed: str) -> None:
    """What was named in the question moves the scores."""

    def add(intent: str, by: float, only_if_there: bool = False) -> None:
        if intent in scores or not only_if_there:
            scores[intent] = scores.get(intent, 0.0) + by

    health = bool(
        re.search(r"\b(?:status|state|health\w*|ok|okay|fine|doing|about|describe|details?|specs?|check|info\w*|everything|going on|alive|up\b|look at|summary|how(?:'s| is))\b", words)
        or re.search(r"상태|어때|어떰|어떠|괜찮|상세|정보|점검|봐줘|봐주|대해|대한정보|스펙|사양|건강|확인|무슨일|멀쩡|살아|설명|알려|뭐하|요약|브리핑", squeezed)
    )  # fmt: skip
    if seen.server:
        add("describe", 1.2)
        if health:
            add("describe", 2.2)
        for intent in ("overview", "unhealthy", "servers"):
            if intent in scores:
                scores[intent] -= 2.6
        if re.search(r"무슨일", squeezed):
            add("describe", 1.0)
    if seen.metrics:
        add("query", 1.5)
        if seen.server:
            add("query", 0.6)
            if "describe" in scores:
                scores["describe"] -= 1.6
        for intent in ("overview", "servers", "unhealthy"):
            if intent in scores:
                scores[intent] -= 1.5
        if seen.metrics >= 2:
            add("correlation", 1.0, only_if_there=True)
    elif "query" in scores:
        scores["query"] -= 1.2
    if seen.threshold and seen.metrics:
        add("query", 0.8)
    if seen.horizon:
        add("forecast", 3.0)
        if not seen.metrics and not seen.server:
            add("forecast", -1.5)
        add("capacity", 0.6, only_if_there=True)
    if seen.growth:
        add("capacity", 3.2)
    if seen.lost:
        add("capacity", 3.4)
    if seen.before:
        add("compare", 3.0)
    if seen.deploy:
        add("compare", 1.6)
        if "runbook" in scores:
            add("runbook", 0.5)
    if seen.metrics and max((scores.get(i, 0.0) for i in _ANALYSES), default=0.0) >= 2.4:
        scores["query"] -= 1.2  # values alone are what is left when nothing more is asked
    if seen.window:
        for intent in ("runbook", "help", "metrics"):
            if intent in scores:
                scores[intent] -= 0.8
    if "patterns" in scores and "compare" in scores and re.search("패턴|주기|pattern|seasonal", squeezed):
        scores["compare"] -= 1.5  # "is less the pattern" names what is asked for
    if "root_cause" in scores and "unhealthy" in scores and scores["root_cause"] >= 3:
        scores["unhealthy"] -= 1.8  # "it is down, why" asks for the cause
    if "recommend" in scores and "describe" in scores and scores["recommend"] >= 3.4:
        scores["describe"] -= 1.5  # "how do we get it well" asks what to do
    if seen.horizon and not seen.metrics and scores.get("unhealthy", 0.0) >= 3.5:
        scores["forecast"] -= 1.5  # "about to fall over" is how it is now
    if seen.metrics and "metrics" in scores and scores.get("correlation", 0.0) >= 3.4:
        scores["metrics"] -= 1.8  # "which metrics move like it" does not ask for the list
    if "capacity" in scores and "unhealthy" in scores:
        scores["unhealthy"] -= 1.0
    if "patterns" in scores and "anomalies" in scores and scores["patterns"] >= 3:
        scores["anomalies"] -= 1.0  # what is odd again and again is a pattern
    if "root_cause" in scores and "anomalies" in scores and scores["root_cause"] >= 3:
        scores["anomalies"] -= 1.5  # "why the spike" asks for the cause
    if "runbook" in scores and (seen.server or (seen.place and not seen.metrics)):
        scores["runbook"] -= 0.6
    if "runbook" in scores and "root_cause" in scores:
        scores["root_cause"] -= 0.8
    if "runbook" in scores and "recommend" in scores:
        scores["recommend"] -= 0.4
