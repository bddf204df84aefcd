"""Store: PostgreSQL, embedded in the project's folder or any server by URL; migrations; backup and restore."""

from steelthread.store.backups import backup, restore
from steelthread.store.behind import WriteBehind, carry_out, copy_rows, write
from steelthread.store.bulk import (
    NULL,
    Byteas,
    Int8s,
    Moments,
    Numerics,
    Texts,
    Utf8s,
    Uuids,
    Words,
    copy_packed,
    copy_streamed,
    field,
    micros_2000,
    numeric,
)
from steelthread.store.database import Database, open_database
from steelthread.store.migrations import SQL_SCHEMAS, drop_views, migrate, migrations

__all__ = [
    "NULL",
    "SQL_SCHEMAS",
    "Byteas",
    "Database",
    "Int8s",
    "Moments",
    "Numerics",
    "Texts",
    "Utf8s",
    "Uuids",
    "Words",
    "WriteBehind",
    "backup",
    "carry_out",
    "copy_packed",
    "copy_rows",
    "copy_streamed",
    "drop_views",
    "field",
    "micros_2000",
    "migrate",
    "migrations",
    "numeric",
    "open_database",
    "restore",
    "write",
]
