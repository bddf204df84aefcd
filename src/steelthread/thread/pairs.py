"""Pairs of records, by the thousand."""

from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np

Pair = tuple[int, int]
"""Two records, the lesser one first."""
Places = tuple[Any, Any]
"""Where the records of pairs stand: the lesser ones, and the others."""


def pair_of(one: int, other: int) -> Pair:
    """Return two records as a pair."""
    return (one, other) if one < other else (other, one)


class Pairs:
    """Pairs as they are found: in any order, some several times."""

    def __init__(self) -> None:
        self.ones, self.others = array("q"), array("q")

    def __len__(self) -> int:
        return len(self.ones)

    def add(self, one: int, other: int) -> None:
        """Take a pair in."""
        self.ones.append(one)
        self.others.append(other)

    def take(self, pairs: "Pairs") -> None:
        """Take other pairs in."""
        self.ones += pairs.ones
        self.others += pairs.others

    def placed(self, place: Mapping[int, int]) -> Places:
        """Return where they stand, each pair once and in order, of the records that have a place."""
        one, other = np.array(self.ones, np.int64), np.array(self.others, np.int64)
        left, right = np.minimum(one, other), np.maximum(one, other)
        order = np.lexsort((right, left))
        left, right = left[order], right[order]
        kept = left != right
        kept[1:] &= (left[1:] != left[:-1]) | (right[1:] != right[:-1])
        left, right = (
            np.fromiter((place.get(record, -1) for record in end[kept].tolist()), np.int64) for end in (left, right)
        )
        there = (left >= 0) & (right >= 0)
        return left[there], right[there]
