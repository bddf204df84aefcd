"""Households: a second graph over people. It is asked, never written, so it is always as live as the people are.

People belong together by what a home shares: a surname at an address (where each was seen last), or a weak identifier
(e-mail, phone, device) that was refused as a key of one person because names or other evidence forbade it. What more
than `MOST` people share is a block of flats or a call centre, and says nothing. A household is all who are connected;
if that comes to more than `MOST`, addresses alone count, and if those do too, there is none. Nobody is ever merged.
"""

import struct
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread.identity.ledger import APART, GENERIC, MODEL
from steelthread.store import Int8s, copy_rows, write

Connection = psycopg.Connection[Any]
_ROW = struct.Struct(">hiqiq").pack
MOST = 12
"""People of one household, and people behind one shared address or identifier, at most."""
LIMIT = "more identifiers of one kind than the limit"
HOME = "address"
"""The word for a shared surname and address; other words are kinds of identifiers."""
Key = tuple[str, int]
"""(what is shared, its number)."""


class Home(msgspec.Struct):
    """A household: persons by cluster number, each with what it shares with others of them."""

    members: dict[int, list[str]]


def write_homes(conn: Connection, again: Collection[int], homes: Iterable[tuple[int, int]]) -> None:
    """Write (record, token of its home); those of the records `again` take the place of their former ones."""
    if again:
        write(conn, "delete from identity.home where record_id = any(%s)", (Int8s(again),))
    copy_rows(conn, "identity.home (record_id, token)", [_ROW(2, 8, record, 8, token) for record, token in homes])


def add_homes(conn: Connection, homes: Iterable[tuple[int, int]]) -> None:
    """Write homes of records that were loaded before households were known; others stay as they are."""
    rows = list(homes)
    conn.execute(
        "insert into identity.home (record_id, token) select * from unnest(%s::int8[], %s::int8[]) on conflict do nothing",
        (Int8s(record for record, _ in rows), Int8s(token for _, token in rows)),
    )


def household_of(conn: Connection, cluster: int) -> Home:
    """Return the household of a person; one of nobody but this person when nothing is shared."""
    ask = _Asking(conn)
    for kinds in ((HOME, ""), (HOME,)):
        found = _walk(ask, cluster, shared="" in kinds)
        if found is not None:
            return found
    return Home({cluster: []})


def _walk(ask: "_Asking", cluster: int, *, shared: bool) -> Home | None:
    """Return who is connected with a person, None when there are too many."""
    seen, frontier = {cluster}, {cluster}
    keys: dict[Key, set[int]] = {}
    while frontier:
        new = {key: people for key, people in ask.keys(frontier, shared=shared).items() if 1 < len(people) <= MOST}
        keys.update(new)
        frontier = {one for people in new.values() for one in people} - seen
        seen |= frontier
        if len(seen) > MOST:
            return None
    return _home(seen, keys)


def _home(people: Collection[int], keys: dict[Key, set[int]]) -> Home:
    members: dict[int, set[str]] = {one: set() for one in people}
    for (word, _), sharing in keys.items():
        for one in sharing & members.keys():
            members[one].add(word)
    return Home({one: sorted(words) for one, words in sorted(members.items())})


class _Asking:
    """Asks the database who shares what."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def keys(self, clusters: Collection[int], *, shared: bool) -> dict[Key, set[int]]:
        """Return the homes, and with `shared` the refused identifiers, of these persons: each with all who share it."""
        found = self._homes(clusters)
        if shared:
            found.update(self._shared(clusters))
        return found

    def _homes(self, clusters: Collection[int]) -> dict[Key, set[int]]:
        own = {token for _, token in self._current(clusters)}
        if not own:
            return {}
        rows = self._conn.execute(
            "select distinct n.cluster_id from identity.home h join identity.node n on n.node_id = h.record_id "
            "where h.token = any(%s)",
            (Int8s(own),),
        )
        found: dict[Key, set[int]] = defaultdict(set)
        for cluster, token in self._current([cluster for (cluster,) in rows]):
            if token in own:
                found[(HOME, token)].add(cluster)
        return dict(found)

    def _current(self, clusters: Collection[int]) -> list[tuple[int, int]]:
        """Return (person, home): the home that the record seen last names."""
        rows = self._conn.execute(f"{_CURRENT.format('n.cluster_id = any(%s) and')}", (Int8s(clusters),))
        return [(cluster, token) for cluster, token in rows]

    def _shared(self, clusters: Collection[int]) -> dict[Key, set[int]]:
        rows = self._conn.execute(
            f"select k.name, s.b, s.cluster_id from ({_SHARED.format(_TOUCHED)}) s join identity.kind k on k.kind_id = s.kind",
            {"clusters": Int8s(clusters)},
        )
        found: dict[Key, set[int]] = defaultdict(set)
        for word, node, cluster in rows:
            found[(word, node)].add(cluster)
        return dict(found)


_CURRENT = """
select cluster_id, token from (
    select n.cluster_id, h.token, rank() over (partition by n.cluster_id order by r.observed_at desc) as place
    from identity.node n join identity.home h on h.record_id = n.node_id join intake.record r using (record_id)
    where {} n.kind = 0 and r.closed_at is null
) s where place = 1
"""
_TOUCHED = """
b in (select l.b from identity.node n join identity.link l on l.a = n.node_id
      where n.cluster_id = any(%(clusters)s) and l.closed_at is null and l.weak
      union select node_id from identity.node where cluster_id = any(%(clusters)s) and kind > 0) and
