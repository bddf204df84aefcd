"""Our own scorer, compiled from the model: two records to a weight and its waterfall, in memory, without an engine.

Equal to Splink's weight to 1e-6 (`tests/identity/match/test_parity.py`). It serves the stream, where planning SQL for
one record would take longer than the record may.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from steelthread.identity.match.comparisons import Comparison
from steelthread.identity.match.conditions import Row, Test, compiled
from steelthread.identity.match.model import Model
from steelthread.identity.match.prepare import Values, columns_of


class Step(msgspec.Struct, frozen=True):
    """One comparison's part of a weight (log2 odds)."""

    comparison: str
    label: str
    weight: float


class _Level(msgspec.Struct):
    label: str
    test: Test | None
    weight: float
    frequency: str
    base: float


class _Question:
    """A comparison, compiled."""

    def __init__(self, comparison: Comparison) -> None:
        self.name = comparison.name
        self.silent = compiled(comparison.silent)
        last = len(comparison.levels) - 1
        self.levels = [
            _Level(
                level.label,
                None if place == last else compiled(level.condition),
                math.log2(level.m / level.u),
                f"tf_{level.frequency}" if level.frequency else "",
                math.log2(level.u),
            )
            for place, level in enumerate(comparison.levels)
        ]

    def ask(self, one: Row, other: Row) -> tuple[str, float]:
        """Return the level's label and its weight; silence weighs nothing."""
        number, weight = self.answer(one, other)
        return self.levels[len(self.levels) - number].label if number else "", weight

    def answer(self, one: Row, other: Row) -> tuple[int, float]:
        """Return the level's number (0: silent, 1: else, then upwards) and its weight."""
        if self.silent(one, other):
            return 0, 0.0
        for place, level in enumerate(self.levels):
            if level.test is None or level.test(one, other):
                return len(self.levels) - place, level.weight + _rarity(level, one, other)
        return 0, 0.0


def _rarity(level: _Level, one: Row, other: Row) -> float:
    if not level.frequency:
        return 0.0
    left, right = one[level.frequency], other[level.frequency]
    if left is None and right is None:
        return 0.0
    return level.base - math.log2(max(left or right, right or left))


class Scorer:
    """Scores prepared records under one model version."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._start = model.prior_weight
        self._questions = [_Question(one) for one in model.comparisons]
        self._walls = [(wall.label, compiled(wall.condition)) for wall in model.walls]

    def prepare(self, values: Values) -> Row:
        """Return the columns of a record under the model's frozen frequencies."""
        return columns_of(values, self.model.frequencies)

    def weight(self, one: Row, other: Row) -> float:
        """Return the weight of two prepared records (log2 odds of one person)."""
        return self._start + sum(question.ask(one, other)[1] for question in self._questions)

    def weights(self, one: Row, others: Iterable[Row]) -> list[float]:
        """Return the weights of a record against its candidates."""
        return [self.weight(one, other) for other in others]

    def waterfall(self, one: Row, other: Row) -> Sequence[Step]:
        """Return what the weight is made of; the steps sum to it."""
        steps = [Step("prior", "any two records", self._start)]
        for question in self._questions:
            label, weight = question.ask(one, other)
            if label:
                steps.append(Step(question.name, label, weight))
        return steps

    def judge(self, one: Row, other: Row) -> tuple[list[int], list[float]]:
        """Return the level of each question and the steps of the weight, the prior first: as a run writes them."""
        answers = [question.answer(one, other) for question in self._questions]
        return [level for level, _ in answers], [self._start, *(weight for _, weight in answers)]

    def wall(self, one: Row, other: Row) -> str:
        """Return why two records are never joined, "" when they may be."""
        return next((label for label, holds in self._walls if holds(one, other)), "")
