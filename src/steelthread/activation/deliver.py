"""Telling other systems of changes: from the log to a queue per webhook, from there to the receiver until it says ok.

Of each person in a delivery it is asked at the last moment whether the receiver may be told (sending.py).
What was read and how far commit together, so each change is queued once; a delivery that was sent but not noted (a crash)
is sent again under the same `webhook-id`. Retries follow the schedule that Standard Webhooks proposes; what still fails is
dead: it stays on a list and can be tried again. Any number of processes may deliver.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx2
import msgspec
import psycopg
import structlog

from steelthread.activation import queries
from steelthread.activation.queries import Due, Endpoint
from steelthread.activation.sending import Outcome, Sender
from steelthread.kit import SteelthreadError, now, uuid7
from steelthread.log import channel
from steelthread.thread import OUTCOMES, Space, events_of

Connection = psycopg.Connection[Any]
_LOG = structlog.get_logger()
SCHEDULE = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before each further attempt: over three days in all."""
_EVENTS = 100
"""Changes told in one webhook."""
_FACTS = 200
_TIMEOUT = 15.0
_PER_WEBHOOK = 4
_SENDERS = 16
_TIDY_SECONDS = 3600.0
_JSON = msgspec.json.Encoder().encode


class Deliverer:
    """Delivers webhooks until stopped."""

    def __init__(self, space: Space, schedule: Sequence[float] = SCHEDULE) -> None:
        self._space = space
        self._schedule = schedule
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self.run, name="deliverer", daemon=True)
        self._sender = Sender(space)
        self._pool = space.database.pool(_SENDERS, autocommit=False)
        self._tidied = -_TIDY_SECONDS
        self._busy: Counter[int] = Counter()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Run beside."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the attempts under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def run(self) -> None:
        """Deliver until stopped; a database that goes away is waited for."""
        client = httpx2.Client(timeout=_TIMEOUT, follow_redirects=False)
        with client, ThreadPoolExecutor(_SENDERS, thread_name_prefix="webhook") as senders:
            while not self._stopping.is_set():
                try:
                    with self._space.database.connect() as heard, self._space.database.connect() as conn:
                        heard.autocommit = True
                        heard.execute(f"listen {channel(OUTCOMES)}")
                        self._work(heard, conn, client, senders)
                except (psycopg.Error, SteelthreadError) as error:
                    _LOG.warning("webhooks wait for the database", error=type(error).__name__)
                    self._stopping.wait(2)

    def _work(self, heard: Connection, conn: Connection, client: httpx2.Client, senders: ThreadPoolExecutor) -> None:
        while not self._stopping.is_set():
            self._tidy(conn)
            read = self.queue(conn)
            taken = self._claimed(conn)
            for one, endpoint in taken:
                senders.submit(self._send, client, one, endpoint)
            if not read and not taken:
                for _ in heard.notifies(timeout=0.5, stop_after=1):
                    pass
            elif not read:
                self._stopping.wait(0.02)  # attempts are under way

    def queue(self, conn: Connection) -> int:
        """Queue what the log tells since the last time; return how many facts were read."""
        log, read = self._space.log, 0
        for number, types in queries.reading_webhooks(conn):
            reader = queries.reader_of(number)
            facts = log.read(conn, OUTCOMES, log.position(conn, reader, OUTCOMES), _FACTS)
            if facts:
                events = [event for fact in facts for event in events_of(self._space, fact) if event["type"] in types]
                bodies = [(str(uuid7()), _JSON(some), len(some)) for some in _parts(events)]
                queries.queue(conn, number, bodies)
                log.advance(conn, reader, OUTCOMES, facts[-1].number)
                read += len(facts)
            conn.commit()
        conn.commit()
        return read

    def _claimed(self, conn: Connection) -> list[tuple[Due, Endpoint]]:
        with self._lock:
            busy = list(self._busy.elements())
        due = queries.claim(conn, queries.LEASE, _PER_WEBHOOK, busy)
        found = queries.endpoints(conn, self._space.vault, [one.webhook_id for one in due]) if due else {}
        conn.commit()
        with self._lock:
            self._busy.update(one.webhook_id for one in due if one.webhook_id in found)
        return [(one, found[one.webhook_id]) for one in due if one.webhook_id in found]

    def _send(self, client: httpx2.Client, one: Due, endpoint: Endpoint) -> None:
        try:
            self._attempt(client, one, endpoint)
        except Exception as error:  # noqa: BLE001  # the loop's edge: the lease ends, and it is sent again
            _LOG.warning("a webhook could not be sent or noted", error=type(error).__name__)
        finally:
            with self._lock:
                self._busy[one.webhook_id] -= 1

    def _attempt(self, client: httpx2.Client, one: Due, endpoint: Endpoint) -> None:
        with self._pool.connection(timeout=_TIMEOUT) as conn:
            outcome = self._sender.send(client, conn, one, endpoint)
            self._note(conn, one, outcome)
            conn.commit()

    def _note(self, conn: Connection, one: Due, outcome: Outcome) -> None:
        if outcome.later:
            queries.postpone(conn, one, outcome.later * random.uniform(1.0, 2.0))  # noqa: S311  # only spreads the load
        elif not outcome.sent:
            queries.let_be(conn, one)
        elif 200 <= outcome.status < 300:
            queries.delivered(conn, one)
        elif outcome.status == 410 or one.attempts >= len(self._schedule):
            queries.failed(conn, one, outcome.what, None, gone=outcome.status == 410)
        else:
            pause = self._schedule[one.attempts] * random.uniform(1.0, 1.1)  # noqa: S311  # only spreads the load
            queries.failed(conn, one, outcome.what, max(pause, outcome.after), gone=False)

    def _tidy(self, conn: Connection) -> None:
        """Hourly: let go of what the log of deliveries has kept long enough, and say which webhooks wait for a purpose."""
        if time.monotonic() - self._tidied < _TIDY_SECONDS:
            return
        self._tidied = time.monotonic()
        waiting = queries.aimless(conn)
        days = self._space.project.settings.activation.log_days
        if days:
            queries.forget_log(conn, now() - timedelta(days=days))
        conn.commit()
        if waiting:
            _LOG.warning("webhooks wait for a purpose: steelthread webhook purpose NAME PURPOSE", webhooks=waiting)


def _parts(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(events), _EVENTS):
        yield events[start : start + _EVENTS]
