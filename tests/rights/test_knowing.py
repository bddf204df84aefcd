"""The record of processing from what ran, with alarms; lineage to the receivers; the breach kit."""

import json
import os
import subprocess
import sys

import jsonschema
import pytest
from fastapi.testclient import TestClient
from tests import commands

from steelthread.api import create_api, create_key
from steelthread.app import add_live_source
from steelthread.kit import Invalid, NotFound
from steelthread.rights import Delivered, breach, erase, lineage, openlineage, record_of_processing, through
from steelthread.thread import LiveThread

CRM = (
    "customer_id,first_name,email,birth_date,passport\n1,Ann,ann@example.com,1980-02-03,P1\n2,Bob,bob@example.com,,P2\n"
)
ORDERS = "order_id,customer_email,order_date,total,currency\no1,ann@example.com,2026-01-02,10.00,GBP\n"
PURPOSES = """purposes:
  operations: {legalBasis: contract, recipients: [shop-events]}
  support: {legalBasis: contract, fields: [firstName, birthDate], recipients: [Call House Ltd]}
"""
FACETS = {
    "type": "object", "required": ["_producer", "_schemaURL"],
    "properties": {"_producer": {"type": "string", "format": "uri"}, "_schemaURL": {"type": "string", "format": "uri"}},
}  # fmt: skip
DATASET = {
    "type": "object", "required": ["namespace", "name"],
    "properties": {"namespace": {"type": "string"}, "name": {"type": "string"}, "facets": {"additionalProperties": FACETS}},
}  # fmt: skip
RUN_EVENT = {
    "type": "object", "required": ["eventTime", "producer", "schemaURL", "run", "job"],
    "properties": {
        "eventTime": {"type": "string", "format": "date-time"}, "producer": {"type": "string", "format": "uri"},
        "schemaURL": {"type": "string", "format": "uri"},
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "run": {"type": "object", "required": ["runId"], "properties": {"runId": {"type": "string", "format": "uuid"}}},
        "job": {"type": "object", "required": ["namespace", "name"]},
        "inputs": {"type": "array", "items": DATASET}, "outputs": {"type": "array", "items": DATASET},
    },
}  # fmt: skip
"""What the published schema of OpenLineage (2-0-2) asks of a RunEvent."""
COLUMNS = {
    "type": "object", "required": ["fields"],
    "properties": {"fields": {"additionalProperties": {
        "type": "object", "required": ["inputFields"],
        "properties": {"inputFields": {"type": "array", "items": {
            "type": "object", "required": ["namespace", "name", "field"],
            "properties": {"transformations": {"items": {"required": ["type"], "properties": {"type": {"enum": ["DIRECT", "INDIRECT"]}}}}},
        }}},
    }}},
}  # fmt: skip
"""The facet ColumnLineageDatasetFacet (1-2-0)."""


@pytest.fixture
def api(space, load):
    load("crm", CRM)
    load("orders", ORDERS)
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    return create_api(space)


def read(api, space, purpose, ref="email:ann@example.com", **how):
    key = create_key(space, ["profiles:read"], [purpose], **how)
    answer = TestClient(api, headers={"Authorization": f"Bearer {key}"}).get(f"/api/profiles/{ref}?purpose={purpose}")
    assert answer.status_code == 200
    api.state.desk.queue.flush()
    return answer.json()["individualId"]


def record(space, delivered=()):
    with space.database.connect() as conn:
        return record_of_processing(space, conn, delivered)


def test_the_record_is_made_from_what_ran(space, api):
    read(api, space, "operations")
    read(api, space, "operations")
    told = record(space, [Delivered("shop-events", "webhook", 3)])
    operations, support = told.activities
    assert (operations["asked"], operations["by"], support["asked"]) == (2, ["key 1", "key 2"], 0)
    crm = next(one for one in told.sources if one["source"] == "crm")
    assert (crm["accepted"], crm["kept"], crm["loads"]) == (2, 2, 1)
    assert {"user.name.first", "user.contact.email", "user.demographic.date_of_birth"} <= set(crm["categories"])
    assert told.recipients == [{"name": "shop-events", "what": "webhook", "count": 3, "declared": True}]
    assert told.alarms == []


