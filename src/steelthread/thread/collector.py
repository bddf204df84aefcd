"""The collector's door to the log: requests of the same few milliseconds share one commit, and are answered after it."""

import asyncio
from collections import deque
from typing import Any

import msgspec
import psycopg
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
    source_names,
)
from steelthread.kit import Overloaded, SteelthreadError, Unavailable, now
from steelthread.model import Received
from steelthread.thread.ahead import LANE
from steelthread.thread.collecting import Collecting
from steelthread.thread.consenting import Consenting, Sent, brings_consent
from steelthread.thread.fence import Fence
from steelthread.thread.live import READER
from steelthread.thread.signals import GPC, Signals
from steelthread.thread.space import Space
from steelthread.thread.terms import source_file

_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Message).decode
_JSON = msgspec.json.Encoder(order="sorted").encode
_LONGEST_SHOWN = 64_000
_WAITING_BYTES = 64 << 20
"""How much may wait for its commit before clients are asked to come again later."""
_COMMIT_BYTES = 8 << 20
_CALM = 8_000
"""Events that may wait to be folded in; from there on answers are given later."""
_PATIENCE = 15.0
"""Seconds for which an answer is held back before the client is asked to come again later."""


class _Waiting(msgspec.Struct):
    facts: list[Received]
    refused: list[tuple[int, Reject]]
    """What cannot be taken: (source, reject)."""
    signals: list[tuple[int, Message]]
    """Messages that bring signals of privacy, with their source."""
    size: int
    answered: "asyncio.Future[None]"
    since: float


class Packed(msgspec.Struct):
    """Events ready to be kept, in a fraction of the room that they take when they are read."""

    facts: list[Received]
    signals: list[tuple[int, Message]]


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
        self._consenting = Consenting(space)
        self._collecting = Collecting(space)
        self._names: dict[int, tuple[str, str]] = {}

    async def accept(self, source: LiveSource, messages: list[Message]) -> None:
        """Return when the events are durable; Overloaded when too much waits already, Unavailable without a database."""
        await self.keep(self.pack(source, messages))

    def pack(self, source: LiveSource, messages: list[Message]) -> Packed:
        """Make events ready to be kept: who lets go of the messages then holds little while it waits for its turn."""
        facts = [Received(source=source.source_id, message=_ENCODE(message)) for message in messages]
        signals = [
            (source.source_id, one) for one in messages if one.context.get(GPC) is True or brings_consent(one.context)
        ]
        return Packed(facts, signals)

    async def keep(self, packed: Packed) -> None:
        """Return when packed events are durable, as `accept` does."""
        await self._keep(packed.facts, [], sum(len(fact.message) for fact in packed.facts), packed.signals)

    async def refuse(self, source: LiveSource, refusals: list[Refusal]) -> None:
        """Keep events that cannot be taken, sealed, with the reason: `steelthread rejects` shows them."""
        rejects = [Reject(one.place, "", one.reason, True, ["message"], [_shown(one.event)]) for one in refusals]
        refused = [(source.source_id, reject) for reject in rejects]
        await self._keep([], refused, sum(len(reject.cells[0]) for reject in rejects), [])

    async def _keep(
        self, facts: list[Received], refused: list[tuple[int, Reject]], size: int, signals: list[tuple[int, Message]]
    ) -> None:
        if not facts and not refused:
            return
        if self._bytes > _WAITING_BYTES:
            raise Overloaded("Too many events wait to be kept: come again in some seconds.")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(facts, refused, signals, size, loop.create_future(), loop.time())
        self._queue.append(waiting)
        self._bytes += size
        if self._work is None or self._work.done():
            self._work = loop.create_task(self._commit_all())
        await waiting.answered

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
                facts = [fact for one in batch for fact in one.facts]
                refused = [reject for one in batch for reject in one.refused]
                await asyncio.to_thread(self._commit, facts, refused, [one for each in batch for one in each.signals])
            except (Overloaded, Unavailable) as error:
                _answer(batch, error)
            except (psycopg.Error, OSError, SteelthreadError) as error:
                _answer(batch, _later(error))
            else:
                _answer(batch, None)

    def _commit(
        self, facts: list[Received], refused: list[tuple[int, Reject]], signals: list[tuple[int, Message]]
    ) -> None:
        begun: dict[int, int] = {}
        with self._pool.connection(timeout=10) as conn, conn.transaction():
            refused = [*refused, *self._heed(conn, signals)]  # what an event says of consent counts for itself
            kept = self._admitted(conn, facts) if facts else []
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

    def _heed(self, conn: psycopg.Connection[Any], signals: list[tuple[int, Message]]) -> list[tuple[int, Reject]]:
        """Keep what signals say; return those that cannot be read, to be listed: their events are taken all the same."""
        events = [Sent(message, *self._source(conn, source)) for source, message in signals]
        self._signals.heed(conn, [one for one in events if one.message.context.get(GPC) is True])
        return [
            (signals[place][0], Reject(0, "context.consent", problem, False, ["message"], [_shown(signals[place][1])]))
            for place, problem in self._consenting.heed(conn, events)
        ]

    def _source(self, conn: psycopg.Connection[Any], source: int) -> tuple[str, str]:
        """Return the name of a source, and the namespace of its user ids."""
        if source not in self._names:
            name, _ = source_names(conn)[source]
            file, _ = source_file(self._space, name)
            self._names[source] = (name, file.user_namespace or SHARED_NAMESPACE)
        return self._names[source]

    def _admitted(self, conn: psycopg.Connection[Any], facts: list[Received]) -> list[Received]:
        """Return what may be kept: nothing of whoever was erased, and for a purpose of those only who allow it.

        What may not is not even written down.
        """
        stands = self._fence.stands(conn)
        asking = {one for one in {fact.source for fact in facts} if self._collecting.asks(self._source(conn, one)[0])}
        if not stands and not asking:
            return facts
        kept = []
        grouped: dict[int, dict[int, tuple[Received, Message]]] = {}
        for fact in facts:
            if stands or fact.source in asking:
                message = _DECODE(fact.message)
                grouped.setdefault(fact.source, {})[id(message)] = (fact, message)
            else:
                kept.append(fact)
        for source, mine in sorted(grouped.items()):
            whose, messages = self._source(conn, source), [message for _, message in mine.values()]
            if stands:
                messages = self._fence.messages(conn, *whose, messages)
            if source in asking:
                messages = [one for one in self._collecting.messages(conn, *whose, messages) if one is not None]
            for one in messages:
                whole = mine.get(id(one))
                kept.append(whole[0] if whole else Received(source=source, message=_ENCODE(one)))
        return kept

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
            one.answered.set_exception(error)


def _later(error: Exception) -> Unavailable:
    return Unavailable(f"The events could not be kept ({type(error).__name__}): send them again.")


def _shown(event: Any) -> str:
    """Return a refused event as text, as far as it can be written."""
    try:
        return _JSON(event).decode()[:_LONGEST_SHOWN]
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return "an event that cannot be written as JSON"
