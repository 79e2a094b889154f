"""The same in Korean: how something was found, and where readings come from."""

from __future__ import annotations

from collections.abc import Callable

from openmanager_core.wording import ko
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
    "source.simulated": lambda f: f"시뮬레이션 서버 {f['servers']}대, 시드 {f['seed']}, {f['tick_s']:g}초마다 값 하나",
    "source.host": lambda f: f"이 컴퓨터를 {f['interval_s']:g}초마다 측정, {f['hours']:g}시간 보관",
    "source.recorded": lambda f: f"파일 {f['files']}개에 서버 {f['servers']}대의 {f['rows']}행",
    "source.engine": _engine,
}  # fmt: skip
