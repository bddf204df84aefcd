"""Loading a file: rows in batches, each batch one transaction with its place in the file, so that a load resumes."""

import gc
import hashlib
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from steelthread import intake
from steelthread.intake import Load, Source, Witness
from steelthread.kit import Invalid, now
from steelthread.store import carry_out
from steelthread.thread.batch import Batch
from steelthread.thread.beside import MapperBeside, MapperHere
from steelthread.thread.collecting_rows import RowGate, shown_still
from steelthread.thread.computing import fill_traits, sync_traits
from steelthread.thread.mapper import HASH, Ended, Hashed, Mapped, Mapper, RowMapper
from steelthread.thread.refold import refold
from steelthread.thread.space import Space
from steelthread.thread.types import LANE, SourceFacts

_LARGE = 2 << 20
"""Bytes from which on a file is worth a process of its own."""


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


class _Waiting(msgspec.Struct):
    """A batch whose rows have been looked up and asked for."""

    hashed: Hashed
    wanted: set[bytes]
    unchanged: list[int]
    """Records whose rows are known as they stand."""


class Loader:
    """Loads one source of a space."""

    def __init__(self, space: Space, source: Source) -> None:
        self._space = space
        self._source = source
        self._allow_empty = False
        self._gate = RowGate(space, source)
        self._left_out = 0
        self._digest = source.digest.encode() if isinstance(source.digest, str) else source.digest

    def load(
        self,
        path: Path,
        *,
        as_of: datetime | None = None,
        progress: Callable[[Progress], None] | None = None,
        allow_empty: bool = False,
    ) -> LoadResult:
        """Load a file; a load of this very file that was cut off goes on where it stopped.

        A snapshot without a row would close everybody: Invalid, unless `allow_empty` says that it is meant.
        """
        began = time.monotonic()
        self._allow_empty = allow_empty
        with hurried(), self._space.writer() as conn:
            load, ended = self._load(conn, path, as_of or now(), progress)
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
            unmapped=ended.unmapped,
            warnings=[*ended.warnings, *self._told_of_gate()],
        )

    def _told_of_gate(self) -> list[str]:
        if not self._left_out:
            return []
        return [f"{self._left_out:,} rows were left out: nobody allows {self._source.purpose} for them"]

    def _load(
        self,
        conn: psycopg.Connection[Any],
        path: Path,
        as_of: datetime,
        progress: Callable[[Progress], None] | None,
    ) -> tuple[Load, Ended]:
        facts, load = self._begin(conn, path, as_of)
        refold(self._space, conn, LANE)
        sync_traits(self._space, conn, LANE)
        while fill_traits(self._space, conn, LANE):
            pass
        witness = intake.Witness(conn, facts.source_id, load)
        conn.commit()
        with self._mapper(path, load.rows_done) as mapper:
            waiting: deque[_Waiting] = deque()
            ended: Ended | None = None
            mapped: Mapped | None = None
            while True:
                while ended is None and len(waiting) < mapper.ahead:
                    hashed = mapper.hashed()
                    if waiting and mapped is None:
                        mapped = mapper.mapped()  # taken in while the server commits the batch before
                    if isinstance(hashed, Ended):
                        ended = hashed
                    else:
                        waiting.append(self._ask(conn, mapper, hashed, waiting, load.as_of))
                if not waiting:
                    break
                batch = waiting.popleft()
                self._batch(conn, facts, load, witness, batch, mapped or mapper.mapped(), path)
                mapped = None
                if progress:
                    progress(Progress(load.read, load.rejected, batch.hashed.position, batch.hashed.total))
        self._refuse_nothing(conn, facts, load)
        self._close_gone(conn, facts, load)
        intake.prune_seen(conn, facts.source_id, load)
        intake.save_load(conn, load, finished=now())
        self._forget(conn)
        conn.commit()
        assert ended is not None
        return load, ended

    def _forget(self, conn: psycopg.Connection[Any]) -> None:
        """Let go of what the log has kept longer than the project wants."""
        days = self._space.project.settings.log.retention_days
        if days > 0:
            self._space.log.forget(conn, days, keep=["received"])

    def _mapper(self, path: Path, skip: int) -> MapperBeside | MapperHere:
        space = self._space
        if space.project.settings.load.workers > 0 and path.exists() and path.stat().st_size >= _LARGE:
            return MapperBeside(space.project, self._source.name, path, skip)
        return MapperHere(Mapper(space.project, self._source, space.model, space.vault, space.rules, path, skip))

    def _begin(self, conn: psycopg.Connection[Any], path: Path, as_of: datetime) -> tuple[SourceFacts, Load]:
        number, subject, edition = self._source_row(conn)
        fingerprint = self._space.vault.digest(_fingerprint(path) + self._digest)
        load = intake.begin_load(conn, number, fingerprint, as_of, edition, snapshot=self._source.snapshot)
        conn.commit()
        return SourceFacts(number, subject, self._source.unique), load

    def _source_row(self, conn: psycopg.Connection[Any]) -> tuple[int, int, int]:
        source, vault = self._source, self._space.vault
        return intake.source_row(
            conn, vault, source.name, source.priority, vault.digest(self._digest), unique=source.unique
        )

    def _ask(
        self,
        conn: psycopg.Connection[Any],
        mapper: MapperBeside | MapperHere,
        hashed: Hashed,
        waiting: Collection[_Waiting],
        as_of: datetime,
    ) -> _Waiting:
        """Look the rows up and ask for those that are not known as they stand, or are just being written.

        A row that is known only from a later time is asked for, too: it shows that its record is older.
        """
        names = [hashed.names[start : start + HASH] for start in range(0, len(hashed.names), HASH)]
        known = intake.row_digests(conn, names) if names else {}
        conn.commit()
        wanted, fresh, unchanged = [], [], []
        for place, name in enumerate(names):
            entry = known.get(name)
            if entry is None:
                wanted.append(place)
                fresh.append(place)
            elif (
                entry[2]
                and entry[1] == hashed.digests[place * HASH : place * HASH + HASH]
                and entry[3] <= as_of
                and not any(name in other.wanted for other in waiting)
            ):
                unchanged.append(entry[0])
            else:
                wanted.append(place)
        mapper.want(wanted, fresh)
        return _Waiting(hashed, {names[place] for place in wanted}, unchanged)

    def _batch(
        self,
        conn: psycopg.Connection[Any],
        facts: SourceFacts,
        load: Load,
        witness: Witness,
        batch: _Waiting,
        mapped: Mapped,
        path: Path,
    ) -> None:
        rejects = batch.hashed.rejects + mapped.rejects
        shown = batch.unchanged
        witness.own.add(shown)
        admitted = self._gate.admit(conn, mapped.prepared, load.as_of, facts.source_id)
        if admitted.left_out:
            gone = admitted.rows
            rejects = [reject for reject in rejects if reject.is_row or reject.digest not in gone]
            self._left_out += len(gone)
            shown = shown + shown_still(conn, admitted.left_out)
        if admitted.kept:
            written = Batch(self._space, conn, facts, load, witness).write(admitted.kept)
            out = {one.key_hash for one in admitted.left_out}
            self._count(load, [one for one in mapped.primaries if one not in out], written.new, written.changed)
            shown = shown + (written.shown if self._source.snapshot else written.same)
            witness.own.add(written.same)
            load.created += written.outcome.created
            load.merged += written.outcome.merged
        load.unchanged += len(batch.unchanged)
        load.rejected += sum(reject.is_row for reject in rejects)
        load.set_aside += sum(not reject.is_row for reject in rejects)
        intake.note_seen(conn, load.load_id, load.rows_done, shown)
        intake.keep_rejects(conn, self._space.vault, facts.source_id, load.load_id, path.name, rejects)
        load.read += batch.hashed.rows
        load.rows_done += batch.hashed.rows
        intake.save_load(conn, load)
        carry_out(conn, _commit)

    def _count(self, load: Load, primaries: list[bytes], new: set[bytes], changed: set[bytes]) -> None:
        """A row is accepted when its record is new, once; a row that changed nothing is unchanged."""
        counted: set[bytes] = set()
        for primary in primaries:
            if primary in new and primary not in counted:
                load.accepted += 1
            elif primary in changed and primary not in counted:
                load.updated += 1
            else:
                load.unchanged += 1
            counted.add(primary)

    def _refuse_nothing(self, conn: psycopg.Connection[Any], facts: SourceFacts, load: Load) -> None:
        if load.read or not self._source.snapshot or self._allow_empty:
            return
        gone = len(intake.gone_records(conn, facts.source_id, load, self._source.primary))
        if gone:
            intake.drop_load(conn, load)
            conn.commit()
            raise Invalid(
                f"The file has no rows, and {self._source.name} is a snapshot: its {gone:,} records would be closed. "
                "Load a whole file; or, if they have really gone, this one with --allow-empty."
            )

    def _close_gone(self, conn: psycopg.Connection[Any], facts: SourceFacts, load: Load) -> None:
        """Close what a snapshot no longer shows: this one, and those of a later time that are loaded already."""
        entity = self._source.primary
        if self._source.snapshot:
            self._close(conn, facts, load, load.as_of, intake.gone_records(conn, facts.source_id, load, entity))
            self._close_earlier(conn, facts, load)
        self._close_outdated(conn, facts, load)

    def _close_outdated(self, conn: psycopg.Connection[Any], facts: SourceFacts, load: Load) -> None:
        entity = self._source.primary
        for at, records in intake.outdated_records(conn, facts.source_id, load, entity):
            self._close(conn, facts, load, at, records)

    def replay(self) -> int:
        """Map the rows that were refused, or of which a value was set aside, again; return how many rejects that closed."""
        space, source = self._space, self._source
        country = source.country or space.project.settings.project.country
        rows = RowMapper(source, space.model, space.vault, space.rules, country)
        closed = after = 0
        with space.writer() as conn:
            number, subject, edition = self._source_row(conn)
            facts = SourceFacts(number, subject, source.unique)
            size = space.project.settings.load.batch_rows
            while waiting := intake.waiting_rejects(conn, space.vault, number, after, size):
                after = waiting[-1].reject_id
                for as_of in sorted({one.as_of for one in waiting}):
                    closed += self._replay(
                        conn, facts, rows, as_of, edition, [one for one in waiting if one.as_of == as_of]
                    )
                conn.commit()
        return closed

    def _replay(
        self,
        conn: psycopg.Connection[Any],
        facts: SourceFacts,
        rows: RowMapper,
        as_of: datetime,
        edition: int,
        waiting: list[intake.Waiting],
    ) -> int:
        mappings: dict[tuple[str, ...], intake.Mapping] = {}
        work, mended = Mapped([], [], []), []
        country = self._source.country or self._space.project.settings.project.country
        for one in waiting:
            if not one.columns:
                continue  # a line that is no row: only its file can be mended
            mapping = mappings.get(tuple(one.columns))
            if mapping is None:
                mapping = intake.compile_mapping(self._source, self._space.model, one.columns, country)
                mappings[tuple(one.columns)] = mapping
            before = len(work.rejects)
            found = rows.map(mapping, one.line, one.cells, rows.digest(one.cells), work)
            if found and not any(left.column == one.column for left in work.rejects[before:]):
                mended.append(one)
        if mended:
            load = intake.begin_replay(conn, facts.source_id, as_of, edition)
            admitted = self._gate.admit(conn, work.prepared, as_of, facts.source_id)
            Batch(self._space, conn, facts, load, intake.Witness(conn, facts.source_id, load)).write(
                admitted.kept, frozenset(one.digest for one in mended if one.digest)
            )
            intake.settle_rejects(conn, [one.reject_id for one in mended])
            self._close_outdated(conn, facts, load)
        return len(mended)

    def _close_earlier(self, conn: psycopg.Connection[Any], facts: SourceFacts, load: Load) -> None:
        """Records that a later snapshot closed, and this one does not show either, had gone by then."""
        gone = intake.gone_before(conn, facts.source_id, load, self._source.primary)
        for start in range(0, len(gone), 5000):
            intake.close_records(conn, gone[start : start + 5000], load.load_id, load.as_of)

    def _close(
        self, conn: psycopg.Connection[Any], facts: SourceFacts, load: Load, at: datetime, gone: list[int]
    ) -> None:
        for start in range(0, len(gone), 5000):
            rows = intake.records_by_id(conn, gone[start : start + 5000])
            outcome = Batch(self._space, conn, facts, load, None).close(rows, at)
            load.merged += outcome.merged
            load.closed += len(rows)


@contextmanager
def hurried() -> Iterator[None]:
    """Have the interpreter as a load needs it.

    A batch makes many objects and no cycles: looking for some costs a fifth of the load. And the thread that writes
    behind wants the interpreter often and for moments only: with the usual 5 ms until it gets it, it is idle mostly.
    """
    collecting, interval = gc.isenabled(), sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(0.0003)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        if collecting:
            gc.enable()


def _commit(conn: psycopg.Connection[Any]) -> None:
    conn.commit()


def _fingerprint(path: Path) -> bytes:
    """Return size and content marks of a file: the same file, cut off and loaded again, has the same."""
    if path.is_dir():
        raise Invalid(f"{path} is a folder: name a file in it.")
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(1 << 20)
            stream.seek(max(0, size - (1 << 20)))
            tail = stream.read(1 << 20)
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}. Check the path and its permissions.") from None
    return hashlib.sha256(str(size).encode() + head + tail).digest()
