"""Randomness without state: every number is a hash of who, what and when.

Only integer operations and IEEE add, subtract, multiply, divide are used, element by element. These round the same
way wherever an element stands in an array, so a value does not depend on the window or the hosts it is read with;
`exp`, `log` or `sin` would, because their vectorised and scalar versions differ in the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]
Instants = npt.NDArray[np.float64]
Ticks = npt.NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
_MASK = (1 << 64) - 1
# Four independent 16-bit uniforms have this mean and this standard deviation as a sum.
_LANES_MEAN = np.float32(131070.0)
_LANES_SCALE = np.float32(1.0 / 37837.22)


def instants(ticks: Ticks, tick_s: float) -> Instants:
    """When each tick begins, Unix seconds."""
    return ticks.astype(np.float64) * tick_s


def mix(x: Keys) -> Keys:
    """Scramble `x` in place (any shape) with the finaliser of SplitMix64 and return it.

    References
    ----------
    .. [1] G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, fig. 16.
       doi:10.1145/2660193.2660195
    """
    x ^= x >> _S30
    x *= _M1
    x ^= x >> _S27
    x *= _M2
    x ^= x >> _S31
    return x


def key(*words: int) -> int:
    """One 64-bit key from some integers, the scalar form of `keys`."""
    out = 0
    for word in words:
        out = (out + (word & _MASK) * int(_GOLDEN) + int(_GOLDEN)) & _MASK
        out = ((out ^ (out >> 30)) * int(_M1)) & _MASK
        out = ((out ^ (out >> 27)) * int(_M2)) & _MASK
        out ^= out >> 31
    return out


def keys(first: int, columns: Iterable[npt.NDArray[np.int64]]) -> Keys:
    """One 64-bit key per row of equally long integer `columns`; the same as ``key(first, *row)``."""
    out: Keys | None = None
    for column in columns:
        start = np.uint64(key(first)) if out is None else out
        out = mix(start + column.astype(np.uint64) * _GOLDEN + _GOLDEN)
    assert out is not None, "at least one column"
    return out


def derived(base: Keys, stream: int) -> Keys:
    """The keys of one named stream of random numbers of each of `base`."""
    return mix(base + np.uint64(key(stream)))


def draw(base: Keys, counters: npt.NDArray[np.int64]) -> Keys:
    """A 64-bit hash for every counter and key, shape ``(n_counters, n_keys)``."""
    return mix((counters.astype(np.uint64) * _GOLDEN)[:, None] + base[None, :])


def lane(word: Keys, which: int) -> Floats:
    """The 16-bit field `which` (0 to 3) of every hash, as a uniform number in (-1, 1)."""
    shifted = (word >> np.uint64(16 * which)).astype(np.uint16)
    out = shifted.astype(np.float32)
    out -= np.float32(32767.5)
    out *= np.float32(1 / 32768)
    return out


def uniform(word: Keys, which: int) -> Floats:
    """The 16-bit field `which` (0 to 3) of every hash, as a uniform number in (0, 1)."""
    return (lane(word, which) + np.float32(1)) * np.float32(0.5)


def bell(u: Floats) -> Floats:
    """Turn uniform numbers in (-1, 1) into a bell of variance 1 with tails to 3.2 (excess kurtosis 1.4), in place."""
    square = u * u
    np.subtract(np.float32(1.3), square, out=square)
    u /= square
    u *= np.float32(0.9671855)
    return u


def gauss(word: Keys) -> Floats:
    """A nearly normal number of variance 1 from every hash: the sum of its four 16-bit fields."""
    fields = np.ascontiguousarray(word).view(np.uint16).reshape(*word.shape, 4)
    total = fields[..., 0].astype(np.float32)
    for i in (1, 2, 3):
        total += fields[..., i]
    total -= _LANES_MEAN
    total *= _LANES_SCALE
    return total


def drift(base: Keys, ticks: Ticks, period: int, phase: int = 0) -> Floats:
    """Smooth noise of variance 1 that forgets itself over `period` ticks ("value noise").

    Parameters
    ----------
    base
        One key per series, shape ``(n_series,)``.
    ticks
        Shape ``(n_ticks,)``.
    period
        Ticks between independent knots, at least 1.
    phase
        Moves the knots, in ticks.

    Returns
    -------
    Floats
        Shape ``(n_ticks, n_series)``. Between knots the weights keep the variance at 1, so that the knots do not show.

    References
    ----------
    .. [1] K. Perlin, "An image synthesizer", SIGGRAPH 1985, section "Stochastic modelling primitives".
       doi:10.1145/325165.325247
    """
    cell, inside = np.divmod(ticks + phase, period)
    knots, where = np.unique(np.concatenate((cell, cell + 1)), return_inverse=True)
    at_knots = gauss(draw(base, knots))
    f = inside / period
    s = f * f * (3.0 - 2.0 * f)
    norm = np.sqrt(s * s + (1.0 - s) * (1.0 - s))
    left = ((1.0 - s) / norm).astype(np.float32)[:, None]
    right = (s / norm).astype(np.float32)[:, None]
    out = at_knots[where[: len(ticks)]]
    out *= left
    second = at_knots[where[len(ticks) :]]
    second *= right
    out += second
    return out


def growth(x: Floats) -> Floats:
    """A cheap stand-in for ``exp(x)``: ``(1 + x/8) ** 8``, 0 below -8, in place."""
    x *= np.float32(0.125)
    x += np.float32(1)
    np.maximum(x, np.float32(0), out=x)
    x *= x
    x *= x
    x *= x
    return x
