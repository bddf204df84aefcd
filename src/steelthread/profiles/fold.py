"""Reconciliation: which of several observed values a profile shows, and why. Pure; never unseals.

A direct value takes part as its keyed token and its length; values of the other classes as themselves.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


class Rank(Protocol):
    """What latest-first order looks at."""

    @property
    def observed_at(self) -> datetime:
        """When it was observed."""

    @property
    def priority(self) -> int:
        """The priority of its source."""

    @property
    def key(self) -> tuple[str, ...]:
        """What decides when both are equal."""


Ranked = TypeVar("Ranked", bound=Rank)


def by_time(observations: Iterable[Ranked]) -> list[Ranked]:
    """Order latest first; ties go by source priority, then by key."""
    by_key = sorted(observations, key=lambda one: one.key)
    return sorted(by_key, key=lambda one: (one.observed_at, one.priority), reverse=True)


def told_at(micros: int) -> datetime:
    """Return when a single value of a record was told, from microseconds since 1970: records of live parties have it."""
    return _EPOCH + timedelta(microseconds=micros)


def _most_frequent(latest: Sequence[Observation]) -> list[Observation]:
    counts = Counter(str(one.token) for one in latest)
    return sorted(latest, key=lambda one: counts[str(one.token)], reverse=True)


RULES: Mapping[str, Callable[[Sequence[Observation]], list[Observation]]] = {
    "last_updated": list,
    "first": lambda latest: sorted(
        sorted(latest, key=lambda one: one.key), key=lambda one: (one.observed_at, -one.priority)
    ),
    "source_priority": lambda latest: sorted(latest, key=lambda one: one.priority, reverse=True),
    "longest": lambda latest: sorted(latest, key=lambda one: one.length, reverse=True),
    "most_frequent": _most_frequent,
    "union": list,
}
"""Reconciliation rules by name: each takes the observations latest first, and orders them best first."""


def distinct(observations: Iterable[Observation]) -> list[Observation]:
    """Return the observations without those that repeat a value said before."""
    seen: set[str] = set()
    kept = []
    for one in observations:
        if str(one.token) not in seen:
            seen.add(str(one.token))
            kept.append(one)
    return kept


def choose(rule: str, latest: Sequence[Observation]) -> list[Observation]:
    """Return what a rule chooses among the observations of one attribute, given latest first; `union` chooses several."""
    if rule == "union":
        return distinct(latest)
    if rule == "last_updated" or len(latest) == 1:
        return [latest[0]]
    return RULES[rule](latest)[:1]


def reconcile(rule: str, observations: Sequence[Observation]) -> Winner:
    """Choose among the observations of one attribute by a rule; ties go by source priority, then key."""
    ordered = RULES[rule](by_time(observations))
    if rule == "union":
        return Winner(rule, distinct(ordered), [])
    return Winner(rule, ordered[:1], ordered[1:])
