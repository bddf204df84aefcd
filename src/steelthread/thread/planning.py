"""What if: who would merge and who would split under a changed identity.yaml or a new model; then do it.

A plan does the whole work in a transaction and takes it back. So it is exactly what `apply` will do, as long as no
record comes in between. The work: identifiers are taken anew from the kept records (`kept.py`), kinds and constraints are
asked anew of everybody (`restating.py`), and where there is a model it says what it has to say of all.
"""

import time
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import psycopg

from steelthread import identity, intake
from steelthread.identity import Moved, Party
from steelthread.profiles import Opener
from steelthread.thread.kept import KeptRecords, ranked_otherwise
from steelthread.thread.people import values_of
from steelthread.thread.resolving import ResolveResult, judged_by, write
from steelthread.thread.restating import restate
from steelthread.thread.reviewing import party_of
from steelthread.thread.space import Space
from steelthread.thread.types import LANE

Connection = psycopg.Connection[Any]
CASES = 20
_SHOWN = 3


class Case(msgspec.Struct):
    """A person or an organisation that would merge or split: the parts, each with the names on its records for those who may see them."""

    change: str
    party: Party
    records: int
    parts: list[dict[str, Any]]


class Plan(msgspec.Struct, rename="camel"):
    """What applying would do."""

    model: str
    """The model that was asked; empty where there is none."""
    records_changed: int
    """Kept records that come to other identifiers."""
    individuals_before: int
    individuals_after: int
    merged: int
    split: int
    consolidation_before: float
    consolidation_after: float
    links_added: int
    links_closed: int
    cases: list[Case]


def plan(space: Space, *, new_model: bool = False, names: bool = True) -> Plan:
    """Say what would change under identity.yaml as it is now, with the model in force or a new one; change nothing.

    Without a model in force only rules count, unless a new one is asked for. Without `names` nobody is named.
    """
    with space.database.connect() as conn:
        changed, result = _put_into_force(space, conn, new_model=new_model)
        records = identity.count_records(conn)
        found = identity.telling(conn, CASES)
        shown = _Shown(space, conn) if names else None
        records_told = [record for one in found for records in one.parts.values() for record in records]
        firms = identity.organisations_among(conn, space.model, records_told)
        cases = [_case(one, shown, firms) for one in found]
        conn.rollback()
    return Plan(
        result.model, changed, result.individuals_before, result.individuals_after, result.merged, result.split,
        _rate(result.individuals_before, records), _rate(result.individuals_after, records),
        result.links_added, result.links_closed, cases,
    )  # fmt: skip


def apply(space: Space, *, new_model: bool = False) -> ResolveResult:
    """Put identity.yaml as it is now into force for all people and organisations, with the model in force or a new one."""
    began = time.monotonic()
    with space.database.connect() as conn:
        _, result = _put_into_force(space, conn, new_model=new_model)
        conn.commit()
    result.seconds = round(time.monotonic() - began, 3)
    return result


def _put_into_force(space: Space, conn: Connection, *, new_model: bool) -> tuple[int, ResolveResult]:
    """Do it in the caller's transaction; return how many records changed, and what came of it."""
    before = _Before(space, conn)
    changed = _derive(space, conn)
    otherwise = changed + restate(space, conn)
    result = ResolveResult(identity.count_records(conn), 0, 0, 0, 0, 0, 0, 0, 0.0, "")
    if new_model or identity.model_in_force(conn) is not None:
        if not otherwise:
            conn.rollback()  # nobody waits while pairs are compared
        model, findings, lacks = judged_by(space, conn, keep_model=not new_model, within=bool(otherwise))
        if not otherwise:
            before = _Before(space, conn)
        result = write(space, conn, model, findings, None)
        result.lacks = lacks
    return changed, before.compared(result)


class _Before:
    """What there was before, in a transaction that keeps all others from changing it."""

    def __init__(self, space: Space, conn: Connection) -> None:
        self._conn = conn
        space.log.lock(conn, LANE)
        identity.note_persons(conn)
        self._individuals = identity.count(conn)
        self._links = identity.count_links(conn)

    def compared(self, result: ResolveResult) -> ResolveResult:
        """Say in a result what is otherwise now, all in all: who merged and was split again counts as nothing."""
        result.individuals_before, result.individuals_after = self._individuals, identity.count(self._conn)
        result.merged, result.split = identity.moved(self._conn)
        links = identity.count_links(self._conn)
        result.links_added, result.links_closed = links[0] - self._links[0], links[1] - self._links[1]
        return result


def _derive(space: Space, conn: Connection) -> int:
    """Take the identifiers of all kept records anew; return how many records differ."""
    ranked = ranked_otherwise(space, conn)
    count = 0
    for number in sorted(intake.source_names(conn)):
        kept = KeptRecords(space, conn, number, ranked, mapping=False)
        for _, changed in kept.pages():
            kept.write(changed)
            count += len(changed)
    return count


def _rate(individuals: int, records: int) -> float:
    return round(1 - individuals / records, 4) if records else 0.0


def _case(one: Moved, shown: "_Shown | None", firms: Collection[int]) -> Case:
    parts: list[dict[str, Any]] = [
        {"individualId": str(individual), "records": len(records)} | ({"shown": shown.of(records)} if shown else {})
        for individual, records in one.parts.items()
    ]
    first = next((record for records in one.parts.values() for record in records), 0)
    return Case(one.change, party_of(first, firms), sum(map(len, one.parts.values())), parts)


class _Shown:
    """Opens what the first records of a part are called."""

    def __init__(self, space: Space, conn: Connection) -> None:
        self._opener = Opener(conn, space.vault, adaptation=space.model.adaptation)

    def of(self, records: Sequence[int]) -> list[dict[str, Any]]:
        """Return what they say."""
        return [
            {"record": view.ref, "values": values_of(view)} for view in self._opener.by_id(sorted(records)[:_SHOWN])
        ]
