"""The collector's door to the log: requests of the same few milliseconds share one commit, and are answered after it."""

import asyncio
import time
from collections import defaultdict, deque
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg_pool import ConnectionPool

from steelthread.intake import (
    SHARED_NAMESPACE,
    LiveSource,
    Message,
    Refusal,
    Reject,
    begin_replay,
    count_live,
    keep_rejects,
)
from steelthread.kit import Overloaded, SteelthreadError, Unavailable, now, place_of
from steelthread.model import Received
from steelthread.privacy import count_fence
from steelthread.thread.ahead import LANE
from steelthread.thread.arrived import Arrived
from steelthread.thread.collecting import Collecting
from steelthread.thread.consenting import Consenting
from steelthread.thread.fence import Fence, Named, without
from steelthread.thread.live import READER
from steelthread.thread.signals import Signals
from steelthread.thread.space import Space
from steelthread.thread.terms import changed_at, source_file

_LOG = structlog.get_logger()
_JSON = msgspec.json.Encoder(order="sorted").encode
_LONGEST_SHOWN = 64_000
_WAITING_BYTES = 64 << 20
"""How much may wait for its commit before clients are asked to come again later."""
_COMMIT_BYTES = 8 << 20
_CALM = 8_000
"""Events that may wait to be folded in; from there on answers are given later."""
_LOOK_SECONDS = 1.0
_PATIENCE = 15.0
"""Seconds for which an answer is held back before the client is asked to come again later."""


class _Waiting(msgspec.Struct):
    events: list[Arrived]
    refused: list[tuple[int, Reject]]
    """What cannot be taken: (source, reject)."""
    size: int
    answered: "asyncio.Future[None]"
    since: float


class _Namespace(msgspec.Struct):
    """Whose logins a source names, when its file was changed, and when it was looked at."""

    name: str
    changed: int
    looked: float


class Packed(msgspec.Struct):
    """Events ready to be kept, in a fraction of the room that they take when they are read."""

    events: list[Arrived]


