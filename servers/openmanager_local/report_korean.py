"""`openmanager report --lang ko`: the same numbers as the English report, in Korean sentences.

Names, commands and queries are data and stay as they were written.
"""

from __future__ import annotations

from openmanager_core.postmortem_words import TERMS
from openmanager_core.text import ident, visible
from openmanager_core.wording import ko
from openmanager_local.answers.common import ActionRow, CauseRow, FindingRow, amount
from openmanager_local.answers.incidents import ActionsAnswer
from openmanager_local.answers.inventory import OverviewAnswer
from openmanager_local.answers.series import CapacityAnswer, CapacityRow
from openmanager_local.words import problem_in

TITLES = {"overview": "플릿", "actions": "조치", "capacity": "용량"}
REPORT = "플릿 보고서"


def overview(part: OverviewAnswer) -> str:
    """The fleet at a glance."""
    counted = ", ".join(f"{_status(name)} {n}대" for name, n in part.servers_by_status.items())
    types = ", ".join(f"{name} {n}대" for name, n in part.servers_by_type.items())
    clusters = [
        f"- {ident(c.id)} ({c.type}, {c.environment}, 서버 {c.servers}대): {_health(c.health)} {_status(c.status)}"
        for c in part.worst_clusters
    ]
    return _paragraphs(
        f"플릿 상태 {_health(part.health)} ({_status(part.status)}). 서버 {part.servers}대: {counted}. {types}.\n"
        f"구간 {part.told('window', 'ko')}, 소스 {part.told('source', 'ko')}, 살핀 시계열 {part.screened_series}개, "
        f"진행 중인 인시던트 {part.open_incidents}건.",
        _block("살펴볼 클러스터", clusters),
        _block(
            f"이상 징후 ({part.anomalies_total}건 가운데 {len(part.anomalies)}건, "
            f"전체 중 우연의 기준선을 넘은 것 {part.above_line}건)",
            [_finding(row) for row in part.anomalies],
            "기준을 넘은 것이 없습니다.",
        ),
        _block("유력한 원인", [_cause(row) for row in part.causes], "원인을 가리키는 것이 없습니다."),
        _block("주의할 점", _problems(part.problems)),
    )


def actions(part: ActionsAnswer) -> str:
    """What to do, most urgent first."""
    head = f"{part.told('window', 'ko')} 구간의 조치 {part.total}건 가운데 {len(part.actions)}건"
    return _paragraphs(
        _block(head, [_action(row) for row in part.actions], "지금 꼭 해야 할 조치는 없습니다."),
        _block("주의할 점", _problems(part.problems)),
    )


def capacity(part: CapacityAnswer) -> str:
    """Where room runs out, most urgent first."""
    head = f"클러스터 {part.total}개 가운데 {len(part.clusters)}개, 과거 {part.told('history', 'ko')}에서 "
    head += f"앞으로 {part.horizon}"
    return _paragraphs(
        _block(head, [_room(row) for row in part.clusters], "판단할 만큼 측정값이 있는 클러스터가 없습니다."),
        _block("주의할 점", _problems(part.problems)),
    )


def _problems(texts: list[str]) -> list[str]:
    return [f"- {visible(problem_in(text, 'ko'))}" for text in texts]


def _finding(row: FindingRow) -> str:
    until = f"{row.end}까지" if row.end else "계속되고 있음"
    return (
        f"- [{_term(row.severity)}] {ident(row.server or row.cluster)}의 {ident(row.metric)}: {_kind(row.kind)}, "
        f"관측값 {row.amount(row.observed, 'ko')}, 평소 값 {row.amount(row.expected, 'ko')}\n"
        f"  {row.start}부터 {until}, {row.score_sigma:.3g} 시그마, 확신도 {row.confidence:.2f} ({row.id})"
    )


def _cause(row: CauseRow) -> str:
    onset = f", {row.onset}부터" if row.onset else ""
    lines = [
        f"- {_term(row.level)} {ident(row.node)}: {_kind(row.kind)} ({ident(row.metric)}){onset}, "
        f"확신도 {row.confidence:.2f}"
    ]
    lines += [f"  근거: {text}" for text in row.told("evidence", "ko")]
    if row.change:
        lines.append(f"  변경: {visible(row.told('change', 'ko'))}")
    if row.explains:
        lines.append(f"  이 원인으로 설명되는 대상: {', '.join(map(ident, row.explains))}")
    return "\n".join(lines)


def _action(row: ActionRow) -> str:
    action, reason, effect, verify = (
        row.told(field, "ko") for field in ("action", "reason", "expected_effect", "verify")
    )
    return (
        f"{row.priority}. {action} [{ident(row.target)}], 위험도 {_term(row.risk)}\n"
        f"   이유: {reason}\n   기대 효과: {effect}\n   확인 방법: {verify}"
    )


def _room(row: CapacityRow) -> str:
    used, peak, limit = (amount(value, row.metric, "ko") for value in (row.used, row.peak, row.limit))
    if row.used is not None and row.used >= row.limit:
        when = "지금 한도를 넘었음, "
    elif row.exhausted:
        when = f"{row.exhausted}에 소진(80 %: {row.earliest or '지금'}부터 {row.latest or '예측 구간 이후'}), "
    else:
        when = ""
    before = ""
    if row.used_before is not None:
        used_then, peak_then = (amount(value, row.metric) for value in (row.used_before, row.peak_before))
        before = f"부하 이동 전 사용 {used_then}, 최대 {peak_then}, "
        before += f"{row.exhausted_before}에 소진, " if row.exhausted_before else ""
    return (
        f"- {ident(row.cluster)} (서버 {row.servers}대, {row.type}), {ident(row.metric)}: 사용 {used}, 최대 {peak}, "
        f"한도 {limit}, {when}{before}필요한 서버 {row.servers_needed}대 (확신도 {row.confidence:.2f})"
    )


def _health(value: float | None) -> str:
    return "알 수 없음" if value is None else f"{value:.0f}/100"


def _status(name: str) -> str:
    return ko.STATUS.get(name, name)


def _term(name: str) -> str:
    return TERMS["ko"].get(name, name)


def _kind(name: str) -> str:
    return {**ko.CAUSES, **ko.KINDS}.get(name, name)


def _block(head: str, rows: list[str], empty: str = "") -> str:
    if not rows and not empty:
        return ""
    return "\n".join([head, *(rows or [empty])])


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
