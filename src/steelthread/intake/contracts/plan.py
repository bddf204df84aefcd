"""Reading a contract: `contracts/SOURCE.odcs.yaml`, Open Data Contract Standard 3.1.

Each object of `schema` is an event: a track event by its name, or `identify`, `page`, `screen`, `group`, `alias`; a document
of a webhook or CloudEvents source by its type. A property within an object stands among that one's own `properties`, or by
its path (`customer.email`), as a mapping names it. What the standard does not have stands in its `customProperties`: `onViolation` (allow, drop or block; of the contract, an event or a
property), `onUnknownProperty` (the same; of the contract or an event) and `onUnknownEvent` (allow or block).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from steelthread.kit import Invalid

Action = Literal["allow", "drop", "block"]
TYPES = ("string", "integer", "number", "boolean", "date", "timestamp", "time", "array", "object")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Custom(msgspec.Struct):
    property: str
    value: Any = None


class _Quality(msgspec.Struct):
    metric: str | None = None
    arguments: dict[str, Any] = {}


class _Property(msgspec.Struct, rename="camel"):
    name: str
    logical_type: str | None = None
    logical_type_options: dict[str, Any] = {}
    required: bool = False
    classification: str | None = None
    quality: list[_Quality] = []
    custom_properties: list[_Custom] = []
    properties: list["_Property"] = []


class _Object(msgspec.Struct, rename="camel"):
    name: str
    properties: list[_Property] = []
    custom_properties: list[_Custom] = []


class _Contract(msgspec.Struct, rename="camel"):
    api_version: str
    kind: Literal["DataContract"]
    id: str
    version: str
    status: str
    schema: list[_Object] = []
    custom_properties: list[_Custom] = []


class Property(msgspec.Struct, frozen=True):
    """What a property of an event must be."""

    type: str | None
    required: bool
    action: Action
    classification: str
    allowed: frozenset[str] | None
    pattern: re.Pattern[str] | None
    bounds: tuple[float | None, float | None]
    lengths: tuple[int | None, int | None]
    within: str = ""
    """Path of the object that it is a property of: where that is missing, nothing in it is."""


class Event(msgspec.Struct, frozen=True):
    """What an event must be."""

    properties: dict[str, Property]
    """By path."""
    inside: frozenset[str]
    """Paths of the objects within which properties are named."""
    action: Action
    unknown_property: Action


class Plan(msgspec.Struct, frozen=True):
    """A contract, ready to judge by."""

    events: dict[str, Event]
    unknown_event: Action


def plan_path(folder: Path, source: str) -> Path:
    """Return where the contract of a source stands."""
    return folder / "contracts" / f"{source}.odcs.yaml"


def load_plan(folder: Path, source: str) -> Plan | None:
    """Read the contract of a source, None when it has none; Invalid says what to mend."""
    path = plan_path(folder, source)
    try:
        raw = yaml.load(path.read_text("utf-8"), Loader=_LOADER)  # noqa: S506  # the safe loader, in C where there is one
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise Invalid(f"{path} is not valid YAML in UTF-8: mend it. See docs/contracts.md.") from None
    try:
        contract = msgspec.convert(raw, _Contract)
    except msgspec.ValidationError as error:
        raise Invalid(f"{path}: {error}. See docs/contracts.md.") from None
    if not contract.api_version.startswith("v3."):
        raise Invalid(f"{path}: apiVersion is {contract.api_version}; contracts are read as v3.1.0.")
    where = str(path)
    action = _action(contract.custom_properties, "onViolation", "allow", where)
    unknown = _action(contract.custom_properties, "onUnknownProperty", "allow", where)
    return Plan(
        {one.name: _event(one, action, unknown, f"{where}: {one.name}") for one in contract.schema},
        _action(contract.custom_properties, "onUnknownEvent", "allow", where, drop=False),
    )


def _event(one: _Object, action: Action, unknown: Action, where: str) -> Event:
    own = _action(one.custom_properties, "onViolation", action, where)
    properties = {path: _property(each, own, f"{where}.{path}", above) for path, each, above in _paths(one.properties)}
    return Event(
        properties,
        frozenset(path[:place] for path in properties for place, letter in enumerate(path) if letter == "."),
        own,
        _action(one.custom_properties, "onUnknownProperty", unknown, where),
    )


def _paths(properties: list[_Property], above: str = "") -> Iterator[tuple[str, _Property, str]]:
    """Yield (path, property, path of the object it is of), those within objects too."""
    for one in properties:
        path = f"{above}.{one.name}" if above else one.name
        yield path, one, above
        yield from _paths(one.properties, path)


def _property(one: _Property, action: Action, where: str, above: str) -> Property:
    if one.logical_type is not None and one.logical_type not in TYPES:
        raise Invalid(f"{where}: logicalType is none of {', '.join(TYPES)}.")
    options = one.logical_type_options
    allowed = next((each.arguments.get("validValues") for each in one.quality if each.metric == "invalidValues"), None)
    pattern = options.get("pattern")
    try:
        compiled = re.compile(pattern) if isinstance(pattern, str) else None
    except re.error as error:
        raise Invalid(f"{where}: the pattern is no regular expression: {error}.") from None
    return Property(
        one.logical_type, one.required, _action(one.custom_properties, "onViolation", action, where),
        one.classification or "", frozenset(map(str, allowed)) if isinstance(allowed, list) else None, compiled,
        (_number(options.get("minimum")), _number(options.get("maximum"))),
        (_whole(options.get("minLength")), _whole(options.get("maxLength"))), above,
    )  # fmt: skip


def _action(custom: list[_Custom], name: str, default: Action, where: str, *, drop: bool = True) -> Action:
    said = next((one.value for one in custom if one.property == name), default)
    if said not in (("allow", "drop", "block") if drop else ("allow", "block")):
        raise Invalid(f"{where}: {name} is allow, {'drop ' if drop else ''}or block.")
    action: Action = said
    return action


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
