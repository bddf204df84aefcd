"""Signals of consent managers in PostgreSQL: what came last from a node, and what is kept of it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from steelthread.privacy.signals import Signal
from steelthread.store import Byteas, Texts

Connection = psycopg.Connection[Any]


class HeardSignal(msgspec.Struct, rename="camel"):
    """A signal of a node, as long as it stayed the same."""

    node: bytes
    signal: Signal
    first_at: datetime
    last_at: datetime
    sha256: bytes
    content: str
    problem: str = ""
    source: str = ""


_COLUMNS = "node_hash, signal, first_at, last_at, sha256, content, problem, source"


def last_signals(conn: Connection, nodes: Collection[bytes]) -> dict[tuple[bytes, str], HeardSignal]:
    """Return (node, signal) -> the one that was seen last."""
    rows = conn.execute(
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
        (one.node, one.signal, one.first_at, one.last_at, one.sha256, one.content, one.problem, one.source)
        for one in heard
    ]
    node, signal, first, last, digest, content, problem, source = zip(*rows, strict=True)
    conn.execute(
        f"insert into privacy.consent_signal ({_COLUMNS}, recorded_at) select told.*, %s from unnest(%s::bytea[], %s::text[], "
        "%s::timestamptz[], %s::timestamptz[], %s::bytea[], %s::text[], %s::text[], %s::text[]) as told "
        "on conflict (node_hash, signal, first_at, sha256) do update set last_at = excluded.last_at "
        "where consent_signal.last_at < excluded.last_at",
        (
            at,
            Byteas(node),
            Texts(signal),
            list(first),
            list(last),
            Byteas(digest),
            Texts(content),
            Texts(problem),
            Texts(source),
        ),
    )


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
