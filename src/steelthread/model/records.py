"""Records of the canonical model as they come from outside: whether their entity, attributes and values are the model's."""

import datetime as dt
from decimal import Decimal
from typing import Any

from steelthread.kit import Invalid, NotFound
from steelthread.model.entities import Attribute
from steelthread.model.marked import nearest
from steelthread.model.registry import Model


def checked(record: Any, number: int, model: Model) -> dict[str, Any]:
    """Return the record; NotFound or Invalid, with its number, for what is not of the model."""
    if not isinstance(record, dict) or not isinstance(record.get("entity"), str):
        raise Invalid(f"Record {number}: not an object with `entity` and its attributes.")
    entity = model.entities.get(record["entity"])
    if entity is None:
        near = nearest(record["entity"], model.entities)
        raise NotFound(f"Record {number}: the model has no entity `{record['entity']}`{near}.")
    for name, value in record.items():
        if name != "entity" and name not in entity.attributes:
            near = nearest(name, entity.attributes)
            raise NotFound(f"Record {number}: `{entity.name}` has no attribute `{name}`{near}.")
        if name != "entity" and value is not None and not _fits(value, entity.attributes[name]):
            kind = ("list of " if entity.attributes[name].many else "") + entity.attributes[name].type
            raise Invalid(f"Record {number}: `{name}` of `{entity.name}` must be {kind}, not {value!r}.")
    return record


def _fits(value: Any, attribute: Attribute) -> bool:
    if attribute.many:
        return isinstance(value, list) and all(_is(one, attribute.type) for one in value)
    return _is(value, attribute.type)


def _is(value: Any, kind: str) -> bool:
    try:
        match kind:
            case "string":
                return isinstance(value, str)
            case "integer":
                return isinstance(value, int) and not isinstance(value, bool)
            case "boolean":
                return isinstance(value, bool)
            case "decimal":
                return not isinstance(value, bool) and bool(Decimal(value).is_finite())
            case "date":
                return bool(dt.date.fromisoformat(value).isoformat() == value)
            case "datetime":
                return "T" in value and isinstance(dt.datetime.fromisoformat(value), dt.datetime)
            case "time":
                return isinstance(dt.time.fromisoformat(value), dt.time)
    except (ArithmeticError, TypeError, ValueError):
        return False
    return True
