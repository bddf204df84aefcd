"""From records to clusters: block, learn, score, and join by average linkage."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from steelthread.identity.graph import ENOUGH, SAYS, WHOLE
from steelthread.identity.match.calibration import FLOORS, calibrate
from steelthread.identity.match.engine import Engine, Judged, Told
from steelthread.identity.match.ground import OpenGround, in_duckdb
from steelthread.identity.match.linkage import WALL, Floats, Ints, Join, average_linkage, components, labels_at
from steelthread.identity.match.model import Model
from steelthread.identity.match.prepare import Values
from steelthread.identity.match.sufficiency import lacks

SURE = 2.0
"""Mean weight from which a cluster of the first model teaches the next."""
LARGEST = 600
"""A component of more records is taken apart by a higher weight first."""
CONNECTS = FLOORS.loose
"""Weight from which a pair connects a component, whose pairs are then all compared."""
_HIGHEST, _LOWEST = 12.0, -12.0
"""Weights are cut here before they are averaged: beyond it a pair is certain, and one pair shall not outvote others."""


class Resolution(msgspec.Struct):
    """What a run found: the joins of records with their mean weights, from which clusters follow at any threshold."""

    records: int
    pairs: int
    model: Model
    joins: list[Join]
    lacks: list[str] = []
    """What is missing in the data, for the person who maps it."""
    rows: list[dict[str, Any]] = []
    """The records as they were compared."""
    judged: Judged | None = None
    """All pairs inside components; None when there are none."""

    def clusters(self, threshold: float | None = None) -> list[int]:
        """Return for each record the smallest record of its cluster; without a threshold the strict one."""
        return labels_at(self.records, self.joins, self.model.thresholds.strict if threshold is None else threshold)


def resolve(
    records: Sequence[Values],
    model: Model | None = None,
    known: Sequence[tuple[int, int]] = (),
    told: Sequence[Told] = (),
    ground: OpenGround = in_duckdb,
) -> Resolution:
    """Find who is who among the records. Without a model one is learned from them, and thresholds are calibrated.

    `known` are pairs that are one person already, by rules: what is alike to one of them is compared with the other too.
    `told` is what people decided of pairs: a new model learns from it. `ground` opens where pairs are compared.
    """
    with ground() as opened:
        return _resolve(Engine(records, model.frequencies if model else None, opened), model, known, told)


def _resolve(engine: Engine, model: Model | None, known: Sequence[tuple[int, int]], told: Sequence[Told]) -> Resolution:
    engine.block()
    if model is not None:
        joins, judged = _joins(engine, model, CONNECTS, known)
        return Resolution(engine.count, engine.pairs, model, joins, [], engine.rows, judged)
    first = engine.learn(told=told)
    label = labels_at(engine.count, _joins(engine, first, 0.0)[0], SURE)
    model = engine.learn(label, told)
    joins, judged = _joins(engine, model, CONNECTS, known)
    model.thresholds = calibrate(engine.count, joins)
    return Resolution(
        engine.count, engine.pairs, model, joins, lacks(engine.filled, engine.count, model), engine.rows, judged
    )


def _joins(
    engine: Engine, model: Model, down_to: float, known: Sequence[tuple[int, int]] = ()
) -> tuple[list[Join], Judged | None]:
    left, right, weight = engine.candidates(model, down_to)
    if known:
        left = np.concatenate([left, np.array([one for one, _ in known], dtype=np.int64)])
        right = np.concatenate([right, np.array([other for _, other in known], dtype=np.int64)])
        weight = np.concatenate([weight, np.full(len(known), np.inf)])
    groups = _groups(_small_components(engine.count, left, right, weight))
    if not groups:
        return [], None
    inside = [np.triu_indices(len(group), 1) for group in groups]
    ones = np.concatenate([group[one] for group, (one, _) in zip(groups, inside, strict=True)])
    others = np.concatenate([group[other] for group, (_, other) in zip(groups, inside, strict=True)])
    engine.add_pairs("inside", np.minimum(ones, others), np.maximum(ones, others))
    judged = engine.judge(model, "inside")
    joins = [
        join
        for group, matrix, shares in _matrices(engine.count, groups, judged)
        for join in _named(group, matrix, shares, down_to)
    ]
    return joins, judged


def _named(group: Ints, matrix: Floats, shares: Floats, down_to: float) -> list[Join]:
    joins = average_linkage(matrix, [1.0] * len(group), down_to, shares)
    return [Join(int(group[join.one]), int(group[join.other]), join.height) for join in joins]


def _small_components(count: int, left: Ints, right: Ints, weight: Floats) -> Ints:
    label, threshold = components(count, left, right), 0.0
    while True:
        big = np.bincount(label)[label] > LARGEST
        if not big.any() or threshold > _HIGHEST:
            return label
        threshold += 2.0
        keep = ~big[left] | (weight >= threshold)
        left, right, weight = left[keep], right[keep], weight[keep]
        label = components(count, left, right)


def _groups(label: Ints) -> list[Ints]:
    """Return the records of each component of two or more."""
    order = np.argsort(label, kind="stable")
    bounds = np.flatnonzero(np.diff(label[order], prepend=-1, append=-1))
    return [order[start:end] for start, end in pairwise(bounds) if end - start > 1]


def _matrices(count: int, groups: Sequence[Ints], judged: Judged) -> Iterator[tuple[Ints, Floats, Floats]]:
    """Give each component with the weights of its pairs as a matrix, and how much each counts; walls are minus infinity."""
    home, place = np.full(count, -1, dtype=np.int64), np.empty(count, dtype=np.int64)
    for number, group in enumerate(groups):
        home[group], place[group] = number, np.arange(len(group))
    left, right, weight = judged.left, judged.right, judged.weight
    weight = np.where(judged.wall > 0, WALL, np.clip(weight, _LOWEST, _HIGHEST))
    said = np.abs(judged.steps[:, 1:]).sum(axis=1)
    share = np.where(said >= SAYS, np.clip(np.rint(WHOLE * said / ENOUGH), 1, WHOLE), 0.0)
    turn = np.argsort(home[left], kind="stable")
    left, right, weight, share = left[turn], right[turn], weight[turn], share[turn]
    cuts = np.flatnonzero(np.diff(home[left], prepend=-1, append=-1))
    for start, end in pairwise(cuts):
        group = groups[home[left[start]]]
        matrix = np.full((len(group), len(group)), WALL)
        rows, columns = place[left[start:end]], place[right[start:end]]
        matrix[rows, columns] = matrix[columns, rows] = weight[start:end]
        counts = np.zeros((len(group), len(group)))
        counts[rows, columns] = counts[columns, rows] = share[start:end]
        yield group, matrix, counts
