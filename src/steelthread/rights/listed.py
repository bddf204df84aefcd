"""Whom a list of references names: who may go, and why others do not."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

import psycopg

from steelthread.identity import parse_ref
from steelthread.kit import NotFound
from steelthread.privacy import Tombstones
from steelthread.rights.holds import OnHold, check_holds
from steelthread.rights.people import Person, gather_all, members_of
from steelthread.rights.removing import MOST_NODES
from steelthread.store import Byteas
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
State = Literal["waiting", "removed", "done", "unknown", "held", "invalid", "same"]
Others = dict[int, tuple[State, dict[str, Any]]]
"""Number -> (state, why) of those who do not go."""


def people_of(
    space: Space, conn: Connection, refs: Sequence[tuple[int, str]], seen: dict[int, int]
) -> tuple[dict[int, Person], Others]:
    """Return number -> person of the references that name somebody who may go, and what is of the others.

    They are no more than PostgreSQL has locks for: whoever is not told of is to be asked for again. `seen` tells of nodes
    which reference named them first.
    """
    others: Others = {}
    starts: dict[int, list[int]] = {}
    here: dict[int, int] = {}
    for (number, _), found in zip(refs, members_of(space, conn, [ref for _, ref in refs]), strict=True):
        if isinstance(found, str):
            others[number] = ("invalid", {"why": found})
        elif not found:
            others[number] = ("unknown", {})
        elif first := _first(found, seen) or _first(found, here):
            others[number] = ("same", {"as": first})
        else:
            starts[number] = found
            here |= dict.fromkeys(found, number)
    people = dict(zip(starts, gather_all(space, conn, list(starts.values()), [[] for _ in starts]), strict=True))
    nodes = 0
    for number, person in list(people.items()):
        try:
            check_holds(conn, person)
        except OnHold as held:
            others[number] = ("held", {"why": str(held)})
            del people[number]
            continue
        nodes += len(person.nodes)
        if nodes > MOST_NODES and nodes > len(person.nodes):
            del people[number]
    for number in people.keys() | (others.keys() & starts.keys()):
        seen |= dict.fromkeys(starts[number], number)
    return people, as_the_first(others)


def as_the_first(others: Others) -> Others:
    """Return the same where whoever is named twice is held by the second name, too, when the first one is held."""
    return {
        number: others[why["as"]] if state == "same" and others.get(why["as"], ("",))[0] == "held" else (state, why)
        for number, (state, why) in others.items()
    }


def named_before(
    space: Space, conn: Connection, refs: Sequence[tuple[int, str]], seen: dict[int, int]
) -> list[tuple[int, int]]:
    """Return (number, number of the first) of references to somebody whom another one names before; `seen` goes on growing."""
    same = []
    for (number, _), found in zip(refs, members_of(space, conn, [ref for _, ref in refs]), strict=True):
        if isinstance(found, str):
            continue
        first = _first(found, seen)
        if first:
            same.append((number, first))
        seen |= dict.fromkeys(found, first or number)
    return same


def _first(nodes: Sequence[int], seen: Mapping[int, int]) -> int:
    return min((seen[node] for node in nodes if node in seen), default=0)


def gone_in(space: Space, conn: Connection, batch: UUID, refs: Sequence[tuple[int, str]]) -> Others:
    """Return what is of references to whoever a batch has erased already: people may become one while it goes on."""
    stones = Tombstones(space.vault)
    tokens: dict[bytes, list[int]] = {}
    for number, ref in refs:
        for name in _names(space, conn, ref):
            tokens.setdefault(stones.token(name), []).append(number)
    rows = conn.execute(
        "select token, number from privacy.tombstone join privacy.erasure_item using (request_id) "
        "where batch_id = %s and token = any(%s)",
        (batch, Byteas(sorted(tokens))),
    )
    return {number: ("same", {"as": first}) for token, first in rows for number in tokens[bytes(token)]}


def _names(space: Space, conn: Connection, ref: str) -> list[bytes]:
    try:
        parsed = parse_ref(ref, space.rules)
        return [UUID(parsed.value).bytes] if parsed.form == "individual" else space.reader(conn).hashes(ref)
    except NotFound:
        return []
