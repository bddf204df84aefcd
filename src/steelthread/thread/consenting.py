"""Signals of consent managers on their way into the ledger, in the transaction of the event that brought them.

A signal comes with every event and is a state, not an act: it says something when it is new to a browser or a login, and
then once. A no is kept of the browser and of the login, a yes of the browser alone (of the login where no browser is
named, or where this very signal had closed it). What a signal says yes to no more has ended. Events come late and out of
order: whatever the order, what was seen last holds.

Nearly every event repeats what its browser said before. A signal without any no is remembered as long as no other process
writes signals: seen again it is not asked for, and its last sighting is written every ten minutes, or before another signal of
the same browser. What is lost with a process that dies are sightings of a yes, never of a no.
"""

import hashlib
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import uuid4

import msgspec
import psycopg

from steelthread import privacy
from steelthread.intake import moment
from steelthread.kit import now, uuid7
from steelthread.privacy import (
    METHODS,
    NEGATIVES,
    Before,
    Derived,
    Ears,
    HeardSignal,
    Hearing,
    Policy,
    Scope,
    Signal,
    Statement,
    Told,
    Tombstones,
)
from steelthread.thread.arrived import Arrived
from steelthread.thread.fence import Fence, Named
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
SCOPES: Mapping[str, Scope] = {"anonymous_id": "device", "device_id": "device", "cookie": "device", "user_id": "party"}
"""Kinds of identifiers of which a browser or an app speaks."""
_DAY = timedelta(days=1)
_EPOCH, _MICROSECOND = moment(0), timedelta(microseconds=1)
_REMEMBERED = 100_000
_WRITTEN_SECONDS = 600.0
"""How often the last sighting of a remembered signal is written."""
_NOWHERE = -1
Key = tuple[bytes, Signal]


class _Seen(msgspec.Struct, frozen=True, gc=False):
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


_Sighting = tuple[int, Scope, bool, str, str]
"""(microseconds since 1970, scope, whether it is a login beside a browser, content, source): nearly every event has one."""


class _Known(msgspec.Struct, gc=False):
    """A signal without any no, as a node was last heard to send it."""

    digest: bytes
    alone: bool
    last_at: int
    """Microseconds since 1970."""
    waiting: "_Sighting | None" = None
    """The last sighting, while it is not written."""


class Consenting:
    """Keeps what signals say, in one space."""

    def __init__(self, space: Space, fence: Fence) -> None:
        self._fence = fence
        self._stones = Tombstones(space.vault)
        self._policy = Policy(space.project.folder)
        self._ears = Ears(self._policy.purposes)
        self._process = uuid4()
        self._known: dict[Key, _Known] = {}
        self._due: deque[tuple[float, Key]] = deque()
        """Which sightings wait to be written, and since when."""
        self._taken: dict[Key, _Known | None] = {}
        """What is known when the present transaction is committed."""
        self.told = Derived()
        """All that was ever said of whoever the last events said something new of."""

    def heed(self, conn: Connection, events: Sequence[Arrived]) -> list[tuple[int, str]]:
        """Keep what the signals of events say, in the caller's transaction; return (place of the event, what is wrong).

        Nothing is kept of whoever was erased: the fence was asked before, in this transaction, whether it `stands`. Call
        `settled` when it is committed.
        """
        self._due.extendleft((0.0, key) for key in self._taken)  # the transaction before this one failed
        self._taken, self.told = {}, Derived()
        if self._policy.refresh():
            self._ears = Ears(self._policy.purposes)
        if self._known and not privacy.writes_alone(conn, self._process):
            self._doubt()
        seen = self._unknown(events)
        if not seen:
            return []
        if not privacy.write_as(conn, self._process):
            self._doubt()  # another process wrote since the question above
        nodes = {one.node for one in seen}
        privacy.lock_nodes(conn, nodes)
        nodes -= self._stones.among(conn, nodes)
        self._fence.let_in(nodes)
        batch = _Batch(conn, self._ears, privacy.before(conn, nodes))
        for one in sorted((one for one in seen if one.node in nodes), key=lambda one: (one.at, one.place)):
            batch.take(one)
        self.told = batch.write()
        self._taken = {key: batch.known(key) for key in {(one.node, one.signal) for one in seen}}
        return sorted(batch.problems)

    def _doubt(self) -> None:
        """Forget what was remembered, and have written what waits."""
        self._known = {key: known for key, known in self._known.items() if known.waiting}
        self._due = deque((0.0, key) for key in self._known)

    def settled(self) -> None:
        """Remember what was kept: the transaction is committed."""
        for key, known in self._taken.items():
            self._known.pop(key, None)
            if known is not None:
                self._known[key] = known
        self._taken = {}
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]

    def _unknown(self, events: Sequence[Arrived]) -> list[_Seen]:
        """Return the sightings that have to be taken in: of what is not remembered, and those that waited long enough."""
        fresh: dict[Key, list[_Seen]] = {}
        present = time.monotonic()
        while self._due and self._due[0][0] <= present - _WRITTEN_SECONDS:
            fresh.setdefault(self._due.popleft()[1], [])
        remembered = self._known.get
        for key, place, sighting in _sightings(events):
            known = remembered(key)
            again = known is not None and (known.alone or sighting[2]) and known.digest == _digest(sighting[3])
            if known is None or not again or key in fresh:
                fresh.setdefault(key, []).append(_seen(key, place, sighting))
            elif sighting[0] > known.last_at:
                if known.waiting is None:
                    self._due.append((present, key))
                known.last_at, known.waiting = sighting[0], sighting
        return [one for key, seen in fresh.items() for one in (*seen, *self._waiting(key))]

    def _waiting(self, key: Key) -> list[_Seen]:
        """Return the sighting of a signal that is not written yet."""
        known = self._known.get(key)
        return [_seen(key, _NOWHERE, known.waiting)] if known and known.waiting else []


