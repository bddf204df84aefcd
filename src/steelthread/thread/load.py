"""Loading a file: rows in batches, each batch one transaction with its place in the file, so that a load resumes."""

import hashlib
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from steelthread import intake
from steelthread.identity import Identifiers
from steelthread.intake import Load, Mapping, Reject, RowRejected, Source
from steelthread.kit import Invalid, now
from steelthread.thread.batch import Batch, SourceFacts
from steelthread.thread.prepare import Prepared, Preparer
from steelthread.thread.space import Space
from steelthread.vault import seal


class Progress(msgspec.Struct):
    """How far a load has come."""

    rows: int
    rejected: int
    position: int
    total: int


class LoadResult(msgspec.Struct):
    """What a load did; rows are source rows."""

    source: str
    read: int
    accepted: int
    unchanged: int
    updated: int
    closed: int
    rejected: int
    individuals: dict[str, int]
    seconds: float
    set_aside: int = 0
    unmapped: list[str] = []
    warnings: list[str] = []


class _Sorted(msgspec.Struct):
    """A batch of rows, sorted by what is to be done with them."""

    prepared: list[Prepared]
    primaries: list[bytes]
    rejects: list[Reject]
    seen: list[int]
    unchanged: int


class Loader:
    """Loads one source of a space."""

    def __init__(self, space: Space, source: Source) -> None:
        self._space = space
        self._source = source
        country = source.country or space.project.settings.project.country
        identifiers = Identifiers(space.rules, space.model, source.name, country)
        self._preparer = Preparer(source, space.model, space.vault, identifiers)
        self._salt = source.digest.encode() if isinstance(source.digest, str) else source.digest

    def load(
        self,
        path: Path,
        *,
        as_of: datetime | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> LoadResult:
        """Load a file; a load of this very file that was cut off goes on where it stopped."""
        began = time.monotonic()
        with self._space.database.connect() as conn:
            facts, load = self._begin(conn, path, as_of or now())
            fmt = intake.detect(path, self._source.format)
            rows = intake.open_rows(path, fmt, batch=self._space.project.settings.load.batch_rows, skip=load.rows_done)
            mapping: Mapping | None = None
            for batch in rows:
                if mapping is None or len(mapping.columns) != len(rows.columns):
                    mapping = intake.compile_mapping(
                        self._source, self._space.model, rows.columns, self._space.project.settings.project.country
                    )
                self._batch(conn, facts, load, mapping, batch, path)
                if progress:
                    progress(Progress(load.read, load.rejected, rows.position, rows.total_bytes))
            if self._source.snapshot:
                self._close_gone(conn, facts, load)
            intake.save_load(conn, load, finished=now())
            conn.commit()
        return LoadResult(
            source=self._source.name,
            read=load.read,
            accepted=load.accepted,
            unchanged=load.unchanged,
            updated=load.updated,
            closed=load.closed,
            rejected=load.rejected,
            individuals={"created": load.created, "merged": load.merged},
            seconds=round(time.monotonic() - began, 3),
            set_aside=load.set_aside,
            unmapped=mapping.unmapped if mapping else [],
            warnings=rows.warnings,
        )

    def _begin(self, conn: psycopg.Connection[Any], path: Path, as_of: datetime) -> tuple[SourceFacts, Load]:
        number, subject = intake.source_row(
            conn, self._space.vault, self._source.name, self._source.priority, unique=self._source.unique
        )
        load = intake.begin_load(conn, number, self._space.vault.digest(_fingerprint(path) + self._salt), as_of)
        conn.commit()
        return SourceFacts(number, subject, self._source.unique), load

    def _batch(
        self,
        conn: psycopg.Connection[Any],
        facts: SourceFacts,
        load: Load,
        mapping: Mapping,
        batch: Any,
        path: Path,
    ) -> None:
        work = self._sort(conn, mapping, batch)
        first_row = load.rows_done
        if work.prepared:
            written = Batch(self._space, conn, facts, load.load_id, load.as_of).write(work.prepared)
            self._count(load, work, written.new, written.changed)
            if self._source.snapshot:
                work.seen += written.same
            load.created += written.outcome.created
            load.merged += written.outcome.merged
        load.unchanged += work.unchanged
        load.rejected += sum(reject.is_row for reject in work.rejects)
        load.set_aside += sum(not reject.is_row for reject in work.rejects)
        load.read += len(batch.rows) + len(batch.bad)
        load.rows_done = first_row + len(batch.rows) + len(batch.bad)
        intake.note_seen(conn, load.load_id, first_row, work.seen)
        intake.keep_rejects(conn, self._space.vault, seal, facts.source_id, load.load_id, path.name, work.rejects)
        intake.save_load(conn, load)
        conn.commit()

    def _count(self, load: Load, work: _Sorted, new: set[bytes], changed: set[bytes]) -> None:
        """A row is accepted when its record is new, once; a row that changed nothing is unchanged."""
        counted: set[bytes] = set()
        for primary in work.primaries:
            if primary in new and primary not in counted:
                load.accepted += 1
            elif primary in changed and primary not in counted:
                load.updated += 1
            else:
                load.unchanged += 1
            counted.add(primary)

    def _sort(self, conn: psycopg.Connection[Any], mapping: Mapping, batch: Any) -> _Sorted:
        """Tell rows that are known from those to be mapped; map these."""
        work = _Sorted([], [], [], [], 0)
        for bad in batch.bad:
            work.rejects.append(Reject(bad.line, bad.column, bad.reason, True, bad.raw))
        keyed = self._keys(mapping, batch, work)
        known = intake.row_digests(conn, [name for _, _, name, _ in keyed]) if keyed else {}
        snapshot = self._source.snapshot
        for line, cells, name, digest in keyed:
            entry = known.get(name)
            if entry is not None and entry[1] == digest and entry[2]:
                work.unchanged += 1
                if snapshot:
                    work.seen.append(entry[0])
            else:
                self._map(mapping, line, cells, digest, work)
        return work

    def _keys(self, mapping: Mapping, batch: Any, work: _Sorted) -> list[tuple[int, list[str], bytes, bytes]]:
        keyed = []
        vault, source, entity = self._space.vault, self._source.name, mapping.primary
        digest, salt, key_of = vault.digest, self._salt, mapping.key
        for index, cells in enumerate(batch.rows):
            line = batch.lines[index] if batch.lines else batch.first_line + index
            try:
                key = key_of(cells)
            except RowRejected as error:
                work.rejects.append(Reject(line, error.column, error.reason, True, "\x1f".join(cells)))
                continue
            name = intake.key_hash(vault, source, entity, key)
            keyed.append((line, cells, name, digest("\x1f".join(cells).encode() + salt)))
        return keyed

    def _map(self, mapping: Mapping, line: int, cells: list[str], digest: bytes, work: _Sorted) -> None:
        try:
            row = mapping.map(cells)
        except RowRejected as error:
            work.rejects.append(Reject(line, error.column, error.reason, True, "\x1f".join(cells)))
            return
        for issue in row.issues:
            work.rejects.append(Reject(line, issue.column, issue.reason, False, issue.value))
        prepared = self._preparer.row(row, digest)
        if not prepared:
            work.rejects.append(
                Reject(line, "", "no entity of the mapping applies to this row", True, "\x1f".join(cells))
            )
            return
        work.prepared += prepared
        work.primaries.append(prepared[0].key_hash)

    def _close_gone(self, conn: psycopg.Connection[Any], facts: SourceFacts, load: Load) -> None:
        gone = intake.gone_records(conn, facts.source_id, load.load_id, self._source.primary)
        for start in range(0, len(gone), 5000):
            rows = intake.records_by_id(conn, gone[start : start + 5000])
            outcome = Batch(self._space, conn, facts, load.load_id, load.as_of).close(rows)
            load.merged += outcome.merged
            load.closed += len(rows)


def _fingerprint(path: Path) -> bytes:
    """Return size and content marks of a file: the same file, cut off and loaded again, has the same."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(1 << 20)
            stream.seek(max(0, size - (1 << 20)))
            tail = stream.read(1 << 20)
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}. Check the path and its permissions.") from None
    return hashlib.sha256(str(size).encode() + head + tail).digest()
