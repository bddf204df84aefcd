"""Precision, recall and F1 of clusters: over pairs of records, and B-cubed (Bagga and Baldwin 1998). Linear time."""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple


class Figures(NamedTuple):
    """How right clusters are."""

    pair_precision: float
    pair_recall: float
    precision: float
    recall: float
    largest: int

    @property
    def pair_f1(self) -> float:
        """F1 over pairs of records."""
        return _f1(self.pair_precision, self.pair_recall)

    @property
    def f1(self) -> float:
        """B-cubed F1."""
        return _f1(self.precision, self.recall)


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _pairs(counts: Counter[Hashable]) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())


def judge(labels: Sequence[Hashable], truth: Sequence[Hashable | None]) -> Figures:
    """Compare clusters with the truth; records whose truth is None are left out."""
    rows = [(label, person) for label, person in zip(labels, truth, strict=True) if person is not None]
    both: Counter[Hashable] = Counter(rows)
    clusters: Counter[Hashable] = Counter(label for label, _ in rows)
    people: Counter[Hashable] = Counter(person for _, person in rows)
    right, made, true = _pairs(both), _pairs(clusters), _pairs(people)
    precision = sum(count**2 / clusters[label] for (label, _), count in both.items()) / len(rows)  # type: ignore[misc]
    recall = sum(count**2 / people[person] for (_, person), count in both.items()) / len(rows)  # type: ignore[misc]
    return Figures(
        right / made if made else 1.0, right / true if true else 1.0, precision, recall, max(clusters.values())
    )
