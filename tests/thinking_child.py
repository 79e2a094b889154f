"""A process that thinks until it is killed: ``thinking_child.py HOME CHAIN NAME COUNT IN_FLIGHT``.

Says each thought's place in the chain on a line of its own once it is acknowledged.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from functools import partial
from pathlib import Path

from openmanager_thinking.chains import append
from openmanager_thinking.limits import Section
from openmanager_thinking.store import Store
from openmanager_thinking.thought import Thought


async def main(home: str, chain: str, name: str, count: str, in_flight: str) -> None:
    """Think `count` thoughts, `in_flight` at once."""
    limits = Section()
    store = Store(Path(home), limits)
    numbers = itertools.count(1)

    async def think() -> None:
        while (number := next(numbers)) <= int(count):
            thought = Thought(f"{name} {number}", number, number, True)
            work = partial(
                append, owner="local", handle=chain, make=True, thought=thought, limits=limits, now_s=store.now_s()
            )
            stored = await store.write(work)
            sys.stdout.write(f"{stored.length} {name} {number}\n")
            sys.stdout.flush()

    await asyncio.gather(*(think() for _ in range(int(in_flight))))
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
