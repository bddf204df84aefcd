"""From a file to prepared records: read, tell rows apart by their digests, map, hash, seal. No database.

The loader asks it in two steps, so that rows that are known already are never mapped: it is told what each row is
called (`Hashed`), says which rows it wants, and gets these prepared (`Mapped`).
"""

from collections import deque
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from steelthread import intake
from steelthread.identity import Identifiers, IdentityRules
from steelthread.intake import Mapping, Reject, RowRejected, Source
from steelthread.kit import Project
from steelthread.model import Model
from steelthread.thread.prepare import Prepared, Preparer
from steelthread.vault import Vault, seal

HASH = 16


class Hashed(msgspec.Struct, array_like=True, tag="hashed"):
    """What the rows of a batch are called: key hashes and row digests, 16 bytes each, one after another."""

    rows: int
    names: bytes
    digests: bytes
    rejects: list[Reject]
    position: int
    total: int


class Mapped(msgspec.Struct, array_like=True, tag="mapped"):
    """The wanted rows of a batch. `primaries` has the key hash of the first record of each row that was mapped."""

    prepared: list[Prepared]
    primaries: list[bytes]
    rejects: list[Reject]


class Ended(msgspec.Struct, array_like=True, tag="ended"):
    """The file has been read to its end."""

    unmapped: list[str]
    warnings: list[str]


class RowMapper:
    """Maps and prepares single rows of one source."""

    def __init__(self, source: Source, model: Model, vault: Vault, rules: IdentityRules, country: str) -> None:
        self._preparer = Preparer(source, model, vault, Identifiers(rules, model, source.name, country))
        self._vault = vault
        self._salt = source.digest.encode() if isinstance(source.digest, str) else source.digest

    def digest(self, cells: list[str]) -> bytes:
        """Tell a row apart, together with the mapping under which it is read."""
        return self._vault.digest("\x1f".join(cells).encode() + self._salt)

    def map(self, mapping: Mapping, line: int, cells: list[str], digest: bytes, work: Mapped) -> list[Prepared]:
        """Map a row and add its records, or its reject, to the work; return the records."""
        columns = mapping.columns
        try:
            row = mapping.map(cells)
        except RowRejected as error:
            work.rejects.append(Reject(line, error.column, error.reason, True, columns, cells))
            return []
        for issue in row.issues:
            work.rejects.append(Reject(line, issue.column, issue.reason, False, columns, cells, digest))
        prepared = self._preparer.row(row, digest)
        if not prepared:
            reason = "no entity of the mapping applies to this row"
            work.rejects.append(Reject(line, "", reason, True, columns, cells))
            return []
        work.prepared += prepared
        work.primaries.append(prepared[0].key_hash)
        return prepared


class Mapper:
    """Reads and prepares one file of one source."""

    def __init__(
        self, project: Project, source: Source, model: Model, vault: Vault, rules: IdentityRules, path: Path, skip: int
    ) -> None:
        country = source.country or project.settings.project.country
        self._source = source
        self._model = model
        self._vault = vault
        self._country = country
        self._row = RowMapper(source, model, vault, rules, country)
        fmt = intake.detect(path, source.format)
        self._rows = intake.open_rows(path, fmt, batch=project.settings.load.batch_rows, skip=skip)
        self._repeats = intake.Repeats() if source.hashes_rows else None
        self._rows.on_skipped = self._passed if self._repeats else None
        self._batches = iter(self._rows)
        self._mapping: Mapping | None = None
        self._waiting: deque[list[tuple[int, list[str], bytes, bytes]]] = deque()

    def hashed(self) -> Hashed | Ended:
        """Read the next batch."""
        batch = next(self._batches, None)
        if batch is None:
            mapped = self._mapping
            return Ended(
                mapped.unmapped if mapped else [], [*self._rows.warnings, *(mapped.warnings if mapped else ())]
            )
        mapping = self._compiled()
        if self._repeats:
            for cells in batch.rows:
                self._repeats.mark(mapping.row_text, cells)
        rejects = [Reject(bad.line, bad.column, bad.reason, True, [], [bad.raw]) for bad in batch.bad]
        keyed = self._keys(mapping, batch, rejects)
        self._waiting.append(keyed)
        return Hashed(
            rows=len(batch.rows) + len(batch.bad),
            names=b"".join([one[2] for one in keyed]),
            digests=b"".join([one[3] for one in keyed]),
            rejects=rejects,
            position=self._rows.position,
            total=self._rows.total_bytes,
        )

    def close(self) -> None:
        """Let the file go, and the counts of equal rows."""
        self._rows.close()
        if self._repeats:
            self._repeats.close()

    def _compiled(self) -> Mapping:
        mapping = self._mapping
        if mapping is None or len(mapping.columns) != len(self._rows.columns):
            mapping = self._mapping = intake.compile_mapping(
                self._source, self._model, self._rows.columns, self._country
            )
        return mapping

    def _passed(self, cells: list[str]) -> None:
        """Count a row that an earlier part of this load has taken."""
        assert self._repeats is not None
        text = self._compiled().row_text
        self._repeats.number(text(cells + [""] * (len(self._rows.columns) - len(cells))))

    def _keys(
        self, mapping: Mapping, batch: intake.Batch, rejects: list[Reject]
    ) -> list[tuple[int, list[str], bytes, bytes]]:
        keyed = []
        blind, digest, key_of = self._vault.blind, self._row.digest, mapping.key
        prefix = intake.key_prefix(self._source.name, mapping.primary)
        for index, cells in enumerate(batch.rows):
            line = batch.lines[index] if batch.lines else batch.first_line + index
            try:
                key = key_of(cells)
            except RowRejected as error:
                rejects.append(Reject(line, error.column, error.reason, True, mapping.columns, cells))
                continue
            keyed.append((line, cells, blind("record", prefix + key), digest(cells)))
        return keyed

    def mapped(self, wanted: Sequence[int], fresh: Collection[int]) -> Mapped:
        """Map the wanted rows of the oldest batch that waits; `fresh` of them have names nobody knows: they are sealed."""
        keyed = self._waiting.popleft()
        assert self._mapping is not None
        work = Mapped([], [], [])
        ahead: list[Prepared] = []
        for place in wanted:
            line, cells, _, digest = keyed[place]
            prepared = self._row.map(self._mapping, line, cells, digest, work)
            if place in fresh:
                ahead += [one for one in prepared if one.has_direct]
        self._seal(ahead)
        return work

    def _seal(self, ahead: list[Prepared]) -> None:
        for one, (subject, key) in zip(ahead, self._vault.new_subjects(len(ahead)), strict=True):
            one.subject, one.sealed = subject, seal(key, one.plain, one.key_hash)
