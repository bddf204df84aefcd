"""The company's own Delta tables (`lake.yaml`): a store among the others for access, erasure and retention.

Who goes is written down as tombstones in the transaction of the erasure, and crossed out when the tables were rewritten:
a kill in between, or a table that cannot be reached just now, delays the rewrite and loses nothing. A row is found by its
subject columns, whose values are named as the thread names them and compared as tombstones: no value is kept for it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import structlog

from steelthread import identity, intake
from steelthread.kit import Invalid, Unavailable
from steelthread.lake import LakeTable, Subject, load_tables
from steelthread.privacy import Tombstones
from steelthread.store import Byteas
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
Namer = Callable[[str], bytes | None]
_log = structlog.get_logger()
_LOCK = 0x57EE1E1A4E


class Swept(msgspec.Struct, rename="camel"):
    """What was taken out of a table."""

    table: str
    rows: int = 0
    files: int = 0
    """Files that held such rows, each written anew once."""
    removed: int = 0
    """Files of the table's past that were destroyed."""
    pending: str = ""
    """Why it has still to be done: `serve` tries again."""
    owners: Counter[bytes] = Counter()
    """Rows by whose tombstone found them."""

    def told(self, rows: int) -> dict[str, Any]:
        """Return what a certificate says of it, for a person with so many of the rows."""
        said: dict[str, Any] = {"store": f"table {self.table}", "method": "rewrite", "rows": rows}
        return {**said, "pending": self.pending} if self.pending else {**said, "files": self.files}


class Tables:
    """The tables of one project."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._stones = Tombstones(space.vault)
        self.tables = [LakeTable(one) for one in load_tables(space.project.folder)]
        for table in self.tables:
            for subject in table.config.subjects:
                self._namer(subject)  # Invalid for a kind that there is not, before anything is done

    @property
    def folders(self) -> list[Path]:
        """Where the tables lie."""
        return [one.config.folder for one in self.tables]

    @property
    def outside(self) -> list[Path]:
        """Those of them that are not in the project's folder."""
        inside = self._space.project.folder.resolve()
        return [one for one in self.folders if not one.resolve().is_relative_to(inside)]

    def leave(self, conn: Connection, request: UUID, at: datetime, tokens: Collection[bytes]) -> None:
        """Write down who goes, in the caller's transaction."""
        if self.tables:
            conn.execute(
                "insert into privacy.leaving select token, %s, %s from unnest(%s::bytea[]) as told (token) "
                "on conflict do nothing",
                (request, at, Byteas(sorted(tokens))),
            )

    def sweep(self, conn: Connection, *, everybody: bool = False) -> list[Swept]:
        """Take out whoever has still to go; with `everybody` whoever ever went, too: somebody may have brought them back.

        Each file is rewritten once for all of them. A table that cannot be rewritten is told as pending. Commits.
        """
        if not self.tables:
            return []
        conn.execute("select pg_advisory_lock(%s)", (_LOCK,))
        try:
            return self._sweep(conn, everybody=everybody)
        finally:
            conn.rollback()
            conn.execute("select pg_advisory_unlock(%s)", (_LOCK,))
            conn.commit()

    def _sweep(self, conn: Connection, *, everybody: bool) -> list[Swept]:
        leaving = {bytes(token) for (token,) in conn.execute("select token from privacy.leaving")}
        gone = set(leaving)
        if everybody:
            gone |= {bytes(token) for (token,) in conn.execute("select token from privacy.tombstone")}
        if not gone:
            return []
        conn.commit()
        swept = [self._take_out(table, gone, always=bool(leaving)) for table in self.tables]
        if not any(one.pending for one in swept):
            conn.execute("delete from privacy.leaving where token = any(%s)", (Byteas(sorted(leaving)),))
            conn.commit()
        return swept

    def preview(self, gone: Collection[bytes]) -> list[Swept]:
        """Return what taking out the people with these tombstones would do."""
        return [self._take_out(table, gone, writes=False) for table in self.tables]

    def _take_out(
        self, table: LakeTable, gone: Collection[bytes], *, always: bool = False, writes: bool = True
    ) -> Swept:
        names = [self._namer(one) for one in table.config.subjects]
        done = Swept(table.config.name, owners=Counter())
        try:
            values = table.values(lambda number, some: [self._token(names[number], one) in gone for one in some])
            for row in table.owners(values):
                done.owners[next(filter(None, (self._token(names[number], value) for number, value in row)))] += 1
            done.rows = done.owners.total()
            if writes and (always or any(values)):
                told = table.rewrite(values)
                done.rows, done.files, done.removed = told.rows, told.files, told.removed
        except Unavailable as error:
            done.pending = str(error)
            _log.warning("table not rewritten", table=table.config.name, why=str(error))
        return done

    def rows_of(self, names: Collection[bytes]) -> list[tuple[LakeTable, list[dict[str, Any]]]]:
        """Return the rows of the person with these names: hashes of identifiers and records, universal IDs."""
        found = []
        for table in self.tables:
            namers = [self._namer(one) for one in table.config.subjects]
            values = table.values(partial(_meant, namers, names))
            found.append((table, table.rows(values)))
        return found

    def _token(self, name: Namer, value: str) -> bytes | None:
        found = name(value)
        return None if found is None else self._stones.token(found)

    def _namer(self, subject: Subject) -> Namer:
        """Return what names the values of a column as the thread names them; None for a value that names nobody."""
        vault = self._space.vault
        if subject.holds == "individual":
            return _individual
        if subject.holds == "record":
            return lambda value: intake.key_hash(vault, subject.source, subject.entity, value)
        rules = self._space.rules
        kind, country = rules.kind(subject.holds), self._space.project.settings.project.country
        if kind.scoped and not subject.namespace:
            raise Invalid(f"Say in lake.yaml in which namespace the column {subject.column} holds {kind.name}.")
        node = identity.NODES_OF.get(kind.name, kind.name)

        def named(value: str) -> bytes | None:
            key = identity.matching_key(kind, value, country)
            if key is None:
                return None
            return vault.blind(node, f"{subject.namespace}/{key}" if kind.scoped else key)

        return named


def _meant(namers: Sequence[Namer], names: Collection[bytes], number: int, values: Sequence[str]) -> list[bool]:
    return [namers[number](value) in names for value in values]


def _individual(value: str) -> bytes | None:
    try:
        return UUID(value).bytes
    except ValueError:
        return None


def lines_of(swept: Sequence[Swept], tokens: Collection[bytes]) -> list[dict[str, Any]]:
    """Return what a certificate says of the tables, for the person with these tombstones."""
    return [one.told(sum(one.owners[token] for token in set(tokens))) for one in swept]
