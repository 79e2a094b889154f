"""How the interpreter is set for a server: to start soon, and to let a small call through beside a long one."""

from __future__ import annotations

import gc
import sys

_YOUNG = 10_000
_SLICE_S = 0.001


def starting() -> None:
    """Collect no garbage while a thousand modules come in: that costs a tenth of the start and finds nothing."""
    gc.disable()


def serving() -> None:
    """Collect again, seldom, and let threads take turns often."""
    gc.freeze()
    # The usual 700 is reached by every long answer, and its rows are looked through several times for nothing.
    gc.set_threshold(_YOUNG, 20, 20)
    gc.enable()
    # A call goes through several threads and waits for the interpreter at each; behind a busy one 5 ms add up.
    sys.setswitchinterval(_SLICE_S)
