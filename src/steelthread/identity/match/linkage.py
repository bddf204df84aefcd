"""Clusters: average linkage of atoms over the weights of all pairs in a component, with walls.

An atom is a set of records that rules or a person have joined already. The two clusters with the highest mean weight
are joined, again and again, down to a threshold (UPGMA; Sokal and Michener 1958). A wall is a weight of minus
infinity: a mean with it stays so, hence what may not join one may not join a superset. The heights fall, so one run
serves every threshold.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
WALL = -math.inf
_LEAST = 1e-12


class Join(msgspec.Struct, frozen=True, array_like=True):
    """Two clusters, named by one of their members, joined at a mean weight."""

    one: int
    other: int
    height: float


def components(count: int, left: Ints, right: Ints) -> Ints:
    """Return for each of `count` items the number of its connected component."""
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def average_linkage(
    weights: Floats, sizes: Sequence[float], down_to: float, shares: Floats | None = None
) -> list[Join]:
    """Join the rows of a symmetric matrix of mean weights. `sizes` says how many records each row stands for.

    `shares` says how much each weight counts in a mean, all alike by default; what counts nothing joins nobody by itself.
    """
    size = np.asarray(sizes, dtype=np.float64)
    share = np.outer(size, size) * (1.0 if shares is None else np.where(np.isneginf(weights), 1.0, shares))
    mean = np.where(share > 0, weights, WALL)
    np.fill_diagonal(mean, WALL)
    joins: list[Join] = []
    best = mean.argmax(axis=1)
    top = mean[np.arange(len(mean)), best]
    for _ in range(len(mean) - 1):
        one = int(top.argmax())
        if top[one] < down_to:
            break
        other = int(best[one])
        joins.append(Join(one, other, float(top[one])))
        sums = [np.where(share[row] > 0, mean[row] * np.maximum(share[row], _LEAST), 0.0) for row in (one, other)]
        both = share[one] + share[other]
        merged = np.where(both > 0, (sums[0] + sums[1]) / np.maximum(both, _LEAST), WALL)
        share[one], share[:, one] = both, both
        merged[one] = merged[other] = WALL
        mean[one], mean[:, one] = merged, merged
        mean[other], mean[:, other] = WALL, WALL
        top[other] = WALL
        stale = np.flatnonzero((best == one) | (best == other))
        for row in {one, *stale.tolist()} - {other}:
            best[row] = mean[row].argmax()
            top[row] = mean[row, best[row]]
        better = merged > top
        best[better], top[better] = one, merged[better]
    return joins


def labels_at(count: int, joins: Sequence[Join], threshold: float) -> list[int]:
    """Return the clusters that the joins from a threshold on give: for each item the smallest member of its cluster."""
    parent = list(range(count))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for join in joins:
        if join.height >= threshold:
            one, other = root(join.one), root(join.other)
            parent[max(one, other)] = min(one, other)
    return [root(item) for item in range(count)]


def sizes_of_joins(count: int, joins: Sequence[Join]) -> Ints:
    """Return how many pairs of items each join makes, in the order of the joins of a component."""
    parent, size = list(range(count)), [1] * count

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    pairs = np.empty(len(joins), dtype=np.int64)
    for place, join in enumerate(joins):
        one, other = root(join.one), root(join.other)
        pairs[place] = size[one] * size[other]
        parent[other] = one
        size[one] += size[other]
    return pairs
