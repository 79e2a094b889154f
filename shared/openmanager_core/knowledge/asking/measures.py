"""Metrics by the names people use, and the numbers that go with them: thresholds, growth, lost servers, how many."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from openmanager_core.catalog import BY_NAME
from openmanager_core.knowledge.asking.amounts import factor_in, percent_in

_SLOW = r"(?:(?:latency|response times?|지연\s?(?:시간)?|응답\s?(?:시간)?|레이턴시) )?"
_NAMES: tuple[tuple[str, str], ...] = (
    ("cpu_steal_ratio", r"cpu steal|steal(?:\s?time)?\b|스틸"),
    ("disk_io_bytes_per_s", r"disk\s?i/?o|\biops\b|\bi/?o ?wait|disk (?:reads?|writes?|throughput|activity)|디스크\s?(?:i/?o|아이오|입출력|읽기|쓰기)|입출력"),
    ("tcp_retransmit_ratio", r"(?:network |tcp )?retrans\w*|packet (?:loss|drops?)|(?:네트워크\s?)?재전송\w?|패킷\s?(?:손실|유실|로스|드롭)"),
    ("network_receive_bytes_per_s", r"(?:network|\bnet|traffic)\s?(?:in\b|receive\w*|rx|inbound)|inbound(?: traffic)?|bytes received|(?:네트워크\s?)?(?:수신|인바운드)"),
    ("network_transmit_bytes_per_s", r"(?:network|\bnet)\s?(?:out|transmit\w*|tx|outbound|traffic|usage|throughput|bandwidth)?\b|bandwidth|outbound|bytes sent|(?:네트워크\s?)(?:송신|트래픽|대역폭|사용량)?|송신|대역폭|아웃바운드"),
    ("clock_offset_s", r"clock\s?(?:offset|skew|drift)?|\bntp\b|시계(?:\s?오차)?|시간\s?오차"),
    ("cache_hit_ratio", r"(?:cache\s?)?hit[\s-]?(?:rate|ratio)s?|cache (?:hits?|miss(?:es)?)|(?:캐시\s?)?(?:적중률|히트율|히트\s?레이트|미스율?)"),
    ("queue_depth_messages", r"queue\s?(?:depth|length|size|backlog)s?|backlog|messages? (?:waiting|in queue)|consumer lag|큐\s?(?:에\s?)?(?:깊이|길이|메시지|사이즈|뎁스|적체|쌓)|큐(?:가|는|에)?\s(?:얼마나|계속|왜|자꾸|안)\s?(?=쌓|밀)|적체|대기\s?메시지|컨슈머\s?랙"),
    ("latency_p50_s", rf"{_SLOW}\bp50\b|median (?:latency|response time)|중앙값 (?:지연|응답)\w*"),
    ("latency_p99_s", rf"{_SLOW}\bp99\b(?: latency)?|99(?:th|번째)? ?(?:percentile|퍼센타일|분위)"),
    ("latency_p95_s", r"latenc(?:y|ies)|\bp95\b|respon[sc]e\s?times?|response speed|slowness|레이턴시|레이턴씨|응답\s?(?:시간|속도|지연)|지연\s?시간|지연(?!\w*복제)|반응\s?속도"),
    ("errors_per_s", r"errors?(?:\s?(?:rate|ratio|count)s?)?|\b5xx\b|\b500s?\b|failed requests?|failure (?:rate|count|ratio)s?|exceptions?|에러(?:율|\s?수|\s?건수)?|오류(?:율|\s?수)?|실패율|익셉션"),
    ("connections_active", r"connections?(?: count)?|\bconns?\b|sockets?|커넥션\s?수?|연결\s?수|접속\s?수|동접|세션\s?수"),
    ("requests_per_s", r"requests?(?:\s?(?:per second|rate|count|volume)s?)?|\b[rqt]ps\b|throughput|traffic|hits per second|요청\s?(?:수|량|건수)?|트래픽|처리량|호출\s?(?:수|량)"),
    ("memory_used_ratio", r"memory(?:\s?(?:usage|use|used|consumption|utili[sz]ation))?|\bmem\b|\bram\b|메모리(?:\s?(?:사용률|사용량|점유율))?|램(?=\s|을|이|은|사)|멤(?=\s)"),
    ("disk_used_ratio", r"how full|disks?(?:\s?(?:usage|use|used|space|utili[sz]ation|full))?|out of space|file\s?systems?|storage(?: usage)?|디스크(?:\s?(?:사용률|사용량|용량|공간))?|저장\s?공간|하드(?=\s|가|디)|스토리지"),
    ("load_per_core_ratio", r"\bload(?:\s?(?:average|avg|per core))?\b|로드(?!\s?밸런서)|(?<!과)부하(?=\s|율|가|는|\b)|로드\s?(?:에버리지|평균)"),
    ("cpu_busy_ratio", r"cpus?(?:\s?(?:usage|use|load|busy|utili[sz]ation|consumption))?|processors?|씨피유|시피유|cpu\s?(?:사용률|사용량|점유율)"),
)  # fmt: skip
_GROWTH = re.compile(
    r"grow|increas|more|extra|surge|rise|higher|additional|up by|늘|증가|더\s|더들|더 들|많아지|오르면|올라가면|몰리|폭증"
)
_COUNT_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10, "a": 1, "an": 1, "한": 1, "하나": 1, "두": 2, "둘": 2, "세": 3,
    "셋": 3, "네": 4, "넷": 4, "다섯": 5,
}  # fmt: skip
_NUMBER = r"\d{1,3}|one|two|three|four|five|a|an"
_KIT = r"(?:servers?|nodes?|hosts?|machines?|instances?|boxes|box|replicas?|vms?|brokers?|databases?)"
_LOST = re.compile(
    rf"(?:los(?:e|es|ing|t)|without|minus|drop(?:ping|s)?|kill(?:ing|s)?|remov(?:e|ing)|retir(?:e|ing)|(?:tak(?:e|ing)|switch(?:ing)?|turn(?:ing)?|shut(?:ting)?) (?:out|off|down))\s+({_NUMBER})\b(?! (?:few|lot|bit))"
    rf"|\b({_NUMBER})\s+(?:[\w-]+\s+){{0,2}}?{_KIT}\s+(?:suddenly |just )?"
    r"(?:dies?|died|fails?|goes? (?:down|away|dark|missing)|is lost|are lost|crash(?:es)?|drops? out|disappears?|vanish(?:es)?|burns?(?: down)?|blows? up|are gone|is gone|(?:are|is) (?:out|down|dead)|go)\b"
    r"|\b(?:take|taking|pull|pulling)\s+(\d{1,3}|one|two|three|four|five)\s+(?:\w+\s+){0,4}(?:out|down|away|offline|off)\b"
    r"|(\d{1,3}|한|두|세|네|다섯)\s?(?:대|개|노드)\s?(?:가|이|만|씩|를|을)?\s?(?:더\s?)?(?:빠지|죽|잃|다운|나가|내리|내려|꺼|뽑|없애|고장|날아|뻗|빼|없어지|내려가)"
)
_TOP = re.compile(
    r"(?:top|worst|first|highest|best|biggest)[\s-](\d{1,3})\b|(?:상위|탑|top)\s?(\d{1,3})|(?<!\d)(\d{1,3})\s?(?:개|대|건|순위)(?!\S*(?:빠|죽|잃|다운|더))"
)
_VALUE = re.compile(
    r"(?:above|over|exceeds?|exceeding|>=?|more than|below|under|reach(?:es)?|hits?)\s*(\d+(?:\.\d+)?)\s?(ms|s|seconds?|초|밀리초)?\b|(\d+(?:\.\d+)?)\s?(ms|s|초|밀리초)\s?(?:를|을|이|가)?\s?(?:넘|초과|이상)"
)


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured and how much of it; None where nothing was said."""

    metrics: tuple[str, ...]
    threshold: float | None
    growth: float | None
    lost: int | None
    count: int | None
    spans: tuple[tuple[int, int], ...]


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(pattern)) for name, pattern in _NAMES)


