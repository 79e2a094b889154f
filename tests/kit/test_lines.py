"""Lines out of bytes, whatever their pieces."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from openmanager_kit.hosting.lines import TOO_LONG, LineSplitter, TooLong


def naive_lines(data: bytes, limit: int) -> list[bytes | TooLong]:
    """Do the same with everything at hand at once."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [TOO_LONG if len(line) > limit else line for line in lines]


@given(st.lists(st.binary(max_size=12).map(lambda part: part.replace(b"a", b"\n"))), st.integers(0, 20))
def test_pieces_make_the_same_lines_as_the_whole(pieces: list[bytes], limit: int) -> None:
    splitter = LineSplitter(limit)
    lines = [line for piece in pieces for line in splitter.feed(piece)] + list(splitter.finish())
    assert lines == naive_lines(b"".join(pieces), limit)


def test_an_endless_line_takes_no_more_memory_than_allowed() -> None:
    splitter, piece = LineSplitter(100_000), b"x" * 10_000
    tracemalloc.start()
    try:
        for _ in range(1000):
            assert list(splitter.feed(piece)) == []
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert list(splitter.feed(b"\nok\n")) == [TOO_LONG, b"ok"]
