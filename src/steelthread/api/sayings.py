"""What people say, many at once: calls of the same few milliseconds share one commit, and are answered after it."""

import asyncio
from collections import deque
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg_pool import ConnectionPool

from steelthread import identity
from steelthread.kit import Overloaded, SteelthreadError, Unavailable
from steelthread.privacy import Statement
from steelthread.rights import Consents, Saying

_MOST = 100
"""Statements with one commit: an erasure, or an event, of any of these people waits so long."""
_WAITING = 10_000
"""Statements that may wait for their commit before clients are asked to come again later."""
_OF_ONE = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.DeadlockDetected)
"""What the database says of one statement among many: by itself each may be kept."""


class Kept(msgspec.Struct):
    """A statement that is durable, and whose it is: the universal ID, if there is one."""

    statement: Statement
    individual: UUID | None


class _Waiting(msgspec.Struct):
    saying: Saying
    answered: "asyncio.Future[Kept]"


class Sayings:
    """Keeps statements of many calls with one commit. Runs on the event loop that serves the calls."""

    def __init__(self, consents: Consents, pool: "ConnectionPool[psycopg.Connection[Any]]") -> None:
        self._consents = consents
        self._pool = pool
        self._queue: deque[_Waiting] = deque()
        self._work: asyncio.Task[None] | None = None

    async def say(self, saying: Saying) -> Kept:
        """Return when it is durable; Overloaded when too many wait already, else the errors of `Consents.say`."""
        if len(self._queue) >= _WAITING:
            raise Overloaded("Too many statements wait to be kept: come again in some seconds.")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(saying, loop.create_future())
        if self._work is None or self._work.done():
            self._work = loop.create_task(self._keep_all())
        self._queue.append(waiting)  # not before it is sure that somebody takes it
        return await waiting.answered

    async def _keep_all(self) -> None:
        """Keep what waits, and what comes meanwhile, until nothing does."""
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), _MOST))]
            answers: list[Kept | Exception]
            try:
                answers = await asyncio.to_thread(self._each, [one.saying for one in batch])
            except Exception as error:  # noqa: BLE001  # whoever waits is told of a defect, too
                answers = [error for _ in batch]
            for one, answer in zip(batch, answers, strict=True):
                if one.answered.done():
                    continue  # the client has gone
                if isinstance(answer, Kept):
                    one.answered.set_result(answer)
                else:
                    one.answered.set_exception(answer)

    def _each(self, sayings: list[Saying]) -> list[Kept | Exception]:
        """Keep them together; one by one where one of them is what the database refuses, so that its neighbours are kept."""
        try:
            return list(self._together(sayings))
        except _OF_ONE as error:
            if len(sayings) == 1:
                return [error]
        except (psycopg.Error, OSError) as error:
            why = f"What was said could not be kept ({type(error).__name__}): say it again."
            return [Unavailable(why) for _ in sayings]
        return [answer for one in sayings for answer in self._each([one])]

    def _together(self, sayings: list[Saying]) -> list[Kept | SteelthreadError]:
        with self._pool.connection() as conn, conn.transaction():
            answers = self._consents.say_all(conn, sayings)
            nodes = {one.node for one in answers if isinstance(one, Statement)}
            found = identity.families_of_hashes(conn, nodes)
        return [
            Kept(one, found[one.node].individual_id if one.node in found else None)
            if isinstance(one, Statement)
            else one
            for one in answers
        ]
