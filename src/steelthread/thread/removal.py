"""Taking people out of the graph, as if none of their records had ever asserted anything; the rows stay for the caller."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from steelthread import intake, profiles
from steelthread.identity import Stitch
from steelthread.intake import RecordRow
from steelthread.model import IndividualsErased
from steelthread.thread.batch import Batch
from steelthread.thread.names import Names
from steelthread.thread.space import Space
from steelthread.thread.types import LANE, SourceFacts

Connection = psycopg.Connection[Any]


def take_out(space: Space, conn: Connection, rows: Sequence[RecordRow], at: datetime) -> None:
    """Take back all that these records assert, and what people said of them; those who stay are stitched and folded anew.

    Within the caller's transaction, with the identity lane locked.
    """
    _unsay(space, conn, [row.record_id for row in rows], at)
    still = [row for row in rows if row.closed_at is None]
    if still:
        load = intake.begin_replay(conn, still[0].source_id, at, 0)
        Batch(space, conn, SourceFacts(still[0].source_id, 0, unique=False), load, None).close(still, at)


def _unsay(space: Space, conn: Connection, nodes: Collection[int], at: datetime) -> None:
    """Take back the links by hand that touch these nodes: nobody vouches for what is gone."""
    pairs = conn.execute(
        "select a, b from identity.decision where superseded_at is null and verdict = 'same' and (a = any(%s) or b = any(%s))",
        (list(nodes), list(nodes)),
    ).fetchall()
    if not pairs:
        return
    names = Names(space.vault, conn, space.rules.threshold)
    stitch = Stitch(conn, space.policy(names.conflict), space.generic_above, at)
    stitch.nodes(sorted({node for pair in pairs for node in pair}))
    stitch.load_links(sorted({a for a, _ in pairs}))
    for a, b in pairs:
        stitch.touch(a)
        stitch.touch(b)
        stitch.unclaim(a, b, 0)
    stitch.settle()
    outcome = stitch.finish()
    stitch.write()
    profiles.delete_profiles(conn, outcome.gone)
    space.folder(conn).fold(outcome.touched)


def tell_erased(space: Space, conn: Connection, individuals: Sequence[UUID]) -> None:
    """Tell the readers of the log that these universal IDs are no longer anybody."""
    space.log.append(conn, LANE, [IndividualsErased(individuals=list(individuals))])


def lock_identity(space: Space, conn: Connection) -> None:
    """Have no other transaction change who is who until this one ends."""
    space.log.lock(conn, LANE)
