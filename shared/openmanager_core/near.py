"""The names that look most like a mistaken one, in a time that a fleet of any size can afford.

`difflib` compares the wanted name with every name there is: seconds for 100,000 servers. Here it sees a few hundred at
most, those that share the most pairs of neighbouring letters with the wanted one.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

COMPARED = 300
"""Most names that are compared letter by letter; among so few nothing is screened."""
_SEEN = 200
"""So many letters at the start of a name count."""


def nearest(wanted: str, names: Sequence[str], most: int = 3, cutoff: float = 0.4) -> list[str]:
    """The names most like `wanted`, best first: what `difflib.get_close_matches` says of the likeliest `COMPARED`.

    Parameters
    ----------
    wanted
        Its first 200 letters count.
    names
        Any number of them. At most `COMPARED` are all compared, so that the answer is `difflib`'s own; among more it
        may differ where that many others share more letter pairs with `wanted`.
    most
        So many answers at most, at least 1.
    cutoff
        0 to 1: the least likeness, twice the matching letters by the letters of both.

    Notes
    -----
    Screening counts the letter pairs of each name that `wanted` has too, against the pairs of both [1]_: one pass over
    all letters of all names together.

    References
    ----------
    .. [1] G. W. Adamson and J. Boreham, "The use of an association measure based on character structure to identify
       semantically related pairs of words and document titles", Information Storage and Retrieval 10, 1974.
       doi:10.1016/0020-0271(74)90020-5
    """
    wanted = wanted[:_SEEN]
    if len(names) > COMPARED:
        names = _likeliest(wanted, names)
    return get_close_matches(wanted, names, n=most, cutoff=cutoff)


def _likeliest(wanted: str, names: Sequence[str]) -> list[str]:
    """The `COMPARED` of `names` that share the most letter pairs with `wanted`; of equal ones those that come first."""
    import numpy as np  # here: most who fail need no arrays, and starting up stays quick

    is_wanted = np.zeros(1 << 16, np.int32)
    is_wanted[_pairs(wanted)] = 1
    # one letter of nobody behind each name
    found = np.cumsum(is_wanted[_pairs("\0".join([name[:_SEEN] for name in names]) + "\0")])
    lengths = np.fromiter((min(len(name), _SEEN) for name in names), np.int64, len(names))
    starts = np.cumsum(lengths + 1) - lengths - 1
    before = np.concatenate(([0], found))
    shared = before[starts + np.maximum(lengths - 1, 0)] - before[starts]
    score = np.minimum(shared, len(wanted)) / (lengths + len(wanted) + 1)
    return [names[i] for i in np.argsort(-score, kind="stable")[:COMPARED].tolist()]


def _pairs(text: str) -> npt.NDArray[np.uint16]:
    """Every two neighbouring letters as one number; letters far apart in Unicode may share a number."""
    import numpy as np

    letters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    folded = ((letters ^ (letters >> np.uint32(8))) & np.uint32(255)).astype(np.uint16)
    out: npt.NDArray[np.uint16] = (folded[:-1] << np.uint16(8)) | folded[1:]
    return out
