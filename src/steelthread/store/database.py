"""A project's database: the embedded server, or the PostgreSQL that a URL names."""

import select
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg_pool import ConnectionPool

from steelthread.kit import Project, Unavailable, come_soon, give_way
from steelthread.store.behind import WriteBehind
from steelthread.store.embedded import Embedded
from steelthread.store.migrations import migrate as run_migrations

OLDEST = 150_000
_INTERPRETED = "-c jit=off"
"""To compile a question costs more than carrying it out, but for a few; PostgreSQL as Debian ships it would compile many."""
_ASKED_AGAIN = " -c plan_cache_mode=force_generic_plan"
_BY_KEY = " -c enable_seqscan=off -c enable_mergejoin=off"
_WAIT_SECONDS = 10.0
"""Who finds every connection lent, or no database, is told so after that."""
Opened = TypeVar("Opened", bound=psycopg.Connection[Any])


class Database:
    """An opened database."""

    def __init__(self, conninfo: str, embedded: Embedded | None) -> None:
        self.conninfo = conninfo
        self.embedded = embedded is not None
        self._server = embedded
        self._pools: list[ConnectionPool[psycopg.Connection[Any]]] = []
        self._niceness = 0
        told = psycopg.conninfo.conninfo_to_dict(conninfo).get("options")
        self._options = f"{told} {_INTERPRETED}" if told else _INTERPRETED
        with self.connect() as conn:
            number = conn.info.server_version
        if number < OLDEST:
            self.close()
            raise Unavailable(f"This PostgreSQL is version {number // 10000}; Steelthread needs 15 or newer.")
        self.version = f"{number // 10000}.{number % 10000}"

    @property
    def public(self) -> str:
        """How to connect, without the password."""
        parts = psycopg.conninfo.conninfo_to_dict(self.conninfo)
        parts.pop("password", None)
        return psycopg.conninfo.make_conninfo("", **parts)

    def give_way(self, niceness: int) -> None:
        """Have this process, and what an embedded server does for the connections opened from now on, give way to others."""
        self._niceness = niceness
        give_way(niceness)

    def connect(self) -> psycopg.Connection[Any]:
        """Open a connection; what it does is committed by the caller."""
        return self._open(psycopg.Connection[Any])

    def writer(self) -> WriteBehind:
        """Open a connection that writes behind."""
        return self._open(WriteBehind)

    def _open(self, kind: type[Opened]) -> Opened:
        try:
            conn = kind.connect(self.conninfo, application_name="steelthread", options=self._options)
        except psycopg.OperationalError as error:
            raise Unavailable(
                f"The database does not answer ({type(error).__name__}). Check [database] url in steelthread.toml "
                "(or STEELTHREAD_DATABASE_URL), the password, and that the server runs."
            ) from None
        if self.embedded:
            give_way(self._niceness, conn.info.backend_pid)
        return conn

    def pool(
        self, max_size: int = 8, *, by_key: bool = False, first: bool = False, autocommit: bool = True
    ) -> ConnectionPool[psycopg.Connection[Any]]:
        """Return a pool of connections for many small questions that somebody waits for; it closes with the database.

        A plan is made once per connection and question: making one costs more than carrying it out. With `by_key` things are
        looked up by their keys whatever the statistics say: a plan made while tables are young reads all of them, and stays
        as they grow. What an embedded server does for these connections comes soon, or even `first`.
        Without `autocommit` the caller commits.
        """
        pool: ConnectionPool[psycopg.Connection[Any]] = ConnectionPool(
            self.conninfo,
            min_size=1,
            max_size=max_size,
            timeout=_WAIT_SECONDS,
            open=True,
            configure=partial(self._come_soon, first=first),
            check=_check,
            kwargs={
                "application_name": "steelthread",
                "autocommit": autocommit,
                "prepare_threshold": 2,
                "options": self._options + _ASKED_AGAIN + (_BY_KEY if by_key else ""),
            },
        )
        self._pools.append(pool)
        return pool

    def _come_soon(self, conn: psycopg.Connection[Any], *, first: bool) -> None:
        if self.embedded:
            come_soon(conn.info.backend_pid, first=first)

    def close(self) -> None:
        """Close the pools and let the embedded server go."""
        for pool in self._pools:
            pool.close()
        self._pools.clear()
        if self._server is not None:
            self._server.detach()


def _check(conn: psycopg.Connection[Any]) -> None:
    """Raise when the server has gone away from an idle connection: the pool lends another one.

    Nothing is asked of a server that said nothing: of one that ended, the end can be read.
    """
    said = select.poll()
    said.register(conn.fileno(), select.POLLIN)
    if said.poll(0):
        ConnectionPool.check_connection(conn)


def open_database(project: Project, *, migrate: bool = True) -> Database:
    """Open the project's database, starting the embedded server when no URL is set, and bring its tables up to date."""
    url = project.settings.database.url
    if url:
        for folder in (project.data, project.logs, project.temp):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = Database(url, None)
    else:
        embedded = Embedded(project)
        database = Database(embedded.attach(), embedded)
    if migrate:
        with database.connect() as conn:
            run_migrations(conn)
    return database
