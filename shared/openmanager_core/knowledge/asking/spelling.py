"""Slips of the finger, put right against the words that the rules know; nothing else is touched."""

from __future__ import annotations

import re
from functools import lru_cache

from openmanager_core.knowledge.asking.cues import ENGLISH, FLEET_WORDS, KOREAN
from openmanager_core.knowledge.asking.cues_wide import ENGLISH_WIDE, KOREAN_WIDE
from openmanager_core.knowledge.asking.hangul import distance, jamo, without_particle
from openmanager_core.knowledge.asking.ideas import spelt

_ENGLISH = (
    "about above across action actions against analyze anomalies anomaly anything attention available average "
    "because before behavior behaviour between broken cache capacity cause causes causing change changed cluster clusters commands "
    "compare compared connections correlate correlated correlation correlations critical current daily database databases degraded "
    "deploy deployment describe details diagnose difference different disk disks error errors everything expired explain "
    "failing fleet forecast forecasts growing headroom health healthy help history incident incidents infrastructure inventory "
    "latency leaking leaks list losing machine machines memory message metric metrics misbehaving mitigation network next "
    "outage outlier outliers overview pattern patterns periodic playbook predict prediction procedure process production "
    "projection queue reason recommend recommendation recommendations recurring relationship request requests resolved response restart "
    "root runbook seasonal seasonality server servers should spike spikes staging status steps strange suggest summary "
    "system throughput today tomorrow traffic trend trends trouble unhealthy unresolved unusual usage versus weird what "
    "which yesterday healthy unhealthy postmortem"
)
_KOREAN = (
    "서버 상태 위험 예측 전망 비교 원인 이유 이상 징후 메모리 디스크 응답 지연 에러 오류 클러스터 데이터베이스 상관관계 용량 "
    "추천 조치 장애 인시던트 런북 해결 방법 지표 메트릭 요청 트래픽 네트워크 어제 오늘 내일 최근 패턴 누수 반복 주기 추세 "
    "요약 현황 심각 스테이징 프로덕션 캐시 포스트모템 도움말 사용법 레이턴시 사용률 사용량 적중률 어떻게 권장 괜찮 증설 스파이크 예상"
)
_SLIPS = {
    "wy": "why", "whys": "why", "teh": "the", "wat": "what", "wut": "what", "wht": "what", "whch": "which", "wich": "which", "pls": "please",
    "plz": "please", "srv": "server", "srvs": "servers", "lat": "latency", "mem": "memory", "prd": "production",
    "hlep": "help", "y": "why", "r": "are", "u": "you", "diks": "disk", "cpuu": "cpu", "cou": "cpu", "whats": "what's",
    "hows": "how's", "wheres": "where's", "whos": "who's", "웨": "왜", "웨이렇게": "왜이렇게", "왜케": "왜이렇게", "외케": "왜이렇게",
    "됬": "됐", "되요": "돼요", "안되": "안돼", "머가": "뭐가", "머야": "뭐야", "모야": "뭐야", "머": "뭐", "써버": "서버",
    "서바": "서버", "싸버": "서버", "cpi": "cpu",
}  # fmt: skip
_COMMON = "requiring require required resource quest guest western northern eastern stating stature statue statues status hosting posting customers healed wealth stealth heath through thorough thought though metrics matrix recover recovered recovering retry curing securing reoccurring concurring plane planet planets cashes caches coached reaching queued queues quest queen severe serving several servant served deserves reserves prediction predictions produce product products reduce reduction forest forecasts foremost relations relation rotation rotations patters matters letters batters better letter latest latency later lately deeply reply replay details retail retails derail fleets feet fees greet tree free street hell help held heal deal meal real weak week peak leap lost last list fast past cost costs most must just some same such than that them then they this those time times tire these there three rise rises lead leads state states"
_COMMON_KO = "사태 상대 상패 퇴근 이후 이윤 인상 자연 언제 매일 위협 절망 전방 비고 요정 방범 수기 초기 장기 사기 추가 방문 기록 기억 지역 지인 요즘 애초 응원 대비 대기"
"""Words of their own that are one letter away from a known one."""
_LITERAL = re.compile(r"[a-z]{4,}|[가-힣]{2,}")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[가-힣]+")


@lru_cache(maxsize=1)
def _known() -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    english, korean = tuple(dict.fromkeys(_ENGLISH.split())), tuple(dict.fromkeys(_KOREAN.split()))
    # what the cues themselves are made of is no slip of something else
    cues = " ".join(pattern for _, _, pattern in (*ENGLISH, *KOREAN, *ENGLISH_WIDE, *KOREAN_WIDE))
    spoken = f"{cues} {FLEET_WORDS} {spelt()}"
    return (
        frozenset((*english, *korean, *_LITERAL.findall(spoken), *_COMMON.split(), *_COMMON_KO.split())),
        english,
        korean,
    )


def corrected(text: str, keep: frozenset[str] = frozenset()) -> tuple[str, list[tuple[str, str]]]:
    """The text with misspelt words put right, and what was changed as (as typed, as read).

    One slip in words of 4 to 7 letters, two in longer ones, and the first letter must be right; a Korean word
    may differ by one letter of one syllable. Words in `keep` are names, and stay.
    """
    changed: list[tuple[str, str]] = []

    def put_right(match: re.Match[str]) -> str:
        word = match.group()
        if word in keep:
            return word
        read = _SLIPS.get(word) or _nearest(word)
        if read != word and word not in _SLIPS:
            changed.append((word, read))
        return read

    return _WORD.sub(put_right, text), changed


@lru_cache(maxsize=4096)
def _nearest(word: str) -> str:
    known, english, korean = _known()
    if word in known:
        return word
    if "가" <= word[0] <= "힣":
        return _nearest_korean(word, known, korean)
    if len(word) < 4 or "'" in word:
        return word
    # forms of a known word are no slips
    if any(word.startswith(k) or k.startswith(word) for k in english if len(k) >= 4 and abs(len(k) - len(word)) <= 4):
        return word
    most = 1 if len(word) < 8 else 2
    near = [(distance(word, k, most), k) for k in english if k[0] == word[0] and abs(len(k) - len(word)) <= most]
    best = min(near, default=(most + 1, word))
    return best[1] if best[0] <= most else word


def _nearest_korean(word: str, known: frozenset[str], korean: tuple[str, ...]) -> str:
    if any(k in word for k in korean) or without_particle(word) in known or word[:2] in known:
        return word
    for stem in dict.fromkeys((word, without_particle(word))):
        for k in korean:
            # the ending of a Korean word is grammar: only its beginning is compared
            if len(stem) >= len(k) >= 2 and len(jamo(k)) >= 5 and distance(jamo(stem[: len(k)]), jamo(k), 1) == 1:
                return k + word[len(k) :]
    return word
