"""`fleet.json` beside a recording: what the readings alone can not say about the servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from openmanager_core.errors import SourceInvalid
from openmanager_core.fleet import Change, ChangeKind, ServerCluster, ServerInstance, ServerSpec
from openmanager_core.source import _inventory
from openmanager_core.source._csv import parse_time
from openmanager_core.wording import sentence

MAX_BYTES = 20_000_000
_CHANGES = get_args(ChangeKind)
_SPEC = ("cpu_cores", "memory_bytes", "disk_bytes", "network_bytes_per_s")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What the file says; empty when there is none."""

    servers: tuple[ServerInstance, ...] = ()
    clusters: tuple[ServerCluster, ...] = ()
    calls: tuple[tuple[str, str], ...] = ()
    changes: tuple[Change, ...] = ()
    problems: tuple[str, ...] = ()


def read_sidecar(path: Path) -> Sidecar:
    """Read it: ``{"servers": [...], "clusters": [...], "calls": [[a, b]], "changes": [...]}``, each part optional.

    Entries that can not be used are left out and counted in `problems`.

    Raises
    ------
    SourceInvalid
        If it is not a JSON object, or larger than 20 MB.
    OSError
        If it can not be read.
    """
    if not path.is_file():
        return Sidecar()
    if path.stat().st_size > MAX_BYTES:
        raise SourceInvalid(f"{path.name} is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as exc:
        raise SourceInvalid(
            f"{path.name} is not JSON ({type(exc).__name__})", hint="check it with a JSON parser"
        ) from exc
    if not isinstance(content, dict):
        raise SourceInvalid(f"{path.name} must hold an object with servers, clusters, calls or changes")
    problems: list[str] = []
    servers = {s.id: s for s in _each(content, "servers", _server, problems)}
    return Sidecar(
        tuple(servers.values()),
        tuple(_each(content, "clusters", _cluster, problems)),
        tuple(_each(content, "calls", _call, problems)),
        tuple(_each(content, "changes", _change, problems)),
        tuple(problems),
    )


def _each(content: dict[str, Any], part: str, read: Callable[[Any], Any], problems: list[str]) -> Iterator[Any]:
    entries = content.get(part, [])
    if not isinstance(entries, list):
        problems.append(sentence("problem.no_list", part=part))
        return
    bad = 0
    for entry in entries:
        try:
            yield read(entry)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            bad += 1
    if bad:
        problems.append(sentence("problem.entries", bad=bad, count=len(entries), part=part))


def _server(entry: dict[str, Any]) -> ServerInstance:
    labels = entry.get("labels", {})
    words = {k: v for k, v in {**labels, **entry}.items() if isinstance(v, str)}
    name = words.pop("id", "") or words.get("name", "")
    if not name:
        raise KeyError("id")
    sizes = {**entry, **entry.get("spec", {})}
    cores, memory, disk, network = (float(sizes.get(key, 0)) for key in _SPEC)
    return _inventory.server(name, words, ServerSpec(int(cores), int(memory), int(disk), network))


def _cluster(entry: dict[str, Any]) -> ServerCluster:
    return ServerCluster(
        str(entry["id"]),
        _inventory.server_type(str(entry.get("type", ""))),
        _inventory.environment(str(entry.get("environment", ""))),
        str(entry.get("region", "")),
    )


def _call(entry: Any) -> tuple[str, str]:
    caller, callee = (entry["caller"], entry["callee"]) if isinstance(entry, dict) else entry
    return str(caller), str(callee)


def _change(entry: dict[str, Any]) -> Change:
    kind = entry["kind"]
    if kind not in _CHANGES:
        raise ValueError("kind")
    at_s = parse_time(str(entry.get("at", entry.get("at_s"))))
    return Change(
        cast("ChangeKind", kind),
        at_s,
        str(entry["target"]),
        str(entry.get("description", "")),
    )
