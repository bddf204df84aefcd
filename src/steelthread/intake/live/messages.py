"""Messages seen before, and counts of what became of live messages, in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg

from steelthread.store import Byteas

Connection = psycopg.Connection[Any]


def keep_messages(conn: Connection, names: Sequence[bytes], at: datetime) -> set[bytes]:
    """Keep the names of messages; return those that were not there yet."""
    if not names:
        return set()
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "insert into intake.message (name, at) select name, %s from unnest(%s::bytea[]) as name "
            "on conflict do nothing returning name",
            (at, Byteas(sorted(names))),
        ).fetchall()
    return {name for (name,) in rows}


def forget_messages(conn: Connection, before: datetime) -> int:
    """Let go of the names of messages received before a moment; return how many went."""
    return conn.execute("delete from intake.message where at < %s", (before,)).rowcount


def count_live(conn: Connection, counts: Mapping[str, int]) -> None:
    """Add to the counts."""
    for name, more in sorted(counts.items()):
        if more:
            conn.execute(
                "insert into intake.tally values (%s, %s) on conflict (name) do update "
                "set total = tally.total + excluded.total",
                (name, more),
            )


def live_counts(conn: Connection) -> dict[str, int]:
    """Return the counts."""
    return dict(conn.execute("select name, total from intake.tally").fetchall())
