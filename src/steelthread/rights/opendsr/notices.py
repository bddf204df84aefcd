"""What destinations are told of erasures, in PostgreSQL: made in the erasure's own transaction, so that none is forgotten.

A notice is settled when the destination said that it is done and, asked again, knows nobody any more. Until then the
request is not closed, and the certificate says so. The identifiers are sealed under a key that goes when it is settled.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec
import psycopg

from steelthread.rights.opendsr.configuration import IDENTITIES, Configuration
from steelthread.thread import Space
from steelthread.vault import seal, unseal

Connection = psycopg.Connection[Any]
State = Literal[
    "waiting", "pending", "in_progress", "completed", "confirmed", "unproven", "contradicted", "cancelled", "replaced"
]  # fmt: skip
SETTLED: tuple[State, ...] = ("confirmed", "unproven")

_CONTEXT = b"destination notice"
_PACK = msgspec.msgpack.Encoder().encode
_COLUMNS = "notice_id, erasure_id, case_id, destination, kind, state, made_at, attempts, next_at, expected_at, results_count, told"
_LONGEST = timedelta(hours=6)


class Notice(msgspec.Struct):
    """A notice as its row tells it: no identifier."""

    notice_id: UUID
    erasure_id: UUID
    case_id: UUID | None
    destination: str
    kind: Literal["erasure", "access"]
    state: State
    made_at: datetime
    attempts: int
    next_at: datetime
    expected_at: datetime | None
    results_count: int | None
    told: str

    @classmethod
    def fresh(
        cls, erasure: UUID, destination: str, kind: Literal["erasure", "access"], at: datetime, case: UUID | None = None
    ) -> "Notice":
        """Return a new one, to be sent at once."""
        number = uuid4()  # the specification wants version 4
        return cls(number, erasure, case, destination, kind, "waiting", at, 0, at, None, None, "")


class Notices:
    """The notices of one space."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def make_all(
        self, conn: Connection, configuration: Configuration, erasures: Sequence[tuple[UUID, Iterable[tuple[str, str]]]],
        at: datetime,
    ) -> list[list[Notice]]:  # fmt: skip
        """Make the notices of erasures: one for each destination that knows people by one of their (kind, value)."""
        wanted = []
        for place, (erasure, identifiers) in enumerate(erasures):
            values = sorted(set(identifiers))
            for name, one in configuration.destinations.items():
                told = [
                    {"identity_type": kind, "identity_value": value, "identity_format": "raw"}
                    for kind in one.identities
                    for ours, value in values
                    if ours == IDENTITIES[kind]
                ]
                if told:
                    wanted.append((place, erasure, name, told))
        made: list[list[Notice]] = [[] for _ in erasures]
        subjects = self._space.vault.new_subjects(len(wanted))
        for (place, erasure, name, told), subject in zip(wanted, subjects, strict=True):
            made[place].append(self._add(conn, Notice.fresh(erasure, name, "erasure", at), told, subject))
        return made

    def add(
        self, conn: Connection, erasure: UUID, destination: str, kind: Literal["erasure", "access"],
        identities: list[dict[str, str]], at: datetime, case: UUID | None = None,
    ) -> Notice:  # fmt: skip
        """Add one notice."""
        (subject,) = self._space.vault.new_subjects(1)
        return self._add(conn, Notice.fresh(erasure, destination, kind, at, case), identities, subject)

    def _add(
        self, conn: Connection, one: Notice, identities: list[dict[str, str]], subject: tuple[int, bytes]
    ) -> Notice:
        number, key = subject
        conn.execute(
            "insert into privacy.destination_notice (notice_id, erasure_id, case_id, destination, kind, made_at, next_at, subject, sealed) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                one.notice_id, one.erasure_id, one.case_id, one.destination, one.kind, one.made_at, one.next_at, number,
                seal(key, _PACK(identities), _CONTEXT),
            ),
        )  # fmt: skip
        return one

    def of(self, conn: Connection, erasure: UUID) -> list[Notice]:
        """Return the notices of an erasure, oldest first."""
        return self._read(conn, "erasure_id = %s order by made_at, notice_id", (erasure,))

    def get(self, conn: Connection, number: UUID) -> Notice | None:
        """Return a notice, locked; None for an unknown one."""
        found = self._read(conn, "notice_id = %s for update", (number,))
        return found[0] if found else None

    def due(self, conn: Connection, at: datetime, limit: int = 100) -> list[Notice]:
        """Return notices that are to be sent or asked about now; other processes pass them by for a minute."""
        found = self._read(
            conn,
            "sealed is not null and next_at <= %s order by next_at, notice_id limit %s for update skip locked",
            (at, limit),
        )
        conn.execute(
            "update privacy.destination_notice set next_at = %s where notice_id = any(%s)",
            (at + timedelta(minutes=1), [one.notice_id for one in found]),
        )
        return found

    def open_ones(self, conn: Connection, limit: int = 1000) -> list[Notice]:
        """Return notices that are not settled."""
        return self._read(conn, "sealed is not null order by made_at, notice_id limit %s", (limit,))

    def _read(self, conn: Connection, where: str, values: tuple[Any, ...]) -> list[Notice]:
        rows = conn.execute(f"select {_COLUMNS} from privacy.destination_notice where {where}", values)
        return [Notice(*row) for row in rows]

    def identities(self, conn: Connection, number: UUID) -> list[dict[str, str]]:
        """Return the identities of a notice, opened; none once it is settled."""
        row = conn.execute(
            "select subject, sealed from privacy.destination_notice where notice_id = %s", (number,)
        ).fetchone()
        if row is None or row[1] is None:
            return []
        key = self._space.vault.keys([row[0]]).get(row[0])
        found: list[dict[str, str]] = msgspec.msgpack.decode(unseal(key, row[1], _CONTEXT)) if key else []
        return found

    def keep(self, conn: Connection, one: Notice, receipt: bytes | None = None) -> None:
        """Write back what changed of a notice."""
        conn.execute(
            "update privacy.destination_notice set state = %s, attempts = %s, next_at = %s, expected_at = %s, results_count = %s, "
            "told = %s, receipt = coalesce(%s, receipt) where notice_id = %s",
            (
                one.state,
                one.attempts,
                one.next_at,
                one.expected_at,
                one.results_count,
                one.told,
                receipt,
                one.notice_id,
            ),
        )

    def put_off(self, conn: Connection, one: Notice, told: str, at: datetime) -> None:
        """Note that it did not work, and when to try again: after 1, 2, 4, ... minutes, at most 6 hours."""
        one.attempts += 1
        one.told = told
        one.next_at = at + min(timedelta(minutes=2 ** min(one.attempts - 1, 10)), _LONGEST)
        self.keep(conn, one)

    def settle(self, conn: Connection, one: Notice, state: State, receipt: bytes | None = None) -> list[int]:
        """End a notice; return the number of the key to destroy after the commit."""
        one.state = state
        self.keep(conn, one, receipt)
        rows = conn.execute(
            "update privacy.destination_notice set sealed = null where notice_id = %s and sealed is not null returning subject",
            (one.notice_id,),
        )
        return [subject for (subject,) in rows]

    def tie(self, conn: Connection, erasure: UUID, case: UUID) -> list[str]:
        """Let a request of the rights desk wait for an erasure's destinations; return those that are open."""
        conn.execute("update privacy.destination_notice set case_id = %s where erasure_id = %s", (case, erasure))
        return still_open(self.of(conn, erasure))


def still_open(notices: Iterable[Notice]) -> list[str]:
    """Return the destinations that have not settled an erasure."""
    return [name for name, one in standing(notices).items() if one["state"] not in SETTLED]


def standing(notices: Iterable[Notice]) -> Mapping[str, dict[str, Any]]:
    """Return how each destination stands: what it says of the erasure, and what it still knew when it was asked."""
    found: dict[str, dict[str, Any]] = {}
    for one in notices:
        if one.kind == "erasure" and one.state != "replaced":
            found[one.destination] = {
                "state": one.state, "notice": str(one.notice_id), "attempts": one.attempts, "stillKnown": None, "told": one.told
            }  # fmt: skip
        elif one.kind == "access" and one.destination in found and one.results_count is not None:
            found[one.destination]["stillKnown"] = one.results_count
    return found
