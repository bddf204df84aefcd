"""Migrations: plain numbered SQL files in each package's `migrations` folder, each run once, in one transaction."""

import hashlib
from importlib import resources
from typing import Any

import msgspec
import psycopg

from steelthread.kit import Conflict

PACKAGES = ("log", "privacy", "intake", "identity", "profiles", "api", "activation")
"""Packages with tables, in the order in which theirs are made."""
SQL_SCHEMAS = "st_sql_"
"""How schemas begin that hold analysts' views: made of what the tables are, they go before these change."""
_LOCK = 7_735_001
_LEDGER = """
create schema if not exists store;
create table if not exists store.migration (
    package text not null, number int not null, name text not null, checksum text not null,
    at timestamptz not null default now(), primary key (package, number)
);
"""


class Migration(msgspec.Struct, frozen=True):
    """One SQL file."""

    package: str
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Digest of the text: a migration that ran is never changed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Return all migrations in the order in which they run."""
    found = []
    for package in PACKAGES:
        folder = resources.files("steelthread") / package / "migrations"
        if folder.is_dir():
            for file in sorted(folder.iterdir(), key=lambda file: file.name):
                if file.name.endswith(".sql"):
                    number, _, name = file.name.removesuffix(".sql").partition("_")
                    found.append(Migration(package, int(number), name, file.read_text("utf-8")))
    return found


def drop_views(conn: psycopg.Connection[Any]) -> None:
    """Drop analysts' views with all that hangs on them, in the caller's transaction; `steelthread sql refresh` makes them anew."""
    rows = conn.execute("select nspname from pg_namespace where starts_with(nspname, %s)", (SQL_SCHEMAS,)).fetchall()
    for (schema,) in rows:
        conn.execute(f'drop schema "{schema}" cascade')


def migrate(conn: psycopg.Connection[Any]) -> int:
    """Run the migrations that have not run yet; return how many. Conflict when one that ran has changed since."""
    conn.execute("select pg_advisory_lock(%s)", (_LOCK,))
    try:
        conn.execute(_LEDGER)
        done = {
            (package, number): checksum
            for package, number, checksum in conn.execute("select package, number, checksum from store.migration")
        }
        conn.commit()
        count = 0
        for one in migrations():
            known = done.get((one.package, one.number))
            if known is None:
                drop_views(conn)
                conn.execute("set local lock_timeout = '30s'")
                conn.execute(one.sql.encode())
                conn.execute(
                    "insert into store.migration (package, number, name, checksum) values (%s, %s, %s, %s)",
                    (one.package, one.number, one.name, one.checksum),
                )
                conn.commit()
                count += 1
            elif known != one.checksum:
                raise Conflict(
                    f"Migration {one.package}/{one.number:04} has changed since it ran on this database: "
                    "use the release that made the database, or restore a backup."
                )
        return count
    finally:
        conn.rollback()
        conn.execute("select pg_advisory_unlock(%s)", (_LOCK,))
        conn.commit()
