"""Reading stored values under a newer model: former names and types, without touching what is stored.

A record stays as it was written, sealed part included; whoever opens it reads it through the model of today. So a
migration needs no reload, undoes itself when the model goes back, and costs nothing where nothing was renamed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from steelthread.model.entities import Entity

CONVERSIONS: Mapping[tuple[str, str], Callable[[Any], Any]] = {
    ("integer", "decimal"): str,
    ("integer", "string"): str,
    ("decimal", "string"): str,
    ("boolean", "string"): lambda value: "true" if value else "false",
    ("date", "string"): str,
    ("datetime", "string"): str,
    ("time", "string"): str,
    ("date", "datetime"): lambda value: f"{value}T00:00:00Z",
    ("datetime", "date"): lambda value: str(value)[:10],
}
"""(stored type, present type) -> how a stored value is read; what is not here needs a new attribute and a load."""


class Adaptation:
    """What has to be read otherwise than stored, by entity; false when nothing has."""

    def __init__(self, entities: Mapping[str, Entity]) -> None:
        self._known = {name: found for name, one in entities.items() if (found := _of(one))}

    def __bool__(self) -> bool:
        return bool(self._known)

    def touches(self, entity: str) -> bool:
        """Tell whether stored records of the entity may have to be read otherwise."""
        return entity in self._known

    def values(self, entity: str, stored: Mapping[str, Any], *, convert: bool = True) -> dict[str, Any]:
        """Return the values of a record under the present names and, unless `convert` is off, of the present types.

        Where a record has the present name and a former one, the present one counts.
        """
        known = self._known.get(entity)
        if known is None:
            return dict(stored)
        read: dict[str, Any] = {}
        for name, value in stored.items():
            now, how = known.get(name, (name, None))
            if now == name or now not in stored:
                read[now] = how(value) if how and convert and value is not None else value
        return read

    def told(self) -> dict[str, str]:
        """Return all of it in words: what stored profiles must be folded anew for when it changes."""
        return {
            f"{entity}.{name}": f"{now}{' converted' if how else ''}"
            for entity, known in sorted(self._known.items())
            for name, (now, how) in sorted(known.items())
        }


def _of(entity: Entity) -> dict[str, tuple[str, Callable[[Any], Any] | None]]:
    """Return stored name -> (present name, how to read the value)."""
    found: dict[str, tuple[str, Callable[[Any], Any] | None]] = {}
    for one in entity.attributes.values():
        how = _conversion(one.formerly_type, one.type, many=one.many) if one.formerly_type else None
        if how:
            found[one.name] = (one.name, how)
        found |= dict.fromkeys(one.formerly, (one.name, how))
    return found


def _conversion(was: str, now: str, *, many: bool) -> Callable[[Any], Any]:
    one = CONVERSIONS[was, now]
    # A value may be of the present type already: it was loaded since.
    single = _unless(one, now)
    return (lambda values: [single(value) for value in values]) if many else single


def _unless(convert: Callable[[Any], Any], now: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if now == "datetime" and isinstance(value, str) and "T" in value:
            return value
        return value if now in ("decimal", "string") and isinstance(value, str) else convert(value)

    return read
