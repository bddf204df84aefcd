"""One area, or one entity with what it needs: each stands on its own, as somebody else's implementation finds."""

import json
import re
from pathlib import Path

import fastavro
import jsonschema
import open_data_contract_standard
import pytest
import ramlpy
import rdflib
import yaml
from graphql import build_schema, validate_schema
from linkml_runtime import SchemaView
from open_data_contract_standard.model import OpenDataContractStandard
from openapi_spec_validator import validate as validate_openapi
from pydbml import PyDBML
from tests.model.protobuf import compiled

from steelthread.model import FORMATS, export_model, load_model, select
from steelthread.model.formats.selecting import snake

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
BUILT_IN = load_model()
PARTS = [{"area": "loyalty"}, {"area": "service"}, {"entity": "ContactPointEmail"}, {"entity": "SalesOrder"}]


def by_json_schema(text):
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    for name in schema["$defs"]:  # a reference that leads nowhere raises
        check = jsonschema.Draft202012Validator({"$defs": schema["$defs"], "$ref": f"#/$defs/{name}"})
        assert not check.is_valid({each: {"wrong": [1]} for each in schema["$defs"][name]["properties"]})
    return set(schema["$defs"])


def by_openapi(text):
    document = json.loads(text)
    validate_openapi(document)
    return set(document["components"]["schemas"])


def by_graphql(text):
    schema = build_schema(text)
    assert validate_schema(schema) == []
    return set(schema.type_map)


def by_json_ld(text):
    graph = rdflib.Graph().parse(data=text, format="json-ld")
    return {str(one).split("/")[-1].split(":")[-1] for one in graph.objects(None, rdflib.SH.targetClass)}


def by_raml(text):
    types = ramlpy.parse_string(text).types
    assert {one.base_type for one in types.values()} <= {*types, "object"}
    return set(types)


def by_avro(text):
    return {one["name"].removeprefix("steelthread.model.") for one in fastavro.parse_schema(json.loads(text))}


def by_dbml(text):
    return {table.name for table in PyDBML(text).tables}


def by_linkml(text):
    view = SchemaView(text)
    for name in view.all_classes():
        for slot in view.class_induced_slots(name):  # a parent that is not there raises
            ranges = [each.range for each in slot.any_of] or [slot.range]
            assert all(one in view.all_classes() or one in view.all_types() for one in ranges), (name, slot.name)
    return set(view.all_classes())


def by_odcs(text):
    schema = json.loads((Path(open_data_contract_standard.__file__).parent / "schema.json").read_text())
    jsonschema.Draft201909Validator(schema).validate(yaml.load(text, Loader=yaml.CSafeLoader))
    return {one.name for one in OpenDataContractStandard.from_string(text).schema_}


READERS = {
    "jsonschema": by_json_schema, "openapi": by_openapi, "graphql": by_graphql, "jsonld": by_json_ld, "raml": by_raml,
    "avro": by_avro, "dbml": by_dbml, "linkml": by_linkml, "odcs": by_odcs,
}  # fmt: skip


@pytest.fixture
def read(request, tmp_path):
    """Read an export with the implementation of its format: form, text -> the names found in it."""

    def by(form, text):
        if form == "protobuf":
            return set(compiled(text, tmp_path).FindFileByName("model.proto").message_types_by_name)
        if form == "mermaid":
            assert '"diagramType":"class"' in request.getfixturevalue("mermaid_js")(text)
            return set(re.findall(r"class (\w+)(?:\[.*\])? \{", text))
        return READERS[form](text)

    return by


def chosen(part, called=str):
    """Return what a part must hold and what it must not."""
    within = select(BUILT_IN, **part).entities
    return {called(one) for one in within}, {called(one) for one in BUILT_IN.entities if one not in within}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: next(iter(part.values())))
@pytest.mark.parametrize("form", sorted(set(FORMATS) - {"sql"}))
def test_an_area_or_an_entity_stands_on_its_own(read, form, part):
    found = read(form, export_model(BUILT_IN, form, **part))
    within, without = chosen(part, snake if form == "dbml" else str)
    if form in {"avro", "odcs", "graphql"}:  # nothing is stored under an abstract name
        within -= {one.name for one in BUILT_IN.entities.values() if one.abstract}
    assert found >= within
    assert not found & without


@pytest.mark.parametrize("part", PARTS, ids=lambda part: next(iter(part.values())))
def test_postgresql_makes_the_tables_of_an_area_or_an_entity(database, part):
    database.execute(export_model(BUILT_IN, "sql", **part))
    found = {name for (name,) in database.execute("select tablename from pg_tables where schemaname = 'canonical'")}
    assert found == chosen(part, snake)[0]


@pytest.mark.parametrize("form", FORMATS)
def test_a_part_is_less_than_the_whole(form):
    whole = len(export_model(BUILT_IN, form))
    assert len(export_model(BUILT_IN, form, area="loyalty")) < whole / 3
    assert len(export_model(BUILT_IN, form, entity="ContactPointEmail")) < whole / 2
    assert export_model(load_model(), form) == export_model(BUILT_IN, form)
