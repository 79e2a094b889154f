"""The same in Korean: how something was found, where readings come from, what was wrong; words of others as they came."""

from __future__ import annotations

from collections.abc import Callable

from openmanager_core.text import ident, visible
from openmanager_core.wording import ko, said
from openmanager_core.wording.ko import Facts
from openmanager_core.wording.particles import with_particle


def _weighed(f: Facts) -> str:
    used = ", ".join(f"{name} {share:.0%}" for name, share in f["shares"])
    wrong = "" if f["error"] is None else f"; 그때 오차의 중앙값 {f['error']:.3g}"
    return (
        f"과거 시점 {f['origins']}곳에서 최대 {ko.length(f['ahead_s'])} 앞까지의 오차로 후보 {f['candidates']}개에 "
        f"가중치를 주었습니다: {used}{wrong}"
    )


def _drift(f: Facts) -> str:
    unit = ko.unit_behind(f["unit"])
    steady = (
        "꾸준하므로 이어서 예측하고 혼합하지 않았습니다"
        if f["steady"]
        else "꾸준하지 않거나 작아서 이어 가지 않았습니다"
    )
    return (
        f"최근 {ko.length(f['seen_s'])}의 추세는 시간당 {f['per_hour']:+.3g}{unit}, "
        f"p {f['p']:.2g}, tau {f['tau']:.2f}: {steady}"
    )


def _engine(f: Facts) -> str:
    version = f" {f['version']}" if f["version"] else ""
    detail = f"{f['shown']}의 엔진{version}, 목록에 있는 지표 {f['metrics']}개"
    return detail + (f"; 최근 {f['silent_min']:.0f}분 동안 측정값이 없습니다" if f["silent_min"] else "")


def _failure(f: Facts) -> str:
    why = ko.FAILURES.get(f["kind"], "분석 도중 문제가 생겼습니다")
    hint = f", 제안: {f['hint'].rstrip('.')}" if f["hint"] else ""
    return f"{why}(원문: {f['message'].rstrip('.')}{hint})"


def _metric(f: Facts) -> str:
    return f"{ko.metric(f['metric'])}:"


def _some(f: Facts) -> str:
    return "; ".join(f["lines"]) + (f"; 그 밖에 {f['more']}건" if f["more"] else "")


def _broken(f: Facts) -> str:
    rows = "; ".join(said(row, "ko") for row in f["rows"])
    more = f", 그 밖에 {f['more']}개" if f["more"] else ""
    return f"행 {f['count']}개가 깨져 제외했습니다: {rows}{more}"


