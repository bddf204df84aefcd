"""Signals of consent managers on their way into the ledger, in the transaction of the event that brought them.

A signal comes with every event and is a state, not an act: it says something when it is new to a browser or a login, and
then once. A no is kept of the browser and of the login, a yes of the browser alone (of the login where no browser is
named, or where this very signal had closed it). What a signal says yes to no more has ended. Events come late and out of
order: whatever the order, what was seen last holds.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg

from steelthread import privacy
from steelthread.intake import Message, moment
from steelthread.kit import now, uuid7
from steelthread.privacy import (
    METHODS,
    NEGATIVES,
    Ears,
    HeardSignal,
    Hearing,
    Policy,
    Scope,
    Signal,
    Statement,
    Told,
    Tombstones,
    found_in,
)
from steelthread.thread.fence import Fence
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
SCOPES: Mapping[str, Scope] = {"anonymous_id": "device", "device_id": "device", "cookie": "device", "user_id": "party"}
"""Kinds of identifiers of which a browser or an app speaks."""
_FIELDS = ("consent", "consentManagement", "consentQuery")
_DAY = timedelta(days=1)


class _Seen(msgspec.Struct, frozen=True):
    """A signal at one node."""

    at: datetime
    place: int
    node: bytes
    scope: Scope
    beside: bool
    """Whether it is a login beside a browser."""
    signal: Signal
    content: str
    source: str


class Sent(msgspec.Struct, frozen=True):
    """An event, and the source that sent it."""

    message: Message
    source: str
    namespace: str
    """Of the source's user ids."""


def brings_consent(context: Mapping[str, Any]) -> bool:
    """Whether an event's context holds anything of consent."""
    return any(name in context for name in _FIELDS)


class Consenting:
    """Keeps what signals say, in one space."""

    def __init__(self, space: Space) -> None:
        self._fence = Fence(space)
        self._stones = Tombstones(space.vault)
        self._policy = Policy(space.project.folder)
        self._ears = Ears(self._policy.purposes)

    def heed(self, conn: Connection, events: Sequence[Sent]) -> list[tuple[int, str]]:
        """Keep what the signals of events say, in the caller's transaction; return (place of the event, what is wrong).

        Nothing is kept of whoever was erased.
        """
        if self._policy.refresh():
            self._ears = Ears(self._policy.purposes)
        seen = [one for place, event in enumerate(events) for one in self._seen(place, event)]
        if not seen:
            return []
        nodes = {one.node for one in seen}
        privacy.lock_nodes(conn, nodes)
        nodes -= self._stones.among(conn, nodes)
        batch = _Batch(conn, self._ears, privacy.last_signals(conn, nodes), privacy.were_refused(conn, nodes))
        for one in sorted((one for one in seen if one.node in nodes), key=lambda one: (one.at, one.place)):
            batch.take(one)
        batch.write()
        return sorted(batch.problems)

    def _seen(self, place: int, event: Sent) -> list[_Seen]:
        signals = found_in(event.message.context)
        if not signals:
            return []
        named = self._fence.named(event.message, event.source, event.namespace)
        scopes = {name: SCOPES[kind] for _, name, _, kind in named if kind in SCOPES}
        browser = "device" in scopes.values()
        at = moment(min(event.message.timestamp, event.message.received))
        return [
            _Seen(at, place, node, scope, browser and scope == "party", signal, content, event.source)
            for node, scope in sorted(scopes.items())
            for signal, content in signals
        ]


class _Batch:
    """The signals of one transaction."""

    def __init__(
        self, conn: Connection, ears: Ears, last: dict[tuple[bytes, str], HeardSignal],
        refused: dict[tuple[bytes, str], set[tuple[str, str]]],
    ) -> None:  # fmt: skip
        self._conn = conn
        self._ears = ears
        self._last = last
        self._noes = refused
        self._rows: dict[tuple[bytes, str, datetime, bytes], HeardSignal] = {}
        self._statements: list[Statement] = []
        self._now = now()
        self.problems: set[tuple[int, str]] = set()

    def take(self, one: _Seen) -> None:
        """Take in a signal, those of one node in the order of their times."""
        digest = hashlib.sha256(one.content.encode("utf-8", "surrogatepass")).digest()
        before = self._last.get((one.node, one.signal))
        if before is not None and before.sha256 == digest:
            if one.at > before.last_at:
                before.last_at = one.at
                self._keep(before)
            return
        heard = self._ears.hear(one.signal, one.content)
        content = one.content.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
        row = HeardSignal(one.node, one.signal, one.at, one.at, digest, content, heard.problem, one.source)
        self._keep(row)
        if heard.problem:
            self.problems.add((one.place, heard.problem))
        self._say(one, heard, one.at, digest)
        if before is None or one.at >= before.last_at:
            self._last[(one.node, one.signal)] = row
        if before is None:
            return
        earlier = self._ears.hear(before.signal, before.content)
        if one.at >= before.last_at:
            self._end(one, earlier, heard, one.at)
        elif (
            one.at >= before.first_at
        ):  # it came late, between two sightings of another: that one holds from the later on
            self._say(one, earlier, before.last_at, before.sha256)
            self._end(one, heard, earlier, before.last_at)
        else:
            self._end(one, heard, earlier, before.first_at)

    def write(self) -> None:
        """Write what was taken in."""
        privacy.append(self._conn, self._statements)
        privacy.keep_signals(self._conn, list(self._rows.values()), self._now)

    def _keep(self, row: HeardSignal) -> None:
        self._rows[(row.node, row.signal, row.first_at, row.sha256)] = row

    def _say(self, one: _Seen, heard: Hearing, at: datetime, digest: bytes) -> None:
        """Say all that a signal says; a yes is not newer than the person's choice."""
        positive = any(told.said not in NEGATIVES for told in heard.told)
        refused = self._refused(one) if positive else set()
        for told in heard.told:
            closed = (told.purpose, "") in refused
            if told.said in NEGATIVES or (told.said == "expired" and closed):
                self._state(one, told, at, digest)
            elif told.said == "given":
                if told.channel and closed:
                    self._state(one, Told(told.purpose, "expired"), at, digest)
                if not one.beside or (closed and not told.channel):
                    made = at if heard.chosen_at is None else min(at, heard.chosen_at + _DAY)
                    until = None if heard.lasts is None else min(at, heard.chosen_at or at) + heard.lasts
                    self._state(one, told, made, digest, until)

    def _end(self, one: _Seen, before: Hearing, after: Hearing, at: datetime) -> None:
        """End what was a yes and is not spoken of any more."""
        spoken = {(told.purpose, told.channel) for told in after.told}
        for told in before.told:
            if told.said == "given" and (told.purpose, told.channel) not in spoken and not one.beside:
                self._state(one, Told(told.purpose, "expired", told.channel), at, b"")

    def _refused(self, one: _Seen) -> set[tuple[str, str]]:
        """Return what this signal ever closed at this node, in this transaction too."""
        return set(self._noes.get((one.node, one.signal), ()))

    def _state(self, one: _Seen, told: Told, at: datetime, digest: bytes, until: datetime | None = None) -> None:
        said = Statement(
            event_id=uuid7(), node=one.node, scope=one.scope, purpose=told.purpose, said=told.said, occurred_at=at,
            recorded_at=self._now, channel=told.channel, valid_until=until, signal=one.signal, source=one.source,
            method=METHODS[one.signal], evidence={"sha256": digest.hex()} if digest else {},
        )  # fmt: skip
        self._statements.append(said)
        if said.said in NEGATIVES:
            self._noes.setdefault((one.node, one.signal), set()).add((said.purpose, said.channel))