def test_an_alarm_tells_where_it_differs(space, api):
    read(api, space, "support", attributes={"recipient": "Call House Ltd"})
    assert record(space).alarms == []
    read(api, space, "support", attributes={"recipient": "Mail House Ltd"})
    read(api, space, "operations")
    (space.project.folder / "purposes.yaml").write_text(PURPOSES.replace("operations:", "service:"))
    (space.project.sources / "orders.yaml").rename(space.project.folder / "orders.gone")
    alarms = record(space, [Delivered("partner", "webhook", 2), Delivered("new", "webhook", 0)]).alarms
    assert len(alarms) == 4
    for part in ("key 2 reads for support on behalf of Mail House Ltd", "key 3 asked 1 times for operations",
                 "webhook partner was delivered to 2 times", "sources/orders.yaml is not there"):  # fmt: skip
        assert any(part in one for one in alarms), alarms


def test_a_receiver_is_declared_by_the_purpose_for_which_it_is_told(space, api):
    """A webhook by its own purpose; a processor of OpenDSR by any, as it is told of erasures only."""
    told = record(space, [Delivered("shop-events", "webhook", 3, "operations")])
    assert told.alarms == []
    assert record(space, [Delivered("shop-events", "webhook", 3, "support")]).alarms == [
        "webhook shop-events was delivered to 3 times, and support does not name it as a recipient"
    ]
    (space.project.folder / "opendsr.yaml").write_text(
        "destinations:\n  mailhouse: {domain: m.example, url: https://m.example, authorities: a.pem}\n"
    )
    told = record(space)
    assert told.recipients == [{"name": "mailhouse", "what": "OpenDSR destination", "count": 0, "declared": False}]
    assert told.alarms == []
    with space.database.connect() as conn:
        conn.execute(
            "insert into privacy.destination_notice (notice_id, erasure_id, destination, kind, state, made_at, attempts, next_at, told, subject) "
            "values (gen_random_uuid(), gen_random_uuid(), 'mailhouse', 'erasure', 'pending', now(), 1, now(), '', 1)"
        )
        conn.commit()
    assert record(space).alarms == [
        "OpenDSR destination mailhouse was delivered to 1 times, and no purpose names it as a recipient"
    ]


def test_lineage_goes_from_the_column_to_whoever_receives_it(space, api):
    create_key(space, ["profiles:read"], ["support"], name="desk")
    with space.database.connect() as conn:
        edges = lineage(space, conn, [Delivered("shop-events", "webhook", 1)])
    steps = {(one.source, one.target) for one in through(edges, "crm:birth_date")}
    assert steps == {
        ("crm:birth_date", "Individual.birthDate"), ("Individual.birthDate", "profile.birthDate"),
        ("profile.birthDate", "key 1 desk"),
    }  # fmt: skip
    assert {one.source for one in through(edges, "key 1 desk") if ":" in one.source} == {
        "crm:first_name",
        "crm:birth_date",
    }
    assert ("profile.individualId", "webhook shop-events") in {(one.source, one.target) for one in edges}


