"""`sources/NAME.yaml`: reading and checking."""

import hashlib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec
import yaml

from steelthread.intake.readers import Format
from steelthread.kit import Invalid, NotFound
from steelthread.model import Model


class EntityMapping(msgspec.Struct, forbid_unknown_fields=True):
    """How a row gives one entity."""

    entity: str
    attributes: dict[str, Any] = {}
    key: Any = None
    when: dict[str, Any] | None = None
    party: dict[str, Any] | None = None
    parent: Any = None


class IdentifierMapping(msgspec.Struct, forbid_unknown_fields=True):
    """An identifier that is no attribute of the model."""

    kind: str
    column: str
    namespace: str = ""
    entity: str = ""


class Source(msgspec.Struct, forbid_unknown_fields=True):
    """A source: its file and its mapping."""

    name: str
    entities: list[EntityMapping]
    key: Any
    file: str = ""
    format: Format | None = None
    country: str = ""
    priority: int = 0
    unique: bool = False
    snapshot: bool = False
    observed_at: Any = None
    party: dict[str, Any] | None = None
    identifiers: list[IdentifierMapping] = []
    ignore: list[str] = []
    digest: str = ""

    @property
    def primary(self) -> str:
        """Entity of the row's own record: the first that has no key of its own."""
        return next(
            (one.entity for one in self.entities if one.key is None or one.key == self.key), self.entities[0].entity
        )


def list_sources(folder: Path) -> list[str]:
    """Return the names of a project's sources."""
    return sorted(path.stem for path in (folder / "sources").glob("*.yaml"))


def load_source(folder: Path, name: str, model: Model) -> Source:
    """Read a source's mapping; every error names the file, the line where there is one, and what to do."""
    path = folder / "sources" / f"{name}.yaml"
    if not path.exists():
        there = list_sources(folder)
        near = get_close_matches(name, there, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(there) or 'none yet'}."
        raise NotFound(
            f"There is no source {name} (no {path}). {hint} Make one with: steelthread source new {name} FILE"
        )
    return read_source(path.read_text("utf-8"), str(path), model)


def read_source(text: str, where: str, model: Model) -> Source:
    """Read the text of a mapping."""
    try:
        raw = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # a safe loader
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        raise Invalid(f"{where}{f', line {mark.line + 1}' if mark else ''}: this is not valid YAML.") from None
    try:
        source = msgspec.convert(raw, Source)
    except msgspec.ValidationError as error:
        raise Invalid(f"{where}: {error}. See docs/sources.md.") from None
    source.digest = hashlib.sha256(text.encode()).hexdigest()
    if not source.entities:
        raise Invalid(f"{where}: `entities` is empty, so nothing would be kept.")
    for one in source.entities:
        model.entity(one.entity)
        for attribute in one.attributes:
            try:
                model.mappable(one.entity, attribute)
            except NotFound as error:
                raise Invalid(f"{where}{_line(text, attribute)}: {error}") from None
    return source


def _line(text: str, word: str) -> str:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip().startswith(f"{word}:"):
            return f", line {number}"
    return ""
