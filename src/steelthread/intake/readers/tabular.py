"""Readers: CSV, JSON, JSON Lines, Parquet, Excel. All stream; cells are stripped text."""

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from steelthread.intake.readers.streams import BROKEN, Opened, broken
from steelthread.intake.readers.types import BadRow, Batch, Format
from steelthread.kit import Invalid

_LONGEST = 1 << 20
csv.field_size_limit(_LONGEST)


class Table:
    """Rows of an open file; subclasses yield (line, cells) or a bad row."""

    def __init__(self, path: Path, fmt: Format, batch: int, skip: int) -> None:
        self.path = path
        self.fmt = fmt
        self.columns: list[str] = []
        self.warnings: list[str] = []
        self.total_bytes = path.stat().st_size
        self._batch = batch
        self._skip = skip

    @property
    def position(self) -> int:
        """How many bytes of the stored file were used."""
        return 0

    def rows(self) -> Iterator[tuple[int, list[str]] | BadRow]:
        """Yield the rows."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Batch]:
        lines: list[int] = []
        rows: list[list[str]] = []
        bad: list[BadRow] = []
        skip = self._skip
        try:
            for one in self.rows():
                if skip:
                    skip -= 1
                    continue
                if isinstance(one, BadRow):
                    bad.append(one)
                else:
                    lines.append(one[0])
                    rows.append(one[1])
                if len(rows) + len(bad) >= self._batch:
                    yield self._take(lines, rows, bad)
                    lines, rows, bad = [], [], []
            if rows or bad:
                yield self._take(lines, rows, bad)
        except Invalid:
            if rows or bad:
                yield self._take(lines, rows, bad)
            raise
        finally:
            self.close()

    def _take(self, lines: list[int], rows: list[list[str]], bad: list[BadRow]) -> Batch:
        width = len(self.columns)
        for row in rows:
            if len(row) < width:
                row.extend([""] * (width - len(row)))
        return Batch(lines[0] if lines else bad[0].line, lines, rows, bad)

    def close(self) -> None:
        """Let the file go."""

    def name(self, cells: list[str]) -> None:
        """Take the header: stripped, and each name once."""
        seen: dict[str, int] = {}
        for index, cell in enumerate(cells, start=1):
            name = cell.strip().lstrip("\ufeff") or f"column_{index}"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                name = f"{name}_{seen[name]}"
                self.warnings.append(f"A column name occurs twice: column {index} is called {name} here.")
            self.columns.append(name)


class Csv(Table):
    """CSV and its kin."""

    def __init__(self, path: Path, fmt: Format, batch: int, skip: int) -> None:
        super().__init__(path, fmt, batch, skip)
        self._opened = Opened(path, fmt)
        self._text = io.TextIOWrapper(self._opened.stream, encoding=fmt.encoding, newline="")
        self._reader = self._open()
        self._first: list[str] | None = None
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
            self.close()
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


def flatten(value: Any, prefix: str = "") -> dict[str, str]:
    """Return an object's leaves by dotted path; lists of plain values are joined with |."""
    if isinstance(value, dict):
        leaves: dict[str, str] = {}
        for name, inner in value.items():
            leaves.update(flatten(inner, f"{prefix}.{name}" if prefix else str(name)))
        return leaves
    if isinstance(value, list):
        if any(isinstance(inner, dict | list) for inner in value):
            leaves = {}
            for index, inner in enumerate(value):
                leaves.update(flatten(inner, f"{prefix}.{index}"))
            return leaves
        return {prefix: "|".join(text(inner) for inner in value)}
    return {prefix: text(value)}


