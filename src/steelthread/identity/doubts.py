"""Links of records without a first name to contacts that several people share: whom they belong to, rules cannot know.

The name guard keeps people apart who have first names that conflict. A record without one it lets through, to whoever of
them comes first. Where a model is in force it is asked instead: such links are set aside, and evidence in sum decides. So are
those to a contact that stands in a home, by itself: a landline, a mailbox that is named after nobody.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from itertools import combinations
from typing import Any

import msgspec
import psycopg

from steelthread.identity.graph import Node
from steelthread.identity.ledger import APART, DOUBTED, GENERIC, MODEL, nodes_by_id
from steelthread.store import Int8s

Connection = psycopg.Connection[Any]
Pair = tuple[int, int, int]
_WEAK = f"l.closed_at is null and l.weak and l.strength between 1 and {MODEL - 1} and l.refused not in ('{GENERIC}', '{APART}')"


class Doubts(msgspec.Struct):
    """Links, by their ends and strength: those to be set aside, and those that may come back."""

    aside: list[Pair]
    back: list[Pair]

    @property
    def records(self) -> set[int]:
        """The records of these links."""
        return {pair[0] for pair in (*self.aside, *self.back)}

    def among(self, records: Collection[int]) -> "Doubts":
        """Return those of these records."""
        own = set(records)
        return Doubts([one for one in self.aside if one[0] in own], [one for one in self.back if one[0] in own])


def doubted(
    conn: Connection,
    among: Collection[int] | None,
    homely: Mapping[int, Collection[str]],
    know: Callable[[Collection[int]], object],
    conflicts: Callable[[Node, Node], str | None],
) -> Doubts:
    """Return which links are to be set aside, and which that were set aside may come back.

    `among` limits it to contacts of these records. `homely` says of the records that a model looked at which kinds of their
    contacts stand in a home. `know` is told whose names `conflicts` will ask for.
    """
    scope, values = (
        ("", ())
        if among is None
        else (f" and l.b in (select l.b from identity.link l where {_WEAK} and l.a = any(%s))", (Int8s(among),))
    )
    nameless = conn.execute(
        "select l.a, l.b, l.strength, k.name, l.refused from identity.link l join identity.node r on r.node_id = l.a"
        " join identity.node c on c.node_id = l.b join identity.kind k on k.kind_id = c.kind"
        f" where {_WEAK} and r.kind = 0 and r.first_name = 0{scope}",
        values,
    ).fetchall()
    called = conn.execute(
        "select l.b, min(l.a) from identity.link l join identity.node r on r.node_id = l.a"
        f" where {_WEAK} and r.kind = 0 and r.first_name <> 0 and l.b = any(%s) group by l.b, r.first_name, r.suffix",
        (Int8s({contact for _, contact, *_ in nameless}),),
    ).fetchall()
    people: dict[int, list[int]] = defaultdict(list)
    for contact, record in called:
        people[contact].append(record)
    several = {contact: records for contact, records in people.items() if len(records) > 1}
    asked = {record for records in several.values() for record in records}
    know(asked)
    nodes: dict[int, Node] = {row.id: row for row in nodes_by_id(conn, asked)}
    shared = {
        contact
        for contact, records in several.items()
        if any(conflicts(nodes[one], nodes[other]) for one, other in combinations(sorted(records), 2))
    }
    found = Doubts([], [])
    for a, b, strength, kind, refused in nameless:
        if b in shared or kind in homely.get(a, ()):
            if refused != DOUBTED:
                found.aside.append((a, b, strength))
        elif refused == DOUBTED and a in homely:
            found.back.append((a, b, strength))
    return found
