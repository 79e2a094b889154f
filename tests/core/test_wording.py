"""Facts become sentences in two languages: the same codes, the same figures, particles by sound."""

from __future__ import annotations

import ast
import copy
import json
import pickle
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_ledger import finding

from openmanager_core import facts, wording
from openmanager_core.facts import Fact, fact, fact_of
from openmanager_core.findings import Cause
from openmanager_core.storage.rows import causes_doc, finding_doc, read_causes, read_finding
from openmanager_core.wording import GROUPS, en, ko, said, said_in, sentence, table
from openmanager_core.wording.particles import final, with_particle

ROOT = Path(__file__).resolve().parents[2]
PAIRS = ("은/는", "이/가", "을/를", "과/와", "으로/로")
# every syllable that a digit is read as, and the particles behind it, written out by hand
READ = {
    "0": ("은", "이", "을", "과", "으로"), "1": ("은", "이", "을", "과", "로"), "2": ("는", "가", "를", "와", "로"),
    "3": ("은", "이", "을", "과", "으로"), "4": ("는", "가", "를", "와", "로"), "5": ("는", "가", "를", "와", "로"),
    "6": ("은", "이", "을", "과", "으로"), "7": ("은", "이", "을", "과", "로"), "8": ("은", "이", "을", "과", "로"),
    "9": ("는", "가", "를", "와", "로"),
}  # fmt: skip


def test_both_languages_have_the_same_sentences_and_the_same_words() -> None:
    for group in sorted({"", *GROUPS.values()}):
        assert table("en", group).keys() == table("ko", group).keys(), group
    assert en.KINDS.keys() == ko.KINDS.keys()
    assert en.QUANTITIES.keys() == ko.QUANTITIES.keys()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("서버", "서버가"), ("사용률", "사용률이"), ("web", "web이"), ("api", "api가"), ("cache", "cache가"),
        ("queue", "queue가"), ("CPU", "CPU가"), ("DNS", "DNS가"), ("VM", "VM이"), ("SSL", "SSL이"), ("url", "url이"),
        ("web-us-east-1-001", "web-us-east-1-001이"), ("db-02", "db-02가"), ('"web-01"', '"web-01"이'),
        ("0.35 s", "0.35 s가"), ("12 ms", "12 ms가"), ("93 %", "93 %가"), ("3.2 MB/s", "3.2 MB/s가"), ("5분", "5분이"),
        ("1/s", "1/s가"), ("disk", "disk가"), ("latency_p95_s", "latency_p95_s가"), ("node (3)", "node (3)이"),
        ("cluster", "cluster가"), ("json", "json이"), ("사용률(평균)", "사용률(평균)이"),
        ("데이터베이스", "데이터베이스가"),
    ],
)  # fmt: skip
def test_a_particle_follows_the_sound_of_names_units_and_figures(word: str, expected: str) -> None:
    assert with_particle(word, "이/가") == expected


@given(st.from_regex(r"[a-z가-힣 -]{0,8}-?[0-9]{1,6}(\.[0-9]{1,4})?", fullmatch=True))
def test_a_particle_behind_digits_is_that_of_the_last_digit_as_it_is_read(word: str) -> None:
    for pair, particle in zip(PAIRS, READ[word[-1]], strict=True):
        assert with_particle(word, pair) == word + particle


@given(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), st.sampled_from(["", ")", '"', "'", "]", "”", "*"]))
def test_a_particle_behind_hangul_is_told_by_the_final_consonant_whatever_marks_follow(
    syllable: str, mark: str
) -> None:
    last = (ord(syllable) - 0xAC00) % 28
    assert final(syllable + mark) == ("" if not last else "ㄹ" if last == 8 else "x")
    word = f"{syllable}{mark}"
    assert with_particle(word, "은/는") == word + ("은" if last else "는")
    assert with_particle(word, "으로/로") == word + ("로" if last in (0, 8) else "으로")


@given(st.text(max_size=30), st.sampled_from(PAIRS))
def test_any_text_gets_exactly_one_of_the_two_particles_and_stays_as_it_is(text: str, pair: str) -> None:
    got = with_particle(text, pair)  # type: ignore[arg-type]
    assert got.startswith(text)
    assert got.removeprefix(text) in pair.split("/")


def test_a_code_is_looked_up_in_the_table_that_has_it() -> None:
    for group in GROUPS.values():
        for code in table("en", group):
            assert GROUPS[code.partition(".")[0]] == group, code
    assert not [code for code in table("en") if code.partition(".")[0] in GROUPS]


@pytest.mark.parametrize("group", sorted({"", *GROUPS.values()}))
def test_the_sentences_of_a_code_take_up_the_same_values_in_both_languages(group: str) -> None:
    taken = [_values_taken(f"{language}{group}") for language in ("en", "ko")]
    assert taken[0].keys() == taken[1].keys() == table("en", group).keys()
    assert sum(map(bool, taken[0].values())) > 5
    for code, values in taken[0].items():
        assert values ^ taken[1][code] == KOREAN_NAMES.get(code, set()), code