def test_openlineage_is_as_published(space, api):
    with space.database.connect() as conn:
        events = json.loads(json.dumps(openlineage(space, conn)))
        assert openlineage(space, conn) == events, "the same load has the same id"
    assert len(events) == 2
    checks = jsonschema.FormatChecker()
    for event in events:
        jsonschema.validate(event, RUN_EVENT, format_checker=checks)
        jsonschema.validate(event["outputs"][0]["facets"]["columnLineage"], COLUMNS)
    fields = events[0]["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert fields["Individual.birthDate"]["inputFields"][0]["field"] == "birth_date"


def test_a_breach_by_a_key_or_a_source_is_told(space, api):
    ann = read(api, space, "support")
    read(api, space, "operations", "email:bob@example.com")
    with space.database.connect() as conn:
        told = breach(space, conn, actor="key 1")
        assert ([str(one) for one in told.people], told.fields) == ([ann], ["birthDate", "firstName"])
        assert (told.reads, told.gone) == ({"profile": 1}, 0)
        assert told.high_risk == []
        whole = breach(space, conn, actor="key 2")
        assert len(whole.people) == 1
        assert "emailAddress" in whole.fields
        source = breach(space, conn, source="crm")
        assert len(source.people) == 2
        assert "user.demographic.date_of_birth" in source.categories
        assert [str(one) for one in breach(space, conn, source="orders").people] == [ann]
        with pytest.raises(NotFound):
            breach(space, conn, source="nonsense")
        with pytest.raises(Invalid):
            breach(space, conn)
    erase(space, "email:ann@example.com", "me")
    with space.database.connect() as conn:
        after = breach(space, conn, actor="key 1")
    assert (after.people, after.gone) == ([], 1)


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_the_command_line(space, api, tmp_path):
    def run(*words, code=0):
        command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder), "--json"]
        done = commands.run(command, text=True)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    assert run("processing", "--check")["alarms"] == []
    assert run("lineage", "crm:email", "--openlineage", str(tmp_path / "events"))[0]["source"] == "crm:email"
    assert len((tmp_path / "events").read_text().splitlines()) == 2
    run("export", "profiles", "--output", str(tmp_path / "out.csv"))
    told = run("breach", "--since", "2020-01-01", "--output", str(tmp_path / "people"))
    assert len(told["people"]) == 2, "an export is of everybody"
    assert len((tmp_path / "people").read_text().splitlines()) == 2
    (space.project.folder / "purposes.yaml").write_text("purposes: {support: {legalBasis: contract}}")
    assert run("processing", "--check", code=1)["alarms"]


def test_the_lineage_of_live_events_is_what_the_mapping_does(space):
    key = add_live_source(space, "web")
    add_live_source(space, "hook")
    (space.project.sources / "hook.yaml").write_text(
        "name: hook\nkind: live\nkey: id\nentities:\n  - {entity: Individual, attributes: {firstName: person.first}}\n"
        "identifiers:\n  - {kind: email, column: person.mail}\n"
    )
    client = TestClient(create_api(space))
    products = [{"product_id": "p1", "price": 5, "name": "Tea"}]
    for path, said in (
        ("track", {"event": "Order Completed", "userId": "u1", "properties": {"order_id": "1", "total": 5, "gift": "no", "products": products}}),
        ("identify", {"userId": "u1", "traits": {"first_name": "Ann", "shoe": 9}}),
        ("page", {"name": "Home", "anonymousId": "a1", "properties": {"url": "https://x.example/"}}),
    ):  # fmt: skip
        assert client.post(f"/v1/{path}", json=said, auth=(key, "")).status_code == 200
    with space.writer() as conn:
        thread = LiveThread(space)
        while thread.step(conn, 4000).read:
            pass
    with space.database.connect() as conn:
        edges = {(one.source, one.target, one.how) for one in lineage(space, conn, [])}
    assert edges >= {
        ("web:Order Completed.total", "SalesOrder.grandTotalAmount", "mapped"),
        ("web:Order Completed.products[].price", "SalesOrderProduct.unitPriceAmount", "mapped"),
        ("web:identify.first_name", "Individual.firstName", "mapped"),
        ("Individual.firstName", "profile.firstName", "folded"),
        ("web:page.url", "WebsiteEngagement.pageUrl", "mapped"),
        ("web:userId", "identifier.user_id", "identifies"),
        ("hook:person.first", "Individual.firstName", "mapped"),
        ("hook:person.mail", "identifier.email", "identifies"),
    }  # fmt: skip
    assert not any("gift" in source or "shoe" in source for source, _, _ in edges), "what has no home has no step"


def test_a_new_source_tells_what_its_columns_hold(space):
    (space.project.folder / "new.csv").write_text("id,mail,note\n1,ann@example.com,hello\n2,bob@example.com,there\n")
    command = [sys.executable, "-m", "steelthread", "source", "new", "new", str(space.project.folder / "new.csv")]
    where = ["--project", str(space.project.folder)]
    wide = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run([*command, *where], capture_output=True, text=True, check=True, env=wide)
    assert "user.contact.email" in done.stderr
    assert "unlabelled" in done.stderr
    assert "ann@example.com" not in done.stderr
    told = commands.run([*command, "--force", "--json", *where], text=True, check=True)
    columns = {one["column"]: one["label"] for one in json.loads(told.stdout)["columns"]}
    assert columns["mail"] == "user.contact.email"
