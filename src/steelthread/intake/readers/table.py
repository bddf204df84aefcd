"""What every reader is: rows of an open file in batches."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from steelthread.intake.readers.types import BadRow, Batch, Format
from steelthread.kit import Invalid


class Table(ABC):
    """Rows of an open file; subclasses yield (line, cells) or a bad row."""

    def __init__(self, path: Path, fmt: Format, batch: int, skip: int) -> None:
        self.path = path
        self.fmt = fmt
        self.columns: list[str] = []
        self.warnings: list[str] = []
        self.total_bytes = path.stat().st_size
        self._batch = batch
        self._skip = skip
        self.on_skipped: Callable[[list[str]], None] | None = None
        """Told the rows that a load which goes on leaves out."""

    @property
    def position(self) -> int:
        """How many bytes of the stored file were used."""
        return 0

    @abstractmethod
    def rows(self) -> Iterator[tuple[int, list[str]] | BadRow]:
        """Yield the rows."""

    def __iter__(self) -> Iterator[Batch]:
        lines: list[int] = []
        rows: list[list[str]] = []
        bad: list[BadRow] = []
        skip = self._skip
        try:
            for one in self.rows():
                if skip:
                    skip -= 1
                    if self.on_skipped and not isinstance(one, BadRow):
                        self.on_skipped(one[1])
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

    @abstractmethod
    def close(self) -> None:
        """Let the file go."""

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        """Close the file when it cannot be opened as what it should be."""
        try:
            yield
        except BaseException:
            self.close()
            raise

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
    if isinstance(value, bytes):
        try:
            return value.decode().strip()  # text whose writer did not say so
        except UnicodeDecodeError:
            return value.hex()
    return str(value)
