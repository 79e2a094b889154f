"""Which servers, clusters, types, environments and regions a question means: whole, partial, short and misspelt names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from openmanager_core.fleet import Fleet, ServerCluster, ServerInstance
from openmanager_core.knowledge.asking.hangul import distance

_TYPES: tuple[tuple[str, str], ...] = (
    ("database", r"databases?|\bdbs?\b|postgres\w*|mysql|\bsql\b|데이터\s?베이스|디비|디비들"),
    ("cache", r"caches?|redis|memcached?|캐시|캐쉬|레디스"),
    ("queue", r"queues?|kafka|rabbit(?:mq)?|\bmq\b|message brokers?|큐|카프카|메시지\s?큐"),
    ("api", r"(?<![a-z0-9])apis?(?![a-z0-9])|backends?|에이피아이|백엔드"),
    ("web", r"(?<![a-z0-9])webs?(?![a-z0-9])|frontends?|front-ends?|webservers?|웹|프론트(?:엔드)?"),
)
_ENVIRONMENTS: tuple[tuple[str, str], ...] = (
    ("production", r"\bprod(?:uction)?\b|\blive\b|프로덕션|프로드|운영\s?(?:환경|계|서버|쪽|장비)|상용|라이브"),
    ("staging", r"\bstag(?:ing|e)\b|\bstg\b|스테이징|스테이지|검증\s?환경"),
    ("development", r"\bdev(?:elopment)?\b|개발\s?(?:환경|계|서버|쪽|장비)|데브"),
)
_TOKEN = re.compile(r"[a-z0-9]+(?:[-_./:][a-z0-9]+)*")
_SPOKEN = re.compile(
    r"\b(web|api|db|database|cache|queue|redis|웹|에이피아이|디비|데이터베이스|캐시|큐)\s?(?:서버|server|node|노드|host)?\s?"
    r"#?(\d{1,4})\s?(번째|번|호기|호)?(?!\s?(?:대|개|%|시|분|초|일|주|배|프로|percent|servers?|nodes?|hosts?|x|ms|s\b|h\b|m\b|d\b|hours?|days?|min))"
)  # fmt: skip
_SAME = {"db": "database", "redis": "cache", "mq": "queue", "웹": "web", "에이피아이": "api", "디비": "database",
         "데이터베이스": "database", "캐시": "cache", "큐": "queue"}  # fmt: skip
_PARTS = re.compile(r"[a-z]+|\d+|[가-힣]+")
_MOST_OTHERS = 5


@dataclass(slots=True)
class Places:
    """What was named, the text with the names blanked out, and what had to be assumed."""

    text: str
    servers: list[str] = field(default_factory=list)
    cluster: str = ""
    type: str = ""
    environment: str = ""
    region: str = ""
    guesses: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    """As typed, as read, and what else it could have meant."""
    unknown: list[str] = field(default_factory=list)
    """Words that look like a server's name, and are none here."""


def places(text: str, fleet: Fleet) -> Places:
    """Read the places of a question; `text` is folded."""
    out = Places(text)
    ids = _ids(fleet)
    regions = {s.region.casefold(): s.region for s in fleet.servers if s.region}
    clusters = {c.id.casefold(): c for c in fleet.clusters}
    parts_of: dict[str, list[str]] | None = None
    for name in sorted((n for n in ids if not _TOKEN.fullmatch(n) and len(n) >= 3), key=len, reverse=True)[:2000]:
        if name in out.text:  # names that are no plain word
            _take(out, ids[name])
            out.text = out.text.replace(name, " ")
    for match in _TOKEN.finditer(out.text):
        word = match.group()
        whole = ids.get(word)
        if whole is not None:
            _take(out, whole)
        elif word in clusters:
            out.cluster = clusters[word].id
        elif word in regions:
            out.region = regions[word]
        elif re.search(r"\d", word) and re.search(r"[a-z]", word):
            parts_of = parts_of if parts_of is not None else {i: _PARTS.findall(i) for i in ids}
            if not _partial(out, word, ids, parts_of, fleet):
                continue
        elif "-" in word and _cluster_like(out, word, fleet):
            pass
        else:
            continue
        out.text = out.text[: match.start()] + " " * len(word) + out.text[match.end() :]
    for match in _SPOKEN.finditer(out.text):
        parts_of = parts_of if parts_of is not None else {i: _PARTS.findall(i) for i in ids}
        short = f"{_SAME.get(match[1], match[1])}-{match[2]}"
        if _partial(out, short, ids, parts_of, fleet, typed=match.group().strip()):
            out.text = out.text[: match.start()] + " " * len(match.group()) + out.text[match.end() :]
    _applications(out, fleet)
    present = {str(s.type) for s in fleet.servers}
    out.type = next((name for name, pattern in _TYPES if name in present and _type_meant(pattern, name, out.text)), "")
    environments = {str(s.environment) for s in fleet.servers}
    out.environment = next((n for n, p in _ENVIRONMENTS if n in environments and re.search(p, out.text)), "")
    return out


