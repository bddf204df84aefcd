"""Tombstones: keyed hashes of what was erased. They tell whoever comes back, and nobody who it was.

They stand in the database and in a journal in the data folder, so that a restored backup learns what was erased since.
"""

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread.store import Byteas, Uuids
from steelthread.vault import Vault

Connection = psycopg.Connection[Any]
JOURNAL = "erasures.jsonl"
_TOKEN = 16
_TAIL = 1 << 16


class Line(msgspec.Struct, rename="camel"):
    """One line of the journal: tokens that were set, or lifted, by a request."""

    request_id: UUID
    at: datetime
    tokens: list[str]
    lifted: bool = False
    anonymised: bool = False
    """Whether counts by month were kept: erasing again keeps them again."""


class Tombstones:
    """The tombstones of one space."""

    def __init__(self, vault: Vault) -> None:
        # HMAC (RFC 2104) with both keyed states made once, as in the vault: every event asks.
        block = vault.secret("suppression").ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def token(self, name: bytes) -> bytes:
        """Return the tombstone of a node's hash, a record's hash or a universal ID: HMAC-SHA-256 under the pepper."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(name)
        outer.update(inner.digest())
        return outer.digest()[:_TOKEN]

    def generation(self, conn: Connection) -> str | None:
        """Return what changes whenever tombstones are set, None where there are none: the fence costs nothing before."""
        row = conn.execute(
            "select generation::text from privacy.tombstone_generation where exists (select from privacy.tombstone)"
        ).fetchone()
        return row[0] if row else None

    def among(self, conn: Connection, names: Collection[bytes]) -> set[bytes]:
        """Return those of these hashes that have a tombstone."""
        token = self.token
        tokens = {token(name): name for name in names}
        with conn.cursor(binary=True) as cursor:
            rows = cursor.execute(
                "select token from privacy.tombstone where token = any(%s)", (Byteas(sorted(tokens)),)
            ).fetchall()
        return {tokens[token] for (token,) in rows}

    def has(self, conn: Connection, name: bytes) -> bool:
        """Whether this hash has a tombstone."""
        return bool(self.among(conn, [name]))

    def set(self, conn: Connection, request: UUID, at: datetime, tokens: Collection[bytes]) -> None:
        """Set tombstones in the caller's transaction."""
        self.set_all(conn, at, {request: tokens})

    def set_all(self, conn: Connection, at: datetime, tokens: Mapping[UUID, Collection[bytes]]) -> None:
        """Set the tombstones of many requests in the caller's transaction."""
        pairs = sorted((token, request) for request, some in tokens.items() for token in some)
        conn.execute(
            "insert into privacy.tombstone select token, request, %s from unnest(%s::bytea[], %s::uuid[]) "
            "as told (token, request) on conflict do nothing",
            (at, Byteas(token for token, _ in pairs), Uuids([request for _, request in pairs])),
        )

    def lift(self, conn: Connection, names: Collection[bytes]) -> list[bytes]:
        """Take tombstones away: the person came back by own will. Return those that there were."""
        tokens = sorted(self.token(name) for name in names)
        rows = conn.execute("delete from privacy.tombstone where token = any(%s) returning token", (Byteas(tokens),))
        return [token for (token,) in rows]


def write_journal(folder: Path, *lines: Line) -> None:
    """Append to the journal; it is on disk when this returns."""
    descriptor = os.open(folder / JOURNAL, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        content = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        while content:
            content = content[os.write(descriptor, content) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_journal(folder: Path) -> Iterable[Line]:
    """Return the lines of the journal; a line that a crash cut off is left out."""
    path = folder / JOURNAL
    lines = []
    for text in path.read_bytes().splitlines() if path.exists() else ():
        try:
            lines.append(msgspec.json.decode(text, type=Line))
        except msgspec.MsgspecError:
            continue
    return lines


def is_behind(conn: Connection, folder: Path) -> bool:
    """Whether the journal knows of an erasure that the database does not: it is one of before, brought back.

    It looks at the end of the journal only: a database that knows the last erasure knows those before it.
    """
    last = _last_erasure(folder)
    if last is None:
        return False
    row = conn.execute("select exists (select from privacy.erasure where request_id = %s)", (last,)).fetchone()
    return not (row and row[0])


def _last_erasure(folder: Path) -> UUID | None:
    """Return the last request of the journal that set tombstones; of a lift nothing depends that must be kept from readers."""
    path = folder / JOURNAL
    size = path.stat().st_size if path.exists() else 0
    length = _TAIL
    while size:
        with path.open("rb") as file:
            file.seek(max(0, size - length))
            lines = file.read().splitlines()
        for text in reversed(lines if length >= size else lines[1:]):
            try:
                line = msgspec.json.decode(text, type=Line)
            except msgspec.MsgspecError:
                continue  # a crash cut it off
            if not line.lifted:
                return line.request_id
        if length >= size:
            break
        length *= 8
    return None


def count_fence(conn: Connection, counts: Mapping[str, int]) -> None:
    """Add to what the fence dropped and stripped."""
    for name, more in sorted(counts.items()):
        if more:
            conn.execute(
                "insert into privacy.fence values (%s, %s) on conflict (name) do update set total = fence.total + excluded.total",
                (name, more),
            )


def fence_counts(conn: Connection) -> dict[str, int]:
    """Return what the fence dropped and stripped."""
    return dict(conn.execute("select name, total from privacy.fence").fetchall())
