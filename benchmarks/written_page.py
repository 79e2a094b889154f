"""A page of any size, written like many on the Web: what the benchmarks of reading read."""

from __future__ import annotations

import itertools
import random

_SAID = (
    "river bridge gauge measure level cache server window answer paper garden letter number market winter summer "
    "history engine method result reason system region people public water light table money small large early"
)
WORDS = _SAID.split()
FIRST = "The first paragraph of the page is here"


def page_of(size: int, chance: random.Random) -> bytes:
    """Write a page like many: furniture around headings, paragraphs with links, lists, code and tables."""
    parts = [
        '<!doctype html><html><head><meta charset="utf-8"><title>A long page</title><script>var a = 1;</script></head>'
        '<body><nav><ul><li><a href="/">Home</a></li><li><a href="/all">All</a></li></ul></nav><main><article>'
        f"<h1>A long page</h1><p>{FIRST}.</p>"
    ]
    used = len(parts[0])

    def words(count: int) -> str:
        return " ".join(chance.choices(WORDS, k=count))

    for number in itertools.count(1):
        part = f"<h2>Part {number}: {words(3)}</h2>" if number % 6 == 1 else ""
        part += (
            f'<p class="text">{words(40)} <a href="/page/{number}">{words(2)}</a> <em>{words(3)}</em> {words(25)}.</p>'
        )
        if number % 5 == 0:
            part += "<ul>" + "".join(f"<li>{words(6)}</li>" for _ in range(4)) + "</ul>"
        if number % 9 == 0:
            part += f"<pre><code>def part_{number}():\n    return {number}</code></pre>"
        if number % 11 == 0:
            rows = "".join(f"<tr><td>{words(1)}</td><td>{chance.randrange(999)}</td></tr>" for _ in range(5))
            part += f"<table><tr><th>Name</th><th>Count</th></tr>{rows}</table>"
        parts.append(part)
        used += len(part)
        if used >= size - 150:
            break
    parts.append("</article></main><footer><p>All rights reserved</p></footer></body></html>")
    return "".join(parts).encode()
