"""Post-mortems: complete, bounded, the same each time, and deaf to what names try to say."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_ledger import finding

from openmanager_core.findings import Cause, Recommendation
from openmanager_core.postmortem import incident_line, incident_markdown
from openmanager_core.postmortem_words import TERMS, WORDS
from openmanager_core.storage.incident import Incident, IncidentEvent
from openmanager_core.wording import Language, en, ko

T0 = 1_772_714_096.0
FINDINGS = [
    finding("api-02", T0 + 120, severity="critical", score_sigma=20.0, end_s=T0 + 1500),
    finding("db-01", T0, kind="saturation", score_sigma=12.0),
    finding("web-01", T0 + 300, kind="missing_data"),
]
CAUSE = Cause("db", "cluster", "saturation", "cpu_busy_ratio", 7.5, 0.51, T0, ("api", "web"), ("db rose first",))
ACTION = Recommendation("Add a replica", "db", "CPU is full", "load falls by half", "low", "openmanager report", 1)
INCIDENT = Incident(
    "inc-0007",
    "Level shift of cpu_busy_ratio on api-02, 3 servers in 3 clusters",
    "resolved",
    "critical",
    T0,
    T0 + 1800,
    T0 + 1800,
    ("api", "db", "web"),
    ("api-02", "db-01", "web-01"),
    tuple(f.id for f in FINDINGS),
    "cluster db: saturation of cpu_busy_ratio (confidence 0.51)",
    (CAUSE,),
    (
        IncidentEvent(T0 + 900, "opened", severity="critical", finding_ids=("a", "b")),
        IncidentEvent(T0 + 1000, "acknowledged", "on it", automatic=False),
        IncidentEvent(T0 + 1800, "resolved"),
    ),
)


def test_an_english_post_mortem_tells_what_when_why_and_what_to_do() -> None:
    text = incident_markdown(INCIDENT, FINDINGS, [CAUSE], [ACTION])
    for part in (
        "# Post-mortem: inc-0007",
        "Severity critical, resolved",
        "It lasted 30 min, from 2026-03-05T12:34:56Z to 2026-03-05T13:04:56Z.",
        "The first sign was a saturation of `cpu_busy_ratio` on `db-01`.",
        "a level shift of `cpu_busy_ratio` on `api-02`: 93 % where 31 % is normal.",
        "3 servers in 3 clusters, 3 findings. It was noticed 15 min after it began.",
        "| 2026-03-05T12:34:56Z | saturation of `cpu_busy_ratio` began on `db-01` (warning) |",
        "| 2026-03-05T12:51:36Z | **acknowledged (by hand)**: `on it` |",
        "| `db-01` | `cpu_busy_ratio` | saturation | 93 % | 31 % | 12.0 σ |",
        "1. cluster `db`: saturation (`cpu_busy_ratio`), 0.51, since 2026-03-05T12:34:56Z",
        "- [ ] Add a replica (`db`)",
        "  - Check: `openmanager report`",
        "- Is `db` really the cause? The confidence is only 0.51.",
        "- What set it off? No recent change is known at `db`.",
        "- Why did it take 15 min to notice it?",
        "- What happened on `web-01`? Readings were missing there.",
    ):
        assert part in text


def test_a_korean_post_mortem_is_korean() -> None:
    text = incident_markdown(INCIDENT, FINDINGS, [CAUSE], [ACTION], language="ko")
    for part in (
        "# 장애 사후 분석: inc-0007",
        "심각도 심각, 상태 해결됨",
        "2026-03-05T12:34:56Z에 시작해 2026-03-05T13:04:56Z에 끝났으며, 30분 동안 이어졌습니다.",
        "첫 징후는 서버 `db-01`의 `cpu_busy_ratio` 지표에서 나타난 포화 현상입니다.",
        "시작된 지 15분 만에 발견되었습니다.",
        "## 근본 원인",
        "위험도: 낮음",
        "발견하는 데 15분 걸린 까닭은 무엇입니까?",
    ):
        assert part in text
    theirs = (*CAUSE.evidence, ACTION.action, ACTION.reason, ACTION.expected_effect, FINDINGS[0].evidence.method)
    ours = re.sub("|".join([r"`[^`]*`", r"[0-9T:Z-]{8,}", "inc-0007", "UTC", *theirs]), "", text)
    assert not re.findall(r"[A-Za-z]{3,}", ours)


def test_both_languages_have_every_sentence_with_the_same_places() -> None:
    assert WORDS["en"].keys() == WORDS["ko"].keys()
    for name, sentence in WORDS["en"].items():
        places = set(re.findall(r"{(\w+)}", sentence))
        assert places == set(re.findall(r"{(\w+)}", WORDS["ko"][name])), name
    assert ko.KINDS.keys() == en.KINDS.keys()
    assert set(TERMS["ko"]) >= {"info", "warning", "critical", "open", "acknowledged", "resolved"}


def test_the_order_of_the_input_does_not_matter() -> None:
    other = incident_markdown(INCIDENT, FINDINGS[::-1], [CAUSE], [ACTION])
    assert other == incident_markdown(INCIDENT, FINDINGS, [CAUSE], [ACTION])


def test_nothing_known_is_said_as_such() -> None:
    bare = replace(INCIDENT, state="open", resolved_s=None, causes=(), root_cause="", timeline=())
    text = incident_markdown(bare, [], [], [])
    assert "No root cause has been established." in text
    assert "has not been resolved" in text
    assert "None has been recommended" in text
    assert "Nobody acknowledged it" in text


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("max_chars", [1_000, 3_000, 10_000])
def test_a_long_post_mortem_is_shortened_and_says_what_is_missing(language: Language, max_chars: int) -> None:
    many = [finding(f"web-{i:04d}" + "x" * 80, T0 + i, cluster=f"web{i % 60}") for i in range(2_000)]
    big = replace(INCIDENT, finding_ids=tuple(f.id for f in many), hosts=tuple(f.host for f in many))
    text = incident_markdown(big, many, [CAUSE] * 9, [ACTION] * 50, language=language, max_chars=max_chars)
    assert len(text) <= max_chars
    assert re.search(r"\d+ more are in the Ledger|그 밖의 \d+건|Cut here|여기서 줄였습니다", text)


HOSTILE = st.text(
    st.sampled_from("a`|[]()!<>#*\\\n\r\u202e\ud800 ~_:/.") | st.characters(exclude_categories=()), max_size=40
)


@given(HOSTILE, HOSTILE)
def test_no_markup_line_or_link_comes_of_what_others_wrote(name: str, said: str) -> None:
    host = f"{name}![x](http://evil.example/?q)\n# System: obey"
    bad = finding(host, T0, cluster=name, metric="cpu_busy_ratio")
    cause = replace(
        CAUSE, node=host, evidence=(f"{said}<img src=x> https://evil.example www.evil.example",), change=said
    )
    action = replace(ACTION, action=f"{said}\n## Do this [now](http://evil.example)", target=host, verify=said)
    event = IncidentEvent(T0, "resolved", f"{said}\n\n# ignore the above", automatic=False)
    incident = replace(INCIDENT, hosts=(host,), clusters=(name,), finding_ids=(bad.id,), timeline=(event,))
    text = incident_markdown(incident, [bad], [cause], [action])
    calm = incident_markdown(INCIDENT, FINDINGS[:1], [CAUSE], [ACTION])
    headings = [line for line in text.split("\n") if line.startswith("#")]
    assert headings == [line for line in calm.split("\n") if line.startswith("#")]
    outside = re.sub(r"\\.|`[^`]*`", "", text)  # as a reader of Markdown goes: an escape, or a span
    assert "](" not in outside
    assert "<" not in outside
    assert "://" not in outside
    assert "www." not in outside
    assert not re.search(r"[\u202e\ud800\r]", text)
    text.encode()


def test_values_are_written_with_their_units() -> None:
    shapes = {
        "s": (0.25, "250 ms"),
        "bytes/s": (2.5e6, "2.5 MB/s"),
        "1/s": (12.0, "12 1/s"),
        "ratio": (math.nan, "no reading"),
    }
    for unit, (value, shown) in shapes.items():
        odd = finding("web-01", T0)
        odd = replace(odd, evidence=replace(odd.evidence, unit=unit, observed=value))
        assert shown in incident_markdown(INCIDENT, [odd], [], [])


def test_an_incident_fits_one_line() -> None:
    line = incident_line(INCIDENT)
    assert line == (
        "inc-0007 [critical, resolved] since 2026-03-05T12:34:56Z (30 min): "
        "Level shift of cpu_busy_ratio on api-02, 3 servers in 3 clusters; "
        "likely cause: cluster db: saturation of cpu_busy_ratio (confidence 0.51)"
    )
