"""`sources/NAME.yaml`: reading and checking."""

import hashlib
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from steelthread.intake.language import (
    AttributeMapping,
    EntityMapping,
    IdentifierMapping,
    Key,
    Moment,
    ParentMapping,
    PartyMapping,
    RowHash,
)
from steelthread.intake.live.source_file import LiveFile
from steelthread.intake.readers import Format
from steelthread.kit import Invalid, NotFound, SteelthreadError
from steelthread.model import Model

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
"""Every scalar is text, as it stands there: no country NO becomes false, no constant 007 becomes 7."""
_LIVE_WORDS = frozenset(LiveFile.__struct_fields__)
_LIVE_ONLY = _LIVE_WORDS - {"name"}
_PATH = re.compile(r" - at `(\$.*)`")
_FIELD = re.compile(r"unknown field `(\w+)`")


class SourceFile(msgspec.Struct, forbid_unknown_fields=True):
    """What may stand in a source's file."""

    name: str
    entities: list[EntityMapping]
    key: Key
    file: str = ""
    format: Format | None = None
    country: str = ""
    priority: int = 0
    unique: bool = False
    snapshot: bool = False
    observed_at: Moment | None = None
    party: PartyMapping | None = None
    identifiers: list[IdentifierMapping] = []
    ignore: list[str] = []
    purpose: str = ""
    """What its rows are collected for, a purpose of purposes.yaml; empty: nobody is asked."""
    without: Literal["drop", "strip"] = "drop"
    """What becomes of a row of somebody who does not allow the purpose: gone, or stripped of all that identifies."""
    link_purpose: str = ""
    """For what devices may be tied to people, a purpose of purposes.yaml; empty: nobody is asked."""


class Source(SourceFile):
    """A source: its file and its mapping."""

    digest: str = ""
    place: "Places | None" = None

    @property
    def primary(self) -> str:
        """Entity of the row's own record: the first that has no key of its own."""
        return next(
            (one.entity for one in self.entities if one.key is None or one.key == self.key), self.entities[0].entity
        )

    @property
    def hashes_rows(self) -> bool:
        """Whether some record is known by its whole row, so that equal rows have to be told apart."""
        keys: list[Key | None] = [self.key]
        for one in self.entities:
            above = one.parent.key if isinstance(one.parent, ParentMapping) else None
            keys += [one.key, above]
        return any(isinstance(key, RowHash) for key in keys)

    def at(self, path: str = "$") -> str:
        """Return the file and line of a part of the mapping, such as $.entities[0].when."""
        return self.place.at(path) if self.place else f"sources/{self.name}.yaml"


class Places(msgspec.Struct):
    """Where the parts of a mapping stand."""

    file: str
    lines: dict[str, int]

    def at(self, path: str) -> str:
        """Return file and line of the nearest part that has one."""
        while path not in self.lines and len(path) > 1:
            path = path[: max(path.rfind("."), path.rfind("["))]
        line = self.lines.get(path)
        return f"{self.file}, line {line}" if line and path != "$" else self.file


def list_sources(folder: Path) -> list[str]:
    """Return the names of a project's sources."""
    return sorted(path.stem for path in (folder / "sources").glob("*.yaml"))


def load_live(folder: Path, name: str, model: Model) -> tuple[LiveFile, Source | None]:
    """Read a live source's file: its settings, and its mapping where it has one. Invalid says where and what to mend.

    A source without a file takes events all the same: its key stands in the database.
    """
    path = folder / "sources" / f"{name}.yaml"
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return LiveFile(name=name), None
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"{path} cannot be read, or is not UTF-8: save it so.") from None
    raw, places = _parsed(text, str(path))
    if not isinstance(raw, dict):
        raise Invalid(f"{path}: this is no mapping of words to values. See docs/live.md.")
    mapped = "entities" in raw
    said = {word: raw[word] for word in _LIVE_WORDS if word in raw}
    left = {word: value for word, value in raw.items() if word not in said} if not mapped else {}
    file: LiveFile = _convert({**said, **left}, LiveFile, places, "$")
    if file.mapped or file.problem:
        raise Invalid(f"{path}: `mapped` and `problem` are no words of a live source's file. See docs/live.md.")
    if not mapped:
        return file, None
    mapping = _read({word: value for word, value in raw.items() if word not in _LIVE_ONLY}, text, places, model)
    return msgspec.structs.replace(file, mapped=True), mapping


def is_live(folder: Path, name: str) -> bool:
    """Whether a source receives live events and has no file."""
    return _raw(folder, name).get("kind") == "live"


