"""What somebody should look at: an event's unusual volume, a contract or source file that cannot be read. PostgreSQL."""

from datetime import datetime
from typing import Any

import msgspec
import psycopg

Connection = psycopg.Connection[Any]


class Alert(msgspec.Struct, rename="camel"):
    """An alert; it holds no value of an event."""

    source: str
    kind: str
    """`volume.jump`, `volume.drop`, `contract.unreadable` or `source.unreadable`."""
    event: str
    """Name of the event, empty for an alert about the whole source."""
    said: str
    """What is wrong, and what to do."""
    first: datetime
    last: datetime
    ended: datetime | None
    """When it was over; None for one that still stands."""


def raise_alert(conn: Connection, source: int, kind: str, event: str, said: str, at: datetime) -> bool:
    """Note that something is as it should not be; return whether it is news."""
    row = conn.execute(
        "insert into intake.alert as a (source_id, kind, event, said, first_at, last_at) values (%s, %s, %s, %s, %s, %s) "
        "on conflict (source_id, kind, event) where ended_at is null do update set said = excluded.said, "
        "last_at = greatest(a.last_at, excluded.last_at) returning xmax = 0",
        (source, kind, event[:200], said[:2000], at, at),
    ).fetchone()
    assert row is not None
    return bool(row[0])


def end_alerts(conn: Connection, source: int, kind: str, at: datetime, still: tuple[str, ...] = ()) -> int:
    """Note that alerts of a kind are over, but for these events; return how many stood."""
    return conn.execute(
        "update intake.alert set ended_at = %s where source_id = %s and kind = %s and ended_at is null and event <> all(%s)",
        (at, source, kind, [one[:200] for one in still]),
    ).rowcount


def list_alerts(conn: Connection, *, ended: bool = False, limit: int = 1000) -> list[Alert]:
    """List the alerts that stand, with `ended` those that are over too; newest first."""
    rows = conn.execute(
        "select s.name, kind, event, said, first_at, last_at, ended_at from intake.alert join intake.source s using (source_id) "
        "where ended_at is null or %s order by alert_id desc limit %s",
        (ended, limit),
    )
    return [Alert(*row) for row in rows]


def open_alerts(conn: Connection) -> dict[str, int]:
    """Count the alerts that stand, by kind."""
    return dict(conn.execute("select kind, count(*) from intake.alert where ended_at is null group by 1").fetchall())