SENTENCES: dict[str, Callable[[Facts], str]] = {
    "how.own_past": lambda f: "자신의 과거와 동종 서버로부터의 강건 거리",
    "how.newest_mean": lambda f: f"최근 {f['seconds']:g}초의 평균을 그 앞 구간의 중앙값 및 MAD와 비교",
    "how.newest_instants": lambda f: f"최근 {f['instants']}개 시점의 평균이 그 전의 중앙값에서 떨어진 거리(강건 시그마)",
    "how.in_engine": lambda f: "엔진 안에서 최근 평균을 구간 앞쪽 절반의 평균 및 표준편차와 비교하고 기울기도 확인",
    "how.drift_line": lambda f: ("주기별 중앙값에 맞춘 " if f["seasonal"] else "") + "Theil-Sen 추세",
    "how.blend": lambda f: f"과거 검증으로 가중치를 준 {'주기' if f['seasonal'] else '수준'} 혼합",
    "how.weighed": _weighed,
    "how.short_past": lambda f: f"과거가 짧아 검증할 수 없고 쓸 수 있는 것은 {f['name']}뿐입니다",
    "how.does_not_fill": lambda f: f"추세를 이어 가지 않았습니다: {with_particle(ko.metric(f['metric']), '은/는')} 차오르는 지표가 아닙니다",
    "how.few_after_bend": lambda f: "추세를 이어 가지 않았습니다: 마지막으로 꺾인 뒤의 측정값이 부족합니다",
    "how.drift": _drift,
    "origin.simulated": lambda f: f"시뮬레이션 서버 {f['servers']}대, 시드 {f['seed']}, {f['tick_s']:g}초마다 값 하나",
    "origin.host": lambda f: f"이 컴퓨터를 {f['interval_s']:g}초마다 측정, {f['hours']:g}시간 보관",
    "origin.ended": lambda f: f"측정이 중단되었습니다: {f['error']}",
    "origin.recorded": lambda f: f"파일 {f['files']}개에 서버 {f['servers']}대의 {f['rows']}행",
    "origin.engine": _engine,
    "problem.outside": lambda f: f"원문 그대로: {f['text']}",
    "problem.failure": _failure,
    "problem.failure_of": lambda f: f"{ident(f['name'])}: {said(f['failure'], 'ko')}",
    "problem.future": lambda f: f"{_metric(f)} 측정값 {f['count']}개의 시각이 미래여서 버렸습니다. 시계를 확인하십시오",
    "problem.no_instants": lambda f: f"{_metric(f)} 시각 {f['count']}개가 유한한 수가 아니어서 버렸습니다",
    "problem.backwards": lambda f: f"{_metric(f)} 시각 {f['count']}개의 순서가 거꾸로여서 정렬했습니다",
    "problem.twice": lambda f: f"{_metric(f)} 시각 {f['count']}개가 두 번 나와 각각 마지막 측정값만 남겼습니다",
    "problem.same_host": lambda f: f"{_metric(f)} 행 {f['count']}개가 같은 서버를 되풀이해 각각 마지막 것만 남겼습니다",
    "problem.infinite": lambda f: f"{_metric(f)} 측정값 {f['count']}개가 무한대여서 버렸습니다",
    "problem.out_of_bounds": lambda f: f"{_metric(f)} 측정값 {f['count']}개가 허용 범위 {f['low']:g} ~ {f['high']:g}{ko.unit_behind(f['unit'])} 밖이어서 버렸습니다",
    "problem.no_server_has": lambda f: f"다음 지표를 가진 서버가 없습니다: {', '.join(ko.metric(name) for name in f['metrics'])}",
    "problem.no_reading": lambda f: f"{ko.metric(f['metric'])} 측정값이 이 구간에 없습니다",
    "problem.few_have": lambda f: f"{ko.metric(f['metric'])} 측정값이 서버 {f['servers']}대 가운데 {f['empty']}대에 없습니다",
    "problem.strangers": lambda f: f"측정값이 있는 서버 {f['count']}대가 서버 목록에 없습니다(예: {ident(f['host'])})",
    "problem.weaker": lambda f: f"더 약한 이상 징후 {f['count']}건은 생략했습니다",
    "problem.quieted": lambda f: f"오경보 판정으로 {f['sigma']:g}시그마보다 낮아진 이상 징후 {f['count']}건은 생략했습니다",
    "problem.no_past": lambda f: f"아직 비교할 과거가 없습니다(원문: {f['reason']})",
    "problem.no_home": lambda f: "상태 폴더가 설정되지 않아 아무것도 보관하지 않습니다",
    "problem.not_kept": lambda f: f"장애를 기록하지 못하고 있습니다(원문: {f['reason']})",
    "problem.changes_unread": lambda f: f"변경 파일을 읽을 수 없습니다(원문: {f['reason']})",
    "problem.changes_nowhere": lambda f: f"변경 파일에 이 플릿에 없는 대상이 있습니다(원문: {_some(f)})",
    "problem.changes_wrong": lambda f: f"변경 파일에 이해할 수 없는 줄이 있습니다(원문: {_some(f)})",
    "problem.changes_cut": lambda f: f"변경 파일은 마지막 {f['most']:,}줄만 읽습니다",
    "problem.not_read": lambda f: f"{with_particle(ko.metric(f['name']), '을/를')} 읽을 수 없습니다({f['error']})",
    "problem.rows_broken": _broken,
    "problem.row": lambda f: f"{f['file']} {f['line']}행 {said(f['why'], 'ko')}",
    "problem.quotes": lambda f: "따옴표의 짝이 맞지 않음",
    "problem.long_line": lambda f: "1 MiB보다 긴 줄",
    "problem.fields": lambda f: f"머리글은 {f['width']}칸인데 {f['count']}칸",
    "problem.bad_time": lambda f: f"시각 {f['value']!r}: Unix 초도 ISO 8601도 아님",
    "problem.no_time": lambda f: "쓸 수 있는 시각이 없음",
    "problem.bad_value": lambda f: f"값 {f['value']!r}: 숫자가 아님",
    "problem.no_name": lambda f: "서버 이름이 없음",
    "problem.unknown_metrics": lambda f: f"행이나 열 {f['rows']}개의 지표가 목록에 없습니다: {', '.join(map(repr, f['names']))}",
    "problem.infinite_gaps": lambda f: f"측정값 {f['count']}개가 무한대여서 빈 값으로 보았습니다",
    "problem.repeated": lambda f: f"측정값 {f['count']}개가 같은 시계열의 같은 시각을 되풀이해 각각 마지막 것만 남겼습니다",
    "problem.left_out": lambda f: f"파일 하나를 제외했습니다(원문: {f['reason']})",
    "problem.no_list": lambda f: f"fleet.json: {with_particle(f['part'], '이/가')} 목록이 아니어서 제외했습니다",
    "problem.entries": lambda f: f"fleet.json: {f['part']} {f['count']}개 가운데 쓸 수 없는 {f['bad']}개를 제외했습니다",
    "problem.calls_nowhere": lambda f: (f"{f['file']}: " if f["file"] else "") + f"호출 관계 {f['count']}개가 서버 없는 클러스터를 가리켜 제외했습니다",
    "problem.engine_warns": lambda f: f"엔진의 경고: {f['text']}",
    "problem.partial": lambda f: "엔진의 답이 일부뿐이라고 합니다",
    "problem.mapping": lambda f: f"source.mapping.{f['metric']}: {said(f['why'], 'ko')}",
    "problem.counter": lambda f: f"{with_particle(f['name'], '은/는')} 누적 값입니다. rate({f['name']}{{$selector}}[$range])로 쓰십시오",
    "problem.nameless": lambda f: f"시계열 {f['count']}개에 {', '.join(f['labels'])} 레이블이 하나도 없어 제외했습니다",
    "problem.unencrypted": lambda f: "자격 증명이 암호화되지 않은 채 전송됩니다. https를 쓰십시오",
    "problem.unverified": lambda f: "엔진의 인증서를 검증하지 않습니다. tls_verify = false 대신 source.ca_file을 설정하십시오",
    "problem.first_files": lambda f: f"처음 {f['count']}개 파일만 검색합니다",
    "problem.large_file": lambda f: f"{visible(f['name'])} 파일은 {f['most']}바이트를 넘어 제외했습니다",
    "problem.link": lambda f: f"{visible(f['name'])} 파일은 링크이거나 읽을 수 없어 제외했습니다",
}  # fmt: skip
