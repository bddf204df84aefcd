"""What came of a transaction's work on the graph, for those who are told of it. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from steelthread.identity.ledger import EVENTS, RECORD, ClusterRow, NodeRow
from steelthread.identity.types import Outcome
from steelthread.model import AnyFact, IndividualsCreated, Merged, Split

PIECES = tuple(bits.bit_count() for bits in range(RECORD + EVENTS + 1))
"""How many pieces of evidence a node has, by what it has to show."""


def busy_of(
    happened: Mapping[int, bool],
    rows: Mapping[int, NodeRow],
    clusters: Mapping[int, ClusterRow],
    stirred: Collection[int],
) -> dict[int, tuple[ClusterRow, list[int]]]:
    """Return the persons of whom nothing changed but that they own more events: their rows as they are now, and the owners.

    `happened` is who owns events that came, and whether a node owned none before; `stirred` are the persons of whom more changed.
    """
    found: dict[int, tuple[ClusterRow, list[int]]] = {}
    for node, owned_none in happened.items():
        person = rows[node].person
        if person in stirred:
            continue
        if person not in found:
            found[person] = msgspec.structs.replace(clusters[person]), []
        row, nodes = found[person]
        row.evidence += owned_none
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


def outcome_of(
    rows: Sequence[ClusterRow],
    former: Sequence[ClusterRow],
    clusters: Mapping[int, tuple[list[int], UUID]],
    nodes: Mapping[int, NodeRow],
    before: Mapping[int, tuple[int, UUID]],
    load: int | None,
) -> tuple[Outcome, list[tuple[UUID, int]]]:
    """Return what came of a transaction's work, and of each individual that went the node that answers for it.

    `rows` are the clusters that changed as they are now, `former` the rows that they had, `clusters` the nodes and the
    individual of each, `before` the cluster and the individual to which nodes belonged.
    """
    was = {row.individual_id: row for row in former if row.evidence > 0}
    now = {row.individual_id: row for row in rows if row.evidence > 0}
    created = [individual for individual in now if individual not in was]
    gone = [individual for individual in was if individual not in now]
    births_of = {row.birth: row for row in nodes.values()} if gone else {}
    heirs = {individual: births_of[individual].person for individual in gone}
    members = {individual: clusters[now[individual].cluster_id][0] for individual in created}
    individuals = {label: individual for label, (_, individual) in clusters.items()}
    facts = told_of(heirs, individuals, members, before, now)
    fresh = {one for one in gone if was[one].load_id == load and load is not None}
    merged = {one for fact in facts if isinstance(fact, Merged) for one in fact.gone}
    outcome = Outcome(
        facts=facts,
        touched={row.individual_id: row.cluster_id for row in now.values()},
        gone=gone,
        fresh=set(created),
        records={
            row.cluster_id: [node for node in clusters[row.cluster_id][0] if nodes[node].kind == 0]
            for row in now.values()
        },
        owners={
            row.cluster_id: [node for node in clusters[row.cluster_id][0] if nodes[node].evidence & EVENTS]
            for row in now.values()
        },
        evidence={row.cluster_id: row.evidence for row in now.values()},
        created=len(created) - len(fresh),
        merged=len(merged - fresh),
    )
    return outcome, [(individual, births_of[individual].id) for individual in gone]


def spare(outcome: Outcome, clusters: Collection[int], individuals: Collection[UUID]) -> None:
    """Leave out who is neither of these clusters nor of these individuals: asked anew and as before, as the profile is, too."""
    outcome.touched = {one: label for one, label in outcome.touched.items() if label in clusters or one in individuals}
    kept = set(outcome.touched.values())
    outcome.records = {label: nodes for label, nodes in outcome.records.items() if label in kept}
    outcome.owners = {label: nodes for label, nodes in outcome.owners.items() if label in kept}
