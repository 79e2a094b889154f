"""The lines of a trail in Korean, with the figures of the English ones."""

from __future__ import annotations

from collections.abc import Callable

from openmanager_core.facts import Fact
from openmanager_core.text import ident, visible
from openmanager_core.timespan import iso
from openmanager_core.wording import ko, said
from openmanager_core.wording.ko import Facts
from openmanager_core.wording.particles import with_particle

_LONGEST_DETAIL = 120
STATES = {"ok": "정상", "degraded": "저하", "down": "중단"}
BREAKERS = {"closed": "닫힘", "half_open": "시험 중", "open": "열림"}
RISKS = {"low": "낮음", "medium": "보통", "high": "높음"}
AGGREGATES = {"mean": "평균", "min": "최솟값", "max": "최댓값", "p95": "95번째 백분위수", "sum": "합계"}


def _span(f: Facts) -> str:
    return f"{iso(f['start_s'])} ~ {iso(f['end_s'])}({f['step_s']:g}초 간격)"


def _counts(pairs: tuple[tuple[str, int], ...], words: dict[str, str], counter: str = "건") -> str:
    return ", ".join(f"{words.get(word, ident(word))} {n}{counter}" for word, n in pairs) or "없음"


def _metrics(names: tuple[str, ...]) -> str:
    return ", ".join(ko.metric(name) for name in names)


def _named(what: Fact) -> str:
    return said(what, "ko")


def _engine(f: Facts) -> str:
    inventory = "" if f["servers"] is None else f"; 서버 {f['servers']}대의 목록은 {f['age_s']:.0f}초 전의 것"
    newest = "측정값 아직 없음" if f["newest_s"] is None else f"최신 측정값 {iso(f['newest_s'])}"
    detail = "" if f["detail"] is None else f" ({visible(_named(f['detail']))[:_LONGEST_DETAIL]})"
    return f"엔진: {f['kind']} {STATES[f['state']]}, 차단기 {BREAKERS[f['breaker']]}, {newest}{detail}{inventory}"


def _data(f: Facts) -> str:
    named = _metrics(f["metrics"]) + (f" 외 지표 {f['more']}개" if f["more"] else "")
    return f"데이터: {named}; {_span(f)} 구간에서 시계열 {f['series']}개를 읽었습니다"


def _coverage(f: Facts) -> str:
    line = f"수집률: 측정값 {f['readings']}개 가운데 {f['share']:.1%}가 있습니다"
    if f["worst"]:
        line += f", {with_particle(ko.metric(f['worst']), '은/는')} {f['worst_share']:.1%}입니다"
    return line + (f"; 짧은 공백의 {f['bridged']}개는 직선으로 이었습니다" if f["bridged"] else "")


def _found(f: Facts) -> str:
    strongest = "" if f["confidence"] is None else f", 가장 강한 것의 신뢰도 {f['confidence']:.2f}"
    return f"결과: 이상 징후 {f['findings']}건({_counts(f['kinds'], ko.KINDS)}){strongest}"


def _chance(f: Facts) -> str:
    return (
        f"우연: 시계열 {f['tests']}개에서 사건 {f['events']}건을 검정했습니다(평온한 시뮬레이션 시계열 "
        f"{f['calm_series']:,}개의 꼬리 분포, Benjamini-Hochberg); q 5 % 이하인 이상 징후 {f['above']}건, 가장 작은 q "
        f"{f['least']:.2g}; 평온한 플릿도 사건을 약 {f['expected']:.2g}건 보입니다"
        + ("; 평온한 시계열이 보인 범위 밖의 꼬리는 외삽했습니다" if f["beyond"] else "")
    )


def _causes(f: Facts) -> str:
    shown = "; ".join(_named(one) for one in f["parts"])
    return f"검토한 원인: {shown or '한곳을 가리키는 것이 없습니다'}" + (
        f"; 그 밖에 {f['more']}건" if f["more"] else ""
    )


def _cause(f: Facts) -> str:
    what = ko.CAUSES.get(f["kind"], ident(f["kind"]))
    where = f"{ko.LEVELS.get(f['level'], f['level'])} {ident(f['node'])}"
    return f"{where}의 {what}, 점수 {f['score']:.2f}, 신뢰도 {f['confidence']:.2f}"


def _threshold(f: Facts) -> str:
    level = "없음" if f["level"] is None else f"{f['level']:g}"
    return f"기준값: {level}{'(이 지표의 통상 기준)' if f['usual'] else ''}; 80 % 구간"


