"""The records of one run as arrays of numbers: candidate pairs to levels, patterns to a model, pairs to weights.

It says of pairs what `engine` has Splink say in SQL, to 1e-6, and looks at each distinct text once. All stays in memory, nothing
of a person is in a table.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from steelthread.identity.match.alike import Pairs, in_arrays, often
from steelthread.identity.match.answers import (
    Answers,
    Questions,
    answered,
    asked_by,
    joined,
    patterns_of,
    sieved,
    steps_in,
    walled,
    weights_of,
)
from steelthread.identity.match.beside import in_portions, shared
from steelthread.identity.match.coded import Coded, Rows
from steelthread.identity.match.coding import Coding
from steelthread.identity.match.comparisons import Comparison
from steelthread.identity.match.joining import CONNECTS
from steelthread.identity.match.judged import SAMPLE, SEED, Judged
from steelthread.identity.match.keys import block
from steelthread.identity.match.known import Known
from steelthread.identity.match.learning import TOLD, Patterns, Told, decided, ends_told, learn
from steelthread.identity.match.linkage import Floats, Ints, ends_of, key_of, pairs_within
from steelthread.identity.match.model import READING, Model
from steelthread.identity.match.paged import Paged
from steelthread.identity.match.party import PARTIES, PEOPLE, Party
from steelthread.identity.match.prepare import Frequencies, Values

TAUGHT = 1_000_000
"""Candidate pairs from which is learned: all of them, or as many as this stand for all."""
SLACK = 8.0
"""A pair that the first model holds to be less likely than is wanted by so many bits is not asked about again."""


class Arrays:
    """The records of one run, and what is asked of them."""

    def __init__(
        self, records: Sequence[Values], frequencies: Frequencies | None = None, party: Party = PEOPLE
    ) -> None:
        self.count = len(records)
        self.party = party
        self.coded, self.frequencies = party.prepared(records, frequencies)
        self.rows = Rows(self.coded)
        self.filled = self.coded.filled()
        self.keys: Ints = np.zeros(0, dtype=np.int64)
        self._known: Known | None = None
        self._near: Answers | None = None
        self._floor = 0.0
        self._tables: dict[str, Ints] = {}
        self._taught: tuple[Ints, Answers] | None = None
        self._strangers: tuple[Patterns, float] | None = None
        self._families: bool | None = None

    @property
    def pairs(self) -> int:
        """How many candidate pairs there are."""
        return len(self.keys)

    def paged(self) -> Paged:
        """Return the records to be kept page by page."""
        return Paged(self.rows.coded, self.party)

    def block(self) -> int:
        """Find the candidate pairs; return how many."""
        self.keys = block(self.coded, self.party.words)
        return self.pairs

    def learn(self, label: Sequence[int] | None = None, told: Sequence[Told] = ()) -> Model:
        """Learn a model from the candidates and a sample of the other pairs, and from what people `told` of pairs.

        With clusters from a first model (`label`, a number per record) the pairs inside them count as one person: so
        pairs that look little alike, and are known through others, are learned from too.
        """
        comparisons = self.party.choose(self.filled)
        known = self._knowing(comparisons)
        if self._taught is None:
            chosen = self.keys
            if self.pairs > TAUGHT:
                chosen = self.keys[np.sort(np.random.default_rng(SEED).integers(0, self.pairs, TAUGHT))]
            self._taught = chosen, answered(self.coded, known.questions, chosen)
            self._strangers = self._sample(known.questions)
        chosen, answers = self._taught
        each = self.pairs / max(len(chosen), 1)
        labels = None if label is None else np.asarray(label)
        together = (
            np.zeros(len(chosen), dtype=np.bool_) if labels is None else labels[answers.left] == labels[answers.right]
        )
        parts = [(patterns_of(comparisons, answers, together), each)]
        if labels is not None:
            found = known.of(self._unknown(pairs_within(labels)))
            parts.append((patterns_of(comparisons, found, np.ones(len(found.left), dtype=np.bool_)), 1.0))
        if self._strangers is not None:
            parts.append(self._strangers)
        for same in (True, False):
            keys = key_of(*ends_told(told, same=same))
            if not len(keys):
                continue
            found = answered(self.coded, known.questions, keys)
            patterns = patterns_of(comparisons, found, np.full(len(keys), same))
            parts.append((decided(patterns, same=same), TOLD))
        learned, prior = learn(comparisons, joined(parts), self.count)
        walls = self.party.walls(families=self.has_families())
        return Model(learned, self.frequencies, prior, walls, reading=READING, party=self.party.name)

    def _knowing(self, comparisons: Sequence[Comparison]) -> Known:
        """Return what is known of pairs by these comparisons."""
        if self._known is None or not self._known.answers_to(comparisons):
            self._known, self._near = Known(self.coded, comparisons), None
        return self._known

    def candidates(self, model: Model, threshold: float) -> tuple[Ints, Ints, Floats]:
        """Return (records, other records, weights) of the candidate pairs from a threshold on."""
        known = self._knowing(model.comparisons)
        if self._near is None or threshold < self._floor:
            self._floor = min(threshold, CONNECTS) - SLACK
            near, answers, weight = sieved(self.coded, model, self._floor, self.keys)
            known.add(near, answers)
            self._near = answers
        else:
            answers = self._near
            weight = weights_of(model, answers)
        heavy = weight >= threshold
        return answers.left[heavy], answers.right[heavy], weight[heavy]

    def add_pairs(self, table: str, left: Ints, right: Ints) -> None:
        """Keep pairs under a name, the lesser record first."""
        self._tables[table] = np.sort(key_of(left, right))

    def judge(self, model: Model, pairs: str) -> Judged:
        """Return what the model says of all pairs of a name, and why, in their order; they are forgotten."""
        keys = self._tables.pop(pairs)
        return _judged(model, self.coded, keys, self._knowing(model.comparisons).of(keys))

    def has_families(self) -> bool:
        """Whether those with two first names at one home have two birthdays, as a rule: then there are families.

        Where they have one, first names are wrong in the data, and who looks like a twin is the same person.
        """
        twins_of = self.party.twins
        if twins_of is None:
            return False
        if self._families is None:
            assert self._taught is not None
            chosen, birthday = self._taught[0], self.coded.texts["birthday"]
            left, right = ends_of(chosen)
            known = (birthday[left] >= 0) & (birthday[right] >= 0)
            left, right = left[known], right[known]
            twins = in_arrays(twins_of, often([twins_of]))
            keys, homes = chosen[known], shared((len(left),), np.bool_)

            def ask(part: slice) -> None:
                pairs = Pairs(self.coded, *ends_of(keys[part]))
                homes[part] = twins(pairs, np.arange(len(pairs)))

            in_portions(len(keys), ask)
            same = birthday[left] == birthday[right]
            self._families = int((homes & same).sum()) <= int((homes & ~same).sum())
        return self._families

    def _unknown(self, keys: Ints) -> Ints:
        """Return those of these pairs that are no candidates."""
        if not self.pairs:
            return keys
        place = np.minimum(np.searchsorted(self.keys, keys), self.pairs - 1)
        return np.asarray(keys[self.keys[place] != keys])

    def _sample(self, questions: Questions) -> tuple[Patterns, float] | None:
        """Return the patterns of a sample of pairs without a common key, and how many pairs each stands for."""
        total = self.count * (self.count - 1) // 2
        if total <= SAMPLE:
            keys = key_of(*np.triu_indices(self.count, 1))
        else:
            chance = np.random.default_rng(SEED)
            one, other = chance.integers(0, self.count, SAMPLE), chance.integers(0, self.count, SAMPLE)
            keys = key_of(np.minimum(one, other), np.maximum(one, other))[one != other]
        keys = self._unknown(keys)
        if not len(keys):
            return None
        answers = answered(self.coded, questions, keys)
        nobody = np.zeros(len(keys), dtype=np.bool_)
        patterns = patterns_of(questions.comparisons, answers, nobody, blocked=False)
        return patterns, (total - self.pairs) / len(keys)


def _judged(model: Model, coded: Coded, keys: Ints, answers: Answers) -> Judged:
    weight, said = np.full(len(keys), model.prior_weight), np.zeros(len(keys))
    for step in steps_in(model, answers):
        weight += step
        said += np.abs(step)
    return Judged(
        (answers.left, answers.right),
        np.column_stack(answers.levels),
        lambda part: np.column_stack(
            [np.full(len(keys[part]), model.prior_weight), *steps_in(model, answers.of(part))]
        ),
        (weight, said),
        walled(coded, Questions(model.comparisons, model.walls), keys),
    )


class Weighing:
    """Prepared records, told page by page, and what a model says of pairs of them: as `Scorer` says it, many at once.

    Pairs are given by the places of their records.
    """

    def __init__(self, model: Model) -> None:
        asked, rare = asked_by(model)
        party = PARTIES[model.party]
        texts, lists = ([name for name in names if name in asked] for names in (party.texts, party.lists))
        self._model = model
        self._coding = Coding(party.columns, texts, lists, rare)

    def add(self, rows: Sequence[Sequence[Any]]) -> range:
        """Take records in, each as `cells_of` gives it; return their places."""
        return self._coding.add(rows)

    def told(self) -> bytes:
        """Return the records taken in as bytes, for another weighing under the same model."""
        return self._coding.told()

    def take(self, told: bytes) -> range:
        """Take in the records that another weighing has told; return their places."""
        return self._coding.take(told)

    def heavy(self, left: Ints, right: Ints, threshold: float) -> tuple[Ints, Ints, Floats]:
        """Return those of these pairs whose weight is at least so high, and the weights."""
        coded, records, keys = self._coded(left, right)
        keys, _, weight = sieved(coded, self._model, threshold, np.sort(keys))
        one, other = ends_of(keys)
        return records[one], records[other], weight

    def judge(self, left: Ints, right: Ints) -> Judged:
        """Return what the model says of these pairs, in their order."""
        coded, _, keys = self._coded(left, right)
        return _judged(self._model, coded, keys, answered(coded, Questions(self._model.comparisons), keys))

    def _coded(self, left: Ints, right: Ints) -> tuple[Coded, Ints, Ints]:
        """Return the records of these pairs, their places, and the pairs as keys of numbers among them."""
        records, ends = np.unique(np.concatenate([left, right]), return_inverse=True)
        return self._coding.coded(records), records, key_of(ends[: len(left)], ends[len(left) :])
