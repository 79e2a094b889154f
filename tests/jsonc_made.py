"""JSON written by people: with comments, trailing commas and odd white space, beside the same as plain JSON."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

KEYS = st.text(min_size=1, max_size=6) | st.sampled_from(["//", "/*", "a,}", '"', "mcpServers"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))
COMMENTS = st.sampled_from(
    ["// a, } ] comment\n", "/* one */", "/* two\n lines, } */", "//\n", "// \"quoted\" 'text' /*\n"]
)
GAPS = st.lists(st.sampled_from([" ", "\n", "\t", "\r\n"]) | COMMENTS, max_size=3).map("".join)


@st.composite
def written(draw: st.DrawFn, values: st.SearchStrategy[Any] = VALUES) -> tuple[str, str]:
    """Write a value twice: with comments and trailing commas, and as plain JSON."""

    def both(value: Any) -> tuple[str, str]:
        if isinstance(value, dict):
            inner = [
                (draw(GAPS) + json.dumps(k) + draw(GAPS) + ":" + draw(GAPS) + a, f"{json.dumps(k)}:{b}")
                for k, v in value.items()
                for a, b in [both(v)]
            ]
            opening, closing = "{}"
        elif isinstance(value, list):
            inner = [(draw(GAPS) + a, b) for v in value for a, b in [both(v)]]
            opening, closing = "[]"
        else:
            plain = json.dumps(value, ensure_ascii=draw(st.booleans()))
            return plain, plain
        text = "".join(a + draw(GAPS) + "," for a, _ in inner)
        if text and not draw(st.booleans()):
            text = text[:-1]
        return opening + text + draw(GAPS) + closing, opening + ",".join(b for _, b in inner) + closing

    rich, plain = both(draw(values))
    return draw(GAPS) + rich + draw(GAPS), plain


OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)