class Collector:
    """Keeps events for good, many requests with one commit. Runs on the event loop that serves the requests."""

    def __init__(self, space: Space, pool: "ConnectionPool[psycopg.Connection[Any]]") -> None:
        self._space = space
        self._pool = pool
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._work: asyncio.Task[None] | None = None
        self._loads: dict[int, int] = {}
        self._fence = Fence(space)
        self._signals = Signals(space)
        self._consenting = Consenting(space, self._fence)
        self._collecting = Collecting(space, self._fence)
        self._namespaces: dict[str, _Namespace] = {}
        self._asks = False
        """Whether a gate asked what the last events name: it will ask of the next ones."""

    async def accept(self, source: LiveSource, messages: list[Message]) -> None:
        """Return when the events are durable; Overloaded when too much waits already, Unavailable without a database."""
        await self.keep(self.pack(source, messages))

    def pack(self, source: LiveSource, messages: list[Message]) -> Packed:
        """Make events ready to be kept: who lets go of the messages then holds little while it waits for its turn."""
        events, admitted = [], self._mark(source.name)
        for message in messages:
            event = Arrived.of(source.source_id, source.name, message, admitted)
            if self._asks or event.signals or event.gpc:
                event.named = self._named(source.name, message)
            events.append(event)
        return Packed(events)

    async def keep(self, packed: Packed) -> None:
        """Return when packed events are durable, as `accept` does."""
        await self._keep(packed.events, [], sum(len(one.fact.message) for one in packed.events))

    async def refuse(self, source: LiveSource, refusals: list[Refusal]) -> None:
        """Keep events that cannot be taken, sealed, with the reason: `steelthread rejects` shows them."""
        rejects = [Reject(one.place, "", one.reason, True, ["message"], [_shown(one.event)]) for one in refusals]
        refused = [(source.source_id, reject) for reject in rejects]
        await self._keep([], refused, sum(len(reject.cells[0]) for reject in rejects))

    async def _keep(self, events: list[Arrived], refused: list[tuple[int, Reject]], size: int) -> None:
        if not events and not refused:
            return
        if self._bytes > _WAITING_BYTES:
            raise Overloaded("Too many events wait to be kept: come again in some seconds.")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(events, refused, size, loop.create_future(), loop.time())
        self._queue.append(waiting)
        self._bytes += size
        if self._work is None or self._work.done():
            self._work = loop.create_task(self._commit_all())
        try:
            await waiting.answered
        finally:
            del waiting  # an error holds this frame, and would hold itself and the body until garbage is looked for

    async def _commit_all(self) -> None:
        """Commit what waits, and what comes meanwhile, until nothing does."""
        while self._queue:
            batch = [self._queue.popleft()]
            size = batch[0].size
            while self._queue and size < _COMMIT_BYTES:
                batch.append(self._queue.popleft())
                size += batch[-1].size
            self._bytes -= sum(one.size for one in batch)
            try:
                await self._calm(batch)
                events = [event for one in batch for event in one.events]
                refused = [reject for one in batch for reject in one.refused]
                await asyncio.to_thread(self._commit, events, refused)
            except (Overloaded, Unavailable) as error:
                _answer(batch, error)
            except (psycopg.Error, OSError, SteelthreadError) as error:
                _answer(batch, _later(error))
            except Exception as error:  # noqa: BLE001  # whoever waits is told of a defect, too, and sends again
                _LOG.error("events could not be kept", error=type(error).__name__, at=place_of(error))
                _answer(batch, _later(error))
            else:
                _answer(batch, None)

    def _commit(self, events: list[Arrived], refused: list[tuple[int, Reject]]) -> None:
        begun: dict[int, int] = {}
        self._collecting.begin(self._pool)
        with self._pool.connection(timeout=10) as conn, conn.transaction():
            asking, stands = self._asked(conn, events)
            refused = [*refused, *self._heed(conn, events)]  # what an event says of consent counts for itself
            kept = self._admitted(conn, events, asking, stands=stands)
            if kept:
                self._space.log.append(conn, LANE, kept, hours=1)
            for source in sorted({source for source, _ in refused}):
                load = self._loads.get(source) or begin_replay(conn, source, now(), 0).load_id
                begun[source] = load
                rejects = [reject for of, reject in refused if of == source]
                keep_rejects(conn, self._space.vault, source, load, "live", rejects)
            if refused:
                count_live(conn, {"rejected": len(refused)})
        self._loads.update(begun)  # not before it is committed
        self._consenting.settled()
        if asking or stands:
            self._collecting.settled()

    def _asked(self, conn: psycopg.Connection[Any], events: list[Arrived]) -> tuple[set[str], bool]:
        """Have it said what events name, where a gate asks; return the sources that ask, and whether anybody was erased."""
        stands = bool(events) and self._fence.stands(conn)
        asking = {one for one in {event.source for event in events} if self._collecting.asks(one)}
        self._asks = stands or bool(asking)
        if self._asks:
            for event in events:
                if event.named is None and (stands or event.source in asking):
                    event.named = self._named(event.source, event.message)
        return asking, stands

    def _heed(self, conn: psycopg.Connection[Any], events: list[Arrived]) -> list[tuple[int, Reject]]:
        """Keep what signals say; return those that cannot be read, to be listed: their events are taken all the same."""
        heard = [one for one in events if one.signals or one.gpc]
        if not heard:
            return []
        asked = [one for one in heard if one.gpc]
        if asked:
            self._collecting.learn(self._signals.heed(conn, asked))
        problems = self._consenting.heed(conn, heard)
        self._collecting.learn(self._consenting.told)
        return [
            (
                heard[place].fact.source,
                Reject(0, "context.consent", problem, False, ["message"], [_shown(heard[place].message)]),
            )
            for place, problem in problems
        ]

    def _named(self, source: str, message: Message) -> Named:
        """Return all that an event of a source names."""
        return self._fence.named(message, source, self._namespace(source))

    def _mark(self, source: str) -> str:
        """Return the mark under which events of a source are let in."""
        return self._fence.mark(source, self._namespace(source))

    def _namespace(self, source: str) -> str:
        """Return whose logins a source names; its file is looked at once a second, and read when it was changed."""
        known, at = self._namespaces.get(source), time.monotonic()
        if known is not None and at - known.looked < _LOOK_SECONDS:
            return known.name
        changed = changed_at(self._space, source)[0]
        name = known.name if known is not None and known.changed == changed else ""
        if not name:
            try:
                name = source_file(self._space, source)[0].user_namespace or SHARED_NAMESPACE
            except Unavailable:
                if known is None:
                    raise
                name, changed = known.name, known.changed  # being edited: as it was, until it can be read
        self._namespaces[source] = _Namespace(name, changed, at)
        return name

    def _admitted(
        self, conn: psycopg.Connection[Any], events: list[Arrived], asking: set[str], *, stands: bool
    ) -> list[Received]:
        """Return what may be kept: nothing of whoever was erased, and for a purpose of those only who allow it.

        What may not is not even written down.
        """
        if not (asking or stands):
            return [event.fact for event in events]
        self._collecting.catch_up(conn)
        if stands:
            if stones := self._fence.among(conn, [event.named or () for event in events]):
                events = self._past(conn, events, stones)
            self._mark_all(events)
        if not asking:
            return [event.fact for event in events]
        kept = []
        grouped: dict[str, list[Arrived]] = defaultdict(list)
        for event in events:
            grouped[event.source].append(event)
        for source, mine in sorted(grouped.items()):
            allowed = self._collecting.allowed(conn, source, mine) if source in asking else mine
            kept += [event.fact for event in allowed]
        return kept

    def _mark_all(self, events: list[Arrived]) -> None:
        """Write down under which tombstones events were let in, where others stood when they were packed."""
        marks = {source: self._mark(source) for source in {event.source for event in events}}
        for event in events:
            if event.fact.admitted != marks[event.source]:
                event.fact = msgspec.structs.replace(event.fact, admitted=marks[event.source])

    def _past(self, conn: psycopg.Connection[Any], events: list[Arrived], stones: set[bytes]) -> list[Arrived]:
        """Return the events that the fence lets past, without what has a tombstone."""
        left, counts = [], {"droppedEvents": 0, "strippedEvents": 0}
        for event in events:
            named = event.named or ()
            if stones.isdisjoint([one[1] for one in named]):
                left.append(event)
                continue
            message = without(event.message, named, stones)
            counts["droppedEvents" if message is None else "strippedEvents"] += 1
            if message is not None:
                one = Arrived.of(event.fact.source, event.source, message)
                one.named = self._named(one.source, message)
                left.append(one)
        count_fence(conn, counts)
        return left

    async def _calm(self, batch: list[_Waiting]) -> None:
        """Hold answers back while folding trails too far behind: a client that waits sends no more."""
        loop = asyncio.get_running_loop()
        while await asyncio.to_thread(self._trails) > _CALM:
            if loop.time() - batch[0].since > _PATIENCE:
                raise Overloaded("More events come than can be folded in: come again in some seconds.")
            await asyncio.sleep(0.05)

    def _trails(self) -> int:
        with self._pool.connection(timeout=10) as conn:
            log = self._space.log
            return log.head(conn, LANE) - log.reached(conn, READER, LANE)


def _answer(batch: list[_Waiting], error: Exception | None) -> None:
    for one in batch:
        if one.answered.done():
            continue  # the client has gone
        if error is None:
            one.answered.set_result(None)
        else:
            one.answered.set_exception(type(error)(*error.args))  # its own: each traceback holds what a request holds


def _later(error: Exception) -> Unavailable:
    return Unavailable(f"The events could not be kept ({type(error).__name__}): send them again.")


def _shown(event: Any) -> str:
    """Return a refused event as text, as far as it can be written."""
    try:
        return _JSON(event).decode()[:_LONGEST_SHOWN]
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return "an event that cannot be written as JSON"
