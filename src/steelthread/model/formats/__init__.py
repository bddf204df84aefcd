"""The model in the words of others: twelve formats, each one file with one function from a selection to text."""

from collections.abc import Callable, Mapping

from steelthread.kit import Invalid
from steelthread.model.formats.avro import avro
from steelthread.model.formats.dbml import dbml
from steelthread.model.formats.graphql import graphql
from steelthread.model.formats.jsonld import jsonld
from steelthread.model.formats.jsonschema import json_schema, openapi
from steelthread.model.formats.linkml import linkml
from steelthread.model.formats.mermaid import mermaid
from steelthread.model.formats.odcs import odcs
from steelthread.model.formats.protobuf import protobuf
from steelthread.model.formats.raml import raml
from steelthread.model.formats.selecting import Selection, select
from steelthread.model.formats.sql import sql
from steelthread.model.marked import nearest
from steelthread.model.registry import Model

FORMATS: Mapping[str, Callable[[Selection], str]] = {
    "jsonschema": json_schema,
    "openapi": openapi,
    "sql": sql,
    "graphql": graphql,
    "jsonld": jsonld,
    "raml": raml,
    "avro": avro,
    "protobuf": protobuf,
    "dbml": dbml,
    "mermaid": mermaid,
    "linkml": linkml,
    "odcs": odcs,
}


def export_model(model: Model, form: str, *, area: str = "", entity: str = "") -> str:
    """Write the model, one area of it, or one entity with what it needs; Invalid for a format that is not known."""
    if form not in FORMATS:
        raise Invalid(f"Unknown format `{form}`{nearest(form, FORMATS)}. Use one of {', '.join(FORMATS)}.")
    return FORMATS[form](select(model, area=area, entity=entity))


__all__ = ["FORMATS", "Selection", "export_model", "mermaid", "select"]
