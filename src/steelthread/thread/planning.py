"""What if: who would merge and who would split under a changed identity.yaml or a new model; then do it.

A plan does the whole work in a transaction and takes it back. So it is exactly what `apply` will do, as long as no
record comes in between.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread import identity
from steelthread.profiles import Opener
from steelthread.thread.people import values_of
from steelthread.thread.resolving import Change, ResolveResult, gather, judged_by, write
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
CASES = 20


class Case(msgspec.Struct):
    """A person who would merge or split: the parts, each with the names on its records."""

    change: str
    records: int
    parts: list[dict[str, Any]]


class Plan(msgspec.Struct, rename="camel"):
    """What applying would do."""

    model: str
    individuals_before: int
    individuals_after: int
    merged: int
    split: int
    consolidation_before: float
    consolidation_after: float
    links_added: int
    links_closed: int
    cases: list[Case]


def plan(space: Space, *, new_model: bool = False) -> Plan:
    """Say what would change under identity.yaml as it is now, with the model in force or a new one; change nothing."""
    with space.database.connect() as conn:
        model, findings, _ = judged_by(space, conn, keep_model=not new_model)
        changes: list[Change] = []
        names = _Names(space, conn)
        result = write(space, conn, model, findings, None, restate=True, changes=changes)
        records = identity.count_records(conn)
        cases = [names.case(change) for change in _telling(changes)]
        conn.rollback()
    return Plan(
        result.model, result.individuals_before, result.individuals_after, result.merged, result.split,
        _rate(result.individuals_before, records), _rate(result.individuals_after, records),
        result.links_added, result.links_closed, cases,
    )  # fmt: skip


def apply(space: Space, *, new_model: bool = False) -> ResolveResult:
    """Put identity.yaml as it is now into force for all people, with the model in force or a new one."""
    return gather(space, keep_model=not new_model, restate=True)


def _rate(individuals: int, records: int) -> float:
    return round(1 - individuals / records, 4) if records else 0.0


def _telling(changes: Sequence[Change]) -> list[Change]:
    """Return the cases that tell the most: those that touch the most records, merges and splits in turn."""
    kinds = [
        sorted((one for one in changes if one.kind == kind), key=lambda one: -sum(map(len, one.parts.values())))
        for kind in ("merge", "split")
    ]
    mixed = [one for pair in zip(*kinds, strict=False) for one in pair]
    rest = [one for kind in kinds for one in kind[min(map(len, kinds)) :]]
    return (mixed + rest)[:CASES]


class _Names:
    """Opens what the records of a case are called."""

    def __init__(self, space: Space, conn: Connection) -> None:
        self._opener = Opener(conn, space.vault, adaptation=space.model.adaptation)

    def case(self, change: Change) -> Case:
        parts = [self._part(individual, records) for individual, records in change.parts.items()]
        return Case(change.kind, sum(map(len, change.parts.values())), parts)

    def _part(self, individual: UUID, records: Sequence[int]) -> dict[str, Any]:
        shown = [{"record": view.ref, "values": values_of(view)} for view in self._opener.by_id(sorted(records)[:3])]
        return {"individualId": str(individual), "records": len(records), "shown": shown}
