"""The model in memory, and how it is loaded: the built-in part once per process, a project's part on top."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from steelthread.kit import Forbidden, Invalid, NotFound
from steelthread.model.cim import Imported, definitions, import_cim, keep, kept_entities
from steelthread.model.conversions import Adaptation
from steelthread.model.definitions import read
from steelthread.model.entities import Attribute, Entity
from steelthread.model.joining import join
from steelthread.model.marked import nearest

UNRELEASED = "0"
"""The version of a model of which none was released."""
_CANONICAL = Path(__file__).parent / "canonical"


class Model:
    """All entities by name. It does not change after loading, so it may be shared between threads."""

    def __init__(
        self, entities: Mapping[str, Entity], *, special_allowed: bool = False, version: str = UNRELEASED
    ) -> None:
        self.entities = entities
        self.special_allowed = special_allowed
        self.version = version
        self.adaptation = Adaptation(entities)

    def entity(self, name: str) -> Entity:
        """Give the entity; NotFound with the nearest names."""
        found = self.entities.get(name)
        if found is None:
            raise NotFound(f"The model has no entity `{name}`{nearest(name, self.entities)}.")
        return found

    def attribute(self, entity: str, name: str) -> Attribute:
        """Give the attribute by its name or a former one.

        NotFound with the nearest names, Forbidden for a special one that is not allowed.
        """
        attributes = self.entity(entity).attributes
        found = attributes.get(name) or next((one for one in attributes.values() if name in one.formerly), None)
        if found is None:
            raise NotFound(f"`{entity}` has no attribute `{name}`{nearest(name, attributes)}.")
        if found.privacy == "special" and not self.special_allowed:
            raise Forbidden(
                f"`{entity}.{name}` is special personal data (GDPR articles 9 and 10) and blocked in this project. "
                "Leave it out, or allow special data in the project's settings once a legal basis is on record."
            )
        return found

    def mappable(self, entity: str, attribute: str) -> Attribute:
        """Give an attribute that a column may fill: as `attribute`, and no abstract entity and no collection."""
        if self.entity(entity).abstract:
            kinds = [name for name in self.entities if name != entity and self.is_a(name, entity)]
            raise Invalid(f"`{entity}` is abstract and holds no records. Use one of its kinds: {', '.join(kinds)}.")
        found = self.attribute(entity, attribute)
        if found.inverse_of is not None:
            raise Invalid(
                f"`{entity}.{attribute}` collects {' or '.join(found.references)} records and is filled by them. "
                f"Map `{found.references[0]}.{found.inverse_of}` instead."
            )
        return found

    def is_a(self, name: str, ancestor: str) -> bool:
        """Tell whether the entity is the ancestor or inherits from it; NotFound when `name` is unknown."""
        current: str | None = name
        while current is not None and current != ancestor:
            current = self.entity(current).parent
        return current == ancestor


def load_model(folder: Path | None = None, *, special: bool = False) -> Model:
    """Load the built-in model and, with a folder, what it enabled of an import and its own entities (`*.yaml` in it).

    `special` allows attributes of the special privacy class. Invalid names file and line of what is wrong; a folder
    that is not there counts as empty.
    """
    entities = builtin()
    if folder is not None:
        files = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
        found = [*definitions(folder, entities), *(one for file in files for one in read(file, project=True))]
        if found:
            entities = MappingProxyType(join(found, entities))
    return Model(entities, special_allowed=special)


def import_published(folder: Path, file: Path, *, take_missing: bool = False) -> Imported:
    """Take the published CIM file into a project's model folder; what is there stays until all went well."""
    imported = import_cim(file, builtin(), take_missing=take_missing)
    keep(folder, imported)
    return imported


def load_imported(folder: Path) -> Model:
    """Load the whole imported model alone, as repaired, whatever is enabled; NotFound when there is none."""
    return Model(MappingProxyType(kept_entities(folder)), special_allowed=True)


@cache
def builtin() -> Mapping[str, Entity]:
    """Return the built-in entities by name."""
    found = [one for file in sorted(_CANONICAL.glob("*.yaml")) for one in read(file, project=False)]
    return MappingProxyType(join(found, {}))
