"""Alerts: what somebody should look at is noted once, told on the log (so webhooks and the feed of changes tell it), and ends."""

from datetime import datetime
from typing import Any, get_args

import psycopg
import structlog

from steelthread import intake
from steelthread.kit import now
from steelthread.model import Alerted
from steelthread.thread.space import Space
from steelthread.thread.terms import Trouble, terms_of
from steelthread.thread.types import LANE as OUTCOMES

_LOG = structlog.get_logger()
Connection = psycopg.Connection[Any]


def alert(space: Space, conn: Connection, source: tuple[int, str], kind: str, event: str, said: str) -> None:
    """Raise an alert about a source (number, name) in the caller's transaction; nothing is told of one that stands already."""
    number, name = source
    if intake.raise_alert(conn, number, kind, event, said, now()):
        space.log.append(conn, OUTCOMES, [Alerted(name, kind, event, said)])
        _LOG.warning("alert", kind=kind, source=name, event_name=event, said=said)


def end_troubles(conn: Connection, source: int) -> None:
    """End the alerts about a source's files: they can be read again."""
    for kind in get_args(Trouble):
        intake.end_alerts(conn, source, kind, now())


def troubled_sources(conn: Connection) -> set[int]:
    """Return the numbers of the sources about whose files an alert stands."""
    names = {name: number for number, (name, _) in intake.source_names(conn).items()}
    return {names[one.source] for one in intake.list_alerts(conn) if one.kind in get_args(Trouble)}


def is_mending(space: Space, conn: Connection) -> bool:
    """Whether events still wait for a contract or file of their source that can be read again by now."""
    waiting = {one.source for one in intake.list_alerts(conn) if one.kind in get_args(Trouble)}
    return any(not terms_of(space, name).problem for name in waiting)


def watch_volumes(space: Space, conn: Connection, at: datetime) -> None:
    """Raise an alert for each event that came much more or less often than usual in the last whole hour, and end the others."""
    for number, (name, _) in intake.source_names(conn).items():
        unusual = intake.volume_alerts(conn, number, at)
        for kind in ("jump", "drop"):
            found = [one for one in unusual if one["alert"] == kind]
            intake.end_alerts(conn, number, f"volume.{kind}", at, tuple(one["event"] for one in found))
            for one in found:
                said = f"{one['lastHour']} in the last hour, where {one['usual']} are usual. See: steelthread contract alerts {name}"
                alert(space, conn, (number, name), f"volume.{kind}", one["event"], said)
