"""Protocol Buffers (proto3): one message per entity; a field's number comes from its name and never moves.

The number is the first 29 bits of the SHA-256 of the attribute's name, so that a model which grows, shrinks or is
exported in part gives each field the number it always had. Should two names of one message ever fall together, the
export stops and says so instead of moving one. Dates, times and decimals are text (ISO 8601, plain digits).
"""

import hashlib
from collections.abc import Iterator

from steelthread.kit import Invalid
from steelthread.model.entities import Attribute, Entity
from steelthread.model.formats.selecting import Selection, currency_of, snake

_TYPES = {
    "string": "string",
    "integer": "int64",
    "decimal": "string",
    "boolean": "bool",
    "date": "string",
    "datetime": "google.protobuf.Timestamp",
    "time": "string",
    "json": "google.protobuf.Value",
}
_LARGEST = 2**29 - 1
_RESERVED = range(19000, 20000)
_HEAD = """syntax = "proto3";
package steelthread.model;

import "google/protobuf/descriptor.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";

extend google.protobuf.MessageOptions {
  string extends = 50100;
  string area = 50101;
  string category = 50102;
  string owner = 50103;
  string event_time = 50104;
  bool is_abstract = 50105;
  string key = 50106;
  string origin = 50107;
}

extend google.protobuf.FieldOptions {
  string privacy = 50200;
  string logical = 50201;
  string identity = 50202;
  string currency = 50203;
  repeated string refers_to = 50204;
  string canonical_type = 50205;
}
"""


def protobuf(selection: Selection) -> str:
    """Write one .proto file; options 50100 to 50205 carry what the types do not say."""
    parts = [f"// {selection.title}, version {selection.version}.", _HEAD]
    parts += ["\n".join(_message(one)) for one in selection.entities.values()]
    return "\n".join([*parts, ""])


def field_number(name: str) -> int:
    """Return the number of a field by its name: always the same, never a reserved one."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) >> 3
    number = number % _LARGEST + 1
    return number + len(_RESERVED) if number in _RESERVED else number


def _message(entity: Entity) -> Iterator[str]:
    fields = [one for one in entity.attributes.values() if not one.inverse_of]
    _check_numbers(entity, fields)
    yield from _comment(entity.description, "")
    yield f"message {entity.name} {{"
    said = {
        "extends": entity.parent, "area": entity.area, "category": entity.category, "owner": entity.owner,
        "event_time": entity.event_time, "key": entity.key, "origin": entity.origin,
    }  # fmt: skip
    yield from (f"  option ({key}) = {_text(value)};" for key, value in said.items() if value)
    if entity.abstract:
        yield "  option (is_abstract) = true;"
    for one in fields:
        yield from _comment(one.description, "  ")
        yield f"  {_label(one)}{_TYPES[one.type]} {snake(one.name)} = {field_number(one.name)} [{_options(entity, one)}];"
    yield "}\n"


def _check_numbers(entity: Entity, fields: list[Attribute]) -> None:
    taken: dict[int, str] = {}
    for one in fields:
        other = taken.setdefault(field_number(one.name), one.name)
        if other != one.name:
            raise Invalid(
                f"`{entity.name}.{one.name}` and `{other}` would have the same number in Protocol Buffers. "
                "Rename the newer of the two."
            )


def _label(one: Attribute) -> str:
    if one.many:
        return "repeated "
    return "" if one.type in ("datetime", "json") else "optional "


def _options(entity: Entity, one: Attribute) -> str:
    said = [f"json_name = {_text(one.name)}", f"(privacy) = {_text(one.privacy)}"]
    said += [
        f"({key}) = {_text(value)}" for key, value in (("logical", one.logical), ("identity", one.identity)) if value
    ]
    currency = currency_of(entity, one)
    if currency:
        said.append(f"(currency) = {_text(currency)}")
    said += [f"(refers_to) = {_text(name)}" for name in one.references]
    said.append(f"(canonical_type) = {_text(one.type)}")
    return ", ".join([*said, "deprecated = true"] if one.deprecated else said)


def _comment(text: str, indent: str) -> Iterator[str]:
    if text:
        yield f"{indent}// {text}"


def _text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
