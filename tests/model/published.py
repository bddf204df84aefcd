"""What those systems publish of their schemas, as lists of names and types, made into JSON Schemas for `jsonschema`."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker

FORMATS = FormatChecker()
_TEXT = {"type": "string"}
_SCHEMA_ORG = {
    "Text": _TEXT, "URL": {"type": "string", "format": "uri"}, "Number": {"type": "number"}, "Boolean": {"type": "boolean"},
    "Date": {"type": "string", "format": "date"}, "DateTime": {"type": "string", "format": "date-time"},
}  # fmt: skip


@FORMATS.checks("date-time")
def _is_moment(value: Any) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("uri")
def _is_address(value: Any) -> bool:
    return not isinstance(value, str) or value.partition(":")[1] == ":"


@cache
def read(name: str) -> dict[str, Any]:
    """Return a list as it stands in its file."""
    return yaml.safe_load((Path(__file__).parent / "schemas" / f"{name}.yaml").read_text("utf-8"))


def check(record: dict[str, Any], name: str, kind: str) -> list[str]:
    """Return what the published schema has against a record; `kind` is the name of the member that says its type."""
    schema = _schema_org(record[kind]) if name == "schema_org" else _schema(name, record[kind], kind)
    validator = Draft202012Validator(schema, format_checker=FORMATS)
    return [f"{record[kind]}{one.json_path[1:]}: {one.message}" for one in validator.iter_errors(record)]


def _schema(name: str, which: str, kind: str) -> dict[str, Any]:
    facts = read(name)
    properties = facts["record"][which]
    if name == "salesforce_data_cloud":
        properties = {f"ssot__{field}__c": type_ for field, type_ in properties.items()}
    found = _object(properties, facts)
    return {
        **found,
        "properties": {**found["properties"], kind: {"const": which}},
        "$defs": {one: _object(fields, facts) for one, fields in facts.get("types", {}).items()},
    }


def _object(fields: dict[str, str], facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.removesuffix("!"): _type(type_, facts) for field, type_ in fields.items()},
        "required": [field.removesuffix("!") for field in fields if field.endswith("!")],
        "additionalProperties": False,
    }


def _type(text: str, facts: dict[str, Any]) -> dict[str, Any]:
    if text.startswith("list of "):
        return {"type": "array", "items": _type(text.removeprefix("list of "), facts)}
    if text.startswith("map of "):
        return {"type": "object", "additionalProperties": _type(text.removeprefix("map of "), facts)}
    if text in facts.get("values", {}):
        return {"enum": facts["values"][text]}
    if text in facts.get("patterns", {}):
        return {"type": "string", "pattern": facts["patterns"][text]}
    if text in facts["scalars"]:
        scalar = facts["scalars"][text]
        if scalar == "any":
            return {}
        return {"type": "string", "format": scalar} if scalar in ("date", "date-time") else {"type": scalar}
    return {"$ref": f"#/$defs/{text}"}


def _schema_org(which: str) -> dict[str, Any]:
    types = read("schema_org")["types"]
    return {"$ref": f"#/$defs/{which}", "$defs": {name: _class(name) for name in types}}


def _class(name: str) -> dict[str, Any]:
    properties = {field: _values(holds.split("/")) for field, holds in _fields(name).items()}
    return {
        "type": "object",
        "properties": {
            **properties,
            "@type": {"const": name},
            "@context": {"const": "https://schema.org"},
            "@id": _TEXT,
        },
        "required": ["@type"],
        "additionalProperties": False,
    }


def _fields(name: str) -> dict[str, str]:
    one = read("schema_org")["types"][name]
    return {field: holds for above in one.get("extends", []) for field, holds in _fields(above).items()} | one[
        "properties"
    ]


def _values(holds: list[str]) -> dict[str, Any]:
    """One value or a list of them; a class that no mapping makes is left out, so that nothing passes as it."""
    facts = read("schema_org")
    kinds = [_SCHEMA_ORG[one] for one in holds if one in _SCHEMA_ORG]
    kinds += [
        {"enum": [f"https://schema.org/{value}" for value in facts["members"][one]]}
        for one in holds
        if one in facts["members"]
    ]
    kinds += [{"$ref": f"#/$defs/{one}"} for one in holds if one in facts["types"] and one != "Thing"]
    if "Thing" in holds:
        kinds += [{"$ref": f"#/$defs/{one}"} for one in facts["types"]]
    return {"anyOf": [*kinds, {"type": "array", "items": {"anyOf": kinds}}]} if kinds else {"not": {}}
