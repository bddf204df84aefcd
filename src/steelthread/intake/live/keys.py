"""Write keys: what lets a client send events to one live source. Shown once; the database has their SHA-256."""

import hashlib
import secrets
from typing import Any

import psycopg

from steelthread.intake.live.types import LiveSource
from steelthread.kit import NotFound

Connection = psycopg.Connection[Any]


def make_write_key(conn: Connection, source: int) -> str:
    """Make one more write key of a source; the caller commits."""
    secret = "wk_" + secrets.token_urlsafe(24)
    conn.execute("insert into intake.write_key (secret_hash, source_id) values (%s, %s)", (key_digest(secret), source))
    return secret


def revoke_write_key(conn: Connection, source: int, secret: str) -> None:
    """Let a key in no longer; NotFound when the source has no such key in force."""
    done = conn.execute(
        "update intake.write_key set revoked_at = now() where secret_hash = %s and source_id = %s and revoked_at is null",
        (key_digest(secret), source),
    )
    if done.rowcount == 0:
        raise NotFound("This source has no such write key in force.")


def source_of_key(conn: Connection, digest: bytes) -> LiveSource | None:
    """Return the source that a key lets events into, None for an unknown or revoked key."""
    row = conn.execute(
        "select s.name, s.source_id from intake.write_key k join intake.source s using (source_id) "
        "where k.secret_hash = %s and k.revoked_at is null",
        (digest,),
    ).fetchone()
    return None if row is None else LiveSource(row[0], row[1])


def live_sources(conn: Connection) -> int:
    """Return how many sources have a write key in force."""
    row = conn.execute("select count(distinct source_id) from intake.write_key where revoked_at is null").fetchone()
    assert row is not None
    return int(row[0])


def key_digest(secret: str) -> bytes:
    """Return what is kept of a key: it is random, so no salt is needed."""
    return hashlib.sha256(secret.encode()).digest()
