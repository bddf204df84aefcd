"""Signals of consent managers in PostgreSQL: what came last from a node, and what is kept of it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread.privacy.signals import Signal
from steelthread.store import Byteas, Moments, Words

Connection = psycopg.Connection[Any]


class HeardSignal(msgspec.Struct, rename="camel", gc=False):
    """A signal of a node, as long as it stayed the same."""

    node: bytes
    signal: Signal
    first_at: datetime
    last_at: datetime
    sha256: bytes
    content: str
    problem: str = ""
    source: str = ""
    alone: bool = True
    """Whether it was ever seen of this node itself, not only of a login beside a browser."""


_COLUMNS = "node_hash, signal, first_at, last_at, sha256, content, problem, source, alone"


def last_signals(conn: Connection, nodes: Collection[bytes]) -> dict[tuple[bytes, str], HeardSignal]:
    """Return (node, signal) -> the one that was seen last."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            f"select distinct on (node_hash, signal) {_COLUMNS} from privacy.consent_signal where node_hash = any(%s) "
            "order by node_hash, signal, last_at desc, first_at desc, sha256",
            (Byteas(sorted(nodes)),),
        ).fetchall()
    return {(row[0], row[1]): HeardSignal(*row) for row in rows}


def signals_of(conn: Connection, nodes: Collection[bytes], at: datetime) -> list[HeardSignal]:
    """Return the signals that stood at a moment: of each node and kind the one that was seen last until then."""
    rows = conn.execute(
        f"select distinct on (node_hash, signal) {_COLUMNS} from privacy.consent_signal where node_hash = any(%s) "
        "and first_at <= %s order by node_hash, signal, first_at desc, last_at desc, sha256",
        (Byteas(sorted(nodes)), at),
    ).fetchall()
    return [HeardSignal(*row) for row in rows]


def keep_signals(conn: Connection, heard: Sequence[HeardSignal], at: datetime) -> None:
    """Keep signals, new ones and those seen again."""
    if not heard:
        return
    rows = [
        (one.node, one.signal, one.first_at, one.last_at, one.sha256, one.content, one.problem, one.source, one.alone)
        for one in heard
    ]
    node, signal, first, last, digest, content, problem, source, alone = zip(*rows, strict=True)
    conn.execute(
        f"insert into privacy.consent_signal ({_COLUMNS}, recorded_at) select told.*, %s from unnest(%s::bytea[], %s::text[], "
        "%s::timestamptz[], %s::timestamptz[], %s::bytea[], %s::text[], %s::text[], %s::text[], %s::boolean[]) as told "
        "on conflict (node_hash, signal, first_at, sha256) do update set "
        "last_at = greatest(consent_signal.last_at, excluded.last_at), alone = consent_signal.alone or excluded.alone "
        "where consent_signal.last_at < excluded.last_at or excluded.alone > consent_signal.alone",
        (
            at,
            Byteas(node),
            Words(signal),
            Moments(first),
            Moments(last),
            Byteas(digest),
            Words(content),
            Words(problem),
            Words(source),
            list(alone),
        ),
    )


def writes_alone(conn: Connection, process: UUID) -> bool:
    """Whether nobody but this process wrote signals since it did."""
    row = conn.execute("select process = %s from privacy.signal_writer", (process,)).fetchone()
    return bool(row and row[0])


def write_as(conn: Connection, process: UUID) -> bool:
    """Have no other process write signals before the caller's transaction ends; return whether this one did so last."""
    row = conn.execute("select process = %s from privacy.signal_writer for update", (process,)).fetchone()
    if row and row[0]:
        return True
    conn.execute("update privacy.signal_writer set process = %s", (process,))
    return False


def were_refused(conn: Connection, nodes: Collection[bytes]) -> dict[tuple[bytes, str], set[tuple[str, str]]]:
    """Return (node, signal) -> the (purpose, channel) to which this signal of the node ever said no."""
    rows = conn.execute(
        "select distinct node_hash, signal, purpose, channel from privacy.consent_event where node_hash = any(%s) "
        "and signal <> '' and said in ('refused', 'withdrawn', 'objected', 'opted_out', 'limited')",
        (Byteas(sorted(nodes)),),
    ).fetchall()
    found: dict[tuple[bytes, str], set[tuple[str, str]]] = {}
    for node, signal, purpose, channel in rows:
        found.setdefault((node, signal), set()).add((purpose, channel))
    return found