def _sightings(events: Sequence[Arrived]) -> Iterator[tuple[Key, int, _Sighting]]:
    """Yield the signals of events, each at each node of which it speaks, with the event's place."""
    for place, event in enumerate(events):
        signals, named = event.signals, event.named
        if not (signals and named):
            continue
        if len(named) == 1:  # as of most events
            ((_, node, _, kind),) = named
            if (scope := SCOPES.get(kind)) is not None:
                for signal, content in signals:
                    yield (node, signal), place, (event.at, scope, False, content, event.source)
            continue
        for node, scope, beside in _speakers(named):
            for signal, content in signals:
                yield (node, signal), place, (event.at, scope, beside, content, event.source)


def _speakers(named: Named) -> list[tuple[bytes, Scope, bool]]:
    """Return the nodes of which an event's signals speak, and whether each is a login beside a browser."""
    scopes = {name: SCOPES[kind] for _, name, _, kind in named if kind in SCOPES}
    browser = "device" in scopes.values()
    return [(node, scope, browser and scope == "party") for node, scope in scopes.items()]


def _seen(key: Key, place: int, sighting: _Sighting) -> _Seen:
    at, scope, beside, content, source = sighting
    return _Seen(moment(at), place, key[0], scope, beside, key[1], content, source)


@lru_cache(4096)
def _digest(content: str) -> bytes:
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()


class _Batch:
    """The signals of one transaction."""

    def __init__(self, conn: Connection, ears: Ears, known: Before) -> None:
        self._conn = conn
        self._ears = ears
        self._before = known
        self._last = privacy.last_signals(conn, known.heard) if known.heard else {}
        self._noes = privacy.were_refused(conn, known.said) if known.said else {}
        self._rows: dict[tuple[bytes, str, datetime, bytes], HeardSignal] = {}
        self._statements: list[Statement] = []
        self._now = now()
        self.problems: set[tuple[int, str]] = set()

    def take(self, one: _Seen) -> None:
        """Take in a signal, those of one node in the order of their times."""
        digest = _digest(one.content)
        before = self._last.get((one.node, one.signal))
        heard = self._ears.hear(one.signal, one.content)
        if before is not None and before.sha256 == digest:
            self._again(one, before, heard)
            return
        content = one.content.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")
        row = HeardSignal(
            one.node, one.signal, one.at, one.at, digest, content, heard.problem, one.source, not one.beside
        )
        self._keep(row)
        if heard.problem and one.place != _NOWHERE:
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

    def _again(self, one: _Seen, before: HeardSignal, heard: Hearing) -> None:
        """Take in what stands already; a login that was heard beside a browser only says its own yes now."""
        if one.at > before.last_at:
            before.last_at = one.at
            self._keep(before)
        if not (one.beside or before.alone):
            before.alone = True
            self._keep(before)
            self._say(one, heard, one.at, before.sha256, noes=False)

    def known(self, key: Key) -> _Known | None:
        """Return what may be remembered of a node's signal: one that was understood, and says no to nothing."""
        last = self._last.get(key)
        if last is None:
            return None
        heard = self._ears.hear(last.signal, last.content)
        if heard.problem or any(told.said in NEGATIVES for told in heard.told):
            return None
        return _Known(last.sha256, last.alone, (last.last_at - _EPOCH) // _MICROSECOND)

    def write(self) -> Derived:
        """Write what was taken in; return all that was ever said of whoever something new was said of."""
        privacy.keep_signals(self._conn, list(self._rows.values()), self._now)
        return privacy.append_told(self._conn, self._statements, self._before)

    def _keep(self, row: HeardSignal) -> None:
        self._rows[(row.node, row.signal, row.first_at, row.sha256)] = row

    def _say(self, one: _Seen, heard: Hearing, at: datetime, digest: bytes, *, noes: bool = True) -> None:
        """Say all that a signal says, or its yes alone; a yes is not newer than the person's choice."""
        positive = any(told.said not in NEGATIVES for told in heard.told)
        refused = self._refused(one) if positive else set()
        for told in heard.told:
            closed = (told.purpose, "") in refused
            if told.said in NEGATIVES or (told.said == "expired" and closed):
                if noes:
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
