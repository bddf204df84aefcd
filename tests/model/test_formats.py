"""Each export is read back by somebody else's implementation, and says there what the model says here."""

import datetime as dt
import json
import re
from decimal import Decimal
from pathlib import Path

import fastavro
import jsonschema
import msgspec
import open_data_contract_standard
import psycopg
import pytest
import ramlpy
import rdflib
import yaml
from google.protobuf import message_factory
from graphql import build_schema, graphql_sync, validate_schema
from linkml_runtime import SchemaView
from open_data_contract_standard.model import OpenDataContractStandard
from openapi_spec_validator import validate as validate_openapi
from pydbml import PyDBML
from pyld import jsonld as pyld
from tests.model.protobuf import compiled

from steelthread.kit import Invalid, NotFound
from steelthread.model import (
    FORMATS,
    Attribute,
    Entity,
    export_model,
    import_published,
    load_imported,
    load_model,
    select,
)
from steelthread.model.formats.protobuf import field_number
from steelthread.model.formats.selecting import currency_of, snake

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
PUBLISHED = Path(__file__).parents[2].parent / "shared" / "data" / "cim" / "model.jsonld"
BUILT_IN = load_model()


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    if not PUBLISHED.exists():
        pytest.skip("shared/data is not here")
    folder = tmp_path_factory.mktemp("model")
    import_published(folder, PUBLISHED)
    return load_imported(folder)


@pytest.fixture(scope="module", params=["built in", pytest.param("imported", marks=pytest.mark.soak)])
def model(request):
    return BUILT_IN if request.param == "built in" else request.getfixturevalue("imported")


def attributes(model, *, inherited=True, collections=True, abstract=True):
    for entity in model.entities.values():
        parent = model.entities[entity.parent].attributes if entity.parent else {}
        for one in entity.attributes.values() if abstract or not entity.abstract else ():
            if (inherited or one.name not in parent) and (collections or not one.inverse_of):
                yield entity, one


# What an attribute or an entity is, out of what JSON Schema says of it. Nothing is lost on the way.


def attribute_of(name, said):
    note = said["x-steelthread"]
    inner = said.get("items", said)
    kinds = {
        ("string", "date"): "date", ("string", "date-time"): "datetime", ("string", "time"): "time",
        ("integer", None): "integer", ("boolean", None): "boolean", (None, None): "json",
    }  # fmt: skip
    kind = inner.get("type")
    known = "decimal" if isinstance(kind, list) else kinds.get((kind, inner.get("format")), "string")
    return Attribute(
        name=name, type=known, logical=note.get("logical"), required=False, many=said.get("type") == "array",
        references=tuple(note.get("references", ())), inverse_of=note.get("inverseOf"), privacy=note["privacy"],
        identity=note.get("identity"), reconciliation=note["reconciliation"], description=said.get("description", ""),
        origin=note["origin"], iri=note.get("iri"), aliases=tuple(note.get("aliases", ())),
        published_required=note.get("publishedRequired", False),
    )  # fmt: skip


def entities_of(definitions, base):
    found = {}
    for name, said in definitions.items():
        note = said["x-steelthread"]
        parent = said["allOf"][0]["$ref"].removeprefix(base) if "allOf" in said else None
        own = {key: attribute_of(key, value) for key, value in said["properties"].items()}
        inherited = found[parent].attributes if parent else {}
        found[name] = Entity(
            name=name, label=said["title"], area=note["area"], category=note["category"], key=note["key"],
            event_time=note.get("eventTime"), parent=parent, owner=note.get("owner"),
            abstract=note.get("abstract", False), attributes={**inherited, **own}, description=said["description"],
            origin=note["origin"], aliases=tuple(note.get("aliases", ())),
        )  # fmt: skip
    return found


def plain(entities):
    """Make entities comparable: the order of attributes does not count."""
    return {
        name: msgspec.structs.replace(one, attributes=dict(sorted(one.attributes.items())))
        for name, one in entities.items()
    }


