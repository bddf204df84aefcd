"""Thresholds without truth: from how sure a use must be to how far down clusters may be joined for it.

A mean weight is log2 odds, so a join says how likely it is right. Whether it says so rightly is tried on the data: half
of the records are joined as if there were no others, and what that says is compared with what all of them say of the same
two. Who is calibrated changes a mind as often up as down when more evidence comes (a posterior is a martingale); where
joins of a height are borne out less often than they say, or more often, the height means that much less, or more. What
people decided of pairs counts beside it. So the curve from heights to chances is the data's own, monotone (isotonic
regression, Zadrozny and Elkan 2002), and each use takes the lowest height that is good enough by it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

from steelthread.identity.match.joining import CONNECTS, HIGHEST, Weighed, joins_within
from steelthread.identity.match.judged import SEED, Judged
from steelthread.identity.match.learning import EXPECTED, TOLD, Told
from steelthread.identity.match.linkage import Floats, Ints, Join, Joins, components, sizes_of_joins
from steelthread.identity.match.model import Thresholds


class Target(NamedTuple):
    """How sure a use must be: the chance of each join to be right, and the share of all joined pairs that are."""

    each: float
    all: float


EXACT, STRICT, LOOSE = Target(9 / 10, 0.97), Target(2 / 3, 0.92), Target(1 / 5, 0.90)
"""What a use bears: a wrong join is nine times, twice, a quarter as bad as one that is missed. And nowhere are joined
pairs as a whole less right than so, however few of the joins are beyond doubt."""
TRIED = 200_000
"""Pairs of records on which heights are tried: those of all components, or of some that stand for all."""
HALVINGS = 4
_STEP = 0.05
"""Thresholds are taken in steps of a twentieth of a bit."""
_FINE = 0.5
_BINS = np.arange(CONNECTS, HIGHEST)
_CENTRES = _BINS + 0.5
_SURE = 1e-4


class Seen(NamedTuple):
    """Heights of joins, how likely each turned out to be right, and how many pairs it stands for."""

    height: Floats
    right: Floats
    counts: Floats


class Tree:
    """At which height two records are joined."""

    def __init__(self, count: int, joins: Joins) -> None:
        self._heights = np.arange(CONNECTS, HIGHEST, _FINE)
        kept = (joins.height >= height for height in self._heights)
        self._labels = [components(count, joins.one[one], joins.other[one]).astype(np.int32) for one in kept]

    def between(self, left: Ints, right: Ints) -> Floats:
        """Return the heights at which each two are joined, to a quarter of a bit; minus infinity where they are not."""
        found = np.full(len(left), -np.inf)
        for height, label in zip(self._heights, self._labels, strict=True):
            found[label[left] == label[right]] = height + _FINE / 2
        return found


class Curve:
    """How likely a join is right, by its height. Without anything seen it is as likely as its height says."""

    def __init__(self, seen: Seen) -> None:
        place = np.clip(np.searchsorted(_BINS, seen.height, side="right") - 1, 0, len(_BINS) - 1)
        counts, right = (
            np.bincount(place, weights=weight, minlength=len(_BINS))
            for weight in (seen.counts, seen.counts * seen.right)
        )
        share = (right + EXPECTED * _chance(_CENTRES)) / (counts + EXPECTED)
        rising = np.clip(isotonic_regression(share, weights=counts + EXPECTED).x, _SURE, 1 - _SURE)
        self._odds = np.log2(rising / (1 - rising))

    def at(self, heights: Floats) -> Floats:
        """Return the chances of joins of these heights to be right."""
        return _chance(np.interp(heights, _CENTRES, self._odds))


def calibrate(count: int, joins: Sequence[Join], judged: Judged | None = None, told: Sequence[Told] = ()) -> Thresholds:
    """Return the lowest threshold for each use at which its target is met, on the curve of these data.

    `judged` are all pairs inside components; without them heights are believed. `told` is what people decided of pairs.
    """
    columns = Joins.of(joins)
    curve = Curve(_seen(count, columns, judged, told))
    order = np.argsort(-columns.height, kind="stable")
    heights, pairs = columns.height[order], sizes_of_joins(count, columns).astype(np.float64)[order]
    expected = np.cumsum(pairs * curve.at(heights)) / np.cumsum(pairs)

    def lowest(target: Target) -> float:
        for threshold in np.round(np.arange(CONNECTS, HIGHEST, _STEP), 2):
            above = int(np.searchsorted(-heights, -threshold, side="right"))
            precise = not above or expected[above - 1] >= target.all
            if precise and curve.at(threshold) >= target.each - 1e-9:
                return float(threshold)
        return HIGHEST

    return Thresholds(exact=lowest(EXACT), strict=lowest(STRICT), loose=lowest(LOOSE))


def _chance(odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp2(-odds)))


def _seen(count: int, joins: Joins, judged: Judged | None, told: Sequence[Told]) -> Seen:
    """Return what halves of the records, and people, say of joins."""
    found = [Seen(np.zeros(0), np.zeros(0), np.zeros(0))]
    if judged is not None:
        pairs = Weighed.of(judged)
        told = sorted({(min(a, b), max(a, b), same) for a, b, same in told})
        ends = np.array([(a, b) for a, b, _ in told], dtype=np.int64).reshape(-1, 2)
        number = _numbered(count, pairs, ends)
        here = (number[joins.one] >= 0) & (number[joins.other] >= 0)
        whole = Joins(number[joins.one[here]], number[joins.other[here]], joins.height[here])
        size = int(number.max()) + 1
        pairs = pairs.only(number[pairs.left] >= 0)
        pairs = pairs._replace(left=number[pairs.left], right=number[pairs.right])
        tree = Tree(size, whole)
        found += _halved(size, tree, pairs)
        height = tree.between(number[ends[:, 0]], number[ends[:, 1]])
        joined = np.isfinite(height)
        verdict = np.array([same for *_, same in told], dtype=np.float64)[joined]
        found.append(Seen(height[joined], verdict, np.full(len(verdict), TOLD)))
    return Seen(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _numbered(count: int, pairs: Weighed, ends: Ints) -> Ints:
    """Return numbers for the records on which heights are tried, -1 for the others: those of whole components.

    Components of which people said something are among them.
    """
    label = components(count, pairs.left, pairs.right)
    sizes = np.bincount(label[pairs.left], minlength=int(label.max()) + 1)
    turn = np.random.default_rng(SEED).permutation(len(sizes))
    chosen = np.zeros(len(sizes), dtype=np.bool_)
    chosen[turn] = np.cumsum(sizes[turn]) <= TRIED
    chosen &= sizes > 0
    chosen[label[ends.ravel()]] = True
    kept = chosen[label]
    return np.where(kept, np.cumsum(kept) - 1, -1)


def _halved(count: int, tree: Tree, pairs: Weighed) -> Iterator[Seen]:
    """Yield the joins of either half of the records, several times, and what all records say of the same two."""
    chance = np.random.default_rng(SEED)
    for _ in range(HALVINGS):
        side = chance.random(count) < 1 / 2
        for half in (side, ~side):
            some = pairs.only(half[pairs.left] & half[pairs.right])
            near = some.weight >= CONNECTS
            label = components(count, some.left[near], some.right[near])
            found = joins_within(label, some.only(label[some.left] == label[some.right]), CONNECTS)
            height = tree.between(found.one, found.other)
            yield Seen(found.height, _chance(height), sizes_of_joins(count, found) * 2 / HALVINGS)
