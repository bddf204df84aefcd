"""Which nodes the records of a batch name: they themselves, whose they are, and their identifiers."""

from collections.abc import Iterable, Mapping, Sequence

from steelthread.identity import NewNode
from steelthread.intake import RecordRow
from steelthread.kit import microseconds
from steelthread.thread.prepare import Ident, Prepared
from steelthread.thread.space import Space
from steelthread.thread.stars import RECORD_KIND


def nodes_named(
    space: Space, rows: Sequence[RecordRow], winners: Mapping[bytes, Prepared], walls: Iterable[Ident]
) -> list[NewNode]:
    """Return the nodes of these records in the order in which they are named, and those of `walls`, which none of them needs to name."""
    space.know_kinds({ident.name for one in winners.values() for ident in one.idents})
    named: set[tuple[bytes, int]] = set()
    nodes: list[NewNode] = []

    def name(ident: Ident, seen: int) -> None:
        if (
            ident.hash,
            ident.exclusive,
        ) not in named:  # a node is as the first says who names it, and a wall if any says so
            kind = space.node_kind(ident.kind)
            exclusive = ident.exclusive or (kind.index if kind.exclusive else 0)
            named.add((ident.hash, ident.exclusive))
            nodes.append(NewNode(kind.index, ident.hash, kind.durable, seen, exclusive))

    for row in rows:
        one = winners[row.key_hash]
        seen = microseconds(row.first_observed_at)
        if one.is_party:
            nodes.append(NewNode(RECORD_KIND, row.key_hash, True, seen))
        elif one.party is not None:
            nodes.append(NewNode(RECORD_KIND, one.party, True, seen))
        for ident in one.idents:
            name(ident, seen)
    for ident in walls:
        name(ident, ident.first)
    return nodes
