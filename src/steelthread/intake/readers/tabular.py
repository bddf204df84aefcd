"""Readers of tables: CSV and Excel. All stream; cells are stripped text."""

import codecs
import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from steelthread.intake.readers.objects import Json
from steelthread.intake.readers.streams import BROKEN, Opened, broken
from steelthread.intake.readers.table import Table, text
from steelthread.intake.readers.types import BadRow, Format
from steelthread.kit import Invalid

_LONGEST = 1 << 20
csv.field_size_limit(_LONGEST)


class _Lines:
    """The lines of a text; those of the present row can be given back."""

    def __init__(self, text: Iterable[str]) -> None:
        self._text = iter(text)
        self._again: list[str] = []
        self.taken: list[str] = []
        self.returned = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else next(self._text)
        self.taken.append(line)
        return line

    def give_back(self) -> str:
        """Give back all lines of the present row but the first, which is returned."""
        first, *rest = self.taken
        self._again += reversed(rest)
        self.returned += len(rest)
        return first


class Csv(Table):
    """CSV and its kin."""

    def __init__(self, path: Path, fmt: Format, batch: int, skip: int) -> None:
        super().__init__(path, fmt, batch, skip)
        self._opened = Opened(path, fmt)
        self._text = io.TextIOWrapper(self._opened.stream, encoding=fmt.encoding, newline="")
        self._lines = _Lines(self._text)
        self._reader = self._open(self._lines)
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

    def _open(self, lines: Iterable[str], *, strict: bool = False) -> Any:
        if self.fmt.delimiter == " ":
            return _Blanks(lines)
        quote = self.fmt.quote or None
        return csv.reader(lines, delimiter=self.fmt.delimiter, quotechar=quote, skipinitialspace=True, strict=strict)

    def _header(self) -> None:
        first = next((row for row in self._guarded() if not isinstance(row, BadRow)), None)
        if first is None:
            raise Invalid(f"{self.path} is empty.")
        if self.fmt.header is False:
            self.columns = [f"column_{index}" for index in range(1, len(first) + 1)]
            self._first = first
        else:
            self.name(first)

    @property
    def _line(self) -> int:
        return int(self._reader.line_num) - self._lines.returned

    def _guarded(self) -> Iterator[list[str] | BadRow]:
        """Yield rows; what is wrong with the file as a whole becomes a clear error."""
        lines = self._lines
        rows = iter(self._reader)
        while True:
            lines.taken.clear()
            try:
                row = next(rows)
            except StopIteration:
                return
            except UnicodeError as error:
                raise Invalid(
                    f"{self.path}: after line {self._line} a byte is not {self.fmt.encoding} "
                    f"({type(error).__name__}): say `format: {{encoding: ...}}` in the mapping, such as cp1252."
                ) from None
            except csv.Error as error:
                if not self._is_torn():
                    raise Invalid(f"{self.path}, line {self._line}: {error}. Is a quote left open?") from None
                yield self._torn()
                continue
            except BROKEN:
                raise broken(self.path) from None
            if len(lines.taken) > 1 and self._is_torn():
                yield self._torn()
            elif row:
                yield row

    def _is_torn(self) -> bool:
        """Whether a quote that is opened and never closed has swallowed rows, up to the next quote or the longest field.

        Of a whole row of several lines the closing quote stands before a delimiter or the end of its line (RFC 4180), and
        not all lines but the first are rows by themselves; the last of them may open a quote, too.
        """
        first, *rest = self._lines.taken
        if not rest or self._is_whole([first, *rest]):
            return False
        return all(self._is_row(line) for line in rest[:-1]) and (
            self._is_row(rest[-1]) or (len(rest) > 1 and rest[-1].count(self.fmt.quote) % 2 == 1)
        )

    def _is_whole(self, lines: list[str]) -> bool:
        if not self.fmt.quote:
            return True
        try:
            return sum(1 for _ in self._open(lines, strict=True)) == 1
        except csv.Error:
            return False

    def _is_row(self, line: str) -> bool:
        return self._is_whole([line]) and len(next(iter(self._open([line])))) == len(self.columns)

    def _torn(self) -> BadRow:
        """Return the row with the open quote; the rows that it swallowed are read again."""
        first = self._lines.give_back()
        return BadRow(self._line, "", "a quote is opened in this row and not closed", first.rstrip("\r\n"))

    def rows(self) -> Iterator[tuple[int, list[str]] | BadRow]:
        """Yield the rows; one with more or fewer cells than the header is bad."""
        width = len(self.columns)
        if self._first is not None:
            yield 1, [cell.strip() for cell in self._first]
        reader, lines = self._reader, self._lines
        strip = str.strip
        for row in self._guarded():
            if isinstance(row, BadRow):
                yield row
            elif len(row) == width:
                yield reader.line_num - lines.returned, list(map(strip, row))
            elif len(row) > 1 or row[0].strip():
                reason = f"the row has {len(row)} cells, the header {width}"
                if len(lines.taken) > 1:
                    reason += f"; it has {len(lines.taken)} lines: is a quote left open in its first?"
                yield BadRow(self._line, "", reason, self.fmt.delimiter.join(row))


class _Blanks:
    """Columns divided by runs of blanks."""

    def __init__(self, text: Iterable[str]) -> None:
        self._text = text
        self.line_num = 0

    def __iter__(self) -> Iterator[list[str]]:
        for line in self._text:
            self.line_num += 1
            yield line.split()


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
        if not fmt.sheet and len(self._book.worksheets) > 1:
            others = ", ".join(one.title for one in self._book.worksheets[1:6])
            self.warnings.append(
                f"Only the first of {len(self._book.worksheets)} sheets is read, {sheet.title} (there are {others} too): "
                "say which with `format: {sheet: ...}` in the mapping, or `source new ... --sheet NAME`."
            )
        return rows

    def close(self) -> None:
        """Let the file go."""
        self._book.close()

    def rows(self) -> Iterator[tuple[int, list[str]] | BadRow]:
        """Yield the rows that are not empty; one with values beyond the header is bad."""
        width = len(self.columns)
        for number, row in self._rows:
            cells = [_excel(cell) for cell in row]
            if any(cells[width:]):
                reason = f"the row has a value in cell {max(at for at, cell in enumerate(cells, 1) if cell)}, the header {width} cells"
                yield BadRow(number, "", reason, "\t".join(cells))
            elif any(cells):
                yield number, cells[:width]


def _excel(value: Any) -> str:
    if isinstance(value, datetime) and not (value.hour or value.minute or value.second):
        return value.date().isoformat()
    return text(value)


def _parquet(path: Path, fmt: Format, batch: int, skip: int) -> Table:
    from steelthread.intake.readers.parquet import open_parquet  # noqa: PLC0415  # a seventh of the start of a command

    return open_parquet(path, fmt, batch, skip)


READERS: dict[str, Callable[[Path, Format, int, int], Table]] = {
    "csv": Csv,
    "json": Json,
    "jsonl": Json,
    "parquet": _parquet,
    "excel": Excel,
}


def open_rows(path: Path, fmt: Format, *, batch: int = 5000, skip: int = 0) -> Table:
    """Open a file for reading; `skip` leaves out the first data rows (of a load that goes on)."""
    if fmt.type not in READERS:
        raise Invalid(f"{fmt.type} is no type of file that can be read; there are {', '.join(READERS)}.")
    if fmt.type == "csv":
        codecs.lookup(fmt.encoding)
    return READERS[fmt.type](path, fmt, batch, skip)
