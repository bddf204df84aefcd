"""What is told of two texts at a look, before they are compared sign by sign: how far from each other they are at least.

Each text has its signs as bits: the first, second, ... time that a sign stands in it is a bit of its own. Bits that one text
has and the other lacks are signs that must be put in, taken out or replaced.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Signs = npt.NDArray[np.uint64]
Heads = npt.NDArray[np.uint32]
_ALMOST = 1e-9
_OTHERS = 256
_PART = 1 << 18


def _fields(kinds: Sequence[tuple[str, int]]) -> tuple[Signs, Signs]:
    """Return for each byte the lowest bit of its signs, and all of them: so many times each sign of a text counts."""
    lowest, every = np.zeros(_OTHERS, dtype=np.uint64), np.zeros(_OTHERS, dtype=np.uint64)
    bit = 0
    for letters, times in kinds:
        for letter in letters:
            lowest[ord(letter)], every[ord(letter)] = 1 << bit, ((1 << times) - 1) << bit
            bit += times
    rest = np.flatnonzero(lowest == 0)
    lowest[rest] = every[rest] = np.uint64(1) << np.uint64(bit) + (rest % (64 - bit)).astype(np.uint64)
    return lowest, every


WORDS = _fields([("abcdefghijklmnopqrstuvwxyz", 2), ("0123456789", 1)])
"""Bits for words."""
NUMBERS = _fields([("0123456789", 6)])
"""Bits for numbers and dates."""


def signs_of(words: Sequence[str], fields: tuple[Signs, Signs]) -> tuple[Signs, Heads]:
    """Return the signs of texts as bits, and their first four signs as a number."""
    signs, heads = np.zeros(len(words), dtype=np.uint64), np.zeros(len(words), dtype=np.uint32)
    for start in range(0, len(words), _PART):
        part = words[start : start + _PART]
        signs[start : start + _PART], heads[start : start + _PART] = _of_part(part, *fields)
    return signs, heads


def _of_part(words: Sequence[str], lowest: Signs, every: Signs) -> tuple[Signs, Heads]:
    sizes = np.fromiter(map(len, words), np.int64, len(words))
    written = np.frombuffer("".join(words).encode("latin-1", "replace"), dtype=np.uint8)
    first = np.cumsum(sizes) - sizes
    signs, heads = np.zeros(len(words), dtype=np.uint64), np.zeros(len(words), dtype=np.uint32)
    there = np.arange(len(words))
    for place in range(int(sizes.max(initial=0))):
        there = there[sizes[there] > place]
        sign = written[first[there] + place]
        had = signs[there]
        signs[there] = had | ((had + lowest[sign]) & every[sign])
        if place < 4:
            heads[there] |= sign.astype(np.uint32) << np.uint32(8 * place)
    return signs, heads


def lacking(one: Signs, other: Signs) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return how many signs of one the other lacks at least, and the other way round."""
    return np.bitwise_count(one & ~other), np.bitwise_count(other & ~one)


def may_be_alike(
    signs: tuple[Signs, Signs], sizes: tuple[npt.NDArray[np.int32], ...], heads: tuple[Heads, Heads], least: float
) -> npt.NDArray[np.bool_]:
    """Whether the Jaro-Winkler similarity of texts may be so high: no more signs can match than both have."""
    lack = lacking(*signs)
    common = np.minimum(sizes[0] - lack[0], sizes[1] - lack[1]).astype(np.float64)
    jaro = np.where(common > 0, (common / sizes[0] + common / sizes[1] + 1) / 3, 0.0)
    differ = heads[0] ^ heads[1]
    ahead = sum(
        (((differ & np.uint32(mask)) == 0).astype(np.float64) for mask in (0xFF, 0xFFFF, 0xFFFFFF)), differ == 0
    )
    return np.asarray(jaro + 0.1 * ahead * (1 - jaro) >= least - _ALMOST)