def _range(f: Facts) -> str:
    return "없음" if f["low"] is None else f"{f['low']:.2f} ~ {f['high']:.2f}"


def _ways(f: Facts) -> str:
    methods = ", ".join(f"{_named(way)} {n}개" for way, n in f["ways"]) or "없음"
    return f"방법: {methods}; {f['far']}개는 한도에서 멀거나 측정값이 부족해 예측하지 않았습니다"


def _correlation(f: Facts) -> str:
    return (
        f"방법: 시계열 {f['series']}개의 {f['pairs']}쌍을 공통 시점 {f['instants']}개에서 시차 {f['lags']}가지로 비교한 "
        "Pearson 상관 계수 r; 유효 측정값, 시차에는 Bonferroni, 쌍에는 Benjamini-Hochberg 보정"
    )


def _pairs(f: Facts) -> str:
    return (
        f"검토: |r| {f['least']:g} 이상인 쌍 {f['reached']}개, 그 중앙값의 쌍은 독립 측정값 {f['median']:.0f}개에 "
        f"해당하며, 유의한 쌍은 {f['significant']}개입니다"
    )


def _difference(f: Facts) -> str:
    return (
        f"방법: Hodges-Lehmann 이동량, 자기상관을 보정한 Mann-Whitney 검정, 검정한 시계열 {f['tested']}개에 "
        f"Benjamini-Hochberg 보정; 측정값이 부족한 {f['left_out']}개는 제외했습니다"
    )


def _nearest(f: Facts) -> str:
    where = f"{ident(f['host'])}의 {ko.metric(f['metric'])}"
    return f"검토: 달라졌다고 보지 않은 것 가운데 변화에 가장 가까운 것은 {where}, {f['sigma']:.1f}시그마, q {f['q']:.2g}입니다"


def _actions(f: Facts) -> str:
    risks = ", ".join(f"위험 {RISKS.get(risk, risk)} {n}건" for risk, n in f["risks"]) or "없음"
    return (
        f"권장: 위의 원인, 이상 징후 {f['findings']}건, 심각하거나 응답이 없는 서버 {f['sick']}대를 바탕으로 "
        f"조치 {f['actions']}건({risks}), 그중 {f['shown']}건이 질문한 대상의 것입니다"
    )


def _rules(f: Facts) -> str:
    named = _metrics(f["metrics"]) + (" 외" if f["more"] else "")
    return f"방법: 100점에서 규칙 {f['rules']}개({named})의 감점을 뺐습니다"


def _record(f: Facts) -> str:
    return (
        f"데이터: 기록 저장소의 {f['id']}: 이상 징후 {f['findings']}건, 원인 {f['causes']}건, "
        f"시작 {iso(f['opened_s'])}, 마지막 변경 {iso(f['updated_s'])}"
    )


def _methods(f: Facts) -> str:
    return f"방법: 이상 징후를 찾은 방법 {', '.join(f'{_named(how)} {n}건' for how, n in f['ways']) or '없음'}"


def _kept_for(f: Facts) -> str:
    made = "같은 호출 여럿을 위해 한꺼번에 만든" if f["together"] else "이 호출을 위해 새로 만든"
    kept = "보관하지 않음" if f["left_s"] is None else f"같은 호출을 위해 {f['left_s']:.1f}초 동안 보관"
    return f"캐시: {made} 답, {kept}"