"""
_REFUSED = (
    f"closed_at is null and weak and strength < {MODEL} and refused not in ('', '{GENERIC}', '{APART}', '{LIMIT}')"
)
_SHARED = f"""
with refused as materialized (select distinct b from identity.link where {{}} {_REFUSED})
select distinct k.kind, f.b, e.cluster_id from refused f join identity.node k on k.node_id = f.b and not k.generic
cross join lateral (
    select n.cluster_id from identity.link l join identity.node n on n.node_id = l.a
    where l.b = f.b and l.closed_at is null and l.refused <> '{APART}' and l.strength between 1 and {MODEL - 1}
    union select k.cluster_id
) e join identity.cluster c on c.cluster_id = e.cluster_id and c.evidence > 0
"""


def all_households(conn: Connection) -> Iterator[Home]:
    """Yield every household of two or more, by the number of its first person: what `household_of` says of each."""
    homes = _sharing(conn.execute(
        f"select '{HOME}', token, array_agg(distinct cluster_id) from ({_CURRENT.format('')}) c group by token "
        f"having count(distinct cluster_id) between 2 and {MOST}"
    ).fetchall())  # fmt: skip
    keys = homes | _sharing(conn.execute(
        f"select k.name, s.b, array_agg(distinct s.cluster_id) from ({_SHARED.format('')}) s "
        f"join identity.kind k on k.kind_id = s.kind group by 1, 2 having count(distinct s.cluster_id) between 2 and {MOST}"
    ).fetchall())  # fmt: skip
    found = []
    for people, own in _components(keys):
        if len(people) <= MOST:
            found.append(_home(people, own))
        else:
            inside = {key: homes[key] for key in own if key in homes}
            found += [_home(some, theirs) for some, theirs in _components(inside) if len(some) <= MOST]
    yield from sorted(found, key=lambda home: min(home.members))


def _sharing(rows: list[tuple[str, int, list[int]]]) -> dict[Key, set[int]]:
    return {(word, number): set(people) for word, number, people in rows}


def _components(keys: dict[Key, set[int]]) -> Iterator[tuple[set[int], dict[Key, set[int]]]]:
    """Yield the people whom keys connect, with these keys."""
    parent: dict[int, int] = {}

    def top(one: int) -> int:
        while parent.setdefault(one, one) != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for people in keys.values():
        first, *rest = people
        for other in rest:
            parent[top(other)] = top(first)
    groups: dict[int, set[int]] = defaultdict(set)
    for one in list(parent):
        groups[top(one)].add(one)
    own: dict[int, dict[Key, set[int]]] = defaultdict(dict)
    for key, people in keys.items():
        own[top(next(iter(people)))][key] = people
    for name, people in groups.items():
        yield people, own[name]


class Resident(msgspec.Struct):
    """A person in a household."""

    cluster_id: int
    individual_id: UUID
    records: int
    born: str
    """The birth date that the record seen last names, "" for none."""


def residents(conn: Connection, clusters: Collection[int]) -> list[Resident]:
    """Return what roles in a household are made of, by universal ID."""
    rows = conn.execute(
        "select c.cluster_id, c.individual_id, count(r.record_id), coalesce((array_agg(r.clear->'v'->>'birthDate' "
        "order by r.observed_at desc, r.record_id) filter (where r.clear->'v' ? 'birthDate'))[1], '') "
        "from identity.cluster c join identity.node n using (cluster_id) "
        "left join intake.record r on r.record_id = n.node_id and n.kind = 0 and r.closed_at is null "
        "where c.cluster_id = any(%s) and c.evidence > 0 group by 1, 2 order by 2",
        (Int8s(clusters),),
    )
    return [Resident(*row) for row in rows]
