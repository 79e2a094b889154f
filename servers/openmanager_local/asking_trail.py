"""Lines of a trail that only questions in words have: how the question was read, and what each call gave back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from openmanager_core.text import ident
from openmanager_local.trail import lines_in

if TYPE_CHECKING:
    from openmanager_core.knowledge.asking import Plan
    from openmanager_core.wording import Language
    from openmanager_local.asking_voice import Voice

_COMMON = ("engine: ", "cache: ")
"""Lines that are the same for every analysis of one question: told once, at its end."""
_GIVEN = {
    "window": "구간", "before_window": "이전 구간", "after_window": "이후 구간", "history": "살핀 과거",
    "screened_series": "살핀 시계열", "series": "시계열", "tested_pairs": "검정한 쌍", "method": "방법",
    "findings_used": "검토한 이상 징후", "total": "전체", "source": "소스",
}  # fmt: skip
_NAMED = {
    "servers": "서버", "cluster": "클러스터", "type": "유형", "environment": "환경", "region": "리전", "metrics": "지표",
    "threshold": "기준값", "growth_ratio": "부하 증가", "lost_servers": "빠지는 서버", "moved_load": "옮기는 부하",
    "horizon_s": "예측 기간",
}  # fmt: skip


def reading_lines(read: Plan, say: Voice) -> list[str]:
    """How the question was read, and what was named in it."""
    lines = [
        say(
            f"read as {read.intent}, stage {read.stage}, confidence {read.confidence:.2f}",
            f"'{say.intent(read.intent)}' 질문으로 읽음, {read.stage}단계, 신뢰도 {read.confidence:.2f}",
        )
    ]
    if read.alternatives:
        others = ", ".join(say.intent(name) if say.ko else name for name in read.alternatives)
        lines.append(say(f"other readings considered: {others}", f"검토한 다른 해석: {others}"))
    named = [
        f"{_NAMED[key]} {_korean(key, value, say)}" if say.ko else f"{key} {value}"
        for key in _NAMED
        if (value := getattr(read, key)) not in ((), "", None)
    ]
    if named:
        lines.append(say("named: ", "말한 것: ") + "; ".join(named))
    return lines


def _korean(key: str, value: Any, say: Voice) -> str:
    if key == "metrics":
        return ", ".join(say.metric(name) for name in value)
    if key == "servers":
        return ", ".join(ident(name) for name in value)
    if key == "horizon_s":
        return say.length(value)
    if key == "growth_ratio":
        return f"{value:+.0%}"
    if key == "moved_load":
        return f"{ident(value.source)} → {ident(value.target)} {100 * value.share:g} %"
    return f"{value:g}" if isinstance(value, float) else ident(str(value))


def given_back(made: Any, language: Language) -> list[str]:
    """The window, the number of series and the like of an answer; of lists, how long they are."""
    told = made.told if hasattr(made, "told") else lambda key, _: getattr(made, key)
    rows = [(key, told(key, language)) for key in _GIVEN if getattr(made, key, None) not in (None, "", [])]
    return [
        f"{key if language == 'en' else _GIVEN[key]}: {len(value) if isinstance(value, list) else value}"
        for key, value in rows
    ]


def call_lines(tool: str, made: Any, language: Language) -> list[str]:
    """What one call gave back and its own trail, without the lines that are told once at the end."""
    own: Sequence[str] = [text for text in getattr(made, "trail", ()) if not text.startswith(_COMMON)]
    given = "; ".join(given_back(made, language)) or ("done" if language == "en" else "완료")
    return [f"{tool}: {text}" for text in (given, *lines_in(own, language))]
