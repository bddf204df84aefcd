"""How far live events have come."""

from typing import Any

import msgspec
import psycopg

from steelthread.intake import live_counts
from steelthread.kit import now
from steelthread.thread.ahead import LANE
from steelthread.thread.alerting import is_mending
from steelthread.thread.live import READER
from steelthread.thread.space import Space


class LiveStatus(msgspec.Struct, rename="camel"):
    """Counts since the beginning, and for how long the oldest event that is not folded in yet has waited."""

    accepted: int
    folded: int
    lag_seconds: float
    rejected: int
    duplicates: int


def live_status(space: Space, conn: psycopg.Connection[Any]) -> LiveStatus:
    """Return how far live events have come."""
    accepted, folded = space.log.head(conn, LANE), space.log.reached(conn, READER, LANE)
    lag = 0.0
    if folded < accepted:
        row = conn.execute(
            "select at from log.chunk where lane = %s and last_no > %s order by first_no limit 1", (LANE, folded)
        ).fetchone()
        lag = max(0.0, (now() - row[0]).total_seconds()) if row else 0.0
    counts = live_counts(conn)
    return LiveStatus(accepted, folded, round(lag, 3), counts.get("rejected", 0), counts.get("duplicates", 0))


def accepted(space: Space, conn: psycopg.Connection[Any]) -> int:
    """Return how many live events were accepted so far."""
    return space.log.head(conn, LANE)


def is_all_folded(space: Space, conn: psycopg.Connection[Any], number: int) -> bool:
    """Whether so many events are folded in; those that wait for a file to be mended count as soon as it is."""
    return space.log.reached(conn, READER, LANE) >= number and not is_mending(space, conn)
