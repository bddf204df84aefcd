"""From records to clusters: block, learn, score, and join by average linkage."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from steelthread.identity.match.arrays import Arrays
from steelthread.identity.match.calibration import calibrate
from steelthread.identity.match.columns import nothing_collected
from steelthread.identity.match.joining import CONNECTS, HIGHEST, Weighed, joins_within
from steelthread.identity.match.judged import Judged
from steelthread.identity.match.learning import Told
from steelthread.identity.match.linkage import (
    Floats,
    Ints,
    Join,
    Joins,
    components,
    ends_of,
    labels_at,
    pairs_within,
)
from steelthread.identity.match.model import Model, Thresholds
from steelthread.identity.match.paged import Paged
from steelthread.identity.match.party import ORGANISATIONS, PEOPLE, Party
from steelthread.identity.match.prepare import Values

if TYPE_CHECKING:
    from steelthread.identity.match.engine import Engine  # Splink takes a second to import

SURE = 2.0
"""Mean weight from which a cluster of the first model teaches the next."""
LARGEST = 600
"""A component of more records is taken apart by a higher weight first; of fewer where there are too many pairs."""
SMALLEST = 30
"""Components of so many records are never taken apart."""
ALWAYS, WITHIN = 1_000_000, 6
"""Pairs within all components: so many, and so many more for each record."""


class Resolution(msgspec.Struct):
    """What a run found: the joins of records with their mean weights, from which clusters follow at any threshold."""

    records: int
    pairs: int
    model: Model
    joins: Sequence[Join]
    lacks: list[str] = []
    """What is missing in the data, for the person who maps it."""
    rows: Sequence[dict[str, Any]] = ()
    """The records as they were compared."""
    paged: Paged | None = None
    """The same, to be kept page by page."""
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
    engine_of: "Callable[..., Arrays | Engine]" = Arrays,
    party: Party = PEOPLE,
) -> Resolution:
    """Find who is who among the records. Without a model one is learned from them, and thresholds are calibrated.

    `known` are pairs that are one person already, by rules: what is alike to one of them is compared with the other too.
    `told` is what people decided of pairs: a new model learns from it. `engine_of` compares: in arrays, or in SQL through
    Splink (`Engine`), which says the same and takes longer.
    """
    with nothing_collected():
        return _resolve(engine_of(records, model.frequencies if model else None, party=party), model, known, told)


def resolve_organisations(
    records: Sequence[Values],
    beside: Model,
    known: Sequence[tuple[int, int]] = (),
    told: Sequence[Told] = (),
    engine_of: "Callable[..., Arrays | Engine]" = Arrays,
    *,
    thresholds: Thresholds | None = None,
) -> Resolution:
    """Find which records are one organisation: under the part of a model that is for them, else one is learned.

    A learned part is fitted to `thresholds`, those of the people it stands beside: where organisations need a higher mean to
    be as surely right, their prior is lowered by the difference. So one threshold holds for both, and each joins rightly.
    """
    part = beside.organisations
    if part is not None:
        return resolve(records, part, known, engine_of=engine_of, party=ORGANISATIONS)
    found = resolve(records, None, known, told, engine_of, ORGANISATIONS)
    if thresholds is None:
        return found
    own, uses = found.model.thresholds, ("exact", "strict", "loose")
    higher = max(0.0, *(getattr(own, use) - getattr(thresholds, use) for use in uses))
    found.model.thresholds = thresholds
    if not higher:
        return found
    odds = 2.0 ** (found.model.prior_weight - higher)
    found.model.prior = odds / (1 + odds)
    again = resolve(records, found.model, known, engine_of=engine_of, party=ORGANISATIONS)
    again.lacks = found.lacks
    return again


def _resolve(
    engine: "Arrays | Engine", model: Model | None, known: Sequence[tuple[int, int]], told: Sequence[Told]
) -> Resolution:
    engine.block()
    if model is not None:
        joins, judged = _joins(engine, model, CONNECTS, known)
        return Resolution(engine.count, engine.pairs, model, joins, [], engine.rows, engine.paged(), judged)
    first = engine.learn(told=told)
    label = labels_at(engine.count, _joins(engine, first, 0.0)[0], SURE)
    model = engine.learn(label, told)
    joins, judged = _joins(engine, model, CONNECTS, known)
    model.thresholds = calibrate(engine.count, joins, judged, told)
    return Resolution(
        engine.count,
        engine.pairs,
        model,
        joins,
        engine.party.lacks(engine.filled, engine.count, model),
        engine.rows,
        engine.paged(),
        judged,
    )


def _joins(
    engine: "Arrays | Engine", model: Model, down_to: float, known: Sequence[tuple[int, int]] = ()
) -> tuple[Joins, Judged | None]:
    left, right, weight = engine.candidates(model, down_to)
    if known:
        left = np.concatenate([left, np.array([one for one, _ in known], dtype=np.int64)])
        right = np.concatenate([right, np.array([other for _, other in known], dtype=np.int64)])
        weight = np.concatenate([weight, np.full(len(known), np.inf)])
    label, model.largest = _small_components(engine.count, left, right, weight)
    inside = pairs_within(label)
    if not len(inside):
        return Joins.together([]), None
    engine.add_pairs("inside", *ends_of(inside))
    judged = engine.judge(model, "inside")
    return joins_within(label, Weighed.of(judged), down_to), judged


def _small_components(count: int, left: Ints, right: Ints, weight: Floats) -> tuple[Ints, int]:
    """Return components which together have not too many pairs, and how large they are at most."""
    largest, whole = LARGEST, components(count, left, right)
    while True:
        label = components_up_to(largest, count, left, right, weight, whole)
        sizes = np.bincount(label, minlength=1)
        if int((sizes * (sizes - 1) // 2).sum()) <= ALWAYS + WITHIN * count or largest <= SMALLEST:
            return label, largest
        largest //= 2


def components_up_to(
    largest: int, count: int, left: Ints, right: Ints, weight: Floats, whole: Ints | None = None
) -> Ints:
    """Return the components of so many records; those that are too large are taken apart by a higher weight.

    `whole` are the components with nothing taken apart, where they are known.
    """
    label, threshold = components(count, left, right) if whole is None else whole, 0.0
    while True:
        big = np.bincount(label)[label] > largest
        if not big.any() or threshold > HIGHEST:
            return label
        threshold += 2.0
        keep = ~big[left] | (weight >= threshold)
        left, right, weight = left[keep], right[keep], weight[keep]
        label = components(count, left, right)
