"""Readers of tables: CSV, Parquet, Excel. All stream; cells are stripped text."""

import codecs
import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pyarrow as pa
import pyarrow.parquet as pq

from steelthread.intake.readers.objects import Json
from steelthread.intake.readers.streams import BROKEN, Opened, broken
from steelthread.intake.readers.table import Table, text
from steelthread.intake.readers.types import BadRow, Format
from steelthread.kit import Invalid

_LONGEST = 1 << 20
csv.field_size_limit(_LONGEST)


class Csv(Table):
    """CSV and its kin."""

    def __init__(self, path: Path, fmt: Format, batch: int, skip: int) -> None:
        super().__init__(path, fmt, batch, skip)
        self._opened = Opened(path, fmt)
        self._text = io.TextIOWrapper(self._opened.stream, encoding=fmt.encoding, newline="")
        self._reader = self._open()
        self._first: list[str] | None = None
        with self._closed_on_error():
            self._header()

    @property
    def position(self) -> int:
        """How many bytes of the stored file were used."""
        return self._opened.position

    def close(self) -> None:
        """Let the file go."""
        self._text.close()
        self._opened.close()

    def _open(self) -> Any:
        if self.fmt.delimiter == " ":
            return _Blanks(self._text)
        return csv.reader(
            self._text, delimiter=self.fmt.delimiter, quotechar=self.fmt.quote or None, skipinitialspace=True
        )

    def _header(self) -> None:
        first = next(self._guarded(), None)
        if first is None:
            raise Invalid(f"{self.path} is empty.")
        if self.fmt.header is False:
            self.columns = [f"column_{index}" for index in range(1, len(first) + 1)]
            self._first = first
        else:
            self.name(first)

    def _guarded(self) -> Iterator[list[str]]:
        """Yield rows; what is wrong with the file as a whole becomes a clear error."""
        reader = self._reader
        try:
            for row in reader:
                if row:
                    yield row
        except UnicodeError as error:
            raise Invalid(
                f"{self.path}: after line {reader.line_num} a byte is not {self.fmt.encoding} "
                f"({type(error).__name__}): say `format: {{encoding: ...}}` in the mapping, such as cp1252."
            ) from None
        except csv.Error as error:
            raise Invalid(f"{self.path}, line {reader.line_num}: {error}. Is a quote left open?") from None
        except BROKEN:
            raise broken(self.path) from None

    def rows(self) -> Iterator[tuple[int, list[str]] | BadRow]:
        """Yield the rows; one with more or fewer cells than the header is bad."""
        width = len(self.columns)
        if self._first is not None:
            yield 1, [cell.strip() for cell in self._first]
        reader = self._reader
        strip = str.strip
        for row in self._guarded():
            if len(row) == width:
                yield reader.line_num, list(map(strip, row))
            elif len(row) > 1 or row[0].strip():
                reason = f"the row has {len(row)} cells, the header {width}"
                yield BadRow(reader.line_num, "", reason, self.fmt.delimiter.join(row))


class _Blanks:
    """Columns divided by runs of blanks."""

    def __init__(self, text: Iterable[str]) -> None:
        self._text = text
        self.line_num = 0

    def __iter__(self) -> Iterator[list[str]]:
        for line in self._text:
            self.line_num += 1
            yield line.split()


class Parquet(Table):
    """Parquet."""

    def __init__(self, path: Path, fmt: Format, batch: int, skip: int) -> None:
        super().__init__(path, fmt, batch, skip)
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError):
            raise broken(path) from None
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


class Excel(Table):
    """Excel workbooks: one sheet."""

    def __init__(self, path: Path, fmt: Format, batch: int, skip: int) -> None:
        super().__init__(path, fmt, batch, skip)
        import openpyxl  # noqa: PLC0415  # a tenth of the start of a command, and few files are of Excel

        try:
            self._book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        except (BadZipFile, KeyError, OSError, ValueError):
            raise broken(path) from None
        with self._closed_on_error():
            self._rows = self._sheet(path, fmt)

    def _sheet(self, path: Path, fmt: Format) -> Iterator[tuple[int, tuple[Any, ...]]]:
        if fmt.sheet and fmt.sheet not in self._book.sheetnames:
            raise Invalid(f"{path} has no sheet of that name; there are {', '.join(self._book.sheetnames)}.")
        sheet = self._book[fmt.sheet] if fmt.sheet else self._book.worksheets[0]
        rows = enumerate(sheet.iter_rows(values_only=True), start=1)
        _, first = next(rows, (0, None))
        if first is None:
            raise Invalid(f"{path} is empty.")
        self.name([text(cell) for cell in first])
        return rows

    def close(self) -> None:
        """Let the file go."""
        self._book.close()

    def rows(self) -> Iterator[tuple[int, list[str]] | BadRow]:
        """Yield the rows that are not empty."""
        for number, row in self._rows:
            cells = [_excel(cell) for cell in row][: len(self.columns)]
            if any(cells):
                yield number, cells


def _excel(value: Any) -> str:
    if isinstance(value, datetime) and not (value.hour or value.minute or value.second):
        return value.date().isoformat()
    return text(value)


READERS: dict[str, Callable[[Path, Format, int, int], Table]] = {
    "csv": Csv,
    "json": Json,
    "jsonl": Json,
    "parquet": Parquet,
    "excel": Excel,
}


def open_rows(path: Path, fmt: Format, *, batch: int = 5000, skip: int = 0) -> Table:
    """Open a file for reading; `skip` leaves out the first data rows (of a load that goes on)."""
    if fmt.type not in READERS:
        raise Invalid(f"{fmt.type} is no type of file that can be read; there are {', '.join(READERS)}.")
    if fmt.type == "csv":
        codecs.lookup(fmt.encoding)
    return READERS[fmt.type](path, fmt, batch, skip)
