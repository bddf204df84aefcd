"""`lake.yaml`: the company's Delta tables that hold people, and by which columns a person's rows are found."""

from pathlib import Path
from typing import Literal

import msgspec
import yaml

from steelthread.kit import Invalid

FILE = "lake.yaml"
_HELP = "See docs/lake.md for what it may say."


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A column that names people: by universal ID, by the key of a record, or by a kind of identifier."""

    column: str
    holds: str
    """`individual`, `record`, or a kind of identifier of the project (email, user_id, ...)."""
    namespace: str = ""
    """Of a kind that is known per source or space, such as user_id."""
    source: str = ""
    entity: str = "Individual"
    """With `source`: of which records the column holds the keys."""


class TableConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A table, as the record of processing and the access package tell of it."""

    name: str
    path: str
    """Its folder; one that is not absolute is looked for in the project's folder."""
    what: str
    subjects: tuple[Subject, ...]
    columns: dict[str, str]
    """Every column, and what it holds, in words for the person."""
    purpose: str
    kind: Literal["told or observed", "inferred"] = "told or observed"
    others: tuple[str, ...] = ()
    """Columns that hold somebody else's data (whom a gift went to): left out of answers to the person."""

    @property
    def folder(self) -> Path:
        """Its folder."""
        return Path(self.path)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tables: tuple[TableConfig, ...] = ()


def load_tables(folder: Path) -> tuple[TableConfig, ...]:
    """Read lake.yaml of a project's folder; a file that is not there names no table. Invalid says what to mend."""
    path = folder / FILE
    try:
        content = yaml.safe_load(path.read_text("utf-8")) if path.exists() else None
        found = msgspec.convert(content or {}, _File, strict=False).tables
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Invalid(f"{path} is not valid YAML: mend it, then read again.") from None
    except msgspec.ValidationError as error:
        raise Invalid(f"{path}: {error}. {_HELP}") from None
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        raise Invalid(f"{path}: two tables have one name: give each its own.")
    for one in found:
        _check(path, one)
    return tuple(msgspec.structs.replace(one, path=str(folder / one.path)) for one in found)


def _check(path: Path, table: TableConfig) -> None:
    if not table.subjects:
        raise Invalid(f"{path}: say of {table.name} which column names people (subjects). {_HELP}")
    told = table.columns.keys()
    missing = [name for name in [*(one.column for one in table.subjects), *table.others] if name not in told]
    if missing:
        raise Invalid(f"{path}: {table.name} does not say what its columns {', '.join(missing)} hold (columns).")
    if any(one.holds == "record" and not one.source for one in table.subjects):
        raise Invalid(f"{path}: say of which source the records in {table.name} are (source).")
