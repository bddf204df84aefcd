"""People who may be several: held together by a bridge, of several names and birth dates, or of very many records.

What holds is not changed by it; it asks for a person's eye (docs/decisions/0023-bridges.md).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from itertools import combinations
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread.identity.evidence import ModelLink, model_links_between, threshold_in_force
from steelthread.identity.graph import Bridge, Node, Tie, bridges_of
from steelthread.identity.ledger import MODEL, RECORD, NodeRow, nodes_of_clusters
from steelthread.store import Int8s

Connection = psycopg.Connection[Any]
_LOOKED_AT = 2000
"""So many people are looked at, those of several names and birth dates first, then those of most records."""
_PERSON = 2
"""From so many records on a part may be a person by itself."""
LARGE = 25
"""From so many records on a person is looked at for the number alone."""
ABOVE = 4.0
"""How far above the threshold the mean over a bridge may be to leave a doubt, in log2 odds."""
_SILENT, _LEAST = 0.25, 0.25
"""How much is in doubt where nothing speaks for or against, and where somebody should look in any case."""


class Suspect(msgspec.Struct):
    """A person who may be several, and where to part it: between two records."""

    person: int
    individual: UUID
    records: int
    births: int
    firsts: int
    one: int
    other: int
    uncertainty: float
    """Twice the chance that it is several people, at most 1."""
    rule: str = ""
    """What alone holds the parts together; empty where it is more than one identifier, record or link."""
    parts: tuple[int, int] = (0, 0)
    """How many records either part has; nothing where no bridge parts it."""
    mean: float | None = None
    """What the model says in the mean of the pairs over the bridge, None where it says nothing."""
    pairs: int = 0
    by_model: bool = False
    """Whether evidence in sum joins the two records, and no rule."""


def overmerged(
    conn: Connection,
    know: Callable[[Collection[int]], object],
    conflicts: Callable[[Node, Node], str | None],
    threshold: float | None,
) -> list[Suspect]:
    """Return the people who may be several, the most doubtful ones first.

    `know` is told whose names `conflicts` will ask for. `threshold` is that of the model in force, None without one.
    """
    wanted = _looked_at(conn)
    people = _loaded(conn, wanted, threshold)
    know({record for person in people for record in person.called.values()} if people else ())
    found = [suspect for person in people if (suspect := person.suspect(conflicts, threshold)) is not None]
    return sorted(found, key=lambda one: (-one.uncertainty, -one.records, one.person))


def ties_between(conn: Connection, a: int, b: int) -> list[tuple[int, int]]:
    """Return the links whose end parts a person between these two records, where a bridge of rules does; else nothing."""
    row = conn.execute(
        "select x.cluster_id from identity.node x join identity.node y using (cluster_id) "
        "where x.node_id = %s and y.node_id = %s",
        (a, b),
    ).fetchone()
    if row is None:
        return []
    records = [node.id for node in nodes_of_clusters(conn, [row[0]]) if node.kind == 0 and node.evidence & RECORD]
    ties = _ties(conn, [row[0]], threshold_in_force(conn))[row[0]]
    for least in (_PERSON, 1):
        for bridge in bridges_of(records, ties, least):
            if {*bridge.ends} == {a, b}:
                return [(tie.a, tie.b) for tie in bridge.ties if tie.strength < MODEL]
    return []


def _looked_at(conn: Connection) -> dict[int, UUID]:
    """Return the people of several names or birth dates, or of enough records for two people: cluster -> individual."""
    rows = conn.execute(
        "select s.cluster_id, c.individual_id from (select n.cluster_id, count(*) as records, "
        "count(distinct r.clear->'v'->>'birthDate') as births, count(distinct nullif(n.first_name, 0)) as firsts "
        "from identity.node n join intake.record r on r.record_id = n.node_id "
        f"where n.kind = 0 and n.evidence & {RECORD} > 0 group by 1) s join identity.cluster c using (cluster_id) "
        "where (births > 1 or firsts > 1 or records >= %s) and records > 1 "
        "order by (births > 1)::int + (firsts > 1)::int desc, records desc, s.cluster_id limit %s",
        (2 * _PERSON, _LOOKED_AT),
    )
    return dict(rows.fetchall())


def _loaded(conn: Connection, wanted: dict[int, UUID], threshold: float | None) -> "list[_Person]":
    nodes: dict[int, list[NodeRow]] = defaultdict(list)
    for row in nodes_of_clusters(conn, wanted) if wanted else ():
        if row.kind == 0 and row.evidence & RECORD:
            nodes[row.person].append(row)
    records = {row.id: row.person for rows in nodes.values() for row in rows}
    births = dict(
        conn.execute(
            "select record_id, clear->'v'->>'birthDate' from intake.record where record_id = any(%s)", (Int8s(records),)
        ).fetchall()
    )
    ties = _ties(conn, wanted, threshold)
    said: dict[int, list[ModelLink]] = defaultdict(list)
    for link in model_links_between(conn, records) if threshold is not None else ():
        if records[link.a] == records[link.b]:
            said[records[link.a]].append(link)
    return [
        _Person(person, individual, nodes[person], births, ties[person], said[person])
        for person, individual in wanted.items()
    ]


def _ties(conn: Connection, persons: Collection[int], threshold: float | None) -> dict[int, list[Tie]]:
    """Return the links that hold within these people, those of evidence in sum from the threshold on."""
    found: dict[int, list[Tie]] = defaultdict(list)
    rows = conn.execute(
        "select x.cluster_id, l.a, l.b, l.rule, l.strength from identity.node x join identity.link l on l.a = x.node_id "
        "join identity.node y on y.node_id = l.b and y.cluster_id = x.cluster_id "
        "where x.cluster_id = any(%s) and l.closed_at is null and l.refused = '' "
        f"and (l.strength < {MODEL} or (coalesce(x.atom_id, x.cluster_id) <> coalesce(y.atom_id, y.cluster_id) "
        "and l.weight >= %s::float8)) order by l.a, l.b, l.strength",
        (Int8s(persons), threshold),
    )
    for person, a, b, rule, strength in rows:
        found[person].append(Tie(a, b, "model" if strength == MODEL else rule, strength))
    return found


_Told = tuple[int, str, str]
"""First name, generation and birth date of a record."""


def _joined(one: _Told, other: _Told, said: Collection[tuple[_Told | None, _Told | None]]) -> bool:
    """Whether people said that records which tell these are one person, be it by way of others."""
    reached, grown = {one}, True
    while grown:
        more = {end for pair in said if reached & {*pair} for end in pair if end is not None} - reached
        reached |= more
        grown = bool(more)
    return other in reached


class _Person:
    """One person, with what is known of its records."""

    def __init__(
        self, person: int, individual: UUID, nodes: list[NodeRow], births: dict[int, str | None], ties: list[Tie],
        said: list[ModelLink],
    ) -> None:  # fmt: skip
        self._person = person
        self._individual = individual
        self._nodes = {row.id: row for row in nodes}
        self._births = {record: born for record in self._nodes if (born := births.get(record))}
        self._ties = ties
        self._said = said
        self.called: dict[tuple[int, str], int] = {}
        """First name and generation -> a record that has them."""
        for row in sorted(nodes, key=lambda row: row.id):
            if row.first:
                self.called.setdefault((row.first, row.suffix), row.id)

    def suspect(self, conflicts: Callable[[Node, Node], str | None], threshold: float | None) -> Suspect | None:
        """Return where it should be looked at, None where nothing is in doubt."""
        found, most = None, (0, 0.0, (0, 0))
        for bridge in bridges_of(self._nodes, self._ties, 1):
            against, speaking = self._compared(*bridge.parts, conflicts)
            one = self._over(bridge, against, speaking, threshold)
            if one is not None and (against, one.uncertainty, one.parts) > most:
                found, most = one, (against, one.uncertainty, one.parts)
        return found or self._torn(conflicts) or self._large()

    def _made(self, one: int, other: int, uncertainty: float) -> Suspect:
        births, firsts = set(self._births.values()), {first for first, _ in self.called}
        low, high = sorted((one, other))
        made = Suspect(
            self._person, self._individual, len(self._nodes), len(births), len(firsts), low, high, uncertainty
        )
        made.by_model = self._nodes[one].cluster != self._nodes[other].cluster
        return made

    def _over(self, bridge: Bridge, against: int, speaking: int, threshold: float | None) -> Suspect | None:
        """Return what is in doubt over a bridge: what the model says of pairs over it, else names and birth dates."""
        if len(bridge.parts[0]) < _PERSON and against < 2:
            return None
        weights = [
            max(-12.0, min(12.0, link.weight))
            for link in self._said
            if (link.a in bridge.parts[0]) != (link.b in bridge.parts[0])
        ]
        mean = sum(weights) / len(weights) if weights else None
        if mean is not None and threshold is not None:
            doubt = min(1.0, 2 - 2 / (1 + 2.0 ** (threshold - mean))) if mean <= threshold + ABOVE else 0.0
            doubt = max(doubt, _LEAST if against > 1 else 0.0)
        elif against:
            doubt = (0.75 if against == 1 else 1.0) - (0.25 if speaking else 0.0)
        else:
            doubt = 0.0 if speaking else _SILENT
        if not doubt:
            return None
        made = self._made(*bridge.ends, doubt)
        made.rule, made.parts = bridge.rule, (len(bridge.parts[0]), len(bridge.parts[1]))
        made.mean, made.pairs = mean, len(weights)
        return made

    def _compared(
        self, one: Collection[int], other: Collection[int], conflicts: Callable[[Node, Node], str | None]
    ) -> tuple[int, int]:
        """Return how many of first name and birth date speak against two parts, and how many for them."""
        against = speaking = 0
        first, second = ({born for record in part if (born := self._births.get(record))} for part in (one, other))
        if first and second:
            against, speaking = (1, 0) if first.isdisjoint(second) else (0, 1)
        mine, yours = (self._names_of(part) for part in (one, other))
        if mine and yours:
            differ = all(a != b and self._conflict(a, b, conflicts) for a in mine for b in yours)
            against, speaking = against + differ, speaking + (not differ)
        return against, speaking

    def _names_of(self, part: Iterable[int]) -> set[tuple[int, str]]:
        return {(row.first, row.suffix) for record in part if (row := self._nodes[record]).first}

    def _conflict(
        self, one: tuple[int, str], other: tuple[int, str], conflicts: Callable[[Node, Node], str | None]
    ) -> bool:
        return bool(conflicts(self._nodes[self.called[one]], self._nodes[self.called[other]]))

    def _torn(self, conflicts: Callable[[Node, Node], str | None]) -> Suspect | None:
        """Return the two records of different names and birth dates, where no bridge parts them, nor a person said they are one."""
        if len(set(self._births.values())) < 2 or len(self.called) < 2:
            return None
        telling: dict[_Told, int] = {}
        for record in sorted(self._nodes):
            if (told := self._told(record)) is not None:
                telling.setdefault(told, record)
        said = [(self._told(tie.a), self._told(tie.b)) for tie in self._ties if tie.strength == 0]
        for one, other in combinations(telling, 2):
            pair = (telling[one], telling[other])
            if not _joined(one, other, said) and self._compared(pair[:1], pair[1:], conflicts)[0] == 2:
                return self._made(*pair, 0.5)
        return None

    def _told(self, record: int) -> "_Told | None":
        row, born = self._nodes.get(record), self._births.get(record)
        return (row.first, row.suffix, born) if row is not None and row.first and born else None

    def _large(self) -> Suspect | None:
        """Return the two records that have least in common, of a person of very many records on whom nobody said anything."""
        if len(self._nodes) < LARGE or any(tie.strength == 0 for tie in self._ties):
            return None
        if self._said:
            weakest = min(self._said, key=lambda link: (link.weight, link.a, link.b))
            return self._made(weakest.a, weakest.b, _LEAST)
        records = sorted(self._nodes)
        return self._made(records[0], records[-1], _LEAST)
