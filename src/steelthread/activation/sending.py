"""One attempt to deliver: each person in it is asked about twice, and the log tells of it before a byte goes out.

First it is decided who may be told of, and the letter is made of these. When the connection stands, nothing but the
letter left to be sent, everybody in it is held (`privacy.try_hold`: whoever says something of them waits these
milliseconds) and asked about again. Whoever said no meanwhile is taken out of it. The log is written and committed, the
letter is signed and goes out, and they are let go. So nothing is sent of a person after a withdrawal was acknowledged.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpcore2
import httpx2
import msgspec
import psycopg

from steelthread import privacy
from steelthread.activation import queries
from steelthread.activation.queries import Due, Endpoint
from steelthread.activation.signing import signed
from steelthread.kit import now, uuid7
from steelthread.privacy import Entry
from steelthread.rights import Auditor, Gate, Judged
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_TYPE = "application/cloudevents-batch+json"
_JSON = msgspec.json.Encoder().encode
_ALWAYS = queries.OF_NOBODY | {"profile.erased"}
"""What is told whatever was decided: of nobody, or that somebody is to be forgotten (GDPR Art. 19)."""
_TRIES = 3
_SOON = 0.2
"""Seconds until a delivery is tried again of which somebody spoke at this very moment."""
_NODES = 400
"""Nodes that one letter may hold; PostgreSQL has a lock for each."""
_HELD_AT_ONCE = 4
_PATIENCE, _BLINK = 0.3, 0.005
"""Seconds for which it is tried to hold people one of whom is speaking, and between two tries."""
_BEGINS, _ENDS = "send_request_headers.started", ("send_request_body.complete", ".failed")


class Outcome(msgspec.Struct, frozen=True):
    """What came of an attempt."""

    sent: bool
    status: int = 0
    what: str = ""
    after: float = 0.0
    """Seconds that the receiver asks for."""
    later: float = 0.0
    """Seconds until it is tried again, when nothing was sent."""


class Letter(msgspec.Struct):
    """What may be told, and what was decided."""

    events: list[dict[str, Any]]
    body: bytes
    judged: dict[UUID, Judged]

    @property
    def told(self) -> set[UUID]:
        """Of whom it tells."""
        return {person for event in self.events for person in persons_of(event)}

    def nodes(self) -> set[bytes]:
        """Return the nodes of those of whom it tells."""
        return {node for person in self.told for node in self.judged[person].nodes}


class Changed(Exception):
    """Of those of whom a letter tells nobody is left, somebody is another person now, or somebody goes on speaking."""


class Sender:
    """Makes attempts, from several threads at once."""

    def __init__(self, space: Space) -> None:
        self._auditor = Auditor(space)
        self._gate = Gate(space)
        self._holding = threading.Semaphore(_HELD_AT_ONCE)

    def send(self, client: httpx2.Client, conn: Connection, one: Due, endpoint: Endpoint) -> Outcome:
        """Make one attempt; what is to be noted of it is the caller's."""
        for _ in range(_TRIES):
            letter = self._letter(conn, one)
            conn.commit()
            if not letter.events:
                self._log(conn, one, letter)
                return Outcome(sent=False)
            last = _LastMoment(self, conn, one, endpoint, letter)
            try:
                answer = client.post(
                    endpoint.url, content=letter.body, headers={"content-type": _TYPE}, extensions={"trace": last}
                )
            except Changed:
                continue
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                return Outcome(sent=True, what=type(error).__name__)
            finally:
                last.let_go()
            after = _seconds(answer.headers.get("retry-after", ""))
            return Outcome(True, answer.status_code, str(answer.status_code), after)
        return Outcome(sent=False, later=_SOON)

    def _letter(self, conn: Connection, one: Due) -> Letter:
        events = msgspec.json.decode(one.body, type=list[dict[str, Any]])
        judged = self.judge(conn, one, {person for event in events for person in persons_of(event)})
        kept: list[dict[str, Any]] = []
        held = 0
        for place, event in enumerate(events):
            if all(judged[person].decision.allow for person in persons_of(event)):
                held += sum(len(judged[person].nodes) for person in persons_of(event))
                if held > _NODES and kept:
                    self._narrow(conn, one, events, place)
                    events = events[:place]
                    break
                kept.append(event)
        mine = {person for event in events for person in persons_of(event)}
        body = one.body if len(kept) == len(events) else _JSON(kept)
        return Letter(kept, body, {person: judged[person] for person in mine})

    def _narrow(self, conn: Connection, one: Due, events: Sequence[dict[str, Any]], place: int) -> None:
        one.body = _JSON(events[:place])
        rest = events[place:]
        queries.narrow(conn, one, one.body, place, (str(uuid7()), _JSON(rest), len(rest)))

    def judge(self, conn: Connection, one: Due, persons: set[UUID]) -> dict[UUID, Judged]:
        """Decide of everybody in a delivery."""
        return self._gate.judge(conn, persons, one.aim.purpose, "activate", one.aim.channel)

    def hold(self, conn: Connection, one: Due, letter: Letter) -> Letter:
        """Hold everybody of whom a letter tells, and write the log; return the letter, without whoever said no meanwhile.

        Changed when it may not go out: somebody goes on speaking, or was made one with others, or all said no.
        """
        nodes = letter.nodes()
        until = time.monotonic() + _PATIENCE
        while not privacy.try_hold(conn, nodes):
            privacy.let_go(conn)  # nobody waits for one who waits
            conn.commit()
            if time.monotonic() > until:
                raise Changed
            time.sleep(_BLINK)
        again = self.judge(conn, one, letter.told)
        if not all(nodes.issuperset(found.nodes) for found in again.values()):
            raise Changed
        judged = {**letter.judged, **again}
        kept = [event for event in letter.events if all(judged[person].decision.allow for person in persons_of(event))]
        if not kept:
            raise Changed
        letter = Letter(kept, letter.body if len(kept) == len(letter.events) else _JSON(kept), judged)
        self._log(conn, one, letter)
        return letter

    def _log(self, conn: Connection, one: Due, letter: Letter) -> None:
        """Write down of whom is told and who is left out; of whoever is nobody any more nothing is kept."""
        told = letter.told
        known = {
            person: found.decision
            for person, found in letter.judged.items()
            if found.nodes and (person in told) is found.decision.allow
        }
        queries.keep_log(conn, one, now(), sorted(known.items()))
        queries.count_withheld(conn, one, len(letter.judged) - len(told))
        conn.commit()

    def audit(self, conn: Connection, one: Due, letter: Letter) -> None:
        """Tell the audit log that a letter went out; people are tokens there, so it outlives erasure."""
        token = self._auditor.audit.token
        subjects = [token(person.bytes) for person in sorted(letter.told)]
        details = {"message": one.message, "withheld": len(letter.judged) - len(letter.told)}
        entry = Entry("delivery", f"webhook {one.webhook}", "changes", subjects, one.aim.purpose, details)
        self._auditor.note(conn, entry)
        conn.commit()

    def enter(self) -> None:
        """Wait for a place among those who hold people."""
        self._holding.acquire()

    def leave(self) -> None:
        """Give the place up."""
        self._holding.release()