def test_json_schema_is_valid_and_gives_the_whole_model_back(model):
    schema = json.loads(export_model(model, "jsonschema"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert plain(entities_of(schema["$defs"], "#/$defs/")) == plain(model.entities)


def test_json_schema_tells_right_records_from_wrong_ones():
    schema = json.loads(export_model(BUILT_IN, "jsonschema", entity="Individual"))
    check = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    right = {"id": "1", "firstName": "Ida", "birthDate": "1980-02-03", "globalPartyId": "u1", "yearlyIncome": 5}
    assert check.is_valid(right)
    assert not check.is_valid({**right, "childrenCount": "two"})
    assert not check.is_valid({**right, "birthDate": "3.2.1980"})
    assert not check.is_valid({**right, "globalPartyId": 7})  # inherited from Party
    order = json.loads(export_model(BUILT_IN, "jsonschema", entity="SalesOrder"))
    check = jsonschema.Draft202012Validator(order)
    assert check.is_valid({"grandTotalAmount": "12345678901234567.89"})
    assert not check.is_valid({"grandTotalAmount": "12,50"})


def test_openapi_is_valid_and_gives_the_whole_model_back(model):
    document = json.loads(export_model(model, "openapi"))
    validate_openapi(document)
    assert plain(entities_of(document["components"]["schemas"], "#/components/schemas/")) == plain(model.entities)


def test_postgresql_executes_the_ddl_with_its_foreign_keys(database, model):
    database.execute(export_model(model, "sql"))
    columns = database.execute(
        "select table_name, column_name, data_type from information_schema.columns where table_schema = 'canonical'"
    ).fetchall()
    by_table = {}
    for table, column, kind in columns:
        by_table.setdefault(table, {})[column] = kind
    kinds = {
        "string": "text", "integer": "bigint", "decimal": "numeric", "boolean": "boolean", "date": "date",
        "datetime": "timestamp with time zone", "time": "time without time zone", "json": "jsonb",
    }  # fmt: skip
    for entity, one in attributes(model, inherited=False, collections=False):
        table = by_table[snake(entity.name)]
        if snake(one.name) in table:
            assert table[snake(one.name)] == ("ARRAY" if one.many else kinds[one.type]), (entity.name, one.name)
        else:
            assert len(one.references) > 1 or one.many, (entity.name, one.name)
    keys = database.execute(
        "select c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text from pg_constraint c "
        "join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1] where c.contype = 'f'"
    ).fetchall()
    found = {tuple(part.strip('"') for part in key) for key in keys}
    for entity, one in attributes(model, inherited=False, collections=False):
        if len(one.references) == 1 and not one.many:
            assert (snake(entity.name), snake(one.name), snake(one.references[0])) in found
    for entity in model.entities.values():
        if entity.parent:
            assert (snake(entity.name), snake(entity.key), snake(entity.parent)) in found
    told = {
        (table, column): comment
        for table, column, comment in database.execute(
            "select c.relname, a.attname, col_description(c.oid, a.attnum) from pg_class c join pg_attribute a "
            "on a.attrelid = c.oid where c.relnamespace = 'canonical'::regnamespace and c.relkind = 'r'"
        )
    }
    comment = "select col_description('individual'::regclass, attnum) from pg_attribute where attname = 'last_name'"
    for entity, one in attributes(model, inherited=False, collections=False):
        if currency := currency_of(entity, one):
            assert f"currency: {currency}" in told[snake(entity.name), snake(one.name)]
    assert "privacy: direct" in database.execute(f"{comment} and attrelid = 'individual'::regclass").fetchone()[0]


def test_the_whole_import_becomes_tables(database, imported):
    database.execute(export_model(imported, "sql"))
    (count,) = database.execute("select count(*) from pg_tables where schemaname = 'canonical'").fetchone()
    assert count == 346
    (keys,) = database.execute(
        "select count(*) from pg_constraint where contype = 'f' and connamespace = 'canonical'::regnamespace"
    ).fetchone()
    assert keys >= 500


def test_rows_of_heirs_are_rows_of_their_ancestors(database):
    database.execute(export_model(BUILT_IN, "sql"))
    with database.transaction():
        database.execute("insert into contact_point_email (id, email_address) values ('e1', 'ida@example.com')")
        database.execute("insert into contact_point (id, party_id) values ('e1', 'p1')")  # keys are checked at the end
        database.execute("insert into party (id) values ('p1')")
        database.execute("insert into individual (id, first_name) values ('p1', 'Ida')")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        database.execute("insert into individual (id) values ('p2')")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        database.execute("insert into contact_point (id, party_id) values ('e2', 'nobody')")
    joined = "select first_name, email_address from individual join contact_point c on c.party_id = individual.id"
    both = database.execute(f"{joined} join contact_point_email e on e.id = c.id").fetchone()
    assert both == ("Ida", "ida@example.com")


def test_a_reference_to_one_of_several_fills_one_column(database):
    database.execute(export_model(BUILT_IN, "sql", entity="SalesOrder"))
    database.execute("insert into party (id) values ('p1')")
    database.execute("insert into individual (id) values ('p1')")
    columns = [
        name
        for (name,) in database.execute(
            "select column_name from information_schema.columns where table_name = 'sales_order' "
            "and column_name like 'sold_to_customer_id%'"
        )
    ]
    assert len(columns) == 3
    database.execute("insert into sales_order (id, sold_to_customer_id_individual) values ('o1', 'p1')")
    with pytest.raises(psycopg.errors.CheckViolation), database.transaction():
        database.execute(
            "insert into sales_order (id, sold_to_customer_id_individual, sold_to_customer_id_organization) "
            "values ('o2', 'p1', 'p1')"
        )


def test_graphql_builds(model):
    schema = build_schema(export_model(model, "graphql"))
    assert validate_schema(schema) == []
    scalars = {
        "string": "String", "integer": "BigInt", "decimal": "Decimal", "boolean": "Boolean", "date": "Date",
        "datetime": "DateTime", "time": "Time", "json": "JSON",
    }  # fmt: skip
    for entity, one in attributes(model, abstract=False):
        field = schema.type_map[entity.name].fields[one.name]
        assert (field.description or "") == one.description
        said = {each.name.value: each for each in field.ast_node.directives}
        assert said["privacy"].arguments[0].value.value == one.privacy.upper()
        if not one.references and one.name != entity.key:
            assert str(field.type) == (f"[{scalars[one.type]}!]" if one.many else scalars[one.type])
        if currency := currency_of(entity, one):
            assert said["money"].arguments[0].value.value == currency
    for entity in model.entities.values():
        if entity.parent and not entity.abstract:
            above = {each.name for each in schema.type_map[entity.name].interfaces}
            assert entity.parent in above or f"Any{entity.parent}" in above


def test_graphql_answers_a_question():
    schema = build_schema(export_model(BUILT_IN, "graphql", entity="SalesOrder"))
    order = {"orderNumber": "7", "soldToCustomerId": {"__typename": "Individual", "firstName": "Ida"}}
    asked = '{salesOrder(id: "1") {orderNumber soldToCustomerId {... on Individual {firstName}}}}'
    told = graphql_sync(schema, asked, {"salesOrder": order})
    assert told.errors is None
    assert told.data["salesOrder"]["soldToCustomerId"] == {"firstName": "Ida"}


def test_json_ld_is_a_vocabulary(model):
    graph = rdflib.Graph().parse(data=export_model(model, "jsonld"), format="json-ld")
    sh, rdfs = rdflib.Namespace("http://www.w3.org/ns/shacl#"), rdflib.RDFS
    iri = {
        name: rdflib.URIRef(
            ("http://cloudinformationmodel.org/model/" if one.origin.startswith("cim") else "urn:steelthread:model:")
            + name
        )
        for name, one in model.entities.items()
    }
    for name, entity in model.entities.items():
        assert str(graph.value(iri[name], rdfs.comment)) == entity.description
        if entity.parent:
            assert graph.value(iri[name], rdfs.subClassOf) == iri[entity.parent]
        shape = graph.value(None, sh.targetClass, iri[name])
        shapes = {str(graph.value(each, sh.name)): each for each in graph.objects(shape, sh.property)}
        own = {one.name: one for holder, one in attributes(model, inherited=False) if holder is entity}
        assert set(shapes) == set(own)
        for key, one in own.items():
            privacy = graph.value(shapes[key], rdflib.URIRef("urn:steelthread:model:privacy"))
            assert str(privacy) == one.privacy
            money = graph.value(shapes[key], rdflib.URIRef("urn:steelthread:model:currency"))
            assert (str(money) if money else None) == currency_of(entity, one)
            if len(one.references) == 1:
                assert graph.value(shapes[key], sh["class"]) == iri[one.references[0]]


def test_json_ld_makes_records_linked_data():
    context = json.loads(export_model(BUILT_IN, "jsonld"))["@context"]
    record = {
        "@context": context,
        "@type": "Individual",
        "@id": "urn:x:1",
        "firstName": "Ida",
        "birthDate": "1980-02-03",
    }
    (found,) = pyld.expand(record)
    cim = "http://cloudinformationmodel.org/model/"
    assert found["@type"] == [f"{cim}Individual"]
    assert found[f"{cim}firstName"][0]["@value"] == "Ida"
    assert found[f"{cim}birthDate"] == [{"@type": "http://www.w3.org/2001/XMLSchema#date", "@value": "1980-02-03"}]
    assert pyld.expand(pyld.compact(found, context)) == [found]


def test_raml_is_a_library(model):
    text = export_model(model, "raml")
    types = ramlpy.parse_string(text).types
    assert set(types) == set(model.entities)
    kinds = {
        "string": "string", "integer": "integer", "decimal": "number", "boolean": "boolean", "date": "date-only",
        "datetime": "datetime", "time": "time-only", "json": "any",
    }  # fmt: skip
    content = yaml.load(text, Loader=yaml.CSafeLoader)
    for name, entity in model.entities.items():
        assert types[name].base_type == (entity.parent or "object")
        assert content["types"][name]["description"] == entity.description
    for entity, one in attributes(model, inherited=False):
        said = content["types"][entity.name]["properties"][one.name]
        assert said.get("items", said["type"]) == kinds[one.type]
        assert said["(steelthread)"]["privacy"] == one.privacy
        assert said["(steelthread)"].get("currency") == currency_of(entity, one)
        assert said.get("description", "") == one.description
        assert one.name in {getattr(each, "name", each) for each in types[entity.name].properties}


def test_avro_carries_records(model):
    parsed = fastavro.parse_schema(json.loads(export_model(model, "avro")))
    by_name = {one["name"].removeprefix("steelthread.model."): one for one in parsed}
    for entity in model.entities.values():
        if not entity.abstract:
            fields = {one["name"]: one for one in by_name[entity.name]["fields"]}
            wanted = {name: one for name, one in entity.attributes.items() if not one.inverse_of}
            assert set(fields) == set(wanted)
            assert all(fields[name]["privacy"] == one.privacy for name, one in wanted.items())
            assert all(fields[name].get("currency") == currency_of(entity, one) for name, one in wanted.items())
            assert all(fields[name].get("doc", "") == one.description for name, one in wanted.items())


def test_avro_writes_and_reads(tmp_path):
    union = json.loads(export_model(BUILT_IN, "avro", entity="SalesOrder"))
    schema = next(one for one in union if one["name"] == "SalesOrder")
    moment = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
    order = {"id": "o1", "grandTotalAmount": Decimal("12.50"), "purchaseOrderDate": moment}
    with (tmp_path / "o.avro").open("wb") as stream:
        fastavro.writer(stream, schema, [order])
    with (tmp_path / "o.avro").open("rb") as stream:
        (back,) = fastavro.reader(stream)
    assert {key: back[key] for key in order} == order
    assert back["orderNumber"] is None


def test_protoc_compiles_the_messages(model, tmp_path):
    pool = compiled(export_model(model, "protobuf"), tmp_path)
    options = {
        name: pool.FindExtensionByName(f"steelthread.model.{name}")
        for name in ("privacy", "canonical_type", "refers_to", "currency")
    }
    read = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FieldOptions"))
    for entity in model.entities.values():
        message = pool.FindMessageTypeByName(f"steelthread.model.{entity.name}")
        fields = {one.json_name: one for one in message.fields}
        wanted = {name: one for name, one in entity.attributes.items() if not one.inverse_of}
        assert set(fields) == set(wanted)
        for name, one in wanted.items():
            assert fields[name].number == field_number(name)
            said = read.FromString(fields[name].GetOptions().SerializeToString())
            assert said.Extensions[options["privacy"]] == one.privacy
            assert said.Extensions[options["canonical_type"]] == one.type
            assert (said.Extensions[options["currency"]] or None) == currency_of(entity, one)
            assert tuple(said.Extensions[options["refers_to"]]) == one.references


def test_field_numbers_never_move(tmp_path):
    (tmp_path / "own.yaml").write_text("extend: Individual\nattributes: {aaa: {privacy: none}, zzz: {privacy: none}}\n")
    numbers = re.compile(r"^  .*? (\w+) = (\d+) \[", re.MULTILINE)
    before = dict(numbers.findall(export_model(BUILT_IN, "protobuf", entity="Individual")))
    after = dict(numbers.findall(export_model(load_model(tmp_path), "protobuf", entity="Individual")))
    assert set(after) - set(before) == {"aaa", "zzz"}
    assert {name: after[name] for name in before} == before
    every = [field_number(f"attribute{number}") for number in range(50000)]
    assert all(0 < one < 2**29 and one not in range(19000, 20000) for one in every)


def test_dbml_is_read(model):
    found = PyDBML(export_model(model, "dbml"))
    tables = {table.name: table for table in found.tables}
    for entity, one in attributes(model, inherited=False, collections=False):
        columns = {column.name: column for column in tables[snake(entity.name)].columns}
        if snake(one.name) in columns:
            assert f"privacy: {one.privacy}" in columns[snake(one.name)].note.text
            assert f"currency: {currency_of(entity, one)}]" in columns[snake(one.name)].note.text or not currency_of(
                entity, one
            )
            assert one.description in columns[snake(one.name)].note.text
    led = {(one.col1[0].table.name, one.col1[0].name, one.col2[0].table.name) for one in found.refs}
    for entity, one in attributes(model, inherited=False, collections=False):
        if len(one.references) == 1 and not one.many:
            assert (snake(entity.name), snake(one.name), snake(one.references[0])) in led
    assert {group.name for group in found.table_groups} == {one.area for one in model.entities.values()}


@pytest.mark.parametrize("area", sorted({one.area for one in BUILT_IN.entities.values()}))
def test_mermaid_parses_the_diagrams(mermaid_js, area):
    text = export_model(BUILT_IN, "mermaid", area=area)
    assert '"diagramType":"class"' in mermaid_js(text)
    assert mermaid_js(text.replace("classDiagram", "classDiagram\n  clas X {")).startswith("wrong")
    for one in select(BUILT_IN, area=area).entities.values():
        assert f"class {one.name} {{" in text


@pytest.mark.soak
def test_mermaid_parses_the_whole_model(mermaid_js, model):
    assert '"diagramType":"class"' in mermaid_js(export_model(model, "mermaid"))


def test_linkml_is_loaded(model):
    view = SchemaView(export_model(model, "linkml"))
    assert set(view.all_classes()) == set(model.entities)
    for entity in model.entities.values():
        found = view.get_class(entity.name)
        assert (found.is_a, found.description) == (entity.parent, entity.description)
        assert (bool(found.abstract), list(found.aliases)) == (entity.abstract, list(entity.aliases))
        assert found.annotations["category"].value == entity.category
    for entity, one in attributes(model, inherited=False):
        slot = view.get_class(entity.name).attributes[one.name]
        assert (slot.description or "", bool(slot.multivalued)) == (one.description, one.many)
        assert slot.annotations["privacy"].value == one.privacy
        if currency := currency_of(entity, one):
            assert slot.annotations["currency"].value == currency
        assert list(slot.aliases) == list(one.aliases)
        targets = tuple(each.range for each in slot.any_of) or ((slot.range,) if one.references else ())
        assert targets == one.references
        if not one.references:
            assert slot.range == one.type
    assert view.induced_slot("firstName", "Individual").range == "string"
    assert "partyId" in {one.name for one in view.class_induced_slots("ContactPointEmail")}


@pytest.mark.parametrize("area", ["party", "engagement", pytest.param("", marks=pytest.mark.soak)])
def test_odcs_fits_the_schema_of_the_standard(model, area):
    text = export_model(model, "odcs", area=area if area in {one.area for one in model.entities.values()} else "")
    schema = json.loads((Path(open_data_contract_standard.__file__).parent / "schema.json").read_text())
    check = jsonschema.Draft201909Validator(schema)
    content = yaml.load(text, Loader=yaml.CSafeLoader)
    check.validate(content)
    content["schema"][0]["properties"][0]["logicalType"] = "colour"
    assert not check.is_valid(content)


def test_odcs_is_a_contract(model):
    text = export_model(model, "odcs")
    objects = {one.name: one for one in OpenDataContractStandard.from_string(text).schema_}
    assert set(objects) == {one.name for one in model.entities.values() if not one.abstract}
    kinds = {
        "string": "string", "integer": "integer", "decimal": "number", "boolean": "boolean", "date": "date",
        "datetime": "timestamp", "time": "time", "json": "object",
    }  # fmt: skip
    for name, found in objects.items():
        said = {one.name: one for one in found.properties}
        wanted = {key: one for key, one in model.entities[name].attributes.items() if not one.inverse_of}
        assert set(said) == set(wanted)
        for key, one in wanted.items():
            assert said[key].classification == one.privacy
            told = {each.property: each.value for each in said[key].customProperties or ()}
            assert told.get("currency") == currency_of(model.entities[name], one)
            assert (said[key].items or said[key]).logicalType == kinds[one.type]
            assert (said[key].description or "") == one.description


def test_the_whole_import_goes_out_in_every_form(imported):
    for form in FORMATS:
        text = export_model(imported, form)
        assert "Individual" in text or "individual" in text


def test_an_entity_needs_its_ancestors_and_what_it_refers_to():
    assert set(select(BUILT_IN, entity="ContactPointEmail").entities) >= {"ContactPointEmail", "ContactPoint", "Party"}
    assert "SalesOrder" not in select(BUILT_IN, entity="ContactPointEmail").entities


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"area": "loyality"}, NotFound, "did you mean `loyalty`"),
        ({"entity": "Individul"}, NotFound, "did you mean `Individual`"),
        ({"entity": "Individual", "area": "party"}, Invalid, "not both"),
    ],
)
def test_what_cannot_be_exported_is_told(options, error, words):
    with pytest.raises(error, match=words):
        export_model(BUILT_IN, "sql", **options)
    with pytest.raises(Invalid, match="did you mean `jsonschema`"):
        export_model(BUILT_IN, "jsonshema")
