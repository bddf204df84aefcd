"""Objects flattened to rows, and JSON and JSON Lines as such; in constant memory."""

import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from steelthread.intake.readers.streams import BROKEN, Opened, broken
from steelthread.intake.readers.table import Table, text
from steelthread.intake.readers.types import BadRow, Format
from steelthread.kit import Invalid

_IN_LIST = re.compile(r"\.0\.")


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


class Objects(Table):
    """Objects flattened to rows: the first thousand name the columns, later ones may add some.

    A subclass sets `_objects` and then calls `_look_ahead`.
    """

    _objects: Iterator[tuple[int, dict[str, str]] | BadRow]

    def __init__(self, path: Path, fmt: Format, batch: int, skip: int) -> None:
        super().__init__(path, fmt, batch, skip)
        self._known: dict[str, int] = {}
        self._ahead: list[tuple[int, dict[str, str]] | BadRow] = []

    def _look_ahead(self) -> None:
        for one in self._objects:
            self._ahead.append(one)
            if not isinstance(one, BadRow):
                self._learn(one[1])
            if len(self._ahead) >= 1000:
                break
        if not self._ahead:
            raise Invalid(f"{self.path} is empty.")

    def _learn(self, leaves: Iterable[str]) -> None:
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


class Json(Objects):
    """JSON Lines, or an array of objects in a document, in constant memory."""

    def __init__(self, path: Path, fmt: Format, batch: int, skip: int) -> None:
        super().__init__(path, fmt, batch, skip)
        self._opened = Opened(path, fmt)
        self._text = io.TextIOWrapper(self._opened.stream, encoding=fmt.encoding or "utf-8")
        self._objects = self._lines() if fmt.type == "jsonl" else self._array()
        with self._closed_on_error():
            self._look_ahead()
        within = next((one for one in self.columns if _IN_LIST.search(one)), None)
        if within and fmt.type == "json" and not fmt.root and len(self._ahead) == 1:
            self.warnings.append(
                f"The document is one object, and so one row. If the rows are the list {_IN_LIST.split(within)[0]} in it, "
                "say so with `format: {root: ...}` in the mapping, or `source new ... --root NAME`."
            )

    def close(self) -> None:
        """Let the file go."""
        self._text.close()
        self._opened.close()

    @property
    def position(self) -> int:
        """How many bytes of the stored file were used."""
        return self._opened.position

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
