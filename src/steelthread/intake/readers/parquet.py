"""Parquet: flat columns as they are, nested ones by dotted path as in JSON; in constant memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from steelthread.intake.readers.objects import Objects, flatten
from steelthread.intake.readers.streams import broken
from steelthread.intake.readers.table import Table, text
from steelthread.intake.readers.types import BadRow, Format


def open_parquet(path: Path, fmt: Format, batch: int, skip: int) -> Table:
    """Open a Parquet file; Invalid when it is none."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError):
        raise broken(path) from None
    nested = any(pa.types.is_nested(field.type) for field in file.schema_arrow)
    return (Nested if nested else Parquet)(file, path, fmt, batch, skip)


class Parquet(Table):
    """Parquet with plain columns only."""

    def __init__(self, file: pq.ParquetFile, path: Path, fmt: Format, batch: int, skip: int) -> None:
        super().__init__(path, fmt, batch, skip)
        self._file = file
        self.name(list(self._file.schema_arrow.names))
        self._done = 0

    @property
    def position(self) -> int:
        """How many bytes of the stored file were used, by the share of rows."""
        return int(self.total_bytes * self._done / max(1, self._file.metadata.num_rows))

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def rows(self) -> Iterator[tuple[int, list[str]] | BadRow]:
        """Yield the rows; the line is the row's number."""
        number = 0
        try:
            for batch in self._file.iter_batches(batch_size=self._batch):
                columns = [_column(batch.column(index)) for index in range(batch.num_columns)]
                for cells in zip(*columns, strict=True):
                    number += 1
                    yield number, list(cells)
                self._done = number
        except (pa.ArrowInvalid, OSError):
            raise broken(self.path) from None


def _column(column: Any) -> list[str]:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return [value.strip() if value else "" for value in column.to_pylist()]
    return [text(value) for value in column.to_pylist()]


class Nested(Objects):
    """Parquet with structures, lists or maps in it."""

    def __init__(self, file: pq.ParquetFile, path: Path, fmt: Format, batch: int, skip: int) -> None:
        super().__init__(path, fmt, batch, skip)
        self._file = file
        self._done = 0
        for field in file.schema_arrow:
            self._learn(_leaves(field))  # those that are empty in all of the first rows too
        self._objects = self._flattened()
        with self._closed_on_error():
            self._look_ahead()

    @property
    def position(self) -> int:
        """How many bytes of the stored file were used, by the share of rows."""
        return int(self.total_bytes * self._done / max(1, self._file.metadata.num_rows))

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def _flattened(self) -> Iterator[tuple[int, dict[str, str]] | BadRow]:
        try:
            for batch in self._file.iter_batches(batch_size=self._batch):
                for row in batch.to_pylist(maps_as_pydicts="lossy"):
                    self._done += 1
                    yield self._done, {name: cell for name, cell in flatten(row).items() if cell or name in self._known}
        except (pa.ArrowInvalid, OSError):
            raise broken(self.path) from None


def _leaves(field: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted names that a field always has; what is in lists of structures and maps, rows say."""
    name = f"{prefix}.{field.name}" if prefix else field.name
    if pa.types.is_struct(field.type):
        for inner in field.type:
            yield from _leaves(inner, name)
    elif not pa.types.is_nested(field.type) or (
        pa.types.is_list(field.type) and not pa.types.is_nested(field.type.value_type)
    ):
        yield name
