"""Named sets of faults, placed so that "now" is the moment at which somebody would ask."""

from __future__ import annotations

from collections.abc import Callable

from openmanager_core.errors import NotFound
from openmanager_core.fleet import Fleet, ServerCluster
from openmanager_core.simulator.faults import Fault, check
from openmanager_core.simulator.hashing import key

MINUTE_S = 60.0
HOUR_S = 3600.0


def scenario(name: str, fleet: Fleet, anchor_s: float) -> tuple[Fault, ...]:
    """The faults of that story, told so that at `anchor_s` it has been going on for about twenty minutes.

    ``incident``: the databases of a production cell became slow and everything that calls them waits; far away a disk
    fills. ``quiet``: nothing. ``black_friday``: a surge of visitors, and one api server that does not stand it.
    ``leaky_release``: a bad deployment on the api servers, and a memory leak that the release before it brought.

    Raises
    ------
    NotFound
        If there is no scenario of that name.
    """
    if name not in SCENARIOS:
        raise NotFound.named("scenario", name, SCENARIOS, hint=f"one of {', '.join(SCENARIOS)}")
    return tuple(check(f, fleet) for f in SCENARIOS[name](fleet, anchor_s))


def _home(fleet: Fleet, kind: str) -> ServerCluster:
    """The first production cluster of that type, or the first cluster of any type in a very small fleet."""
    return next((c for c in fleet.clusters if c.type == kind and c.environment == "production"), fleet.clusters[0])


def _elsewhere(fleet: Fleet, avoid: ServerCluster) -> str:
    """A server in another region: nothing that `avoid` could explain."""
    for wanted in ("queue", "cache", "web"):
        for server in reversed(fleet.servers):
            if server.type == wanted and server.region != avoid.region:
                return server.id
    return fleet.servers[-1].id


def _incident(fleet: Fleet, anchor_s: float) -> tuple[Fault, ...]:
    slow = _home(fleet, "database")
    return (
        Fault("slow-database", "slow_dependency", (slow.id,), anchor_s - 20 * MINUTE_S, None, 0.8, "lock contention"),
        Fault(
            "filling-disk", "disk_filling", (_elsewhere(fleet, slow),), anchor_s - 35 * MINUTE_S, None, 0.6,
            "a debug log left on",
        ),
    )  # fmt: skip


def _quiet(fleet: Fleet, anchor_s: float) -> tuple[Fault, ...]:
    return ()


def _black_friday(fleet: Fleet, anchor_s: float) -> tuple[Fault, ...]:
    front, middle = _home(fleet, "web"), _home(fleet, "api")
    return (
        Fault("surge", "traffic_surge", (front.id,), anchor_s - 25 * MINUTE_S, None, 0.7, "the sale begins"),
        Fault("hot-api", "cpu_saturation", middle.members[:1], anchor_s - 15 * MINUTE_S, None, 0.9, "a runaway worker"),
    )


def _leaky_release(fleet: Fleet, anchor_s: float) -> tuple[Fault, ...]:
    middle = _home(fleet, "api")
    return (
        Fault("release", "bad_deployment", (middle.id,), anchor_s - 20 * MINUTE_S, None, 0.7, "a broken endpoint"),
        Fault(
            "leak", "memory_leak", (_home(fleet, "web").id,), anchor_s - 3 * HOUR_S, None, 0.7, "sessions never freed"
        ),
    )


SCENARIOS: dict[str, Callable[[Fleet, float], tuple[Fault, ...]]] = {
    "incident": _incident,
    "quiet": _quiet,
    "black_friday": _black_friday,
    "leaky_release": _leaky_release,
}

_DRAWN = (
    "cpu_saturation", "memory_leak", "disk_filling", "network_loss", "slow_dependency", "traffic_surge",
    "bad_deployment", "noisy_neighbour", "crash_restart", "clock_skew",
)  # fmt: skip
_WHOLE_CLUSTER = ("slow_dependency", "traffic_surge", "bad_deployment")
_MOST_DRAWN = 200


def random_faults(fleet: Fleet, start_s: float, end_s: float, seed: int) -> tuple[Fault, ...]:
    """Faults of all kinds strewn over a stretch of time: one per 100 server-days, at least 1, at most 200.

    They last from half an hour to six hours, half of them under 1.6, or up to a third of the stretch if that is
    shorter, and do not touch the same cluster twice as long as there are clusters left.
    """
    days = (end_s - start_s) / 86400.0
    count = max(1, min(_MOST_DRAWN, round(len(fleet.servers) * days / 100.0)))
    out: list[Fault] = []
    taken: set[str] = set()
    for i in range(count):
        word = [key(seed, 0xFA117, i, j) for j in range(5)]
        kind = _DRAWN[(i + key(seed, 0xFA117)) % len(_DRAWN)]
        homes = [c for c in fleet.clusters if c.id not in taken] or list(fleet.clusters)
        if kind == "slow_dependency":
            homes = [c for c in homes if c.type in ("database", "cache", "queue")] or homes
        home = homes[word[0] % len(homes)]
        taken.add(home.id)
        targets = (home.id,) if kind in _WHOLE_CLUSTER else (home.members[word[1] % len(home.members)],)
        longest = min(6 * HOUR_S, (end_s - start_s) / 3.0)
        fraction = word[2] % 12 / 11.0
        lasts = longest * (1.0 + 5.5 * fraction * fraction * (1.0 + fraction)) / 12.0
        if kind == "crash_restart":
            lasts = min(lasts, 600.0)
        begin = start_s + (end_s - start_s - lasts) * (0.1 + 0.9 * (word[3] % 1000) / 1000.0)
        begin = float(round(begin))
        severity = 0.4 + 0.6 * (word[4] % 101) / 100.0
        out.append(
            Fault(f"fault-{i + 1}", kind, targets, begin, float(round(begin + lasts)), round(severity, 2))  # type: ignore[arg-type]  # the tuple above holds kinds
        )
    return tuple(sorted(out, key=lambda f: (f.start_s, f.id)))
