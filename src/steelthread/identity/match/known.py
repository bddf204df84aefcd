"""What was found of pairs once: no pair is asked the same questions twice, whichever model weighs its answers."""

from collections.abc import Sequence

import numpy as np

from steelthread.identity.match.answers import Answers, Questions, answered
from steelthread.identity.match.coded import Coded, Ints
from steelthread.identity.match.comparisons import Comparison
from steelthread.identity.match.linkage import ends_of


class Known:
    """The answers of pairs to the questions of some comparisons, whatever these weigh."""

    def __init__(self, coded: Coded, comparisons: Sequence[Comparison]) -> None:
        self._coded = coded
        self._asked = _conditions(comparisons)
        self.questions = Questions(comparisons)
        self._parts: list[tuple[Ints, Answers]] = []

    def answers_to(self, comparisons: Sequence[Comparison]) -> bool:
        """Whether these comparisons ask the same."""
        return self._asked == _conditions(comparisons)

    def add(self, keys: Ints, answers: Answers) -> None:
        """Keep what was found of these pairs, given in order."""
        self._parts.append((keys, answers))

    def of(self, keys: Ints) -> Answers:
        """Return the answers of pairs in order; those never asked before are asked now."""
        left, right = ends_of(keys)
        levels = [np.zeros(len(keys), dtype=np.uint8) for _ in self.questions.all]
        rare = [one.rarity_counts for one in self.questions.all]
        found = Answers(left, right, levels, [np.zeros(len(keys)) if counts else None for counts in rare])
        open_ = np.arange(len(keys))
        for mine, answers in self._parts:
            place = np.minimum(np.searchsorted(mine, keys[open_]), max(len(mine) - 1, 0))
            hit = mine[place] == keys[open_] if len(mine) else np.zeros(len(open_), dtype=np.bool_)
            _fill(found, open_[hit], answers, place[hit])
            open_ = open_[~hit]
        if len(open_):
            answers = answered(self._coded, self.questions, keys[open_])
            self.add(keys[open_], answers)
            _fill(found, open_, answers, slice(None))
        return found


def _conditions(comparisons: Sequence[Comparison]) -> list[object]:
    return [[one.silent, *((level.condition, level.frequency) for level in one.levels)] for one in comparisons]


def _fill(found: Answers, places: Ints, answers: Answers, of: slice | Ints) -> None:
    for mine, theirs in zip(found.levels, answers.levels, strict=True):
        mine[places] = theirs[of]
    for rarity, told in zip(found.rarity, answers.rarity, strict=True):
        if rarity is not None and told is not None:
            rarity[places] = told[of]
