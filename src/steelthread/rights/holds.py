"""Legal holds: what must be kept for a claim or an authority (GDPR Art. 17(3)). A hold names its ground, and ends by itself."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread.kit import Conflict, Invalid, NotFound, now, uuid7
from steelthread.privacy import Entry
from steelthread.rights.auditing import Auditor
from steelthread.rights.people import Person
from steelthread.thread import Space

Connection = psycopg.Connection[Any]


class OnHold(Conflict):
    """The person's data must be kept until a legal hold ends."""


class Hold(msgspec.Struct, frozen=True, rename="camel"):
    """A hold; whom it is about stands in the database as a keyed hash only."""

    hold_id: UUID
    authority: str
    placed_by: str
    placed_at: datetime
    until: datetime
    lifted_at: datetime | None = None


class Holds:
    """The legal holds of one space."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def place(self, conn: Connection, ref: str, authority: str, until: datetime, actor: str) -> Hold:
        """Hold whatever is kept of whoever a reference names; NotFound when nobody answers to it."""
        if until <= now():
            raise Invalid("The end of a hold lies in the future: say --until DATE.")
        members = self._space.reader(conn).members(ref)
        if not members:
            raise NotFound("Nobody answers to this reference: there is nothing to hold.")
        hold = Hold(uuid7(), authority, actor, now(), until)
        conn.execute(
            "insert into privacy.hold values (%s, %s, %s, %s, %s, %s)",
            (hold.hold_id, members[0].hash, authority, actor, hold.placed_at, until),
        )
        auditor = Auditor(self._space)
        auditor.note(
            conn, Entry("action", actor, "hold", auditor.tokens(conn, [ref]), details={"hold": str(hold.hold_id)})
        )
        return hold

    def lift(self, conn: Connection, hold: UUID, actor: str) -> None:
        """End a hold before its time; NotFound for one that is not in force."""
        done = conn.execute(
            "update privacy.hold set lifted_at = %s where hold_id = %s and lifted_at is null and until > now()",
            (now(), hold),
        ).rowcount
        if not done:
            raise NotFound("No hold of this number is in force; see: steelthread hold list")
        Auditor(self._space).note(conn, Entry("action", actor, "hold lifted", details={"hold": str(hold)}))

    def all(self, conn: Connection) -> list[Hold]:
        """Return the holds in force, those that end first first."""
        rows = conn.execute(
            "select hold_id, authority, placed_by, placed_at, until, lifted_at from privacy.hold "
            "where lifted_at is null and until > now() order by until, hold_id"
        )
        return [Hold(*row) for row in rows]


def check_holds(conn: Connection, person: Person) -> None:
    """Raise OnHold when a hold in force names any identifier or record of a person."""
    hashes = [*person.nodes.values(), *(row.key_hash for row in person.rows)]
    row = conn.execute(
        "select until, authority from privacy.hold where node_hash = any(%s) and lifted_at is null and until > now() "
        "order by until desc limit 1",
        (hashes,),
    ).fetchone()
    if row is not None:
        raise OnHold(
            f"On legal hold until {row[0]:%Y-%m-%d} ({row[1]}): it is kept until then, and erased on request after."
        )
