"""The sentences in Korean: formal and short; names and figures as they are, particles by their sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openmanager_core.text import ident, quoted
from openmanager_core.timespan import spoken_s
from openmanager_core.wording.figures import clock, day, plain, when
from openmanager_core.wording.particles import Pair, with_particle

Facts = dict[str, Any]

METRICS = {
    "cpu_busy_ratio": "CPU 사용률", "cpu_steal_ratio": "CPU 스틸", "memory_used_ratio": "메모리 사용률", "disk_used_ratio": "디스크 사용률",
    "disk_io_bytes_per_s": "디스크 입출력", "network_receive_bytes_per_s": "네트워크 수신", "network_transmit_bytes_per_s": "네트워크 송신",
    "load_per_core_ratio": "코어당 부하", "tcp_retransmit_ratio": "TCP 재전송률", "clock_offset_s": "시계 오차", "requests_per_s": "초당 요청 수",
    "errors_per_s": "초당 오류 수", "latency_p50_s": "응답 시간 p50", "latency_p95_s": "응답 시간 p95", "latency_p99_s": "응답 시간 p99",
    "connections_active": "연결 수", "queue_depth_messages": "큐 대기 메시지", "cache_hit_ratio": "캐시 적중률",
}  # fmt: skip
QUANTITIES = {
    "clock_offset_s": ("시계 오차(크기)", ""),
    "error_ratio": ("요청 대비 오류율", ""),
    "latency_vs_peers": ("동종 서버 중앙값 대비 응답 시간 p95", "배"),
    "latency_vs_usual": ("평소 값 대비 응답 시간 p95", "배"),
    "backlog_s": ("큐 적체(처리에 걸리는 시간)", "초"),
}
"""Name, and what is counted."""
STATUS = {"healthy": "정상", "degraded": "저하", "critical": "심각", "unknown": "알 수 없음"}
KINDS = {
    "spike": "순간 급변", "level_shift": "수준 변화", "trend": "지속적인 변동", "leak": "누수 현상", "saturation": "포화 현상",
    "variance": "변동 폭의 변화", "peer_outlier": "동종 서버와의 차이 현상", "flatline": "값 정지 현상", "missing_data": "측정 누락 현상",
    "decoupling": "동반 움직임 상실 현상",
}  # fmt: skip
CAUSES = {
    "cpu_saturation": "CPU 포화", "memory_leak": "메모리 누수", "disk_filling": "디스크 부족", "network_loss": "네트워크 손실",
    "slow_dependency": "의존 서비스 지연", "traffic_surge": "트래픽 급증", "bad_deployment": "잘못된 배포", "noisy_neighbour": "이웃 VM 간섭",
    "crash": "프로세스 중단", "crash_restart": "비정상 종료와 재시작", "clock_skew": "시계 어긋남", "errors": "오류 증가",
}  # fmt: skip
PATTERNS = {
    "seasonality": "계절성", "trend": "추세", "leak": "누수", "saturation": "포화", "regime_switch": "상태 전환",
    "discord": "특이 구간", "recurring_spike": "반복 급증",
}  # fmt: skip
CHANGES = {
    "deployment": "배포",
    "restart": "재시작",
    "config": "설정 변경",
    "scaling": "서버 수 조정",
    "commit": "커밋",
}
FAILURES = {
    "invalid_request": "요청한 조건으로는 분석할 수 없습니다",
    "not_found": "말한 이름을 찾을 수 없습니다",
    "not_allowed": "권한이 없습니다",
    "conflict": "그사이 내용이 바뀌었습니다",
    "insufficient_data": "이 구간의 측정값이 부족합니다",
    "unsupported": "이 소스에서는 지원하지 않습니다",
    "source_unavailable": "데이터 소스가 응답하지 않습니다",
    "source_invalid": "데이터 소스의 응답이 올바르지 않습니다",
    "storage_unavailable": "기록 저장소를 사용할 수 없습니다",
    "deadline_exceeded": "제한 시간 안에 끝내지 못했습니다",
}
"""By the code of the failure; a test compares it with the tree of errors."""
LEVELS = {"server": "서버", "cluster": "클러스터"}
_SPANS = (("days", "일"), ("min", "분"), ("h", "시간"), ("s", "초"))
UNITS = {"ratio": "", "messages": "건", "connections": "개", "bytes/s": "B/s"}
_LOOSE = "servers without a cluster"


def metric(name: str) -> str:
    """A metric as people call it."""
    return METRICS.get(name, ident(name))


def length(seconds: float) -> str:
    """A length of time: 45초, 12분, 3.5시간, 12일."""
    number, unit = spoken_s(seconds).split(" ")
    return number + dict(_SPANS)[unit]


def _p(word: str, pair: Pair) -> str:
    return with_particle(word, pair)


def unit_behind(name: str) -> str:
    """A unit as it stands behind a figure: Latin ones after a space, counters at once."""
    unit = UNITS.get(name, name)
    return f" {unit}" if unit and unit.isascii() else unit


def _unit(f: Facts) -> str:
    return unit_behind(str(f["unit"]))


def _since(f: Facts) -> str:
    return f"{clock(f['start_s'])}부터" + ("" if f["end_s"] is None else f" {clock(f['end_s'])}까지")


def _of(f: Facts, pair: Pair | None = None) -> str:
    name = metric(f["metric"])
    return f"{ident(f['host'])}의 {name if pair is None else _p(name, pair)}"


def _moved(f: Facts) -> str:
    return f"{plain(f['was'])}에서 {_p(plain(f['now']), '으로/로')}"


def _worst(f: Facts) -> str:
    return f" ({f['count']}대 중 가장 심한 서버: {ident(f['worst'])})" if f["count"] > 1 else ""


def _parts(f: Facts) -> str:
    """All of the servers or clusters, counted: 서버 5대, 클러스터 3개."""
    return f"서버 {f['count']}대" if f["parts"] == "servers" else f"클러스터 {f['count']}개"


def _some(f: Facts, name: str) -> str:
    return f"{f[name]}{'대' if f['parts'] == 'servers' else '개'}"


def _inner(f: Facts, name: str) -> str:
    return SENTENCES[f[name].code](f[name].of)


def _each(f: Facts, name: str) -> list[str]:
    return [SENTENCES[part.code](part.of) for part in f[name]]


def _rule(f: Facts) -> str:
    what, unit = QUANTITIES.get(f["quantity"]) or (metric(f["quantity"]), "")
    value, limit = f"{f['value']:.3g}{unit}", f"{f['limit']:g}{unit}"
    word = f"기준 {_p(limit, '을/를')} 넘었습니다" if f["above"] else f"기준 {limit}보다 낮습니다"
    return f"{what} {_p(value, '이/가')} {word} (-{f['points']:.1f}점)"


def _pattern(words: str, f: Facts) -> str:
    return f"{_of(f, '이/가')} {words}."


def _drift(f: Facts, up: str, down: str) -> str:
    word = up if f["per_hour"] > 0 else down
    rate = f"시간당 {abs(f['per_hour']):.3g}{_unit(f)}씩 {word}"
    return _pattern(f"{length(f['length_s'])} 동안 {rate}(현재 {f['now']:.3g})", f)


def _room(f: Facts) -> str:
    case = [f"부하 {f['growth']:+.0%}"] if f["growth"] else []
    case += [f"서버 {f['members']}대 중 {f['lost']}대 상실"] if f["lost"] else []
    case += _each(f, "moved")
    what = f"({', '.join(case)})" if case else ""
    whose_metric = f"{metric(f['metric'])}({'가장 높은 서버' if f['fullest'] else '평균'})"
    return (
        f"{ident(f['cluster'])}{what}: {_p(whose_metric, '은/는')} {f['used']:.3g}, "
        f"95 %의 시간 동안 {f['peak']:.3g} 미만, 한도는 {f['limit']:g}입니다."
    )


def _before(f: Facts) -> str:
    if f["in_s"] is None:
        when = "기간 안에는 한도에 도달하지 않음"
    else:
        when = f"{length(f['in_s'])} 뒤 한도 도달" if f["in_s"] > 0 else "한도 초과"
    return f"이전하기 전: {f['used']:.3g}, 95 %의 시간 동안 {f['peak']:.3g} 미만, {when}."


def _reaches(f: Facts) -> str:
    first = "지금" if f["soon_s"] is None else f"{length(f['soon_s'])} 뒤"
    last = f"{length(f['late_s'])} 뒤" if f["late_s"] is not None else f"{length(f['horizon_s'])} 안에는 아님"
    return f"{length(f['at_s'])} 뒤 한도에 도달합니다(이르면 {first}, 늦으면 {last})."


def _short_of(f: Facts) -> str:
    said = _inner(f, "summary")
    if f["at_s"] is not None:
        said = f"{said.rstrip('.')}; {day(f['at_s'])}에 한도에 도달합니다"
    if f["needed"] > f["servers"]:
        said = f"{said}; 서버 {f['needed']}대가 필요하지만 현재 {f['servers']}대입니다"
    return said


def _incident(f: Facts) -> str:
    reach = f"{_of(f)}: {KINDS[f['kind']]}"
    if f["hosts"] > 1:
        reach += f", 서버 {f['hosts']}대" + (f", 클러스터 {f['clusters']}개" if f["clusters"] > 1 else "")
    return reach


def _cause(f: Facts) -> str:
    what = CAUSES.get(f["kind"], ident(f["kind"])) + (f"({metric(f['metric'])})" if f["metric"] else "")
    return f"{LEVELS[f['level']]} {ident(f['node'])}: {what}, 신뢰도 {f['confidence']:.2f}"


def _changed(f: Facts) -> str:
    what = CHANGES.get(f["kind"], f["kind"])
    return f"{when(f['at_s'])} {ident(f['target'])} {what}: {quoted(f['description'])}"


def _bound(f: Facts) -> str:
    all_of = "그" if f["every"] == f["above"] else f"기준선을 넘은 전체 {f['every']}건"
    judged = f"이상 징후 {f['of']}건 중 {f['above']}건이 기준선을 넘었으며, "
    judged += f"{all_of} 가운데 우연일 것으로 예상되는 비율은 최대 {f['rate']:.0%}입니다"
    if not f["above"]:
        judged = f"이상 징후 {f['of']}건 중 우연의 비율 {f['rate']:.0%} 기준선을 넘은 것은 없습니다"
    facts = f". 그 밖의 {f['facts']}건은 확인된 사실입니다" if f["facts"] else ""
    usual = f"{f['expected']:.2g}" if f["expected"] < 10 else f"{f['expected']:.0f}"
    return f"{judged}{facts}. 평온한 플릿도 시계열 {f['series']:,}개면 이런 구간에서 사건을 약 {usual}건 보입니다"


SENTENCES: dict[str, Callable[[Facts], str]] = {
    "as_written": lambda f: str(f["text"]),
    "finding.spike": lambda f: f"{_of(f, '이/가')} {_moved(f)} 잠시 {'올랐습니다' if f['up'] else '떨어졌습니다'}({_since(f)})",
    "finding.level_shift": lambda f: f"{_of(f, '이/가')} {_moved(f)} {'올랐습니다' if f['up'] else '떨어졌습니다'}({_since(f)})",
    "finding.trend": lambda f: f"{_of(f, '이/가')} {_moved(f)} 꾸준히 {'오릅니다' if f['up'] else '내려갑니다'}({_since(f)})",
    "finding.leak": lambda f: f"{_of(f, '이/가')} {_moved(f)} 계속 늘기만 합니다({_since(f)})",
    "finding.saturation": lambda f: f"{_of(f, '이/가')} 한계에 이르렀습니다(현재 {plain(f['now'])}, 이전 {plain(f['was'])}, {_since(f)})",
    "finding.variance": lambda f: f"{_of(f)} 변동 폭이 {'커졌습니다' if f['up'] else '작아졌습니다'}(측정당 {plain(f['now'])}, 이전 {plain(f['was'])}, {_since(f)})",
    "finding.flatline": lambda f: f"{_of(f, '이/가')} {plain(f['now'])}에서 움직이지 않습니다({_since(f)})",
    "finding.missing_data": lambda f: f"{_of(f)} 측정값이 없습니다({_since(f)})",
    "finding.peer_outlier": lambda f: f"{_of(f)} {_p(format(f['now'], '.4g') + _unit(f), '이/가')} 동종 서버의 {f['was']:.4g}보다 {f['sigma']:.1f}시그마 {'높습니다' if f['up'] else '낮습니다'}",
    "finding.decoupling": lambda f: f"{_of(f, '이/가')} 더는 {_p(metric(f['other']) if f['other'] else '동종 서버', '과/와')} 함께 움직이지 않습니다(상관 {f['now']:.2f}, 기대 {f['was']:.2f}, {_since(f)})",
    "evidence.surge": lambda f: f"클러스터의 초당 요청 수가 이전의 {f['times']:.2f}배입니다({when(f['start_s'])}부터)",
    "evidence.silence": lambda f: f"{when(f['start_s'])}부터 측정값이 없거나 처리량이 전혀 없습니다{_worst(f)}",
    "evidence.errors": lambda f: f"{when(f['start_s'])}부터 요청의 {f['now']:.2%}가 오류입니다(평소 {f['was']:.2%}){_worst(f)}",
    "evidence.metric": lambda f: f"{when(f['start_s'])}부터 {_p(metric(f['metric']), '이/가')} {f['now']:.3g}{_unit(f)}(평소 {f['was']:.3g}, {f['sigma']:.0f}시그마){_worst(f)}",
    "evidence.own_wait": lambda f: f"{ident(f['cluster'])}에서 평소보다 초당 {f['waited']:.3g} s 더 기다렸고, 그중 {f['own']:.0%}는 자체 지연, 나머지는 호출 대상의 지연입니다",
    "change": _changed,
    "health.rule": _rule,
    "health.gaps": lambda f: f"지표 {f['expected']}개 중 {f['missing']}개의 측정값이 없습니다 (-{f['points']:.1f}점)",
    "health.silent": lambda f: "측정값이 전혀 없습니다. 서버가 동작 중인지, 수집 대상인지 확인하십시오",
    "health.stopped": lambda f: f"측정값이 끊겼습니다. 마지막 값이 전체 서버의 최신 값보다 {f['age_s']:.0f}초 늦습니다 (-100점)",
    "health.none_read": lambda f: f"{_parts(f)} 모두 측정값이 없습니다",
    "health.not_healthy": lambda f: f"{_parts(f)} 중 {_some(f, 'bad')}가 정상이 아니며, 그중 {_some(f, 'critical')}는 심각합니다",
    "health.part": lambda f: f"{'클러스터에 속하지 않은 서버' if f['name'] == _LOOSE else ident(f['name'])}: {f['score']:.0f}점, {_inner(f, 'why')}",
    "health.status": lambda f: STATUS.get(str(f["status"]), str(f["status"])),
    "health.parts_silent": lambda f: f"{_parts(f)} 중 {_some(f, 'silent')}의 측정값이 없습니다",
    "pattern.saturation": lambda f: _pattern(f"{length(f['length_s'])} 동안 {_p(format(f['limit'], 'g'), '을/를')} 넘고 있습니다(현재 {f['now']:.3g})", f),
    "pattern.seasonality": lambda f: _pattern(f"{length(f['period_s'])} 주기로 반복됩니다. 진폭 {f['swing']:.3g}{_unit(f)}, 분산의 {f['share']:.0%}를 설명하며 {f['cycles']:.1f}주기를 관측했습니다", f),
    "pattern.trend": lambda f: _drift(f, "늘고 있습니다", "줄고 있습니다"),
    "pattern.leak": lambda f: _drift(f, "차오르고 있습니다", "줄고 있습니다"),
    "pattern.regime_switch": lambda f: _pattern(f"{_p(format(f['low'], '.3g'), '과/와')} {f['high']:.3g} 사이를 {f['switches']}번 오갔으며, {length(f['length_s'])} 동안 {f['now']:.3g}에 머물러 있습니다", f),
    "pattern.recurring_spike": lambda f: _pattern(f"{length(f['period_s'])}마다 {'위' if f['height'] > 0 else '아래'}로 {abs(f['height']):.3g}{_unit(f)}만큼 튑니다({f['count']}회)", f),
    "pattern.discord": lambda f: f"{_of(f)} 가운데 {length(f['length_s'])} 길이의 한 구간이 나머지와 다릅니다(z {f['z']:.1f}).",
    "capacity.room": _room,
    "capacity.moved_away": lambda f: f"부하의 {100 * f['share']:g} %를 {_p(ident(f['target']), '으로/로')} 이전",
    "capacity.moved_here": lambda f: f"{ident(f['source'])} 부하의 {100 * f['share']:g} %를 이전받음",
    "capacity.before": _before,
    "capacity.no_server": lambda f: "남는 서버가 없습니다.",
    "capacity.over": lambda f: "이미 한도를 넘었습니다.",
    "capacity.reaches": _reaches,
    "capacity.may_reach": lambda f: f"{length(f['horizon_s'])} 안에 한도에 도달할 가능성은 낮지만, 이르면 {length(f['soon_s'])} 뒤 도달할 수 있습니다.",
    "capacity.few_readings": lambda f: f"측정값이 {f['readings']}개뿐이라 예측할 수 없습니다. {f['least']}개가 필요합니다.",
    "capacity.within": lambda f: f"{length(f['horizon_s'])} 안에는 한도에 도달하지 않습니다.",
    "capacity.no_help": lambda f: "서버를 늘려도 도움이 되지 않습니다. 자원을 늘리거나 비우십시오.",
    "capacity.needs": lambda f: f"한도를 지키려면 서버 {f['wanted']}대가 필요하며 현재 {f['there']}대입니다.",
    "capacity.policy": lambda f: f"스케일링 정책은 최대 {f['most']}대까지 허용합니다.",
    "capacity.several": lambda f: " ".join(_each(f, "parts")),
    "reason.cause": lambda f: f"{'; '.join(_each(f, 'parts')) or CAUSES.get(f['kind'], ident(f['kind']))} (신뢰도 {f['confidence']:.0%})",
    "reason.capacity": _short_of,
    "method.steps": lambda f: "다중 척도 계단 통계량, 시작 시점은 CUSUM(Page 1954)",
    "method.drift": lambda f: "블록 중앙값 증분의 t 검정, 시작 시점은 꺾은선 최소제곱",
    "method.limit": lambda f: f"측정 {f['samples']}회 동안 {f['limit']:g} 이상",
    "method.run": lambda f: f"같은 값의 반복 길이: {f['samples']}회, 다른 구간은 최대 {f['ordinary']}회",
    "method.gap": lambda f: f"연속 {f['samples']}회 측정값 없음(관측값과 평소 값은 측정값이 있는 시점의 비율)",
    "method.moves": lambda f: "변화량 로그의 수준(값은 평균 변화량)",
    "method.peers": lambda f: "동종 서버 강건 점수(서버 간 중앙값과 MAD), Benjamini-Hochberg 5 %",
    "method.comovement": lambda f: f"{f['blocks']}개 구간 중 최근 {f['late']}개의 Fisher z를 이전 구간의 이득과 잡음으로 기대되는 값과 비교, Benjamini-Hochberg 5 %(값은 상관 계수)",
    "chance.bound": _bound,
    "incident.title": _incident,
    "incident.cause": _cause,
    "check.or_on_server": lambda f: f"{f['query']}  # 또는 서버에서: {f['command']}",
}  # fmt: skip
