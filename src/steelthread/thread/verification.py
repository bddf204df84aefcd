"""Law 4, live equals batch: clusters by the definition, profiles by a fresh fold, compared with what is stored."""

from typing import Any

from steelthread import identity
from steelthread.profiles import Computed, evidence_differing, tallies_differing
from steelthread.thread.names import Names
from steelthread.thread.space import Space


def verify(space: Space) -> dict[str, Any]:
    """Return how many nodes and profiles differ from what the records give."""
    with space.database.connect() as conn:
        conn.execute("set transaction isolation level repeatable read")
        names = Names(space.vault, conn, space.rules.threshold)
        differing = identity.compare_with_batch(conn, space.policy(names.conflict)) + evidence_differing(conn)
        counted = tallies_differing(conn)
        folded = _profiles(space, conn)
        computed = Computed(conn, space.vault).differing()
        conn.rollback()
    return {
        "nodesDiffering": differing, "talliesDiffering": counted, "profilesDiffering": folded,
        "traitsDiffering": computed, "same": not (differing or counted or folded or computed),
    }  # fmt: skip


def _profiles(space: Space, conn: Any) -> int:
    before = dict(conn.execute("select individual_id, body from profiles.profile").fetchall())
    clusters = dict(
        conn.execute("select individual_id, cluster_id from identity.cluster where evidence > 0").fetchall()
    )
    conn.execute("delete from profiles.profile")
    individuals = list(clusters)
    for start in range(0, len(individuals), 5000):
        space.folder(conn).fold({one: clusters[one] for one in individuals[start : start + 5000]})
    after = dict(conn.execute("select individual_id, body from profiles.profile").fetchall())
    return sum(before.get(one) != after.get(one) for one in before.keys() | after.keys())
