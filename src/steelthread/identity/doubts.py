"""Links to contacts that several people share: whom they belong to, rules cannot know.

The name guard keeps people apart who have first names that conflict. A record without one it lets through, to whoever of
them comes first; so it does two people of one first name, of whom one has the number that the other had before. Where a
model is in force it is asked instead: such links are set aside, and evidence in sum decides. So are those of records
without a first name to a contact that stands in a home, by itself: a landline, a mailbox that is named after nobody.
Only people's records are looked at: of an order a model says nothing, and it stays with its contact.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import combinations, pairwise
from typing import Any

import msgspec
import psycopg

from steelthread.identity.graph import Node
from steelthread.identity.ledger import APART, ASIDE, DISPUTED, DOUBTED, GENERIC, MODEL, nodes_by_id
from steelthread.store import Int8s

Connection = psycopg.Connection[Any]
Pair = tuple[int, int, int]
WEIGHED = ("email", "email_provider", "phone")
"""The weak kinds that a model weighs itself; of a device it knows nothing, so it has nothing to say against one."""
_WEIGHED = {"weighed": list(WEIGHED)}


def _weak(link: str) -> str:
    """Return SQL for the open links of weak rules that join, are refused, or were set aside."""
    return (
        f"{link}.closed_at is null and {link}.weak and {link}.strength between 1 and {MODEL - 1}"
        f" and {link}.refused not in ('{GENERIC}', '{APART}')"
    )


class Doubts(msgspec.Struct):
    """Links, by their ends and strength: those to be set aside, with why, and those that may come back."""

    aside: dict[Pair, str]
    back: list[Pair]

    @property
    def records(self) -> set[int]:
        """The records of these links."""
        return {pair[0] for pair in (*self.aside, *self.back)}

    def among(self, records: Collection[int]) -> "Doubts":
        """Return those of these records."""
        own = set(records)
        return Doubts(
            {one: why for one, why in self.aside.items() if one[0] in own}, [one for one in self.back if one[0] in own]
        )


class _Disputes(msgspec.Struct):
    """What evidence in sum says against rules: links of two people at one contact, and contacts of two with a first name."""

    links: set[Pair]
    contacts: set[int]


class Contacts(msgspec.Struct):
    """What rules alone say of contacts: links without a first name, those set aside, and pairs of records of one contact."""

    nameless: list[tuple[int, int, int, str, bool]]
    former: list[Pair]
    pairs: list[tuple[int, int, int, int, int]] | None
    """One record, the contact, the strength of its link; the other record, the strength of its own. None: all there are."""


def contacts_of(conn: Connection, among: Collection[int] | None) -> Contacts:
    """Return what rules say of the contacts of these records, or of all: what no model changes, so it may be asked beside a run."""
    scope, values = _scope(conn, among)
    nameless = conn.execute(
        "select l.a, l.b, l.strength, k.name, c.durable from identity.link l join identity.node r on r.node_id = l.a"
        " join identity.node c on c.node_id = l.b join identity.kind k on k.kind_id = c.kind"
        f" join intake.record i on i.record_id = l.a and i.is_party where {_weak('l')} and r.first_name = 0{scope}",
        values,
    ).fetchall()
    former = conn.execute(
        f"select l.a, l.b, l.strength from identity.link l where {_weak('l')} and l.refused = any(%(aside)s){scope}",
        values | {"aside": list(ASIDE)},
    ).fetchall()
    if among is None:
        return Contacts(nameless, former, None)
    with conn.cursor(binary=True) as cursor:
        return Contacts(nameless, former, cursor.execute(_pairs(scope), values | _WEIGHED).fetchall())


def _pairs(scope: str) -> str:
    """Return SQL for the pairs of records that weak rules join by a contact of which a model knows."""
    return (
        "select l.a as one, l.b as contact, l.strength as by_one, o.a as other, o.strength as by_other"
        " from identity.link l join identity.link o on o.b = l.b and o.a > l.a join identity.node c on c.node_id = l.b"
        " join identity.kind k on k.kind_id = c.kind and k.name = any(%(weighed)s)"
        f" where {_weak('l')} and {_weak('o')}{scope}"
    )


def doubted(
    conn: Connection,
    among: Collection[int] | None,
    homely: Mapping[int, Collection[str]],
    know: Callable[[Collection[int]], object],
    conflicts: Callable[[Node, Node], str | None],
    threshold: float,
    contacts: Contacts | None = None,
) -> Doubts:
    """Return which links are to be set aside, and which that were set aside may come back.

    `among` limits it to contacts of these records. `homely` says of the records that a model looked at which kinds of their
    contacts stand in a home. `know` is told whose names `conflicts` will ask for. What the model in force says stands in the
    ledger; below `threshold` it holds two records to be two people. `contacts` is what rules say, where that was asked for.
    """
    contacts = contacts or contacts_of(conn, among)
    nameless = contacts.nameless
    named = _Named(conn, know, conflicts)
    found = Doubts({}, [])
    disputes = _disputes(conn, contacts.pairs, threshold, named)
    shared = disputes.contacts | _shared(conn, {contact for _, contact, *_ in nameless}, named)
    for a, b, strength, kind, _ in nameless:
        if b in shared or kind in homely.get(a, ()):
            found.aside[a, b, strength] = DOUBTED
    for pair in disputes.links:
        found.aside.setdefault(pair, DISPUTED)
    told = {a for a, _, _, kind, _ in nameless if kind in WEIGHED}
    found.aside |= {
        (a, b, strength): DOUBTED
        for a, b, strength, kind, durable in nameless
        if kind not in WEIGHED and not durable and a in told  # a number is somebody's own, and a model weighs it
    }
    found.back = [pair for pair in contacts.former if pair not in found.aside and (among is None or pair[0] in homely)]
    return found


def _scope(conn: Connection, among: Collection[int] | None) -> tuple[str, dict[str, Any]]:
    """Return SQL that limits links `l` to contacts of these records, and its values; nothing for all of them.

    The contacts are asked for first: with their number at hand no planner reads the whole ledger for a few.
    """
    if among is None:
        return "", {}
    rows = conn.execute(
        f"select distinct l.b from identity.link l where {_weak('l')} and l.a = any(%s)", (Int8s(among),)
    )
    return " and l.b = any(%(contacts)s)", {"contacts": Int8s(contact for (contact,) in rows)}


class _Named:
    """Which records have first names that conflict."""

    def __init__(
        self,
        conn: Connection,
        know: Callable[[Collection[int]], object],
        conflicts: Callable[[Node, Node], str | None],
    ) -> None:
        self._conn = conn
        self._know = know
        self._conflicts = conflicts
        self._nodes: dict[int, Node] = {}

    def learn(self, records: Collection[int]) -> None:
        """Read the names of these records, all at once."""
        fresh = set(records) - self._nodes.keys()
        self._know(fresh)
        self._nodes.update({row.id: row for row in nodes_by_id(self._conn, fresh)})

    def conflict(self, one: int, other: int) -> bool:
        """Whether the names of two records forbid a weak rule to join them."""
        return bool(self._conflicts(self._nodes[one], self._nodes[other]))


def _shared(conn: Connection, contacts: Collection[int], named: _Named) -> set[int]:
    """Return the contacts whose records have first names that conflict."""
    called = conn.execute(
        "select l.b, min(l.a) from identity.link l join identity.node r on r.node_id = l.a"
        f" where {_weak('l')} and r.kind = 0 and r.first_name <> 0 and l.b = any(%s) group by l.b, r.first_name, r.suffix",
        (Int8s(contacts),),
    ).fetchall()
    people: dict[int, list[int]] = defaultdict(list)
    for contact, record in called:
        people[contact].append(record)
    several = {contact: sorted(records) for contact, records in people.items() if len(records) > 1}
    named.learn({record for records in several.values() for record in records})
    return {
        contact
        for contact, records in several.items()
        if any(named.conflict(one, other) for one, other in combinations(records, 2))
    }


def _disputes(
    conn: Connection, pairs: list[tuple[int, int, int, int, int]] | None, threshold: float, named: _Named
) -> _Disputes:
    """Return where a model holds two records to be two people that a rule would join by a contact.

    Of a record with a first name and one without it is the link of the latter that is in doubt.
    """
    values: dict[str, Any] = {"threshold": threshold}
    if pairs is None:
        pair, values = _pairs(""), values | _WEIGHED
    else:
        names = ("one", "contact", "by_one", "other", "by_other")
        pair = (
            f"select * from unnest({', '.join(f'%({name})s::int8[]' for name in names)}) as told ({', '.join(names)})"
        )
        values |= zip(names, map(Int8s, zip(*pairs, strict=True) if pairs else [()] * len(names)), strict=True)
    rows = conn.execute(
        f"with pair as materialized ({pair})"
        " select one, contact, by_one, p.first_name, p.suffix, other, by_other, q.first_name, q.suffix from pair"
        f" join identity.link m on m.a = one and m.b = other and m.strength = {MODEL} and m.closed_at is null"
        " and (m.weight < %(threshold)s or m.refused <> '')"
        " join identity.node p on p.node_id = one join identity.node q on q.node_id = other",
        values,
    ).fetchall()
    asked = [row for row in rows if row[3] and row[7] and row[3:5] != row[7:9]]
    named.learn({record for row in asked for record in (row[0], row[5])})
    found = _Disputes(set(), set())
    for one, contact, strength, first, suffix, other, strength_of_other, first_of_other, suffix_of_other in rows:
        both = bool(first and first_of_other)
        if both and (first, suffix) != (first_of_other, suffix_of_other) and named.conflict(one, other):
            continue
        if both:
            found.contacts.add(contact)
        if both or not first:
            found.links.add((one, contact, strength))
        if both or not first_of_other:
            found.links.add((other, contact, strength_of_other))
    return found


def contacts_in_doubt(conn: Connection, among: Collection[int] | None) -> Iterator[tuple[int, int]]:
    """Yield pairs of people's records, a chain through each contact from which a link was refused or set aside.

    They are compared as those are that rules have joined: what is set aside there lets others in, and a mean needs every
    pair; so a run says the same of them before and after.
    """
    scope, values = "", {}
    if among is not None:
        found = conn.execute(
            "select distinct l.b from identity.link o join identity.link l on l.b = o.b and l.refused <> ''"
            f" where o.closed_at is null and o.strength < {MODEL} and o.a = any(%s) and {_weak('l')}",
            (Int8s(among),),
        )
        scope, values = " and l.b = any(%(contacts)s)", {"contacts": Int8s(contact for (contact,) in found)}
    rows = conn.execute(
        "select l.b, array_agg(distinct l.a order by l.a) from identity.link l"
        " join intake.record i on i.record_id = l.a and i.is_party"
        f" where {_weak('l')}{scope} group by l.b having bool_or(l.refused <> '')",
        values,
    ).fetchall()
    for _, records in rows:
        yield from pairwise(records)
