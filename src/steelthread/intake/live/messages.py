"""Messages seen before, and counts of what became of live messages, in PostgreSQL."""

import struct
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import psycopg

from steelthread.store import Byteas, copy_rows, field, micros_2000

Connection = psycopg.Connection[Any]
_INT8 = struct.Struct(">iq").pack
_TWO = struct.pack(">h", 2)


def messages_before(conn: Connection, names: Collection[bytes]) -> set[bytes]:
    """Return the names of those of these messages that came before."""
    if not names:
        return set()
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "select name from intake.message where name = any(%s)", (Byteas(sorted(names)),)
        ).fetchall()
    return {name for (name,) in rows}


def keep_messages(conn: Connection, names: Collection[bytes], at: datetime) -> None:
    """Keep the names of messages that did not come before. One at a time asks and keeps: who has the reader's position.

    To look for them and copy the new ones in takes less than an insert that meets what is there: it would write each name twice.
    """
    moment = _INT8(8, micros_2000(at))
    copy_rows(conn, "intake.message (name, at)", [_TWO + field(name) + moment for name in sorted(names)])


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
