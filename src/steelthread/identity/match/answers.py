"""Levels of pairs over arrays of coded records: what `levels` has Splink find, from which patterns and weights follow.

A level is a number: 0 silent, 1 else, then upwards. Pairs are taken in portions, two at a time. Where only those from a
weight on are wanted, the answers that cost little come first, and a pair goes as soon as nothing can lift it there.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from steelthread.identity.match.alike import Pairs, Test, in_arrays, is_dear, often
from steelthread.identity.match.coded import Coded, Floats, Ints
from steelthread.identity.match.comparisons import Comparison, Wall
from steelthread.identity.match.conditions import Condition
from steelthread.identity.match.learning import Patterns
from steelthread.identity.match.linkage import ends_of
from steelthread.identity.match.model import Model

Levels = npt.NDArray[np.uint8]
PORTION = 1 << 17
"""Pairs that are looked at together."""
_ALMOST = 1e-6
Found = TypeVar("Found")


class Answers(msgspec.Struct):
    """What comparisons say of pairs: a column of levels per comparison, and -log2 of the frequency that counts at it."""

    left: Ints
    right: Ints
    levels: list[Levels]
    rarity: list[Floats | None]


class Gains(msgspec.Struct):
    """What the levels of a comparison add to a weight, by number; `rare` says where the rarity of a value adds to it."""

    of: Floats
    rare: npt.NDArray[np.bool_]


def gains_of(comparison: Comparison) -> Gains:
    """Return what the levels of a comparison weigh."""
    of, rare = np.zeros(len(comparison.levels) + 1), np.zeros(len(comparison.levels) + 1, dtype=np.bool_)
    for place, level in enumerate(comparison.levels):
        number = len(comparison.levels) - place
        of[number] = math.log2(level.m) - (0.0 if level.frequency else math.log2(level.u or 1.0))
        rare[number] = bool(level.frequency)
    return Gains(of, rare)


def has_rarity(comparison: Comparison) -> bool:
    """Whether rare values count at some level."""
    return any(level.frequency for level in comparison.levels)


def portions(coded: Coded, keys: Ints, ask: Callable[[Pairs], Found]) -> Iterator[Found]:
    """Ask of all pairs, portion by portion, in their order."""
    starts = range(0, len(keys), PORTION)
    with ThreadPoolExecutor(2) as threads:
        yield from threads.map(lambda at: ask(Pairs(coded, *ends_of(keys[at : at + PORTION]))), starts)


class Question:
    """A comparison, to be asked of many pairs."""

    def __init__(self, comparison: Comparison, known: frozenset[str]) -> None:
        levels = comparison.levels
        self.comparison = comparison
        self.last = len(levels)
        self._silent = in_arrays(comparison.silent, known)
        self._tests: list[Test] = [in_arrays(level.condition, known) for level in levels[:-1]]
        self.dear = [is_dear(level.condition) for level in levels]
        self._rare = {self.last - place: level.frequency for place, level in enumerate(levels) if level.frequency}

    def levels(self, pairs: Pairs, at: Ints, *, cheaply: bool = False) -> Levels:
        """Return the levels of the pairs at these places; `cheaply` passes over levels that cost much to ask."""
        found = np.ones(len(at), dtype=np.uint8)
        silent = self._silent(pairs, at)
        found[silent] = 0
        open_ = np.flatnonzero(~silent)
        for place, test in enumerate(self._tests):
            if not len(open_):
                break
            if not (cheaply and self.dear[place]):
                holds = test(pairs, at[open_])
                found[open_[holds]] = self.last - place
                open_ = open_[~holds]
        return found

    def rarity(self, pairs: Pairs, at: Ints, levels: Levels) -> Floats:
        """Return -log2 of the frequency that counts at the level of each pair: that of the more common of two values."""
        found = np.zeros(len(at))
        for number, column in self._rare.items():
            where = np.flatnonzero(levels == number)
            shares = pairs.coded.shares[column]
            share = np.fmax(shares[pairs.left[at[where]]], shares[pairs.right[at[where]]])
            found[where] = np.where(np.isnan(share), 0.0, -np.log2(share))
        return found


class Questions:
    """The comparisons and walls of a model, to be asked of many pairs."""

    def __init__(self, comparisons: Sequence[Comparison], walls: Sequence[Wall] = ()) -> None:
        conditions: list[Condition] = [one.silent for one in comparisons]
        conditions += [level.condition for one in comparisons for level in one.levels[:-1]]
        known = often([*conditions, *(wall.condition for wall in walls)])
        self.comparisons = comparisons
        self.all = [Question(one, known) for one in comparisons]
        self._walls = [in_arrays(wall.condition, known) for wall in walls]

    def answers(self, pairs: Pairs) -> Answers:
        """Return all levels of these pairs."""
        at = np.arange(len(pairs))
        levels = [one.levels(pairs, at) for one in self.all]
        return Answers(
            pairs.left,
            pairs.right,
            levels,
            [
                one.rarity(pairs, at, level) if has_rarity(one.comparison) else None
                for one, level in zip(self.all, levels, strict=True)
            ],
        )

    def walls(self, pairs: Pairs) -> npt.NDArray[np.uint8]:
        """Return the number of the first wall between each of these pairs, from 1; 0 for none."""
        found = np.zeros(len(pairs), dtype=np.uint8)
        for number, test in reversed([*enumerate(self._walls, 1)]):
            found[test(pairs, np.arange(len(pairs)))] = number
        return found


def answered(coded: Coded, questions: Questions, keys: Ints) -> tuple[Answers, npt.NDArray[np.uint8]]:
    """Return all levels of all pairs, and their walls."""
    found = list(portions(coded, keys, lambda pairs: (questions.answers(pairs), questions.walls(pairs))))
    columns = range(len(questions.all))
    empty = np.zeros(0, dtype=np.uint8)
    answers = Answers(
        *ends_of(keys),
        [np.concatenate([empty, *(one.levels[at] for one, _ in found)]) for at in columns],
        [
            np.concatenate([np.zeros(0), *(part for one, _ in found if (part := one.rarity[at]) is not None)])
            if has_rarity(questions.all[at].comparison)
            else None
            for at in columns
        ],
    )
    return answers, np.concatenate([empty, *(wall for _, wall in found)])


def steps_of(model: Model, answers: Answers) -> Floats:
    """Return what the weight of each pair is made of: a row per pair; the prior, then a step per comparison."""
    steps = np.empty((len(answers.left), 1 + len(model.comparisons)))
    steps[:, 0] = model.prior_weight
    for column, (one, level, rare) in enumerate(zip(model.comparisons, answers.levels, answers.rarity, strict=True), 1):
        gains = gains_of(one)
        steps[:, column] = gains.of[level] if rare is None else gains.of[level] + gains.rare[level] * rare
    return steps


class Sieve:
    """Finds the pairs whose weight under a model is high enough, and drops the others as early as it can."""

    def __init__(self, model: Model, threshold: float) -> None:
        self._least = threshold
        self._questions = Questions(model.comparisons)
        self._gains = [gains_of(one) for one in model.comparisons]
        self._prior = model.prior_weight
        self._rarest = {name: -math.log2(share) for name, share in model.frequencies.rarest.items()}
        self._skipped = [self._most_skipped(number) for number in range(len(self._gains))]

    def _most_skipped(self, number: int) -> Floats:
        """Return the most that levels which were passed over may add, by the level at which a pair came to rest."""
        one, gains = self._questions.all[number], self._gains[number]
        found, most = np.full(one.last + 1, -math.inf), -math.inf
        for place, dear in enumerate(one.dear):
            found[one.last - place] = most
            if dear:
                most = max(
                    most, gains.of[one.last - place] + self._rarest.get(one.comparison.levels[place].frequency, 0.0)
                )
        return found

    def weights(self, pairs: Pairs) -> tuple[Ints, Ints, Floats]:
        """Return (records, other records, weights) of the pairs that are heavy enough.

        First each comparison says the most that it may add, without comparing texts; then, one by one, what it does add.
        """
        at = np.arange(len(pairs))
        order = range(len(self._gains))
        steps: list[Floats] = []
        opens: list[npt.NDArray[np.bool_]] = []
        for number in order:
            levels = self._questions.all[number].levels(pairs, at, cheaply=True)
            step, skipped = self._step(number, pairs, at, levels), self._skipped[number][levels]
            steps.append(np.maximum(step, skipped))
            opens.append(np.isfinite(skipped))
        weight = self._prior + sum(steps, np.zeros(len(at)))
        kept = np.flatnonzero(weight >= self._least - _ALMOST)
        for number in sorted(order, key=lambda number: float(opens[number].mean()), reverse=True):
            open_ = kept[opens[number][kept]]
            exact = self._step(number, pairs, open_, self._questions.all[number].levels(pairs, open_))
            weight[open_] += exact - steps[number][open_]
            kept = kept[weight[kept] >= self._least - _ALMOST]
        kept = kept[weight[kept] >= self._least]
        return pairs.left[kept], pairs.right[kept], weight[kept]

    def _step(self, number: int, pairs: Pairs, at: Ints, levels: Levels) -> Floats:
        one, gains = self._questions.all[number], self._gains[number]
        step = gains.of[levels]
        return step + gains.rare[levels] * one.rarity(pairs, at, levels) if has_rarity(one.comparison) else step


def sieved(coded: Coded, model: Model, threshold: float, keys: Ints) -> tuple[Ints, Ints, Floats]:
    """Return (records, other records, weights) of the pairs whose weight is at least the threshold."""
    found = list(portions(coded, keys, Sieve(model, threshold).weights))
    none = np.zeros(0, dtype=np.int64)
    return (
        np.concatenate([none, *(one for one, _, _ in found)]),
        np.concatenate([none, *(other for _, other, _ in found)]),
        np.concatenate([np.zeros(0), *(weight for _, _, weight in found)]),
    )


def patterns_of(
    comparisons: Sequence[Comparison], answers: Answers, together: npt.NDArray[np.bool_], *, blocked: bool = True
) -> Patterns:
    """Count the patterns of levels; `together` says which pairs stand in one cluster already."""
    key = together.astype(np.int64)
    sums = []
    for shared in (False, True):
        parts = [
            rare
            for one, rare in zip(comparisons, answers.rarity, strict=True)
            if rare is not None and one.shared == shared
        ]
        total = np.rint(sum(parts, np.zeros(len(key)))).astype(np.int64)
        sums.append(total)
        key = key * (int(total.max(initial=0)) + 1) + total
    for one, level in zip(comparisons, answers.levels, strict=True):
        key = key * (len(one.levels) + 1) + level
    _, first, counts = np.unique(key, return_index=True, return_counts=True)
    return Patterns(
        levels=np.array([level[first] for level in answers.levels], dtype=np.int64)
        .reshape(len(answers.levels), len(first))
        .T
        - 1,
        rarity=sums[0][first].astype(np.float64),
        rarity_shared=sums[1][first].astype(np.float64),
        counts=counts.astype(np.float64),
        blocked=np.full(len(first), blocked),
        together=together[first],
        apart=np.zeros(len(first), dtype=np.bool_),
    )


def joined(parts: Sequence[tuple[Patterns, float]]) -> Patterns:
    """Put patterns together; each pair of a part stands for so many."""
    return Patterns(
        np.concatenate([one.levels for one, _ in parts]),
        np.concatenate([one.rarity for one, _ in parts]),
        np.concatenate([one.rarity_shared for one, _ in parts]),
        np.concatenate([one.counts * weight for one, weight in parts]),
        np.concatenate([one.blocked for one, _ in parts]),
        np.concatenate([one.together for one, _ in parts]),
        np.concatenate([one.apart for one, _ in parts]),
    )