KOREAN_NAMES = {"finding.peer_outlier": {"host"}}
"""What only the Korean sentence names; the English one stands behind the server's name."""


def _values_taken(module: str) -> dict[str, set[str]]:
    """Code to the names of the values that its sentence takes up, by itself or through the functions it calls."""
    tree = ast.parse((Path(wording.__file__).parent / f"{module}.py").read_text("utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}

    def taken(node: ast.AST, through: tuple[str, ...] = ()) -> set[str]:
        found: set[str] = set()
        for part in ast.walk(node):
            if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name) and part.value.id == "f":
                if isinstance(part.slice, ast.Constant):
                    found.add(part.slice.value)
            elif isinstance(part, ast.Call) and len(part.args) == 2 and isinstance(part.args[1], ast.Constant):
                found |= {part.args[1].value} if ast.unparse(part.func) in ("_inner", "_each", "_some") else set()
            if isinstance(part, ast.Name) and part.id in functions and part.id not in through:
                found |= taken(functions[part.id], (*through, part.id))
        return found

    (rows,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "SENTENCES" and node.value
    )
    assert isinstance(rows, ast.Dict)
    return {
        key.value: taken(value)
        for key, value in zip(rows.keys, rows.values, strict=True)
        if isinstance(key, ast.Constant)
    }


def test_every_sentence_beside_answers_is_made_somewhere_and_every_one_made_is_in_the_tables() -> None:
    made: set[str] = set()
    for folder in ("shared", "servers"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.parent != Path(wording.__file__).parent:
                tree = ast.parse(path.read_text("utf-8"))
                texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
                made |= {text for text in texts if re.fullmatch(rf"(?:{'|'.join(GROUPS)})\.[a-z_]+", text)}
    assert made == {code for group in GROUPS.values() for code in table("en", group)}


def test_a_sentence_is_its_text_and_keeps_its_fact_through_copies() -> None:
    what = sentence("how.newest_mean", seconds=90)
    assert what == "mean of the newest 90 s against median and MAD of the window before" and hash(what) == hash(
        str(what)
    )
    for copied in (copy.deepcopy(what), pickle.loads(pickle.dumps(what)), asdict(Holding(what))["text"]):
        assert copied == what and fact_of(copied) == what.fact
    assert fact_of(str(what)) == fact("as_written", text=str(what))
    assert "90초" in said_in(what, "ko") and said_in(what, "en") == what and said_in("plain", "ko") == "plain"


@dataclass(frozen=True)
class Holding:
    text: str


_LEAVES = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
_FACTS = st.recursive(
    st.builds(lambda d: fact("x", **d), st.dictionaries(st.from_regex("[a-z]{1,5}", fullmatch=True), _LEAVES)),
    lambda inner: st.builds(lambda a, b: fact("y", one=a, parts=tuple(b)), inner, st.lists(inner, max_size=3)),
    max_leaves=6,
)


@given(_FACTS)
def test_a_fact_survives_the_way_through_json(what: Fact) -> None:
    assert facts.read(json.loads(json.dumps(what.as_data()))) == what


def test_the_ledger_keeps_facts_and_reads_what_older_versions_kept_without_them() -> None:
    one = finding()
    assert read_finding(finding_doc(one)) == one
    why = fact("evidence.errors", now=0.2, was=0.01, start_s=1e9, count=1, worst="a")
    change = fact("change", kind="deployment", target="web", at_s=1e9, description="v2")
    made = Cause(
        "web", "cluster", "errors", "errors_per_s", 1.0, 0.5, 1e9, (), (said(why),), said(change), (why,), change
    )
    assert read_causes(causes_doc([made])) == (made,)
    assert read_causes(causes_doc([made]))[0].evidence_in("ko") == (said(why, "ko"),)

    old = json.loads(causes_doc([made]))
    for name in ("facts", "change_fact"):
        del old[0][name]
    (read,) = read_causes(json.dumps(old))
    assert read.evidence_in("ko") == made.evidence
    assert read.change_in("ko") == made.change
    doc = json.loads(finding_doc(one))
    del doc["evidence"]["how"]
    kept = read_finding(json.dumps(doc))
    assert kept.evidence.method_in("ko") == one.evidence.method
    assert re.search("[가-힣]", said(kept.fact, "ko"))


@given(
    st.sampled_from([k for k in en.SENTENCES if k.startswith("finding.")]),
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
    st.booleans(),
    st.none() | st.floats(1.7e9, 1.8e9),
)
def test_a_finding_has_the_same_figures_in_both_languages(
    code: str, now: float, was: float, up: bool, end_s: float | None
) -> None:
    what = fact(
        code, metric="cpu_busy_ratio", host="web", unit="ratio", now=now, was=was, sigma=7.25, start_s=1.69e9,
        end_s=end_s, up=up, other="",
    )  # fmt: skip
    number = re.compile(r"-?[\d.,]*\d(?:e[+-]\d+)?")
    assert sorted(number.findall(said(what, "en"))) == sorted(number.findall(said(what, "ko")))
