"""From atoms to persons within one transaction: which persons a batch touches, and what they are after it.

The live graph says what the atoms are. Here every model component with a touched atom is read whole and grouped anew,
so it equals the definition by construction. A space without a model has no components: each atom is a person.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any, Protocol
from uuid import UUID

import msgspec
import psycopg

from steelthread.identity import evidence, ledger
from steelthread.identity.graph import Evidence, Part, Policy, connected, groups_of, micro, part_of, share_of, words_of
from steelthread.identity.ledger import NodeRow

Connection = psycopg.Connection[Any]


class PersonChanges(msgspec.Struct):
    """What differs of persons: label -> (members, universal ID), and labels that are no longer."""

    clusters: dict[int, tuple[list[int], UUID]]
    dissolved: list[int]
    relabelled: dict[int, int]


class Rows(Protocol):
    """The rows of a transaction, which loads what is missing."""

    def rows_of_persons(self, persons: Collection[int]) -> Iterable[NodeRow]:
        """Return all nodes of these persons as the database has them, known ones as they are now."""

    def rows(self, nodes: Collection[int]) -> Iterable[NodeRow]:
        """Return these nodes."""

    def former(self, node: int) -> int | None:
        """Return the person to whom a node belonged before, None for a new one."""


class Region:
    """The persons that touched nodes may belong to, before or after: loaded whole."""

    def __init__(self, conn: Connection, rows: Rows, threshold: float) -> None:
        self._conn = conn
        self._source = rows
        self._threshold = threshold
        self.rows: dict[int, NodeRow] = {}
        self._persons: set[int] = set()

    def grow(self, seeds: Iterable[NodeRow]) -> None:
        """Take in these nodes, the persons they belonged to, and whoever model links connect with them."""
        fresh = self._take(seeds)
        while fresh:
            records = [row.id for row in fresh if row.kind == 0]
            heavy = evidence.model_pairs(self._conn, records, self._threshold, walls=False)
            ends = {end for pair in heavy for end in pair}
            fresh = self._take(self._source.rows(sorted(ends - self.rows.keys())))

    def _take(self, wanted: Iterable[NodeRow]) -> list[NodeRow]:
        found = {row.id: row for row in wanted if row.id not in self.rows}
        persons = {self._source.former(node) for node in found} - self._persons - {None}
        whole = self._source.rows_of_persons(sorted(one for one in persons if one is not None))
        found.update({row.id: row for row in whole if row.id not in self.rows})
        self._persons.update(one for one in persons if one is not None)
        self.rows.update(found)
        return list(found.values())

    @property
    def persons(self) -> set[int]:
        """The persons that were there before, each of them whole."""
        return self._persons

    def grouped(self, policy: Policy) -> list[list[NodeRow]]:
        """Return the nodes of each person."""
        atoms: dict[int, list[NodeRow]] = defaultdict(list)
        for row in self.rows.values():
            atoms[row.cluster].append(row)
        labels = list(atoms)
        place_of = {label: place for place, label in enumerate(labels)}
        known = evidence.model_links_between(self._conn, [row.id for row in self.rows.values() if row.kind == 0])
        links = _between_atoms(known, lambda node: self._place(node, place_of))
        pairs = ledger.cannots_touching(self._conn, list(self.rows)) if links else []
        words = words_of(pairs)
        groups = grouped_atoms(
            len(labels), links, self._threshold, policy, lambda place: part_of(atoms[labels[place]], policy, words)
        )
        return [[row for place in group for row in atoms[labels[place]]] for group in groups]

    def _place(self, node: int, place_of: dict[int, int]) -> int | None:
        row = self.rows.get(node)
        return None if row is None else place_of[row.cluster]


def _between_atoms(links: Iterable[evidence.ModelLink], place: Callable[[int], int | None]) -> list[Evidence]:
    found: list[Evidence] = []
    for link in links:
        one, other = place(link.a), place(link.b)
        if one is not None and other is not None and one != other:
            found.append((one, other, None if link.wall else micro(link.weight), share_of(link.said)))
    return found


def grouped_atoms(
    count: int, links: list[Evidence], threshold: float, policy: Policy, part: Callable[[int], Part]
) -> list[list[int]]:
    """Return which of `count` atoms are one person each; a part is asked for only where there is evidence."""
    found: list[list[int]] = []
    inside: dict[int, tuple[int, int]] = {}
    components = connected(count, links, threshold)
    for number, component in enumerate(components):
        for index, place in enumerate(component):
            inside[place] = (number, index)
    own: dict[int, list[Evidence]] = defaultdict(list)
    for one, other, weight, share in links:
        if inside[one][0] == inside[other][0]:
            own[inside[one][0]].append((inside[one][1], inside[other][1], weight, share))
    for number, component in enumerate(components):
        if len(component) == 1:
            found.append(component)
            continue
        groups = groups_of([part(place) for place in component], own[number], threshold, policy)
        found += [[component[index] for index in group] for group in groups]
    return found


def label_of(group: list[NodeRow]) -> int:
    """Return the label of a person: that of its largest atom."""
    sizes: dict[int, int] = defaultdict(int)
    for row in group:
        sizes[row.cluster] += 1
    return min(sizes, key=lambda atom: (-sizes[atom], atom))


def first_of(group: Iterable[NodeRow]) -> NodeRow:
    """Return the node whose birth is the universal ID of its person: durable kinds first, then by birth."""
    return min(group, key=lambda row: (not row.durable, row.birth))


def changes_of(region: Region, rows: Rows, policy: Policy, altered: Collection[int]) -> PersonChanges:
    """Return what is different of the persons in a region; `altered` are atoms whose nodes or facts changed."""
    changes = PersonChanges({}, [], {})
    sizes: dict[int, int] = defaultdict(int)
    for node in region.rows:
        former = rows.former(node)
        if former is not None:
            sizes[former] += 1
    standing = set()
    for group in region.grouped(policy):
        label, before = label_of(group), {rows.former(row.id) for row in group}
        if len(before) == 1 and not any(row.cluster in altered for row in group):
            (former,) = before
            if former is not None and sizes[former] == len(group):
                standing.add(former)
                changes.relabelled.update({row.id: former for row in group})
                continue
        changes.clusters[label] = (sorted(row.id for row in group), first_of(group).birth)
        changes.relabelled.update({row.id: label for row in group})
    changes.dissolved = sorted(region.persons - standing - changes.clusters.keys())
    return changes
