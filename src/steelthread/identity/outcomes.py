"""What came of a transaction's work on the graph, for those who are told of it. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

import msgspec

from steelthread.identity.ledger import ClusterRow, NodeRow
from steelthread.model import AnyFact, IndividualsCreated, Merged, Split


def busy_of(
    happened: Mapping[int, int],
    rows: Mapping[int, NodeRow],
    clusters: Mapping[int, ClusterRow],
    stirred: Collection[int],
) -> dict[int, tuple[ClusterRow, list[int]]]:
    """Return the persons of whom nothing changed but that they own more events: their rows as they are now, and the owners.

    `happened` is how many events came that a node owns, `stirred` are the persons of whom more changed.
    """
    found: dict[int, tuple[ClusterRow, list[int]]] = {}
    for node, count in happened.items():
        person = rows[node].person
        if person in stirred:
            continue
        if person not in found:
            found[person] = msgspec.structs.replace(clusters[person]), []
        row, nodes = found[person]
        row.evidence += count
        nodes.append(node)
    return found


def hidden_of(nodes: Iterable[int], original: Mapping[int, int], clusters: Mapping[int, ClusterRow]) -> set[int]:
    """Return those of these nodes that were of nobody who had anything to show before; `original` is whose nodes were."""
    shown = {label for label, row in clusters.items() if row.evidence > 0}
    return {node for node in nodes if original.get(node) not in shown}


def told_of(
    heirs: Mapping[UUID, int],
    individuals: Mapping[int, UUID],
    members: Mapping[UUID, Collection[int]],
    before: Mapping[int, tuple[int, UUID]],
    now: Collection[UUID],
) -> list[AnyFact]:
    """Return what the log is told of individuals that went and came.

    `heirs` are the clusters in which the nodes of those are who went, `individuals` whose the clusters are now, `members` the
    nodes of those who came, `before` the cluster and the individual to which nodes belonged, `now` everyone who there is.
    """
    facts: list[AnyFact] = []
    merged: dict[UUID, list[UUID]] = defaultdict(list)
    for individual, cluster in heirs.items():
        if individuals.get(cluster, individual) != individual:
            merged[individuals[cluster]].append(individual)
    split = []
    for individual, nodes in members.items():
        sources = {before[node][1] for node in nodes if node in before} - {individual}
        split += [Split(source=source, part=individual) for source in sources if source in now]
    if members:
        facts.append(IndividualsCreated(individuals=list(members)))
    facts += [Merged(into=into, gone=ids) for into, ids in merged.items()]
    return facts + split
