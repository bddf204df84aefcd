"""One Delta table: read by person, rewritten without somebody, and its past destroyed.

Deleting rows leaves them in former files, in the log's statistics and predicates, in checkpoints and in the change data
feed. So after a rewrite the log is brought into a new checkpoint; former files and checkpoints go, and the log is kept
without what it says of values. It must not go: a writer that began before would commit under a number that was given
already, and lose its rows. Files that a writer is about to commit are left alone.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from steelthread.kit import Unavailable
from steelthread.lake.configuration import FILE, TableConfig

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

Chooser = Callable[[int, Sequence[str]], list[bool]]
"""(number of the subject column, values) -> which of them are meant."""
_LOG = "_delta_log"
_CHANGES = "_change_data"
_VERSION = re.compile(r"^(\d{20})\.")
_TELLING = {"add": ("stats", "tags"), "remove": ("stats", "tags"), "commitInfo": ("operationParameters",)}
"""What of an action of the log tells values."""
_YOUNG = 3600.0
"""Seconds for which a file that no log names may be one that a writer is about to commit."""
_ATTEMPTS = 5
_BATCH = 65_536
_QUOTE = "'"


class Described(msgspec.Struct, rename="camel"):
    """What a table is like just now."""

    rows: int
    files: int
    columns: list[str]
    version: int


class Rewritten(msgspec.Struct, rename="camel"):
    """What a rewrite did."""

    rows: int = 0
    files: int = 0
    """Files that held such rows; each was written anew once, or is gone."""
    removed: int = 0
    """Files destroyed: former data, log and changes."""


class LakeTable:
    """A Delta table that `lake.yaml` names."""

    def __init__(self, config: TableConfig) -> None:
        self.config = config

    def describe(self) -> Described:
        """Return its size and columns; Unavailable when it cannot be read."""
        with self._told():
            table = self._open()
            rows, names = table.count(), [field.name for field in table.schema().fields]
            return Described(rows, len(table.file_uris()), names, table.version())

    def undescribed(self) -> list[str]:
        """Return the columns of which lake.yaml does not say what they hold."""
        return [name for name in self.describe().columns if name not in self.config.columns]

    def rows(self, values: Sequence[set[str]]) -> list[dict[str, Any]]:
        """Return the rows that hold one of these values, given for each subject column."""
        import pyarrow as pa  # noqa: PLC0415  # a seventh of the start of a command

        with self._told():
            found = []
            for batch in self._batches(None):
                owners = self._owners(batch, values)
                found += batch.filter(pa.array([bool(one) for one in owners], pa.bool_())).to_pylist()
            return found

    def values(self, choose: Chooser) -> list[set[str]]:
        """Return for each subject column which of the chosen values are in it; each value is asked of once."""
        found: list[set[str]] = [set() for _ in self.config.subjects]
        known: list[set[str]] = [set() for _ in self.config.subjects]
        with self._told():
            for batch in self._batches(self._names):
                for number, name in enumerate(self._names):
                    fresh = sorted({one for one in _texts(batch, name) if one is not None} - known[number])
                    known[number].update(fresh)
                    found[number].update(
                        one for one, chosen in zip(fresh, choose(number, fresh), strict=True) if chosen
                    )
        return found

    def owners(self, values: Sequence[set[str]]) -> list[list[tuple[int, str]]]:
        """Return of each row with one of these values which ones it has, as (number of the column, value)."""
        with self._told():
            return [one for batch in self._batches(self._names) for one in self._owners(batch, values) if one]

    def rewrite(self, values: Sequence[set[str]]) -> Rewritten:
        """Write the table without the rows that hold one of these values, each file once, and destroy its past.

        Safe to repeat: also where nothing is left to delete, what a killed run left of the past goes.
        """
        with self._told():
            told = self._delete(values)
            removed = self._forget_past()
        return Rewritten(int(told.get("num_deleted_rows", 0)), int(told.get("num_removed_files", 0)), removed)

    def _delete(self, values: Sequence[set[str]]) -> dict[str, Any]:
        from deltalake.exceptions import CommitFailedError  # noqa: PLC0415  # an extra

        predicate = " OR ".join(
            f"{_quoted(name, '`')} IN ({', '.join(_quoted(value, _QUOTE) for value in sorted(own))})"
            for name, own in zip(self._names, values, strict=True)
            if own
        )
        for _ in range(_ATTEMPTS if predicate else 0):
            try:
                return self._open().delete(predicate)
            except CommitFailedError:  # somebody else wrote at the same moment
                continue
        if predicate:
            raise Unavailable(self._said("others write it without a pause"))
        return {}

    def _forget_past(self) -> int:
        """Bring the log into a checkpoint, and destroy the values that lie before it; return how many files went."""
        table = self._open()
        table.create_checkpoint()
        root, version = self.config.folder, table.version()
        orphans = {one for one in _vacuumed(table, full=True) if _age(root / one) > _YOUNG}
        gone = [root / one for one in {*_vacuumed(table, full=False), *orphans}]
        gone += [one for one in (root / _CHANGES).rglob("*") if one.is_file()]
        for one in sorted((root / _LOG).rglob("*")):
            match = _VERSION.match(one.name)
            if match is None or int(match[1]) > version:
                continue
            if one.suffixes == [".json"]:
                _redact(one)
            elif not (int(match[1]) == version and ".checkpoint." in one.name):
                gone.append(one)
        for one in gone:
            one.unlink(missing_ok=True)
        return len(gone)

    @property
    def _names(self) -> list[str]:
        return [one.column for one in self.config.subjects]

    def _batches(self, columns: list[str] | None) -> "Iterator[pa.RecordBatch]":
        return iter(self._open().to_pyarrow_dataset().to_batches(columns=columns, batch_size=_BATCH))

    def _owners(self, batch: "pa.RecordBatch", values: Sequence[set[str]]) -> list[list[tuple[int, str]]]:
        """Return of each row which of the values it has."""
        columns = [_texts(batch, name) for name in self._names]
        return [
            [(number, one) for number, one in enumerate(row) if one in values[number]]
            for row in zip(*columns, strict=True)
        ]

    def _open(self) -> "DeltaTable":
        from deltalake import DeltaTable  # noqa: PLC0415  # an extra

        return DeltaTable(str(self.config.folder))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Make what goes wrong in here an error of ours, which says what to do and no value."""
        try:
            from deltalake.exceptions import DeltaError, DeltaProtocolError, TableNotFoundError  # noqa: PLC0415
        except ModuleNotFoundError:
            raise Unavailable(self._said("Delta is not installed (pip install 'steelthread[lake]')")) from None
        try:
            yield
        except TableNotFoundError:
            raise Unavailable(self._said(f"there is no Delta table at {self.config.folder}")) from None
        except DeltaProtocolError:
            raise Unavailable(self._said("it has features of Delta that are not supported here")) from None
        except (DeltaError, OSError, ValueError, KeyError) as error:
            raise Unavailable(self._said(f"{type(error).__name__}, the table is broken or not readable")) from None

    def _said(self, why: str) -> str:
        return f"The table {self.config.name} of {FILE} cannot be read or rewritten: {why}. Mend that, then try again."


def _texts(batch: "pa.RecordBatch", name: str) -> list[str | None]:
    found: list[str | None] = batch.column(name).cast("string").to_pylist()
    return found


def _vacuumed(table: "DeltaTable", *, full: bool) -> list[str]:
    """Return files that no longer belong to the table; with `full` also those that no log names."""
    return table.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False, full=full)


def _redact(path: Path) -> None:
    """Take out of a version of the log what it says of values: statistics of files, and what was asked for."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines() if line.strip()]
    bare = [_without_values(line) for line in lines]
    if bare == lines:
        return
    at = path.stat().st_mtime_ns
    fresh = path.with_name(f".{path.name}.steelthread")
    fresh.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in bare))
    os.utime(fresh, ns=(at, at))  # Delta takes the time of a version from it
    fresh.replace(path)


def _without_values(line: dict[str, Any]) -> dict[str, Any]:
    return {
        action: {name: value for name, value in told.items() if name not in _TELLING.get(action, ())}
        for action, told in line.items()
    }


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime if path.exists() else 0.0


def _quoted(text: str, mark: str) -> str:
    return mark + text.replace(mark, mark * 2) + mark
