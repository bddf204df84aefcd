"""Case files in PostgreSQL: requests, their steps, who asks (sealed), letters that wait to be sent (sealed)."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from steelthread.kit import NotFound, iso, now, uuid7
from steelthread.privacy import Entry, Pause, Right
from steelthread.rights.auditing import Auditor
from steelthread.rights.verification import Asker
from steelthread.thread import Space
from steelthread.vault import seal, unseal

Connection = psycopg.Connection[Any]
State = Literal["open", "paused", "done", "refused", "cancelled"]
OPEN: tuple[State, ...] = ("open", "paused")
_PACK = msgspec.msgpack.Encoder().encode
_COLUMNS = (
    "request_id, kind, place, law, manner, actor, received_at, received_on, acknowledge_on, due_on, extended, state, proofs, "
    "attempts, closed_at"
)


class Case(msgspec.Struct, rename="camel"):
    """A request as its row tells it: nothing of who asks."""

    request_id: UUID
    kind: Right
    place: str
    law: str
    manner: str
    actor: Asker
    received_at: datetime
    received_on: date
    acknowledge_on: date | None
    due_on: date
    extended: bool
    state: State
    proofs: list[str]
    attempts: int
    closed_at: datetime | None = None


class Step(msgspec.Struct, frozen=True, rename="camel"):
    """One step of a case file."""

    number: int
    at: datetime
    actor: str
    what: str
    details: dict[str, Any]


class Requester(msgspec.Struct):
    """Who asks, opened: in memory only."""

    ref: str
    contact: str
    language: str
    purposes: list[str] = []
    points: dict[str, list[str]] = {}
    """What the person said of themselves, as keyed hashes, until the request is granted or refused."""


class Cases:
    """The case files of one space."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._auditor = Auditor(space)

    # -- requests and steps --------------------------------------------------------------------------------------

    def add(self, conn: Connection, case: Case, requester: Requester, node: bytes) -> int:
        """Keep a new request; return the number under which who asks is sealed."""
        places = ", ".join(["%s"] * len(Case.__struct_fields__))
        values = [getattr(case, name) for name in Case.__struct_fields__]
        conn.execute(f"insert into privacy.request ({_COLUMNS}) values ({places})", values)
        ((subject, key),) = self._space.vault.new_subjects(1)
        conn.execute(
            "insert into privacy.requester (request_id, node_hash, at, subject, sealed) values (%s, %s, %s, %s, %s)",
            (case.request_id, node, case.received_at, subject, seal(key, _PACK(requester), b"requester")),
        )
        return subject

    def get(self, conn: Connection, request: UUID, *, lock: bool = False) -> Case:
        """Return a request; NotFound for an unknown one."""
        row = conn.execute(
            f"select {_COLUMNS} from privacy.request where request_id = %s{' for update' if lock else ''}", (request,)
        ).fetchone()
        if row is None:
            raise NotFound("There is no request of this number: steelthread request list shows those that there are.")
        return Case(*row)

    def all(self, conn: Connection, states: Sequence[str], limit: int) -> list[Case]:
        """Return requests in some states, those that are due first."""
        rows = conn.execute(
            f"select {_COLUMNS} from privacy.request where state = any(%s) order by due_on, request_id limit %s",
            (list(states), limit),
        )
        return [Case(*row) for row in rows]

    def step(self, conn: Connection, case: Case, actor: str, what: str, **details: Any) -> None:
        """Write a step into the case file and the audit log; no detail is a personal value."""
        conn.execute(
            "insert into privacy.request_step select %(id)s, count(*) + 1, %(at)s, %(actor)s, %(what)s, %(details)s "
            "from privacy.request_step where request_id = %(id)s",
            {"id": case.request_id, "at": now(), "actor": actor, "what": what, "details": Jsonb(details)},
        )
        told = {"request": str(case.request_id), "kind": case.kind, **details}
        self._auditor.note(conn, Entry("request", actor, f"request {what}", details=told))

    def steps(self, conn: Connection, request: UUID) -> list[Step]:
        """Return the case file."""
        rows = conn.execute(
            "select number, at, actor, what, details from privacy.request_step where request_id = %s order by 1",
            (request,),
        )
        return [Step(*row) for row in rows]

    def keep(self, conn: Connection, case: Case) -> None:
        """Write back what changed of a request."""
        conn.execute(
            "update privacy.request set due_on = %s, extended = %s, state = %s, proofs = %s, attempts = %s, closed_at = %s "
            "where request_id = %s",
            (case.due_on, case.extended, case.state, case.proofs, case.attempts, case.closed_at, case.request_id),
        )

    def pauses(self, conn: Connection, request: UUID) -> list[Pause]:
        """Return when the clock stood."""
        found: list[Pause] = []
        for one in self.steps(conn, request):
            if one.what == "paused":
                found.append(Pause(date.fromisoformat(one.details["on"])))
            elif one.what == "resumed":
                found[-1] = Pause(found[-1].since, date.fromisoformat(one.details["on"]))
        return found

    # -- who asks ------------------------------------------------------------------------------------------------

    def requester(self, conn: Connection, request: UUID) -> Requester | None:
        """Return who asks, opened; None when they were erased, or the request was closed."""
        row = conn.execute("select subject, sealed from privacy.requester where request_id = %s", (request,)).fetchone()
        key = self._space.vault.keys([row[0]]).get(row[0]) if row else None
        if row is None or key is None:
            return None
        return msgspec.msgpack.decode(unseal(key, row[1], b"requester"), type=Requester)

    def keep_requester(self, conn: Connection, request: UUID, requester: Requester) -> None:
        """Seal who asks anew."""
        row = conn.execute("select subject from privacy.requester where request_id = %s", (request,)).fetchone()
        assert row is not None
        sealed = seal(self._space.vault.key(row[0]), _PACK(requester), b"requester")
        conn.execute("update privacy.requester set sealed = %s where request_id = %s", (sealed, request))

    def set_code(self, conn: Connection, request: UUID, code: bytes | None, until: datetime | None) -> None:
        """Keep the keyed hash of the code that was sent; None when it was used."""
        conn.execute(
            "update privacy.requester set code = %s, code_until = %s where request_id = %s", (code, until, request)
        )

    def code(self, conn: Connection, request: UUID) -> tuple[bytes, datetime] | None:
        """Return the keyed hash of the code, and until when it may be used."""
        row = conn.execute(
            "select code, code_until from privacy.requester where request_id = %s and code is not null", (request,)
        ).fetchone()
        return (bytes(row[0]), row[1]) if row else None

    def spare(self, conn: Connection, request: UUID) -> None:
        """Let the erasure of a person pass by who asked for it: the answer must still reach them."""
        for table in ("requester", "letter"):
            conn.execute(f"update privacy.{table} set node_hash = null where request_id = %s", (request,))

    def asked_lately(self, conn: Connection, node: bytes, since: datetime) -> int:
        """Return how many requests named this identifier since a moment."""
        row = conn.execute(
            "select count(*) from privacy.requester where node_hash = %s and at > %s", (node, since)
        ).fetchone()
        assert row is not None
        return int(row[0])

    # -- letters -------------------------------------------------------------------------------------------------

    def write(self, conn: Connection, case: Case, name: str, language: str, to: str, text: str) -> None:
        """Put a letter into the tray, sealed."""
        row = conn.execute(
            "select subject, node_hash from privacy.requester where request_id = %s", (case.request_id,)
        ).fetchone()
        if row is None:
            return
        sealed = seal(self._space.vault.key(row[0]), _PACK({"to": to, "text": text}), b"letter")
        conn.execute(
            "insert into privacy.letter values (%s, %s, %s, %s, %s, %s, %s, %s)",
            (uuid7(), case.request_id, row[1], row[0], name, language, now(), sealed),
        )

    def letters(self, conn: Connection, limit: int) -> list[dict[str, Any]]:
        """Return the letters that wait to be sent, opened, oldest first."""
        rows = conn.execute(
            "select letter_id, request_id, subject, name, language, made_at, sealed from privacy.letter order by 1 limit %s",
            (limit,),
        ).fetchall()
        keys = self._space.vault.keys({row[2] for row in rows})
        return [
            {
                "letterId": str(letter), "requestId": str(request), "letter": name, "language": language, "madeAt": iso(at),
                **msgspec.msgpack.decode(unseal(keys[subject], sealed, b"letter")),
            }
            for letter, request, subject, name, language, at, sealed in rows
            if subject in keys
        ]  # fmt: skip

    def sent(self, conn: Connection, letter: UUID) -> tuple[UUID, str, str]:
        """Take a letter out of the tray; return its request, name and language. NotFound for an unknown one."""
        row = conn.execute(
            "delete from privacy.letter where letter_id = %s returning request_id, name, language", (letter,)
        ).fetchone()
        if row is None:
            raise NotFound("There is no letter of this number in the tray.")
        return row[0], row[1], row[2]

    def waiting(self, conn: Connection, request: UUID) -> list[str]:
        """Return the names of a request's letters that wait to be sent."""
        rows = conn.execute("select name from privacy.letter where request_id = %s order by letter_id", (request,))
        return [name for (name,) in rows]

    def let_go(self, conn: Connection, request: UUID) -> list[int]:
        """Delete who asked; return the numbers whose keys are to be destroyed after the commit."""
        rows = conn.execute("delete from privacy.requester where request_id = %s returning subject", (request,))
        return [subject for (subject,) in rows]

    def let_go_of_closed(self, conn: Connection) -> list[int]:
        """Delete who asked for requests that are closed, with no letter waiting; restrictions wait until they are lifted."""
        rows = conn.execute(
            "delete from privacy.requester q using privacy.request r where r.request_id = q.request_id "
            "and r.state not in ('open', 'paused') and r.kind <> 'restriction' and not exists "
            "(select from privacy.letter l where l.request_id = q.request_id) returning q.subject"
        )
        return [subject for (subject,) in rows]
