"""Who may read about people: a purpose that the key may read for, a decision, a mask, and a line in the audit log."""

import threading
from collections import deque
from typing import Annotated, Any
from uuid import UUID

import psycopg
import structlog
from fastapi import Depends, Query, Request
from psycopg_pool import ConnectionPool, PoolClosed

from steelthread.api.keys import Caller, admit, bearer, needs, told
from steelthread.kit import Forbidden, now
from steelthread.privacy import Access, Decision, Entry, Principal, Purpose
from steelthread.profiles import Reader
from steelthread.rights import Auditor, Consents, Glass, Mask
from steelthread.thread import Space

_LOG = structlog.get_logger()
_FLUSH_SECONDS = 0.1
_MOST = 2000
_FEW, _PAUSE = 100, 0.0002
"""Up to how many entries at once are signed with a pause after each: whoever waits for an answer comes first."""


class AuditQueue:
    """Writes entries of many requests with one commit, some moments later; what a kill -9 cuts off is those moments."""

    def __init__(self, auditor: Auditor, pool: "ConnectionPool[psycopg.Connection[Any]]") -> None:
        self._auditor = auditor
        self._pool = pool
        self._waiting: deque[Entry] = deque()
        self._wake = threading.Event()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, entry: Entry) -> None:
        """Have an entry written."""
        self._waiting.append(entry)
        if self._thread is None or not self._thread.is_alive():  # an error that nobody foresaw ended it
            self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
            self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            threading.Event().wait(_FLUSH_SECONDS)
            try:
                self.flush()
            except PoolClosed:
                return
            except (psycopg.Error, OSError) as error:
                _LOG.warning("the audit log waits for the database", error=type(error).__name__)
                self._wake.set()
                threading.Event().wait(1.0)

    def flush(self) -> None:
        """Write what waits; it is durable when this returns."""
        with self._writing:
            while self._waiting:
                batch = [self._waiting[place] for place in range(min(len(self._waiting), _MOST))]
                with self._pool.connection(timeout=10) as conn, conn.transaction():
                    self._auditor.note(conn, *batch, pause=_PAUSE if len(batch) <= _FEW else 0.0)
                for _ in batch:
                    self._waiting.popleft()