def _raw(folder: Path, name: str) -> dict[str, Any]:
    path = folder / "sources" / f"{name}.yaml"
    raw = _parsed(path.read_text("utf-8"), str(path))[0] if path.exists() else None
    return raw if isinstance(raw, dict) else {}


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
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise Invalid(f"{path} is not UTF-8: save it so.") from None
    if is_live(folder, name):
        raise Invalid(f"{name} receives live events and has no file: send to it with its write key. See docs/live.md.")
    return read_source(text, str(path), model)


def read_source(text: str, where: str, model: Model) -> Source:
    """Read the text of a mapping."""
    raw, places = _parsed(text, where)
    return _read(raw, text, places, model)


def _read(raw: Any, text: str, places: Places, model: Model) -> Source:
    for path, attributes in _attributes(raw):
        for name, how in attributes.items():
            attributes[name] = {"column": how} if isinstance(how, str) else how
            _convert(attributes[name], AttributeMapping, places, f"{path}.{name}").check(places.at(f"{path}.{name}"))
    if isinstance(raw, dict) and isinstance(raw.get("observed_at"), str):
        raw["observed_at"] = {"column": raw["observed_at"]} if raw["observed_at"] else None
    written: SourceFile = _convert(raw, SourceFile, places, "$")
    source = Source(**msgspec.structs.asdict(written), digest=hashlib.sha256(text.encode()).hexdigest(), place=places)
    if not source.entities:
        raise Invalid(f"{places.file}: `entities` is empty, so nothing would be kept.")
    for number, one in enumerate(source.entities):
        _check(one, f"$.entities[{number}]", places, model)
    return source


def _check(one: EntityMapping, path: str, places: Places, model: Model) -> None:
    try:
        model.entity(one.entity)
    except NotFound as error:
        raise Invalid(f"{places.at(f'{path}.entity')}: {error}") from None
    if one.when:
        one.when.check(places.at(f"{path}.when"))
    named: dict[str, str] = {}
    for attribute in one.attributes:
        try:
            other = named.setdefault(model.mappable(one.entity, attribute).name, attribute)
        except NotFound as error:
            raise Invalid(f"{places.at(f'{path}.attributes.{attribute}')}: {error}") from None
        except SteelthreadError as error:
            raise type(error)(f"{places.at(f'{path}.attributes.{attribute}')}: {error}") from None
        if other != attribute:
            raise Invalid(
                f"{places.at(f'{path}.attributes.{attribute}')}: `{attribute}` and `{other}` are one attribute, renamed. "
                "Leave the former name out."
            )


def _parsed(text: str, where: str) -> tuple[Any, Places]:
    try:
        node = yaml.compose(text, Loader=_LOADER)
        raw = yaml.load(text, Loader=_LOADER)  # noqa: S506  # a base loader makes text, lists and mappings only
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", "") or "this is not valid YAML"
        raise Invalid(f"{where}{f', line {mark.line + 1}' if mark else ''}: not valid YAML: {problem}.") from None
    return raw, Places(where, dict(_lines(node, "$")) if node else {})


def _lines(node: yaml.Node, path: str) -> Iterator[tuple[str, int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, f"{path}.{key.value}")
            yield f"{path}.{key.value}", key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, f"{path}[{number}]")


def _attributes(raw: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the attributes of each entity as far as the shape is right, so that an error can name the attribute."""
    entities = raw.get("entities") if isinstance(raw, dict) else None
    for number, one in enumerate(entities if isinstance(entities, list) else []):
        attributes = one.get("attributes") if isinstance(one, dict) else None
        if isinstance(attributes, dict):
            yield f"$.entities[{number}].attributes", attributes


def _convert(raw: Any, to: Any, places: Places, path: str) -> Any:
    try:
        return msgspec.convert(raw, to, strict=False)
    except msgspec.ValidationError as error:
        message = str(error)
        if match := _PATH.search(message):
            path += match[1][1:]
            message = message[: match.start()]
        named = path.removeprefix("$").strip(".") or "the mapping"
        if match := _FIELD.search(message):
            path += f".{match[1]}"
            message = f"`{match[1]}` is not understood here{_near(match[1])}"
        raise Invalid(f"{places.at(path)}: {named}: {message}. "
                      "See docs/sources.md.") from None  # fmt: skip


def _near(word: str) -> str:
    words = {name for struct in (SourceFile, EntityMapping, AttributeMapping, IdentifierMapping, PartyMapping, Format)
             for name in struct.__struct_encode_fields__}  # fmt: skip
    near = get_close_matches(word, words, n=1)
    return f" (did you mean `{near[0]}`?)" if near else ""
