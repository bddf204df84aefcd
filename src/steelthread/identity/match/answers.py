"""Levels of pairs over arrays of coded records: what `levels` has Splink find, from which patterns and weights follow.

A level is a number: 0 silent, 1 else, then upwards. Pairs are taken in portions, two at a time. Where only those from a
weight on are wanted, the questions of few answers come first, and a pair goes as soon as nothing can lift it there.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from steelthread.identity.match.alike import Pairs, Test, in_arrays, often
from steelthread.identity.match.beside import in_portions, shared
from steelthread.identity.match.coded import Coded, Floats, Ints
from steelthread.identity.match.comparisons import Comparison, Wall
from steelthread.identity.match.conditions import Condition, columns_in
from steelthread.identity.match.learning import Patterns
from steelthread.identity.match.linkage import ends_of
from steelthread.identity.match.model import Model

Levels = npt.NDArray[np.uint8]
_ALMOST = 1e-6


class Answers(msgspec.Struct):
    """What comparisons say of pairs: a column of levels per comparison, and -log2 of the frequency that counts at it."""

    left: Ints
    right: Ints
    levels: list[Levels]
    rarity: list[Floats | None]

    def of(self, part: slice) -> "Answers":
        """Return those of some of the pairs."""
        rarity = [None if one is None else one[part] for one in self.rarity]
        return Answers(self.left[part], self.right[part], [one[part] for one in self.levels], rarity)


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


def asked_by(model: Model) -> tuple[set[str], list[str]]:
    """Return the columns at which a model looks, and those of which it counts how frequent values are."""
    levels = [level for one in model.comparisons for level in one.levels]
    conditions = [one.silent for one in model.comparisons] + [wall.condition for wall in model.walls]
    conditions += [level.condition for one in model.comparisons for level in one.levels[:-1]]
    return set().union(*map(columns_in, conditions)), sorted({one.frequency for one in levels if one.frequency})


class Question:
    """A comparison, to be asked of many pairs."""

    def __init__(self, comparison: Comparison, known: frozenset[str]) -> None:
        levels = comparison.levels
        self.comparison = comparison
        self.last = len(levels)
        self._silent = in_arrays(comparison.silent, known)
        self._tests: list[Test] = [in_arrays(level.condition, known) for level in levels[:-1]]
        self.rarity_counts = has_rarity(comparison)
        self._rare = {self.last - place: level.frequency for place, level in enumerate(levels) if level.frequency}

    def levels(self, pairs: Pairs, at: Ints) -> Levels:
        """Return the levels of the pairs at these places."""
        found = np.ones(len(at), dtype=np.uint8)
        silent = self._silent(pairs, at)
        found[silent] = 0
        open_ = np.flatnonzero(~silent)
        for place, test in enumerate(self._tests):
            if not len(open_):
                break
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
                one.rarity(pairs, at, level) if one.rarity_counts else None
                for one, level in zip(self.all, levels, strict=True)
            ],
        )

    def walls(self, pairs: Pairs) -> npt.NDArray[np.uint8]:
        """Return the number of the first wall between each of these pairs, from 1; 0 for none."""
        found = np.zeros(len(pairs), dtype=np.uint8)
        for number, test in reversed([*enumerate(self._walls, 1)]):
            found[test(pairs, np.arange(len(pairs)))] = number
        return found


def answered(coded: Coded, questions: Questions, keys: Ints) -> Answers:
    """Return all levels of all pairs."""
    found = _Answering(questions, len(keys))

    def ask(part: slice) -> None:
        found.put(part, questions.answers(Pairs(coded, *ends_of(keys[part]))))

    in_portions(len(keys), ask)
    return found.answers(keys)


def walled(coded: Coded, questions: Questions, keys: Ints) -> Levels:
    """Return the walls of all pairs."""
    found: Levels = shared((len(keys),), np.uint8)

    def ask(part: slice) -> None:
        found[part] = questions.walls(Pairs(coded, *ends_of(keys[part])))

    in_portions(len(keys), ask)
    return found


class _Answering:
    """Room for the answers to questions about so many pairs."""

    def __init__(self, questions: Questions, count: int) -> None:
        self._rare = [one.rarity_counts for one in questions.all]
        self._levels: npt.NDArray[np.uint8] = shared((len(questions.all), count), np.uint8)
        self._rarity: Floats = shared((sum(self._rare), count), np.float64)

    def put(self, places: slice | Ints, answers: Answers) -> None:
        """Keep what was found of the pairs at these places."""
        for column, levels in enumerate(answers.levels):
            self._levels[column, places] = levels
        for column, rarity in enumerate(one for one in answers.rarity if one is not None):
            self._rarity[column, places] = rarity

    def answers(self, keys: Ints, places: slice | Ints = slice(None)) -> Answers:
        """Return what was found of the pairs at these places, all by default; their keys are given."""
        rarity = iter(self._rarity)
        return Answers(
            *ends_of(keys),
            [levels[places] for levels in self._levels],
            [next(rarity)[places] if rare else None for rare in self._rare],
        )


def steps_in(model: Model, answers: Answers) -> Iterator[Floats]:
    """Yield what the comparisons add to the weight of each pair, one comparison after the other."""
    for one, level, rare in zip(model.comparisons, answers.levels, answers.rarity, strict=True):
        gains = gains_of(one)
        yield gains.of[level] if rare is None else gains.of[level] + gains.rare[level] * rare


def weights_of(model: Model, answers: Answers) -> Floats:
    """Return the weight of each pair."""
    weight = np.full(len(answers.left), model.prior_weight)
    for step in steps_in(model, answers):
        weight += step
    return weight


class Sieve:
    """Finds the pairs whose weight under a model is high enough, and drops the others as early as it can."""

    def __init__(self, model: Model, threshold: float) -> None:
        self._least = threshold
        self._questions = Questions(model.comparisons)
        self._gains = [gains_of(one) for one in model.comparisons]
        self._prior = model.prior_weight
        rarest = {name: -math.log2(share) for name, share in model.frequencies.rarest.items()}
        self._most = [_most(one, gains, rarest) for one, gains in zip(self._questions.all, self._gains, strict=True)]
        self._turn = sorted(range(len(self._gains)), key=lambda number: self._questions.all[number].last)

    def weights(self, pairs: Pairs) -> tuple[Ints, Answers, Floats]:
        """Return which pairs are heavy enough, their answers and their weights.

        Comparisons of few levels come first; a pair is asked on as long as those to come may still make it heavy enough.
        """
        kept = np.arange(len(pairs))
        weight = np.full(len(pairs), self._prior + sum(self._most))
        levels: list[Levels] = [np.zeros(len(pairs), dtype=np.uint8) for _ in self._gains]
        rarity = [np.zeros(len(pairs)) if one.rarity_counts else None for one in self._questions.all]
        for number in self._turn:
            one, gains = self._questions.all[number], self._gains[number]
            level = levels[number][kept] = one.levels(pairs, kept)
            step, rare = gains.of[level], rarity[number]
            if rare is not None:
                rare[kept] = one.rarity(pairs, kept, level)
                step = step + gains.rare[level] * rare[kept]
            weight[kept] += step - self._most[number]
            kept = kept[weight[kept] >= self._least - _ALMOST]
        kept = kept[weight[kept] >= self._least]
        answers = Answers(
            pairs.left[kept],
            pairs.right[kept],
            [level[kept] for level in levels],
            [None if rare is None else rare[kept] for rare in rarity],
        )
        return kept, answers, weight[kept]


def _most(question: Question, gains: Gains, rarest: Mapping[str, float]) -> float:
    """Return the most that a comparison may add to a weight."""
    rare = [0.0, *(rarest.get(level.frequency, 0.0) for level in reversed(question.comparison.levels))]
    return float((gains.of + rare).max())


def sieved(coded: Coded, model: Model, threshold: float, keys: Ints) -> tuple[Ints, Answers, Floats]:
    """Return the pairs whose weight is at least the threshold, their answers and their weights."""
    sieve = Sieve(model, threshold)
    found, weight = _Answering(Questions(model.comparisons), len(keys)), shared((len(keys),), np.float64)
    kept = shared((len(keys),), np.bool_)

    def ask(part: slice) -> None:
        places, answers, heavy = sieve.weights(Pairs(coded, *ends_of(keys[part])))
        places += part.start
        found.put(places, answers)
        weight[places], kept[places] = heavy, True

    in_portions(len(keys), ask)
    places = np.flatnonzero(kept)
    near = keys[places]
    return near, found.answers(near, places), weight[places]


def patterns_of(
    comparisons: Sequence[Comparison], answers: Answers, together: npt.NDArray[np.bool_], *, blocked: bool = True
) -> Patterns:
    """Count the patterns of levels; `together` says which pairs stand in one cluster already."""
    key = together.astype(np.int64)
    sums = []
    for at_home in (False, True):
        parts = [
            rare
            for one, rare in zip(comparisons, answers.rarity, strict=True)
            if rare is not None and one.shared == at_home
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
