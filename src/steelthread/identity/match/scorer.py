"""Our own scorer, compiled from the model: two records to a weight and its waterfall, in memory, without an engine.

Equal to Splink's weight to 1e-6 (`tests/identity/match/test_parity.py`). It serves the stream, where planning SQL for
one record would take longer than the record may.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from steelthread.identity.match.comparisons import Comparison
from steelthread.identity.match.conditions import GIVEN, Row, compiled, parts_of, to_python
from steelthread.identity.match.model import Model
from steelthread.identity.match.party import PARTIES
from steelthread.identity.match.prepare import Values


class Step(msgspec.Struct, frozen=True):
    """One comparison's part of a weight (log2 odds)."""

    comparison: str
    label: str
    weight: float


Answers = Sequence[tuple[int, float]]
"""Of each question the level's number (0: silent, 1: else, then upwards) and its weight."""
_OFTEN = 2
"""What is asked more often than this of one pair is asked once, before all else."""


def _asked_often(questions: Sequence[Comparison]) -> dict[str, str]:
    """Return names for the comparisons of lists that several conditions make, by what they compute."""
    conditions = [
        one for question in questions for one in (question.silent, *(x.condition for x in question.levels[:-1]))
    ]
    counts = Counter(to_python(part) for one in conditions for part in parts_of(one) if part[0] == "shares")
    return {text: f"known_{place}" for place, text in enumerate(sorted(counts)) if counts[text] > _OFTEN}


def _answers(questions: Sequence[Comparison]) -> Callable[[Row, Row], Answers]:
    """Return what answers all questions about two rows: one function, written and compiled for this model.

    Going through the conditions one by one costs several times as much.
    """
    known = _asked_often(questions)
    lines = [f"{name} = {text}" for text, name in known.items()]
    for number, question in enumerate(questions):
        lines += [f"if {to_python(question.silent, known)}:", f"    q{number} = (0, 0.0)"]
        last = len(question.levels) - 1
        for place, level in enumerate(question.levels):
            weight = repr(math.log2(level.m / level.u))
            if level.frequency:
                weight += f" + rarity({f'tf_{level.frequency}'!r}, {math.log2(level.u)!r}, x, y)"
            test = "else:" if place == last else f"elif {to_python(level.condition, known)}:"
            lines += [test, f"    q{number} = ({last + 1 - place}, {weight})"]
    lines.append(f"return ({''.join(f'q{number}, ' for number in range(len(questions)))})")
    found: dict[str, Callable[[Row, Row], Answers]] = {}
    text = "def answers(x, y):\n    " + "\n    ".join(lines)
    exec(text, {**GIVEN, "rarity": _rarity}, found)  # noqa: S102  # of literals only, see `to_python`
    return found["answers"]


def _rarity(column: str, base: float, one: Row, other: Row) -> float:
    """Return what it adds that a value is rare, or common: `base` is log2 of the level's u."""
    left, right = one[column], other[column]
    if left is None and right is None:
        return 0.0
    return base - math.log2(max(left or right, right or left))


class Scorer:
    """Scores prepared records under one model version."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._start = model.prior_weight
        self._answers = _answers(model.comparisons)
        self._walls = [(wall.label, compiled(wall.condition)) for wall in model.walls]

    def prepare(self, values: Values) -> Row:
        """Return the columns of a record under the model's frozen frequencies."""
        return PARTIES[self.model.party].columns_of(values, self.model.frequencies)

    def weight(self, one: Row, other: Row) -> float:
        """Return the weight of two prepared records (log2 odds of one person)."""
        return self._start + sum(weight for _, weight in self._answers(one, other))

    def weights(self, one: Row, others: Iterable[Row]) -> list[float]:
        """Return the weights of a record against its candidates."""
        return [self.weight(one, other) for other in others]

    def waterfall(self, one: Row, other: Row) -> Sequence[Step]:
        """Return what the weight is made of; the steps sum to it."""
        steps = [Step("prior", "any two records", self._start)]
        for question, (number, weight) in zip(self.model.comparisons, self._answers(one, other), strict=True):
            if number:
                steps.append(Step(question.name, question.levels[len(question.levels) - number].label, weight))
        return steps

    def judge(self, one: Row, other: Row) -> tuple[list[int], list[float]]:
        """Return the level of each question and the steps of the weight, the prior first: as a run writes them."""
        answers = self._answers(one, other)
        return [level for level, _ in answers], [self._start, *(weight for _, weight in answers)]

    def wall(self, one: Row, other: Row) -> str:
        """Return why two records are never joined, "" when they may be."""
        return next((label for label, holds in self._walls if holds(one, other)), "")
