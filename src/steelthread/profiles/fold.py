"""Reconciliation: which of several observed values a profile shows, and why. Pure; never unseals.

A direct value takes part as its keyed token and its length; values of the other classes as themselves.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec


class Observation(msgspec.Struct, frozen=True):
    """One record's word on one attribute."""

    record: int
    token: Any
    """The value, or the keyed token of a direct value: equal tokens mean equal values."""
    length: int
    observed_at: datetime
    priority: int
    key: tuple[str, ...]
    """What decides when time and priority are equal: source, then entity, then key."""


class Winner(msgspec.Struct, frozen=True):
    """The chosen observation and those that lost, best first; `union` has several winners."""

    rule: str
    chosen: list[Observation]
    alternatives: list[Observation]


def _latest(observations: Sequence[Observation]) -> list[Observation]:
    by_key = sorted(observations, key=lambda one: one.key)
    return sorted(by_key, key=lambda one: (one.observed_at, one.priority), reverse=True)


def _first(observations: Sequence[Observation]) -> list[Observation]:
    by_key = sorted(observations, key=lambda one: one.key)
    return sorted(by_key, key=lambda one: (one.observed_at, -one.priority))


def _by_priority(observations: Sequence[Observation]) -> list[Observation]:
    return sorted(_latest(observations), key=lambda one: one.priority, reverse=True)


def _longest(observations: Sequence[Observation]) -> list[Observation]:
    return sorted(_latest(observations), key=lambda one: one.length, reverse=True)


def _most_frequent(observations: Sequence[Observation]) -> list[Observation]:
    counts = Counter(str(one.token) for one in observations)
    return sorted(_latest(observations), key=lambda one: counts[str(one.token)], reverse=True)


RULES: Mapping[str, Callable[[Sequence[Observation]], list[Observation]]] = {
    "last_updated": _latest,
    "first": _first,
    "source_priority": _by_priority,
    "longest": _longest,
    "most_frequent": _most_frequent,
    "union": _latest,
}
"""Reconciliation rules by name: each orders the observations, best first."""


def distinct(observations: Iterable[Observation]) -> list[Observation]:
    """Return the observations without those that repeat a value said before."""
    seen: set[str] = set()
    kept = []
    for one in observations:
        if str(one.token) not in seen:
            seen.add(str(one.token))
            kept.append(one)
    return kept


def reconcile(rule: str, observations: Sequence[Observation]) -> Winner:
    """Choose among the observations of one attribute by a rule; ties go by source priority, then key."""
    if len(observations) == 1:
        return Winner(rule, list(observations), [])
    ordered = RULES[rule](observations)
    if rule == "union":
        return Winner(rule, distinct(ordered), [])
    return Winner(rule, ordered[:1], ordered[1:])
