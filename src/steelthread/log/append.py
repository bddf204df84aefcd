"""Appending, reading, retention."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg

from steelthread.kit import NotFound, now
from steelthread.model import AnyFact
from steelthread.store import WriteBehind
from steelthread.vault import Vault, seal, unseal

_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(list[AnyFact]).decode


class Numbered(msgspec.Struct, frozen=True):
    """A fact with its number on the lane."""

    number: int
    fact: AnyFact
    at: datetime
    """When it was appended."""


class Log:
    """The log of one space."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def lock(self, conn: psycopg.Connection[Any], lane: str) -> None:
        """Lock the lane until the transaction ends, to change what it speaks of."""
        self.turn(conn, lane)

    def turn(self, conn: psycopg.Connection[Any], lane: str) -> int:
        """Lock the lane as `lock` does; return how often it was, this time included: one more than the last time when nobody else did.

        A connection that writes behind knows which lanes its transaction has: it asks the server once, and takes one turn.
        """
        held = conn.held if isinstance(conn, WriteBehind) else {}
        if lane not in held:
            held[lane] = self._turned(conn, lane)
        return held[lane]

    def _turned(self, conn: psycopg.Connection[Any], lane: str) -> int:
        sql = "update log.lane set turn = turn + 1 where name = %s returning turn"
        row = conn.execute(sql, (lane,)).fetchone()
        if row is None:
            self._begin(conn, lane)
            row = conn.execute(sql, (lane,)).fetchone()
        assert row is not None
        return int(row[0])

    def _begin(self, conn: psycopg.Connection[Any], lane: str) -> None:
        conn.execute("insert into log.lane (name) values (%s) on conflict do nothing", (lane,))

    def append(self, conn: psycopg.Connection[Any], lane: str, facts: Sequence[AnyFact], hours: int = 24) -> int:
        """Append facts in the caller's transaction, to a partition of so many hours; return the number of the last one.

        Whoever listens on the lane's channel (LISTEN/NOTIFY, see `channel`) is told that number when it is committed.
        """
        moment = now()
        period = moment.replace(hour=moment.hour // hours * hours, minute=0, second=0, microsecond=0)
        head, found = self._end(conn, lane, period)
        if not facts:
            return head
        last = head + len(facts)
        partition = found or self._partition(conn, lane, period)
        body = seal(self._vault.partition_key(f"log-{partition}"), _ENCODE(list(facts)), _context(lane, head + 1))
        conn.execute(
            "with kept as (insert into log.chunk (lane, first_no, last_no, partition_id, body) values (%s, %s, %s, %s, %s)) "
            "update log.lane set head = %s where name = %s returning pg_notify(%s, %s)",
            (lane, head + 1, last, partition, body, last, lane, channel(lane), str(last)),
        )
        return last

    def _end(self, conn: psycopg.Connection[Any], lane: str, period: datetime) -> tuple[int, int | None]:
        """Lock a lane; return its head, and the partition of a period if that was there when it was asked for."""
        sql = (
            "select head, partition_id from log.lane l left join log.partition p on p.lane = l.name and p.period = %s "
            "where l.name = %s for update of l"
        )
        row = conn.execute(sql, (period, lane)).fetchone()
        if row is None:
            self._begin(conn, lane)
            row = conn.execute(sql, (period, lane)).fetchone()
        assert row is not None
        return int(row[0]), row[1]

    def read(self, conn: psycopg.Connection[Any], lane: str, after: int, limit: int = 1000) -> list[Numbered]:
        """Return up to `limit` facts after number `after`, in order."""
        rows = conn.execute(
            "select first_no, partition_id, body, at from log.chunk where lane = %(lane)s and last_no > %(after)s "
            "and first_no >= (select coalesce(max(first_no), 0) from log.chunk where lane = %(lane)s and first_no <= %(after)s) "
            "and first_no <= (select coalesce(min(first_no), %(after)s) from log.chunk where lane = %(lane)s and first_no > %(after)s) "
            "+ %(limit)s order by first_no limit %(limit)s",
            {"lane": lane, "after": after, "limit": limit},
            binary=True,
        ).fetchall()
        return list(_first(limit, after, (self._open(lane, *row) for row in rows)))

    def _open(self, lane: str, first: int, partition: int, body: bytes, at: datetime) -> list[Numbered]:
        try:
            key = self._vault.partition_key(f"log-{partition}", create=False)
        except NotFound:
            return []
        facts = _DECODE(unseal(key, body, _context(lane, first)))
        return [Numbered(first + index, fact, at) for index, fact in enumerate(facts)]

    def before(self, conn: psycopg.Connection[Any], lane: str, at: datetime) -> int:
        """Return the number of the last fact appended before a moment."""
        row = conn.execute(
            "select last_no from log.chunk where lane = %s and at < %s order by first_no desc limit 1", (lane, at)
        ).fetchone()
        return int(row[0]) if row else 0

    def position(self, conn: psycopg.Connection[Any], reader: str, lane: str) -> int:
        """Lock a reader's cursor and return the number of the last fact that it has dealt with."""
        sql = "select position from log.reader where name = %s and lane = %s for update"
        row = conn.execute(sql, (reader, lane)).fetchone()
        if row is None:
            conn.execute("insert into log.reader (name, lane) values (%s, %s) on conflict do nothing", (reader, lane))
            row = conn.execute(sql, (reader, lane)).fetchone()
        assert row is not None
        return int(row[0])

    def advance(self, conn: psycopg.Connection[Any], reader: str, lane: str, number: int) -> None:
        """Move a reader's cursor; commit it together with the reader's result."""
        conn.execute("update log.reader set position = %s where name = %s and lane = %s", (number, reader, lane))

    def head(self, conn: psycopg.Connection[Any], lane: str) -> int:
        """Return the number of the last fact of a lane, 0 when there is none."""
        row = conn.execute("select head from log.lane where name = %s", (lane,)).fetchone()
        return int(row[0]) if row else 0

    def reached(self, conn: psycopg.Connection[Any], reader: str, lane: str) -> int:
        """Return the number of the last fact that a reader has dealt with."""
        row = conn.execute("select position from log.reader where name = %s and lane = %s", (reader, lane)).fetchone()
        return int(row[0]) if row else 0

    def forget(self, conn: psycopg.Connection[Any], days: int, *, keep: Sequence[str] = ()) -> int:
        """Drop partitions older than `days` days, their keys first, but for the lanes to keep; return how many went."""
        rows = conn.execute(
            "select partition_id from log.partition where period < %s and lane <> all(%s)",
            (now() - timedelta(days=days + 1), list(keep)),
        ).fetchall()
        return self._drop(conn, [partition for (partition,) in rows])

    def forget_read(self, conn: psycopg.Connection[Any], reader: str, lane: str, hours: int) -> int:
        """Drop the partitions of a lane that ended so many hours ago and that its reader has dealt with to the end."""
        rows = conn.execute(
            "select partition_id from log.partition p where lane = %s and period < %s and not exists "
            "(select from log.chunk c where c.partition_id = p.partition_id and c.last_no > %s)",
            (lane, now() - timedelta(hours=hours + 1), self.reached(conn, reader, lane)),
        ).fetchall()
        return self._drop(conn, [partition for (partition,) in rows])

    def _drop(self, conn: psycopg.Connection[Any], partitions: Sequence[int]) -> int:
        for partition in partitions:
            self._vault.destroy_partition_key(f"log-{partition}")
            conn.execute("delete from log.chunk where partition_id = %s", (partition,))
            conn.execute("delete from log.partition where partition_id = %s", (partition,))
        return len(partitions)

    def _partition(self, conn: psycopg.Connection[Any], lane: str, period: datetime) -> int:
        """Return the partition of a period, with the lane locked: whoever had it before may have made it."""
        sql = "select partition_id from log.partition where lane = %s and period = %s"
        row = conn.execute(sql, (lane, period)).fetchone()
        if row is None:
            row = conn.execute(
                "insert into log.partition (lane, period) values (%s, %s) returning partition_id", (lane, period)
            ).fetchone()
        assert row is not None
        return int(row[0])


def channel(lane: str) -> str:
    """Return the channel on which a lane tells of what was appended; the payload is the number of the last fact."""
    return f"steelthread_{lane}"


def _context(lane: str, first: int) -> bytes:
    return f"log|{lane}|{first}".encode()


def _first(limit: int, after: int, chunks: Iterable[list[Numbered]]) -> Iterable[Numbered]:
    given = 0
    for chunk in chunks:
        for numbered in chunk:
            if numbered.number > after:
                if given == limit:
                    return
                given += 1
                yield numbered