def _ids(fleet: Fleet) -> dict[str, ServerInstance]:
    return {s.name.casefold(): s for s in fleet.servers} | {s.id.casefold(): s for s in fleet.servers}


def _take(out: Places, server: ServerInstance) -> None:
    if server.id not in out.servers:
        out.servers.append(server.id)


def _partial(
    out: Places,
    word: str,
    ids: dict[str, ServerInstance],
    parts_of: dict[str, list[str]],
    fleet: Fleet,
    typed: str = "",
) -> bool:
    """A short form such as ``api-03``: its parts occur in a name in this order, and the last number is the last."""
    wanted = [_SAME.get(p, p) for p in _PARTS.findall(word)]
    if not wanted[-1].isdigit() or not wanted[0].isalpha() or len(wanted[0]) < 2:
        return False
    fits = {ids[name].id: ids[name] for name, parts in parts_of.items() if _within(wanted, parts)}
    if not fits and len(word) >= 6:
        near = [(distance(word, name, 2), name) for name in ids if abs(len(name) - len(word)) <= 2]
        best = min(near, default=(3, ""))[0]
        fits = {ids[n].id: ids[n] for d, n in near if d == best and d <= 2}
        # a number that differs is another server, not a slip
        fits = {
            i: s
            for i, s in fits.items()
            if _numbers(s.id) == _numbers(word) or _numbers(s.name.casefold()) == _numbers(word)
        }
    if not fits:
        if wanted[0] in {parts[0] for parts in parts_of.values() if parts} and ("-" in word or typed):
            out.unknown.append(typed or word)
        return False
    ordered = sorted(fits.values(), key=lambda s: (s.environment != "production", len(s.id)))
    # production first: that is where questions come from at three in the morning
    chosen = ordered[0]
    _take(out, chosen)
    if chosen.id.casefold() != word:
        out.guesses.append((typed or word, chosen.id, tuple(s.id for s in ordered[1 : 1 + _MOST_OTHERS])))
    return True


def _numbers(name: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d{1,9}", name)]


def _within(wanted: list[str], parts: list[str]) -> bool:
    if not parts or not parts[-1].isdigit() or int(parts[-1]) != int(wanted[-1]):
        return False
    at = 0
    for part in wanted[:-1]:
        while at < len(parts) - 1 and not (
            parts[at] == part
            or (part.isdigit() and parts[at].isdigit() and int(parts[at]) == int(part))
            or (part.isalpha() and len(part) >= 3 and parts[at].startswith(part))
        ):
            at += 1
        if at >= len(parts) - 1:
            return False
        at += 1
    return True


def _cluster_like(out: Places, word: str, fleet: Fleet) -> bool:
    wanted = set(_PARTS.findall(word))
    fits = [c for c in fleet.clusters if wanted <= set(_PARTS.findall(c.id.casefold()))]
    if not fits:
        near = [c for c in fleet.clusters if distance(word, c.id.casefold(), 2) <= 2]
        fits = near if len(word) >= 6 else []
    if not fits or (len(fits) > 1 and len(wanted) < 2):
        return False
    ordered: list[ServerCluster] = sorted(fits, key=lambda c: (c.environment != "production", -len(c.members)))
    out.cluster = ordered[0].id
    out.guesses.append((word, out.cluster, tuple(c.id for c in ordered[1 : 1 + _MOST_OTHERS])))
    return True


def _applications(out: Places, fleet: Fleet) -> None:
    """``shop`` in a fleet that has an application of this name: its first cluster, or the one of the type named."""
    if out.servers or out.cluster:
        return
    for app in fleet.applications:
        name = app.name.casefold()
        if len(name) >= 4 and re.search(rf"(?<![a-z0-9-]){re.escape(name)}(?![a-z0-9-])", out.text) and app.clusters:
            out.cluster = app.clusters[0]
            out.guesses.append((app.name, out.cluster, tuple(app.clusters[1 : 1 + _MOST_OTHERS])))
            return


def _type_meant(pattern: str, name: str, text: str) -> bool:
    match = re.search(pattern, text)
    if match is None:
        return False
    after = text[match.end() : match.end() + 14]
    if name == "queue" and re.match(
        r"\s?(?:depth|length|size|backlog|에\s?메시지|깊이|길이|사이즈|뎁스|적체|쌓)", after
    ):
        return False
    return not (name == "cache" and re.match(r"\s?(?:hit|miss|적중|히트|미스)", after))


def nearest_names(word: str, names: Iterable[str], most: int = 3) -> list[str]:
    """Names that look most like `word`, for those who have to ask again."""
    return [n for _, n in sorted((distance(word, n.casefold(), 8), n) for n in names)[:most]]