class _LastMoment:
    """Hears from the client when the connection stands, and when the letter has gone out; at the first it puts the letter in.

    What the client has is a draft: whoever said no since then is not in the letter that goes out, and that one is signed.
    """

    def __init__(self, sender: Sender, conn: Connection, one: Due, endpoint: Endpoint, letter: Letter) -> None:
        self._sender = sender
        self._conn = conn
        self._one = one
        self._endpoint = endpoint
        self._letter = letter
        self._holds = False
        self._logged = False

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        if event.endswith(_BEGINS):
            self._hold()
            self._put_in(info["request"])
        elif event.endswith(_ENDS):
            self.let_go()

    def _hold(self) -> None:
        if self._holds:
            return
        self._sender.enter()
        self._holds = True
        self._letter = self._sender.hold(self._conn, self._one, self._letter)
        self._logged = True

    def _put_in(self, request: httpcore2.Request) -> None:
        body, at = self._letter.body, time.time()
        headers = {
            **signed(self._endpoint.in_force(at), self._one.message, int(at), body),
            "content-length": str(len(body)),
        }
        kept = [(name, value) for name, value in request.headers if name.lower() != b"content-length"]
        request.headers = [*kept, *((name.encode(), value.encode()) for name, value in headers.items())]
        request.stream = httpx2.ByteStream(body)

    def let_go(self) -> None:
        """Let people speak again; the audit log is told after that."""
        if not self._holds:
            return
        self._holds = False
        try:
            self._conn.rollback()
            privacy.let_go(self._conn)
            self._conn.commit()
        finally:
            self._sender.leave()
        if self._logged:
            self._sender.audit(self._conn, self._one, self._letter)


def persons_of(event: dict[str, Any]) -> list[UUID]:
    """Return of whom a change tells, so far as somebody must be asked."""
    if event["type"] in _ALWAYS:
        return []
    persons = [UUID(event["subject"])]
    if event["type"] == "profile.split":
        persons.append(UUID(event["data"]["part"]))
    return persons


def _seconds(retry_after: str) -> float:
    """Return the seconds that a receiver asks for, at most a day."""
    return min(float(retry_after), 86_400.0) if retry_after.isdecimal() else 0.0