def text(value: Any) -> str:
    """Return a value as a cell: ISO dates, plain decimals, "" for nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return "" if value != value else str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")  # noqa: PLR0124  # NaN
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


class Json(Table):
    """JSON Lines, or an array of objects in a document, in constant memory."""

    def __init__(self, path: Path, fmt: Format, batch: int, skip: int) -> None:
        super().__init__(path, fmt, batch, skip)
        self._opened = Opened(path, fmt)
        self._text = io.TextIOWrapper(self._opened.stream, encoding=fmt.encoding or "utf-8")
        self._known: dict[str, int] = {}
        self._ahead: list[tuple[int, dict[str, str]] | BadRow] = []
        self._objects = self._lines() if fmt.type == "jsonl" else self._array()
        for one in self._objects:
            self._ahead.append(one)
            if not isinstance(one, BadRow):
                self._learn(one[1])
            if len(self._ahead) >= 1000:
                break
        if not self._ahead:
            self.close()
            raise Invalid(f"{path} is empty.")

    def close(self) -> None:
        """Let the file go."""
        self._text.close()
        self._opened.close()

    @property
    def position(self) -> int:
        """How many bytes of the stored file were used."""
        return self._opened.position

    def _learn(self, leaves: dict[str, str]) -> None:
        for name in leaves:
            if name not in self._known:
                self._known[name] = len(self.columns)
                self.columns.append(name)

    def rows(self) -> Iterator[tuple[int, list[str]] | BadRow]:
        """Yield the objects as rows; new names add columns."""
        for source in (self._ahead, self._objects):
            for one in source:
                if isinstance(one, BadRow):
                    yield one
                    continue
                self._learn(one[1])
                row = [""] * len(self.columns)
                for name, value in one[1].items():
                    row[self._known[name]] = value
                yield one[0], row

    def _lines(self) -> Iterator[tuple[int, dict[str, str]] | BadRow]:
        try:
            for number, line in enumerate(self._text, start=1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                except ValueError:
                    yield BadRow(number, "", "the line is not JSON", line)
                    continue
                if isinstance(value, dict):
                    yield number, flatten(value)
                else:
                    yield BadRow(number, "", "the line is not an object", line)
        except UnicodeError:
            raise Invalid(
                f"{self.path} is not {self.fmt.encoding or 'utf-8'}: say `format: {{encoding: ...}}`."
            ) from None
        except BROKEN:
            raise broken(self.path) from None

    def _array(self) -> Iterator[tuple[int, dict[str, str]] | BadRow]:
        decoder = json.JSONDecoder()
        buffer = self._to_array()
        number = 0
        while True:
            buffer = buffer.lstrip(" \t\r\n,")
            if buffer.startswith("]"):
                return
            try:
                value, end = decoder.raw_decode(buffer)
            except ValueError:
                more = self._text.read(1 << 16)
                if not more:
                    raise Invalid(f"{self.path} is cut off or not valid JSON after object {number}.") from None
                buffer += more
                continue
            if end == len(buffer):
                more = self._text.read(1 << 16)
                if more:
                    buffer += more
                    continue
            buffer = buffer[end:]
            number += 1
            if isinstance(value, dict):
                yield number, flatten(value)
            else:
                yield BadRow(number, "", "the element is not an object", json.dumps(value))

    def _to_array(self) -> str:
        """Read up to the array: the first one of the document, or that under `root`."""
        buffer = self._text.read(1 << 16)
        for name in [one for one in self.fmt.root.split(".") if one]:
            place = buffer.find(f'"{name}"')
            if place == -1:
                raise Invalid(f"{self.path} has no {self.fmt.root} near its beginning (`format: {{root: ...}}`).")
            buffer = buffer[place + len(name) + 2 :]
        place = buffer.find("[")
        if place == -1:
            return buffer + "]" if buffer.lstrip().startswith("{") else buffer
        if not self.fmt.root and buffer.lstrip()[:1] == "{":
            return buffer.lstrip() + "]"
        return buffer[place + 1 :]


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
        try:
            self._book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        except (BadZipFile, KeyError, OSError, ValueError):
            raise broken(path) from None
        if fmt.sheet and fmt.sheet not in self._book.sheetnames:
            raise Invalid(f"{path} has no sheet of that name; there are {', '.join(self._book.sheetnames)}.")
        sheet = self._book[fmt.sheet] if fmt.sheet else self._book.worksheets[0]
        self._rows = enumerate(sheet.iter_rows(values_only=True), start=1)
        _, first = next(self._rows, (0, None))
        if first is None:
            raise Invalid(f"{path} is empty.")
        self.name([text(cell) for cell in first])

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


READERS = {"csv": Csv, "json": Json, "jsonl": Json, "parquet": Parquet, "excel": Excel}


def open_rows(path: Path, fmt: Format, *, batch: int = 5000, skip: int = 0) -> Table:
    """Open a file for reading; `skip` leaves out the first data rows (of a load that goes on)."""
    if fmt.type not in READERS:
        raise Invalid(f"{fmt.type} is no type of file that can be read; there are {', '.join(READERS)}.")
    if fmt.type == "csv":
        codecs.lookup(fmt.encoding)
    return READERS[fmt.type](path, fmt, batch, skip)
