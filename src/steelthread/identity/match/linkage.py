"""Clusters: average linkage of atoms over the weights of all pairs in a component, with walls.

An atom is a set of records that rules or a person have joined already. The two clusters with the highest mean weight
are joined, again and again, down to a threshold (UPGMA; Sokal and Michener 1958). A wall is a weight of minus
infinity: a mean with it stays so, hence what may not join one may not join a superset. The heights fall, so one run
serves every threshold.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, overload

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


class Joins(Sequence[Join]):
    """Joins, by column: many of them take little room so."""

    def __init__(self, one: Ints, other: Ints, height: Floats) -> None:
        self.one, self.other, self.height = one, other, height

    @classmethod
    def of(cls, joins: Sequence[Join]) -> "Joins":
        """Return joins by column."""
        if isinstance(joins, Joins):
            return joins
        one, other = (np.array([getattr(join, end) for join in joins], dtype=np.int64) for end in ("one", "other"))
        return cls(one, other, np.array([join.height for join in joins], dtype=np.float64))

    @classmethod
    def together(cls, parts: Sequence["Joins"]) -> "Joins":
        """Return several joins as one."""
        none = np.zeros(0, dtype=np.int64)
        one, other = (np.concatenate([none, *(getattr(part, end) for part in parts)]) for end in ("one", "other"))
        return cls(one, other, np.concatenate([np.zeros(0), *(part.height for part in parts)]))

    def __len__(self) -> int:
        return len(self.one)

    @overload
    def __getitem__(self, place: int) -> Join: ...
    @overload
    def __getitem__(self, place: slice) -> "Joins": ...
    def __getitem__(self, place: int | slice) -> "Join | Joins":
        if isinstance(place, slice):
            return Joins(self.one[place], self.other[place], self.height[place])
        return Join(int(self.one[place]), int(self.other[place]), float(self.height[place]))


def components(count: int, left: Ints, right: Ints) -> Ints:
    """Return for each of `count` items the number of its connected component."""
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def key_of(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> Ints:
    """Return pairs of items as one number each, which sorts as they do."""
    return np.asarray(left, dtype=np.int64) << 32 | np.asarray(right, dtype=np.int64)


def ends_of(keys: Ints) -> tuple[Ints, Ints]:
    """Return the items of pairs that are one number each."""
    return keys >> 32, keys & 0xFFFFFFFF


def groups_by_size(label: Ints) -> Iterator[Ints]:
    """Yield the groups of two items or more, those of one size together: a row per group, its items in order."""
    order = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    for size in np.unique(sizes[sizes > 1]).tolist():
        yield order[starts[sizes == size][:, None] + np.arange(size)]


def pairs_within(label: Ints) -> Ints:
    """Return all pairs of items with one label, as keys, in order."""
    none = np.zeros(0, dtype=np.int64)
    found = [none]
    for groups in groups_by_size(label):
        one, other = np.triu_indices(groups.shape[1], 1)
        found.append(key_of(groups[:, one], groups[:, other]).ravel())
    keys = np.concatenate(found)
    keys.sort()
    return keys


def average_linkage(
    weights: Floats, sizes: Sequence[float], down_to: float, shares: Floats | None = None
) -> list[Join]:
    """Join the rows of a symmetric matrix of mean weights. `sizes` says how many records each row stands for.

    `shares` says how much each weight counts in a mean, all alike by default; what counts nothing joins nobody by itself.
    """
    size = np.asarray(sizes, dtype=np.float64)
    share = np.outer(size, size) * (1.0 if shares is None else shares)
    _, one, other, height = linkages(weights[None], share[None], down_to)
    return [Join(*join) for join in zip(one.tolist(), other.tolist(), height.tolist(), strict=True)]


def linkages(weights: Floats, shares: Floats, down_to: float) -> tuple[Ints, Ints, Ints, Floats]:
    """Join the rows of many matrices of one size, (groups, items, items); return (group, one, other, height) of the joins.

    The joins of a group stand in their order: from the highest mean down.
    """
    share = np.where(np.isneginf(weights), np.maximum(shares, 1.0), shares)
    mean = np.where(share > 0, weights, WALL)
    groups, items = np.arange(len(mean)), mean.shape[1]
    mean[:, np.arange(items), np.arange(items)] = WALL
    found: list[tuple[Ints, Ints, Ints, Floats]] = []
    for _ in range(items - 1):
        best = mean.reshape(len(mean), -1).argmax(axis=1)
        one, other = best // items, best % items
        row = np.arange(len(mean))
        height = mean[row, one, other]
        alive = height >= down_to
        if not alive.any():
            break
        if not alive.all():
            mean, share, groups = mean[alive], share[alive], groups[alive]
            one, other, height, row = one[alive], other[alive], height[alive], row[: len(groups)]
        found.append((groups, one, other, height))
        _join(mean, share, row, one, other)
    if not found:
        return (np.zeros(0, dtype=np.int64),) * 3 + (np.zeros(0),)
    group, one, other = (np.concatenate([part[at] for part in found]) for at in range(3))
    return group, one, other, np.concatenate([part[3] for part in found])


def _join(mean: Floats, share: Floats, row: Ints, one: Ints, other: Ints) -> None:
    """Let item `other` of each matrix be a part of item `one`."""
    sums = [
        np.where(share[row, which] > 0, mean[row, which] * np.maximum(share[row, which], _LEAST), 0.0)
        for which in (one, other)
    ]
    both = share[row, one] + share[row, other]
    merged = np.where(both > 0, (sums[0] + sums[1]) / np.maximum(both, _LEAST), WALL)
    share[row, one] = share[row, :, one] = both
    merged[row, one] = merged[row, other] = WALL
    mean[row, one] = mean[row, :, one] = merged
    mean[row, other] = mean[row, :, other] = WALL


def labels_at(count: int, joins: Sequence[Join], threshold: float) -> list[int]:
    """Return the clusters that the joins from a threshold on give: for each item the smallest member of its cluster."""
    columns = Joins.of(joins)
    kept = columns.height >= threshold
    label = components(count, columns.one[kept], columns.other[kept])
    smallest = np.full(count, count, dtype=np.int64)
    np.minimum.at(smallest, label, np.arange(count))
    found: list[int] = smallest[label].tolist()
    return found


def sizes_of_joins(count: int, joins: Sequence[Join]) -> Ints:
    """Return how many pairs of items each join makes, in the order of the joins of a component."""
    parent, size = list(range(count)), [1] * count

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    columns = Joins.of(joins)
    pairs = np.empty(len(columns), dtype=np.int64)
    for place, (left, right) in enumerate(zip(columns.one.tolist(), columns.other.tolist(), strict=True)):
        one, other = root(left), root(right)
        pairs[place] = size[one] * size[other]
        parent[other] = one
        size[one] += size[other]
    return pairs
