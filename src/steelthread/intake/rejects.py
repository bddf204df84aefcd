"""What was refused or set aside, kept sealed until it is replayed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from steelthread.kit import iso
from steelthread.vault import Vault, seal, unseal

Connection = psycopg.Connection[Any]
_PACK = msgspec.msgpack.Encoder().encode
_UNPACK = msgspec.msgpack.Decoder(tuple[list[str], list[str]]).decode


class Reject(msgspec.Struct):
    """A refused row or a value set aside, ready to be kept with its row, so that the row can be mapped again."""

    line: int
    column: str
    reason: str
    is_row: bool
    columns: list[str]
    """The columns of the file; none for a line that is no row."""
    cells: list[str]
    digest: bytes = b""
    """Digest of the row under its mapping, as the record has it that was kept of the row."""

    def packed(self) -> bytes:
        """Return what is sealed."""
        return _PACK((self.columns, self.cells))


class Waiting(msgspec.Struct):
    """A reject that waits for its mapping to be mended, opened."""

    reject_id: int
    as_of: datetime
    line: int
    column: str
    is_row: bool
    digest: bytes
    columns: list[str]
    cells: list[str]
    at: datetime | None = None
    """When it was refused."""


def keep_rejects(conn: Connection, vault: Vault, source: int, load: int, file: str, rejects: Sequence[Reject]) -> None:
    """Keep what was refused, each sealed under a key of its own; the same thing refused twice is kept once."""
    if not rejects:
        return
    subjects = vault.new_subjects(len(rejects))
    conn.cursor().executemany(
        'insert into intake.reject (source_id, load_id, file, line, "column", reason, is_row, row_hash, row_digest, subject, sealed) '
        'values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (source_id, row_hash, "column", reason) do update set load_id = excluded.load_id, row_digest = excluded.row_digest, replayed_at = null',
        [
            (
                source, load, file, reject.line, reject.column, reject.reason, reject.is_row,
                vault.digest(reject.packed()), reject.digest, subject, seal(key, reject.packed(), b"reject"),
            )
            for reject, (subject, key) in zip(rejects, subjects, strict=True)
        ],
    )  # fmt: skip


def list_rejects(conn: Connection, source: str, limit: int, before: int | None = None) -> list[dict[str, Any]]:
    """List what was refused and not replayed, newest first, from `before` this number on; without its content."""
    rows = conn.execute(
        'select reject_id, s.name, file, line, "column", reason, is_row, at from intake.reject join intake.source s using (source_id) '
        "where replayed_at is null and (%s = '' or s.name = %s) and (%s::int8 is null or reject_id < %s) "
        "order by reject_id desc limit %s",
        (source, source, before, before, limit),
    )
    names = ("id", "source", "file", "line", "column", "reason", "row", "at")
    return [dict(zip(names, row, strict=True)) for row in rows]


def last_reject(conn: Connection) -> int:
    """Return the number of the reject that was kept last."""
    row = conn.execute("select coalesce(max(reject_id), 0) from intake.reject").fetchone()
    assert row is not None
    return int(row[0])


def rejects_after(conn: Connection, after: int, limit: int) -> list[dict[str, Any]]:
    """List the live events refused since a number, oldest first; without their content.

    Those that the thread refused are left out: it tells of them itself.
    """
    rows = conn.execute(
        "select reject_id, s.name, reason, at from intake.reject join intake.source s using (source_id) "
        "where reject_id > %s and is_row and file = 'live' and \"column\" = '' and reason not like 'cannot be folded in%%' "
        "and reason not like 'contract: %%' and reason not like 'waits: %%' order by reject_id limit %s",
        (after, limit),
    )
    return [{"id": one[0], "source": one[1], "reason": one[2], "at": iso(one[3])} for one in rows]


def waiting_sources(conn: Connection, source: str) -> list[tuple[str, int]]:
    """Return (source, how many rejects wait) of the sources that have any."""
    return conn.execute(
        "select s.name, count(*) from intake.reject join intake.source s using (source_id) "
        "where replayed_at is null and (%s = '' or s.name = %s) group by 1 order by 1",
        (source, source),
    ).fetchall()


def waiting_rejects(
    conn: Connection, vault: Vault, source: int, after: int, limit: int, reason: str = ""
) -> list[Waiting]:
    """Open the rejects of a source that wait (for this reason), in the order in which they were kept, after a number."""
    rows = conn.execute(
        'select reject_id, l.as_of, line, "column", is_row, row_digest, subject, sealed, r.at from intake.reject r '
        "join intake.load l using (load_id) where r.source_id = %s and replayed_at is null and reject_id > %s "
        "and (%s = '' or reason = %s) order by reject_id limit %s",
        (source, after, reason, reason, limit),
    ).fetchall()
    keys = vault.keys({row[6] for row in rows})
    found = []
    for number, as_of, line, column, is_row, digest, subject, sealed, at in rows:
        key = keys.get(subject)
        columns, cells = _UNPACK(unseal(key, sealed, b"reject")) if key else ([], [])
        found.append(Waiting(number, as_of, line, column, is_row, digest, columns, cells, at))
    return found


def settle_rejects(conn: Connection, rejects: Sequence[int]) -> None:
    """Close rejects: their rows map now."""
    conn.execute("update intake.reject set replayed_at = now() where reject_id = any(%s)", (list(rejects),))