class Reading:
    """What a request may read, and for what."""

    def __init__(self, desk: "Desk", purpose: Purpose, caller: Caller, glass: Glass | None = None) -> None:
        self._desk = desk
        self._purpose = purpose
        self._caller = caller
        self._glass = {"glass": glass.number} if glass else {}
        self.mask = desk.mask(purpose, caller.principal)

    def check(self, conn: psycopg.Connection[Any], what: str, *refs: str, reader: Reader | None = None) -> None:
        """Let it through or raise Forbidden with the reasons; either way the audit log tells."""
        subjects, denied = [], []
        for ref in refs:
            decision, token = self._judge(conn, ref, reader)
            subjects += [token] if token else []
            denied += [] if decision.allow else decision.reasons
        self.note(what, subjects, allow=not denied)
        if denied:
            raise Forbidden(f"Not for {self._purpose.name}: {'; '.join(denied)}.")

    def filtered(
        self, conn: psycopg.Connection[Any], what: str, profiles: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return those profiles that may be read for the purpose, masked; the audit log tells whose they are."""
        kept = self.readable(conn, what, [UUID(one["individualId"]) for one in profiles])
        return [self.mask.profile(one) for one in profiles if UUID(one["individualId"]) in kept]

    def readable(self, conn: psycopg.Connection[Any], what: str, individuals: list[UUID]) -> set[UUID]:
        """Return those of these individuals who may be read about for the purpose; the audit log tells who they are."""
        kept, subjects = set(), []
        for one in individuals:
            decision, token = self._judge(conn, f"individual:{one}")
            if decision.allow:
                kept.add(one)
                subjects.append(token)
        self.note(what, subjects)
        return kept

    def _judge(self, conn: psycopg.Connection[Any], ref: str, reader: Reader | None = None) -> tuple[Decision, str]:
        at = now()
        subject, individual = self._desk.consents.look(conn, ref, at, reader=reader)
        token = self._desk.auditor.audit.token(individual.bytes) if individual else ""
        return self._desk.consents.judge(subject, self._purpose.name, "read", at), token

    def note(self, what: str, subjects: list[str], **details: Any) -> None:
        """Tell the audit log."""
        actor = f"key {self._caller.key}"
        self._desk.queue.put(Entry("read", actor, what, subjects, self._purpose.name, {**details, **self._glass}))


class Desk:
    """What all readings of one API share."""

    def __init__(self, space: Space, pool: "ConnectionPool[psycopg.Connection[Any]]", access: Access) -> None:
        self._space = space
        self._access = access
        self.consents = Consents(space)
        self.auditor = Auditor(space)
        self.queue = AuditQueue(self.auditor, pool)
        self._masks: dict[tuple[str, frozenset[str]], Mask] = {}

    def mask(self, purpose: Purpose, principal: Principal) -> Mask:
        """Return the mask of a purpose, less what access policies keep from the reader."""
        wanted = (purpose.name, self._access.hidden(principal, purpose.name))
        if wanted not in self._masks:
            self._masks[wanted] = Mask(purpose, self._space.model, wanted[1])
        return self._masks[wanted]

    def grant(self, caller: Caller, purpose: str, scope: str) -> Reading:
        """Return what a key may read for a purpose; Forbidden without one, or for one that the policies close to it.

        With `require_purpose = false` a key that carries one purpose says it by itself.
        """
        if not purpose and len(caller.purposes) == 1 and not self._space.project.settings.server.require_purpose:
            purpose = caller.purposes[0]
        if not purpose:
            raise self._refused(
                caller,
                scope,
                "",
                f"Say what it is read for: add purpose= to the call, one that this key carries ({carried(caller)}).",
            )
        found = self.consents.purposes.find(purpose)
        glass = caller.glass(found.name) if found else None
        ruling = self._access.read(caller.principal, found.name, scope, glass=glass is not None) if found else None
        if found is not None and ruling is not None and ruling.allow:
            return Reading(self, found, caller, glass)
        name = found.name if found else ""
        if name in caller.purposes and ruling is not None:
            raise self._refused(
                caller, scope, name, f"The access policies close this purpose to this key{told(ruling)}."
            )
        raise self._refused(
            caller,
            scope,
            name,
            "This key does not carry this purpose: `steelthread key create --purpose ...` makes one that does.",
        )

    def _refused(self, caller: Caller, scope: str, purpose: str, why: str) -> Forbidden:
        """Tell the audit log who was turned away, and return the error."""
        self.queue.put(Entry("read", f"key {caller.key}", "refused", (), purpose, {"allow": False, "scope": scope}))
        return Forbidden(why)


def carried(caller: Caller) -> str:
    """Return the purposes that a key carries, to tell whoever calls."""
    return ", ".join(caller.purposes) or "none: `steelthread key create --purpose` makes one that does"


async def granted(request: Request, scope: str, purpose: str) -> Reading:
    """Return what whoever calls may read for a purpose; for a route that parses its call by itself."""
    caller = await admit(request, bearer(request.headers.get("authorization", "")), scope)
    desk: Desk = request.app.state.desk
    return desk.grant(caller, purpose, scope)


def for_purpose(scope: str, *, whole: bool = False) -> Any:
    """Return a dependency that gives a `Reading` to keys with this scope, for a purpose that they carry.

    With `whole` the purpose must show everything: what is read is not made of fields.
    """

    async def grant(  # no I/O: on the loop, for a thread costs more than the whole question
        request: Request,
        caller: Annotated[Caller, Depends(needs(scope))],
        purpose: Annotated[str, Query(description="What it is read for, a purpose of purposes.yaml")] = "",
    ) -> Reading:
        desk: Desk = request.app.state.desk
        reading = desk.grant(caller, purpose, scope)
        if whole and not reading.mask.whole:
            raise Forbidden("This shows people as a whole: it wants a purpose whose fields are all (*).")
        return reading

    return Depends(grant)