def measures(text: str) -> Measures:
    """Read metrics in the order of their mention, and the numbers; `text` is folded, its names and times blanked out."""
    left = list(text)
    found: list[tuple[int, int, str]] = []
    for name in BY_NAME:  # the exact name wins
        at = text.find(name)
        if at >= 0:
            found.append((at, at + len(name), name))
            left[at : at + len(name)] = "#" * len(name)
    for name, pattern in _patterns():
        for match in pattern.finditer("".join(left)):
            if match.end() > match.start() and match.group().strip():
                found.append((match.start(), match.end(), name))
                left[match.start() : match.end()] = "#" * (match.end() - match.start())
    found.sort()
    metrics = tuple(dict.fromkeys(name for _, _, name in found))
    growth = _growth(text)
    lost = _lost(text)
    percent = percent_in(text)
    threshold = None
    if percent is not None and growth is None:
        threshold = percent.ratio
    elif growth is None:
        threshold = _plain_value(text, metrics)
    return Measures(
        metrics, threshold, growth, lost, _count(text) if lost is None else None, tuple((a, b) for a, b, _ in found)
    )


def _growth(text: str) -> float | None:
    factor = factor_in(text)
    if factor is not None and not re.search(r"\d배\s?(?:높|낮|느)", text):
        return round(factor - 1, 4) if 0.1 <= factor <= 11 else None
    percent = percent_in(text)
    if percent is not None and _GROWTH.search(text[max(0, percent.start - 25) : percent.end + 20]):
        near = text[percent.end : percent.end + 12]
        if not re.match(r"\s?(?:를|을|이상|넘|초과|cpu)", near):
            return percent.ratio
    return None


def _lost(text: str) -> int | None:
    match = _LOST.search(text)
    if match is None:
        return None
    word = next(g for g in match.groups() if g)
    return _COUNT_WORDS.get(word) or int(word)


def _count(text: str) -> int | None:
    match = _TOP.search(text)
    return None if match is None else max(1, int(next(g for g in match.groups() if g)))


def _plain_value(text: str, metrics: tuple[str, ...]) -> float | None:
    match = _VALUE.search(text)
    if match is None or not metrics:
        return None
    number, unit = (match[1], match[2]) if match[1] else (match[3], match[4])
    value = float(number)
    of = BY_NAME[metrics[0]].unit
    if unit in ("ms", "밀리초"):
        return value / 1000 if of == "s" else None
    if of == "ratio" and value > 1:
        return value / 100 if value <= 100 else None
    return value
