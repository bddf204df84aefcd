"""What was refused or set aside, kept sealed until it is replayed."""

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from steelthread.vault import Vault

Connection = psycopg.Connection[Any]


class Reject(msgspec.Struct):
    """A refused row or a value set aside, ready to be kept."""

    line: int
    column: str
    reason: str
    is_row: bool
    content: str


def keep_rejects(
    conn: Connection, vault: Vault, seal: Any, source: int, load: int, file: str, rejects: Sequence[Reject]
) -> None:
    """Keep what was refused, each sealed under a key of its own; the same thing refused twice is kept once."""
    if not rejects:
        return
    subjects = vault.new_subjects(len(rejects))
    conn.cursor().executemany(
        'insert into intake.reject (source_id, load_id, file, line, "column", reason, is_row, row_hash, subject, sealed) '
        'values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (source_id, row_hash, "column", reason) do update set load_id = excluded.load_id, replayed_at = null',
        [
            (
                source, load, file, reject.line, reject.column, reject.reason, reject.is_row,
                vault.digest(reject.content.encode()), subject, seal(key, reject.content.encode(), b"reject"),
            )
            for reject, (subject, key) in zip(rejects, subjects, strict=True)
        ],
    )  # fmt: skip


def list_rejects(conn: Connection, source: str, limit: int) -> list[dict[str, Any]]:
    """List what was refused and not replayed, newest first; without its content."""
    rows = conn.execute(
        'select s.name, file, line, "column", reason, is_row, at from intake.reject join intake.source s using (source_id) '
        "where replayed_at is null and (%s = '' or s.name = %s) order by reject_id desc limit %s",
        (source, source, limit),
    )
    names = ("source", "file", "line", "column", "reason", "row", "at")
    return [dict(zip(names, row, strict=True)) for row in rows]


def waiting_rejects(conn: Connection, source: str) -> list[tuple[str, int]]:
    """Return (source, how many refused rows wait) of the sources that have any."""
    return conn.execute(
        "select s.name, count(*) from intake.reject join intake.source s using (source_id) "
        "where replayed_at is null and is_row and (%s = '' or s.name = %s) group by 1 order by 1",
        (source, source),
    ).fetchall()


def settle_rejects(conn: Connection, source: str) -> None:
    """Close the rejects that the newest load of a source no longer refused."""
    conn.execute(
        "update intake.reject set replayed_at = now() where replayed_at is null "
        "and source_id = (select source_id from intake.source where name = %s) "
        "and load_id < (select max(load_id) from intake.load join intake.source s using (source_id) where s.name = %s)",
        (source, source),
    )
