"""Where a project names an attribute: mappings, segments, destinations, profile and identity rules, with file and line.

The files are read as YAML trees, so that a word counts only where it stands for the attribute: as a key or a value below
an `entity` of that name, as `Entity.attribute`, or as an attribute of the profile.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import yaml

from steelthread.kit import Invalid
from steelthread.model.comparing import Change
from steelthread.model.marked import Source, compose

_FILES = (
    ("mapping", "sources"),
    ("segment", "segments"),
    ("export", "destinations"),
    ("profile rule", "profile.yaml"),
    ("identity rule", "identity.yaml"),
)
PARTIES = ("Individual", "Organization", "Account")
"""Entities that stand for somebody: a person, an organisation, or the organisation whose account it is. Their attributes are columns
of the export of profiles and may stand in profile.yaml."""
_PATH = re.compile(r"\b([A-Z][A-Za-z0-9]*)\.([A-Za-z][A-Za-z0-9]*)\b")


class Touched(msgspec.Struct, frozen=True):
    """One place that uses what changed."""

    what: str
    where: str


class _Named(msgspec.Struct, frozen=True):
    """A place that names an entity, or an attribute of it."""

    what: str
    where: str
    entity: str
    attribute: str | None


def touched(project: Path, changes: Iterable[Change]) -> list[tuple[Change, list[Touched]]]:
    """Return each change with the places that use what it changes."""
    named = list(_named(project))
    found = []
    for change in changes:
        entities = {change.entity, *change.heirs}
        places = [
            Touched(one.what, one.where) for one in named
            if one.entity in entities and (change.attribute is None or change.attribute == one.attribute)
        ]  # fmt: skip
        if change.attribute and change.kind != "attribute_added" and entities & set(PARTIES):
            places.append(Touched("export", f"column {change.attribute} of `steelthread export`"))
        found.append((change, list(dict.fromkeys(places))))
    return found


def _named(project: Path) -> Iterator[_Named]:
    for what, place in _FILES:
        path = project / place
        for file in sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")]) if path.is_dir() else [path]:
            if file.exists():
                source = Source(file)
                node = compose(source)
                if node is not None:
                    yield from _walk(source, what, node, "")


def _walk(source: Source, what: str, node: yaml.Node, entity: str) -> Iterator[_Named]:
    if isinstance(node, yaml.MappingNode):
        keys = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
        own = keys.get("entity")
        if isinstance(own, yaml.ScalarNode):
            entity = own.value
            yield _Named(what, source.at(own), entity, None)
        for key, value in node.value:
            yield from _word(source, what, key, entity)
            yield from _walk(source, what, value, entity)
    elif isinstance(node, yaml.SequenceNode):
        for one in node.value:
            yield from _walk(source, what, one, entity)
    else:
        yield from _word(source, what, node, entity)


def _word(source: Source, what: str, node: yaml.Node, entity: str) -> Iterator[_Named]:
    """Take a scalar for an attribute: of the entity around it, by `Entity.attribute`, or of the profile."""
    if not isinstance(node, yaml.ScalarNode):
        raise Invalid(f"{source.at(node)}: expected a single value here.")
    where = source.at(node)
    for holder, attribute in _PATH.findall(node.value):
        yield _Named(what, where, holder, attribute)
    if entity:
        yield _Named(what, where, entity, node.value)
    elif what != "mapping":
        yield from (_Named(what, where, holder, node.value) for holder in PARTIES)
