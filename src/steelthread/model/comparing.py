"""What changed between two models, and whether everything that used the old one goes on working with the new one.

A change is breaking when a mapping, a stored value, an export or a reader that was right before is wrong after it. A
rename is compatible when the new attribute says `formerly`, a new type when it says `formerly_type`: then old mappings
and stored records are read as the new attribute.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from steelthread.model.conversions import CONVERSIONS
from steelthread.model.entities import Attribute, Entity

Need = Literal["none", "patch", "minor", "major"]


class Change(msgspec.Struct, frozen=True):
    """One change. `heirs` are the entities that inherit the attribute and change with it."""

    kind: str
    entity: str
    attribute: str | None
    was: Any
    now: Any
    breaking: bool
    reason: str
    heirs: tuple[str, ...] = ()


def compare(old: Mapping[str, Entity], new: Mapping[str, Entity]) -> list[Change]:
    """Return all changes, by entity and attribute; inherited ones stand at the entity they come from."""
    changes: list[Change] = []
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before is None or after is None:
            changes.append(_came(name) if before is None else _went(name))
            continue
        changes += _roles(before, after)
        for change in _attributes(before, after):
            if not _above(change, before, old, new):
                changes.append(msgspec.structs.replace(change, heirs=_heirs(name, change.attribute or "", old, new)))
    return changes


def needs(changes: list[Change]) -> Need:
    """Return which number of a version must rise: major for a breaking change, minor for a new thing, patch for words."""
    if not changes:
        return "none"
    if any(one.breaking for one in changes):
        return "major"
    return "minor" if any(not one.kind.endswith("_worded") for one in changes) else "patch"


def _came(name: str) -> Change:
    return Change("entity_added", name, None, None, name, breaking=False, reason="nothing used it before")


def _went(name: str) -> Change:
    return Change(
        "entity_removed", name, None, name, None, breaking=True, reason="mappings and records of it have no home"
    )


_ROLES: tuple[tuple[str, bool, str], ...] = (
    ("parent", True, "what it inherits, and what counts as one, is another"),
    ("category", True, "whether its records are people, events or details decides how they are kept"),
    ("key", True, "records are found under another name"),
    ("owner", True, "records belong to somebody by another attribute"),
    ("event_time", True, "the time of an event is read from another attribute"),
    ("area", False, "it is shown elsewhere"),
    ("deprecated", False, "it works on; what to use instead is told"),
)


def _roles(before: Entity, after: Entity) -> Iterator[Change]:
    for role, breaking, reason in _ROLES:
        was, now = getattr(before, role), getattr(after, role)
        if was != now:
            yield Change(f"entity_{role}", before.name, None, was, now, breaking=breaking, reason=reason)
    if before.abstract != after.abstract:
        reason = "it may hold no records any more" if after.abstract else "it may hold records now"
        yield Change(
            "entity_abstract",
            before.name,
            None,
            before.abstract,
            after.abstract,
            breaking=after.abstract,
            reason=reason,
        )
    words = ("label", "description", "aliases")
    if any(getattr(before, word) != getattr(after, word) for word in words):
        yield Change("entity_worded", before.name, None, None, None, breaking=False, reason="only words changed")


def _attributes(before: Entity, after: Entity) -> Iterator[Change]:
    renamed = {name: one for one in after.attributes.values() for name in one.formerly}
    for name, was in before.attributes.items():
        now = after.attributes.get(name)
        if now is not None:
            yield from _attribute(before.name, was, now)
        elif name in renamed:
            new = renamed[name]
            reason = "mappings and stored records that use the former name mean the new one"
            yield Change("attribute_renamed", before.name, name, name, new.name, breaking=False, reason=reason)
            yield from _attribute(before.name, was, new)
        else:
            reason = "mappings of it are refused, and what is stored of it is shown no more"
            yield Change("attribute_removed", before.name, name, name, None, breaking=True, reason=reason)
    known = {*before.attributes, *(one.name for name, one in renamed.items() if name in before.attributes)}
    for name, one in after.attributes.items():
        if name not in known:
            reason = "readers must give it" if one.required else "nothing used it before"
            yield Change("attribute_added", before.name, name, None, name, breaking=one.required, reason=reason)


def _attribute(entity: str, was: Attribute, now: Attribute) -> Iterator[Change]:
    """Compare an attribute with itself, perhaps under a new name."""

    def change(kind: str, breaking: bool, reason: str, values: tuple[Any, Any]) -> Change:  # noqa: FBT001  # a local short form
        return Change(f"attribute_{kind}", entity, was.name, *values, breaking=breaking, reason=reason)

    if was.type != now.type:
        possible = (was.type, now.type) in CONVERSIONS
        carried = possible and now.formerly_type == was.type
        hint = f"; `formerly_type: {was.type}` reads them as the new one" if possible else ": load them again"
        reason = "stored values are read as the new type" if carried else f"stored values are of the old type{hint}"
        yield change("type", not carried, reason, (was.type, now.type))
    for facet, judge in _FACETS.items():
        values = getattr(was, facet), getattr(now, facet)
        if values[0] != values[1]:
            breaking, reason = judge(*values)
            yield change(facet, breaking, reason, values)
    lost = sorted(set(was.aliases) - set(now.aliases) - {now.name})
    if was.description != now.description or was.aliases != now.aliases:
        reason = f"the draft no longer knows {', '.join(lost)}" if lost else "only words changed"
        yield change("worded", False, reason, (None, None))


def _always(breaking: bool, reason: str) -> Callable[[Any, Any], tuple[bool, str]]:  # noqa: FBT001  # a table's cell
    return lambda _was, _now: (breaking, reason)


def _references(was: tuple[str, ...], now: tuple[str, ...]) -> tuple[bool, str]:
    if was and set(was) <= set(now):
        return False, "what it referred to is still allowed"
    return True, "references that were right may lead to another kind of record now"


def _privacy(was: str, now: str) -> tuple[bool, str]:
    if now in ("direct", "special") and was not in ("direct", "special"):
        return True, "what is stored of it is not sealed: load its sources again"
    return True, "what is stored of it stays sealed and is protected otherwise than new values"


_FACETS: Mapping[str, Callable[[Any, Any], tuple[bool, str]]] = {
    "many": _always(True, "a list in place of one value, or one value in place of a list"),
    "required": lambda _was, now: (now, "records without it are wrong now" if now else "it may be left out now"),
    "references": _references,
    "inverse_of": _always(True, "the collection is filled by other records"),
    "privacy": _privacy,
    "identity": _always(True, "other records become one person, or no longer do"),
    "logical": _always(False, "values that come from now on are read by other rules"),
    "reconciliation": _always(False, "profiles are folded anew and may show another of their values"),
    "iri": _always(True, "linked data names it otherwise"),
    "deprecated": _always(False, "it works on; what to use instead is told"),
}


def _above(change: Change, entity: Entity, old: Mapping[str, Entity], new: Mapping[str, Entity]) -> bool:
    """Tell whether the parent changes in the same way, so that the heir only follows."""
    parent = entity.parent
    if parent not in old or parent not in new:
        return False
    assert parent is not None
    return any(
        (one.kind, one.attribute, one.was, one.now) == (change.kind, change.attribute, change.was, change.now)
        for one in _attributes(old[parent], new[parent])
    )


def _heirs(name: str, attribute: str, old: Mapping[str, Entity], new: Mapping[str, Entity]) -> tuple[str, ...]:
    found = []
    for one in sorted({*old, *new}):
        entity = new.get(one) or old[one]
        parent = entity.parent
        while parent is not None and parent != name:
            holder = new.get(parent) or old.get(parent)
            parent = holder.parent if holder else None
        known = {*(old[one].attributes if one in old else ()), *(new[one].attributes if one in new else ())}
        if parent == name and attribute in known:
            found.append(one)
    return tuple(found)