SENTENCES: dict[str, Callable[[Facts], str]] = {
    "trail.engine": _engine,
    "trail.no_data": lambda f: f"데이터: {_span(f)} 구간에 시계열이 없습니다",
    "trail.data": _data,
    "trail.coverage": _coverage,
    "trail.screened": lambda f: f"살핌: 시계열 {f['series']}개, {_named(f['how'])}",
    "trail.thresholds": lambda f: f"기준: 이상 징후는 {f['least']:g}시그마, 장애는 {f['incident']:g}시그마 이상",
    "trail.co_movement": lambda f: f"동반 움직임: 동종 서버와 함께 움직이던 서버와 서로 함께 움직이던 지표 쌍, 모두 {f['count']}개; 구간의 최근 4분의 1에서 절반까지의 Fisher z를 나머지와 비교했습니다",
    "trail.found": _found,
    "trail.chance": _chance,
    "trail.causes": _causes,
    "trail.cause": _cause,
    "trail.changes": lambda f: f"검토한 변경: {f['changes']}건; 관련된 장애: {f['incidents']}건",
    "trail.peers": lambda f: f"동종 서버: {f['type']} 유형의 서버 {f['servers']}대",
    "trail.as_read": lambda f: "방법: 각 시계열을 읽은 그대로 보았습니다",
    "trail.over_servers": lambda f: f"방법: 시점마다 측정값이 있는 서버들의 {AGGREGATES[f['aggregate']]}",
    "trail.forecast": lambda f: f"방법: {_named(f['how'])}; {'주기 ' + format(f['season_s'], 'g') + '초' if f['season_s'] else '주기는 찾지 못했습니다'}",
    "trail.considered": lambda f: f"검토: {_named(f['what'])}",
    "trail.threshold": _threshold,
    "trail.confidence": lambda f: f"신뢰도: {f['value']:.2f}",
    "trail.range": _range,
    "trail.confidences": lambda f: f"신뢰도: {_range(f)}",
    "trail.resources": lambda f: f"검토: 클러스터 {f['clusters']}개의 자원 {f['resources']}개({_counts(f['metrics'], ko.METRICS, '개')})",
    "trail.ways": _ways,
    "trail.limits": lambda f: f"기준: {', '.join(f'{ko.metric(name)} {limit:g}' for name, limit in f['limits'])}",
    "trail.exhaustion": lambda f: f"결과: 기간 안에 한도에 도달하는 자원 {f['ending']}개, 80 % 구간의 끝에서만 도달하는 자원 {f['may']}개",
    "trail.pattern_kinds": lambda f: f"방법: 시계열 {f['series']}개 가운데 {f['looked']}개에서 {with_particle(', '.join(ko.PATTERNS.get(kind, kind) for kind in f['kinds']), '을/를')} 찾아보았습니다",
    "trail.pattern_bounds": lambda f: f"기준: 측정값 {f['readings']}개 이상이면서 구간의 절반 이상(모자라는 시계열 {f['short']}개); 추세는 p {f['p']:g} 이하",
    "trail.patterns": lambda f: f"결과: 시계열 {f['series']}개에서 {_counts(f['kinds'], ko.PATTERNS)}",
    "trail.correlation": _correlation,
    "trail.correlation_bounds": lambda f: f"기준: |r| {f['least']:g} 이상, 거짓 발견 비율 {f['rate']:g}",
    "trail.pairs": _pairs,
    "trail.pair_q": lambda f: f"신뢰도: q {f['low']:.2g} ~ {f['high']:.2g}",
    "trail.no_pair": lambda f: "신뢰도: 유의한 쌍이 없습니다",
    "trail.difference": _difference,
    "trail.difference_bounds": lambda f: f"기준: 거짓 발견 비율 {f['rate']:g}, 그리고 그 지표에서 눈여겨볼 만한 변화",
    "trail.changed": lambda f: f"결과: 달라진 시계열 {f['changed']}개({_counts(f['metrics'], ko.METRICS, '개')})",
    "trail.all_changed": lambda f: "검토: 검정한 시계열이 모두 달라졌습니다",
    "trail.nearest": _nearest,
    "trail.changed_q": lambda f: f"신뢰도: q {f['high']:.2g} 이하",
    "trail.none_changed": lambda f: "신뢰도: 판단할 대상이 없습니다",
    "trail.actions": _actions,
    "trail.newest_minute": lambda f: f"데이터: 지표 {f['metrics']}개의 최근 1분, {iso(f['at_s'])}까지",
    "trail.judged": lambda f: f"수집률: 서버 {f['servers']}대 가운데 {f['known']}대에 상태를 판단할 측정값이 있습니다",
    "trail.rules": _rules,
    "trail.statuses": lambda f: f"결과: {_counts(f['statuses'], ko.STATUS, '대')}",
    "trail.record": _record,
    "trail.record_methods": _methods,
    "trail.record_confidences": lambda f: f"신뢰도: 이상 징후 {_named(f['findings'])}, 원인 {_named(f['causes'])}",
    "trail.record_actions": lambda f: f"권장: 기록된 이상 징후와 원인을 바탕으로 조치 {f['actions']}건",
    "cache.made": _kept_for,
    "cache.kept": lambda f: f"캐시: 보관된 답, {f['age_s']:.1f}초 전에 만들었으며 같은 호출에 최대 {f['left_s']:.1f}초 더 쓰입니다",
    "cache.standing_in": lambda f: f"캐시: 보관된 답, {f['age_s']:.1f}초 전에 만들었으며 다음 답을 만드는 동안 같은 호출에 쓰입니다",
    "cache.last_good": lambda f: f"캐시: 마지막으로 얻은 답, {f['age_s']:.0f}초 전의 것이며 이 분석 과정도 모두 그때의 것입니다; 지금: {f['reason']}",
}  # fmt: skip
