"""From judged pairs to joins: average linkage of the records of each component, components of one size together."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from steelthread.identity.graph import ENOUGH, SAYS, WHOLE
from steelthread.identity.match.judged import Judged
from steelthread.identity.match.linkage import WALL, Floats, Ints, Joins, groups_by_size, linkages

CONNECTS = -3.0
"""Weight from which a pair connects a component, whose pairs are then all compared. Below it nothing is looked at, for the
sake of time, so no threshold is lower."""
HIGHEST, LOWEST = 12.0, -12.0
"""Weights are cut here before they are averaged: beyond it a pair is certain, and one pair shall not outvote others."""
_STACK = 2_000_000
"""Cells of the matrices that are worked on together."""


class Weighed(NamedTuple):
    """Pairs with their weights, cut and with walls, and how much each counts in a mean."""

    left: Ints
    right: Ints
    weight: Floats
    share: Floats

    @classmethod
    def of(cls, judged: Judged) -> "Weighed":
        """Return judged pairs as they are averaged."""
        share = np.where(judged.said >= SAYS, np.clip(np.rint(WHOLE * judged.said / ENOUGH), 1, WHOLE), 0.0)
        weight = np.where(judged.wall > 0, WALL, np.clip(judged.weight, LOWEST, HIGHEST))
        return cls(judged.left, judged.right, weight, share)

    def only(self, kept: npt.NDArray[np.bool_]) -> "Weighed":
        """Return those pairs for which it is true."""
        return Weighed(self.left[kept], self.right[kept], self.weight[kept], self.share[kept])


def joins_within(label: Ints, pairs: Weighed, down_to: float) -> Joins:
    """Return the joins inside components; `pairs` are all pairs inside them."""
    return Joins.together([*_joins_of(label, pairs, down_to)])


def _joins_of(label: Ints, pairs: Weighed, down_to: float) -> Iterator[Joins]:
    """Yield the joins of all components, those of one size as a stack of matrices."""
    size, row, place = (np.zeros(len(label), dtype=np.int64) for _ in range(3))
    stacks = [stack for groups in groups_by_size(label) for stack in _portions(groups)]
    for number, groups in enumerate(stacks):
        size[groups], row[groups], place[groups] = number, np.arange(len(groups))[:, None], np.arange(groups.shape[1])
    turn = np.argsort(size[pairs.left], kind="stable")
    cuts = np.searchsorted(size[pairs.left][turn], np.arange(len(stacks) + 1))
    for number, groups in enumerate(stacks):
        some = turn[cuts[number] : cuts[number + 1]]
        at, one, other = row[pairs.left[some]], place[pairs.left[some]], place[pairs.right[some]]
        means = np.full((*groups.shape, groups.shape[1]), WALL)
        counts = np.zeros(means.shape)
        means[at, one, other] = means[at, other, one] = pairs.weight[some]
        counts[at, one, other] = counts[at, other, one] = pairs.share[some]
        group, one, other, height = linkages(means, counts, down_to)
        yield Joins(groups[group, one], groups[group, other], height)


def _portions(groups: Ints) -> Iterator[Ints]:
    most = max(1, _STACK // groups.shape[1] ** 2)
    for start in range(0, len(groups), most):
        yield groups[start : start + most]
