"""The imported model in a project: `model/cim/model.json`, and `model/cim/enabled.yaml`, the entities the project uses.

The file holds one JSON object per entity under its name, so that a project that enabled twenty decodes twenty. It is
written whole or not at all, and the same import writes the same bytes.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import yaml

from steelthread.kit import Invalid, NotFound
from steelthread.model.cim.importing import Imported
from steelthread.model.definitions import Definition
from steelthread.model.entities import Entity
from steelthread.model.marked import Source, compose, nearest, texts

FOLDER = "cim"
FILE = "model.json"
ENABLED = "enabled.yaml"
_FORM = 1
_AGAIN = "Make it again: `steelthread model import-cim FILE` an import, version control a released version."
_HEAD = (
    "# Entities of the imported model (model.json) that this project uses besides the built-in ones; `all` takes all.\n"
)


class _Kept(msgspec.Struct):
    """The file: entities as raw JSON, decoded one by one when wanted."""

    form: int
    origin: str
    entities: dict[str, msgspec.Raw]


def keep(folder: Path, imported: Imported) -> Path:
    """Write the import into the project's model folder; return the file."""
    path = folder / FOLDER / FILE
    write_entities(path, imported.entities, "cim@1.0.0")
    return path


def write_entities(path: Path, entities: Mapping[str, Entity], origin: str) -> None:
    """Write entities as one JSON file, a line each, in an order that depends on nothing but their names."""
    encoder = msgspec.json.Encoder(enc_hook=dict, order="deterministic")  # a joined entity holds a mapping proxy
    lines = [f"{_json(name)}:{encoder.encode(one).decode()}" for name, one in sorted(entities.items())]
    head = f'{{"form":{_FORM},"origin":{_json(origin)},"entities":{{'
    write_whole(path, head + "\n" + ",\n".join(lines) + "\n}}\n")


def read_entities(path: Path) -> tuple[str, dict[str, Entity]]:
    """Read such a file whole; return (origin, entities). Invalid with its line for what is broken."""
    kept = _read(path)
    return kept.origin, {name: _entity(path, name, raw) for name, raw in kept.entities.items()}


def _json(text: str) -> str:
    return msgspec.json.encode(text).decode()


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all, its folder too; Invalid when that is not possible."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise Invalid(
            f"{path} cannot be written ({error.strerror}): check the folder, its permissions and free space."
        ) from None
    finally:
        beside.unlink(missing_ok=True)


def enabled_names(folder: Path) -> tuple[str, ...]:
    """Return what the project enabled, as written; nothing without a file."""
    path = folder / FOLDER / ENABLED
    if not path.exists():
        return ()
    source = Source(path)
    node = compose(source)
    if node is None:
        return ()
    names = texts(source, node)
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Invalid(f"{source.at(node)}: `{twice}` stands here twice. Remove one.")
    return names


def change_enabled(folder: Path, names: Iterable[str], *, enable: bool) -> tuple[str, ...]:
    """Enable or disable entities of the import; return what is enabled now. `all` stands for all."""
    known = _read(_import(folder)).entities
    names = list(names)
    for name in names:
        if name != "all" and name not in known:
            raise NotFound(f"The imported model has no entity `{name}`{nearest(name, known)}.")
    now = set(enabled_names(folder))
    if not enable:
        now = set() if "all" in names else (set(known) if "all" in now else now) - set(names)
    else:
        now = {"all"} if "all" in names else now | set(names)
    result = ("all",) if "all" in now else tuple(sorted(now))
    text = _HEAD + (yaml.safe_dump(list(result), default_flow_style=False) if result else "[]\n")
    write_whole(folder / FOLDER / ENABLED, text)
    return result


def kept_entities(folder: Path) -> dict[str, Entity]:
    """Return the whole import; NotFound when there is none."""
    return read_entities(_import(folder))[1]


def definitions(folder: Path, known: Mapping[str, Entity]) -> list[Definition]:
    """Return the enabled entities as definitions that join the known ones, ancestors included.

    An entity that is known already keeps what it has and gains the attributes that it lacks. References to entities
    that are not there become plain keys, collections of them are left out.
    """
    names = enabled_names(folder)
    if not names:
        return []
    path = _import(folder)
    kept = _read(path).entities
    wanted: dict[str, Entity] = {}
    for name in kept if names == ("all",) else names:
        if name not in kept:
            where = f"{FOLDER}/{ENABLED}:1"
            raise Invalid(f"{where}: the imported model has no entity `{name}`{nearest(name, kept)}.")
        current: str | None = name
        while current is not None and current not in wanted:
            wanted[current] = _entity(path, current, kept[current])
            current = wanted[current].parent
    # What is known already is taken only where it was asked for by its own name.
    taken = {name: one for name, one in wanted.items() if name not in known or name in names}
    return [_definition(one, taken, known) for one in taken.values()]


def _definition(one: Entity, taken: Mapping[str, Entity], known: Mapping[str, Entity]) -> Definition:
    extends = one.name in known
    held = {"id"} | {name.lower() for name in _inherited(one, taken, known)}
    attributes = {}
    for name, attribute in one.attributes.items():
        if name.lower() in held or (extends and name.lower() in {each.lower() for each in known[one.name].attributes}):
            continue
        targets = tuple(target for target in attribute.references if target in known or target in taken)
        end = attribute.inverse_of
        if end is not None and not all(_has(target, end, taken, known) for target in targets or ("",)):
            continue
        attributes[name] = msgspec.structs.replace(attribute, references=targets)
    where = f"{FOLDER}/{FILE}"
    return Definition(
        name=one.name, where=where, extends=extends, label=one.label, area=one.area, category=one.category, key=None,
        event_time=None, parent=one.parent, owner=one.owner, abstract=False, description=one.description,
        origin=one.origin, aliases=one.aliases, attributes=attributes, lines=dict.fromkeys(attributes, where),
    )  # fmt: skip


def _inherited(one: Entity, taken: Mapping[str, Entity], known: Mapping[str, Entity]) -> Iterator[str]:
    """Return what the entity has from its ancestors; a known ancestor gives what it has, which may be other."""
    parent = one.parent
    while parent is not None:
        for source in (known, taken):
            if parent in source:
                yield from source[parent].attributes
        parent = (known.get(parent) or taken[parent]).parent


def _has(entity: str, attribute: str, taken: Mapping[str, Entity], known: Mapping[str, Entity]) -> bool:
    holder = known.get(entity) or taken.get(entity)
    return holder is not None and attribute in holder.attributes


def _import(folder: Path) -> Path:
    path = folder / FOLDER / FILE
    if not path.exists():
        raise NotFound(
            f"No imported model in {folder / FOLDER}. Run `steelthread model import-cim FILE` first, or empty {ENABLED}."
        )
    return path


def _read(path: Path) -> _Kept:
    where = f"{path.parent.name}/{path.name}:1"
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        raise Invalid(f"{where}: not readable. {_AGAIN}") from None
    if kept.form != _FORM:
        raise Invalid(f"{where}: written by another version of Steelthread. {_AGAIN}")
    return kept


def _entity(path: Path, name: str, raw: msgspec.Raw) -> Entity:
    try:
        return msgspec.json.decode(raw, type=Entity)
    except (msgspec.DecodeError, msgspec.ValidationError):
        text = path.read_text("utf-8")
        line = text.count("\n", 0, max(text.find(f"\n{_json(name)}:"), 0)) + 2
        raise Invalid(f"{path.parent.name}/{path.name}:{line}: `{name}` is broken. {_AGAIN}") from None
