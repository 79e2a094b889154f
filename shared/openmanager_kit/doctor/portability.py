"""Whether every client can take the tools: how many, how they are called, how they are described, what they answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openmanager_kit.doctor.findings import Finding
from openmanager_kit.doctor.limits import LIMITS, REFUSED, ClientLimit
from openmanager_kit.wording import said

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """One tool as a server lists it."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)

    @property
    def answer_chars(self) -> int:
        """How long its answers become unless more is asked for; 0 if it does not say."""
        said_here = self.schema.get("properties", {}).get("max_chars", {})
        default = said_here.get("default", 0) if isinstance(said_here, Mapping) else 0
        return default if isinstance(default, int) else 0


def check_tools(tools: Mapping[str, Sequence[Listed]], installed: Collection[str]) -> list[Finding]:
    """Compare the tools of every server with each client's limits.

    A limit of a client that is not on this machine is told, but is nothing to worry about.
    """
    findings = [_client(client, limit, tools, client in installed) for client, limit in LIMITS.items()]
    return [*findings, *_schemas(tools)]


def _client(client: str, limit: ClientLimit, tools: Mapping[str, Sequence[Listed]], installed: bool) -> Finding:
    problems: list[str] = []
    count = sum(map(len, tools.values()))
    if limit.most_tools and count > limit.most_tools:
        problems.append(said("{count} tools, it takes {most}", count=count, most=limit.most_tools))
    pairs = [(server, tool) for server, listed in tools.items() for tool in listed]
    if limit.longest_name:
        names = [limit.name.format(server=server, tool=tool.name) for server, tool in pairs]
        long = [name for name in names if len(name) > limit.longest_name]
        if long:
            problems.append(said("names longer than {most}: {names}", most=limit.longest_name, names=_some(long)))
    if not limit.underscore:
        odd = [server for server in tools if "_" in server]
        if odd:
            problems.append(said("server names with an underscore: {names}", names=_some(odd)))
    if limit.description_chars:
        long = [tool.name for _, tool in pairs if len(tool.description) > limit.description_chars]
        if long:
            problems.append(
                said("descriptions longer than {most}: {names}", most=limit.description_chars, names=_some(long))
            )
    if limit.answer_chars:
        long = [tool.name for _, tool in pairs if tool.answer_chars > limit.answer_chars]
        if long:
            problems.append(
                said("answers longer than {most} by default: {names}", most=limit.answer_chars, names=_some(long))
            )
    if not problems:
        return Finding("tools", limit.title, "ok", said("takes all {count} tools", count=count))
    text = "; ".join(problems)
    if not installed:
        return Finding("tools", limit.title, "ok", said("not found here; it would not take all: {text}", text=text))
    advice = said("leave tools or servers out in your profile: [tools] deny = [...], or a smaller profile")
    return Finding("tools", limit.title, "warning", text, advice)


def _schemas(tools: Mapping[str, Sequence[Listed]]) -> Iterator[Finding]:
    for server, listed in tools.items():
        bad = {tool.name: found for tool in listed if (found := sorted(set(problems_of(tool.schema))))}
        if bad:
            named = _some([f"{name} ({', '.join(words)})" for name, words in bad.items()])
            yield Finding(
                "tools", server, "warning", said("schemas that some clients refuse: {names}", names=named),
                said("flat objects of plain types are taken by all of them"),
            )  # fmt: skip
        else:
            yield Finding("tools", server, "ok", said("{count} schemas are portable", count=len(listed)))


def problems_of(schema: Any, top: bool = True) -> Iterator[str]:
    """Name what some client or model provider would refuse in a schema."""
    if not isinstance(schema, Mapping):
        yield "bare boolean" if isinstance(schema, bool) else "no object"
        return
    yield from (word for word in REFUSED if word in schema)
    kind = schema.get("type")
    if isinstance(kind, list):
        yield "list of types"
    elif kind is None:
        yield "no type"
    if top and kind != "object":
        yield "no object"
    if kind == "array" and "items" not in schema:
        yield "array without items"
    properties = schema.get("properties", {})
    for inner in properties.values() if isinstance(properties, Mapping) else ():
        yield from problems_of(inner, top=False)
    if "items" in schema:
        yield from problems_of(schema["items"], top=False)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (said(" and {count} more", count=more) if more > 0 else "")
