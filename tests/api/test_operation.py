"""Metrics without personal values, and the document of what streams out."""

import json
from pathlib import Path

import jsonschema
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from steelthread.activation import add_webhook
from steelthread.api import create_api, create_key
from steelthread.api.asyncapi import change_schema, document
from steelthread.app import source_number
from steelthread.kit import Invalid
from steelthread.rights import erase
from steelthread.thread import CHANGE_TYPES, changes_since, link, newest, unlink
from steelthread.thread.alerting import alert

SPECIFICATION = (
    Path(__file__).parents[1] / "live/sdks/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"
)  # of the AsyncAPI project; `make sdks` brings it


def samples(client):
    text = client.get("/metrics").text
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found[one.name, *sorted(one.labels.items())] = one.value
    return text, found


def test_metrics_name_routes_and_no_person(space, load):
    load("crm", "customer_id,first_name,email\n1,Needle,needle@example.com\n")
    with space.database.connect() as conn:
        add_webhook(conn, space.vault, space.log, "shop", "https://shop.example/?token=needle", [])
        conn.commit()
    key = create_key(space, ["profiles:read"])
    client = TestClient(create_api(space), headers={"Authorization": f"Bearer {key}"})
    assert (
        client.get("/api/profiles/email%3Aneedle%40example.com?attributes=needle&purpose=operations").status_code == 200
    )
    assert client.get("/api/profiles/email%3Aneedle%40example.com/timeline?purpose=operations").status_code == 200
    assert client.get("/v1/spaces/needle/collections/users/profiles/email:needle@example.com/traits").status_code == 401
    assert client.get("/needle").status_code == 404
    assert client.get("/api/status").status_code == 200
    assert client.post("/v1/track", json={"userId": "needle"}).status_code == 401
    text, found = samples(client)
    assert "needle" not in text.casefold()
    assert found[("steelthread_up",)] == 1
    assert found[("steelthread_events_accepted_total",)] == 0
    assert found["steelthread_webhook_waiting", ("webhook", "shop")] == 0
    counted = {key[1:]: value for key, value in found.items() if key[0] == "steelthread_http_seconds_count"}
    routes = {dict(labels)["route"]: (dict(labels)["status"], value) for labels, value in counted.items()}
    assert routes["/api/profiles/{ref:path}"] == ("200", 1)
    assert routes["/api/profiles/{ref:path}/timeline"] == ("200", 1)
    assert routes["/v1/spaces/{space}/collections/{collection}/profiles/{ref:path}/traits"] == ("401", 1)
    assert routes["/v1/track"] == ("401", 1)
    assert routes["none"] == ("404", 1)


def test_metrics_answer_without_a_database(space):
    client = TestClient(create_api(space))
    client.app.state.pool.close()
    text, found = samples(client)
    assert found == {key: value for key, value in found.items() if "events" not in key[0]}
    assert found[("steelthread_up",)] == 0
    assert "process_cpu_seconds_total" in text


@pytest.fixture
def every_change(space, load):
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    load("shop", "customer_id,first_name,email\n7,Ann,anne@example.com\n")
    link(space, "email:ann@example.com", "email:anne@example.com", "the same", "test")
    unlink(space, "email:ann@example.com", "email:anne@example.com", "not the same", "test")
    erase(space, "record:shop/Individual/7", "test")
    with space.database.connect() as conn:
        alert(space, conn, (source_number(conn, "shop"), "shop"), "volume.jump", "Bought", "far more than usual")
        conn.commit()
        return changes_since(space, conn, "0", 100).events


def test_the_document_tells_the_truth_about_changes(every_change):
    assert {one["type"] for one in every_change} == set(CHANGE_TYPES)
    for one in every_change:
        jsonschema.validate(one, change_schema(one["type"]), format_checker=jsonschema.FormatChecker())
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**one, "email": "ann@example.com"}, change_schema(one["type"]))


def test_an_id_that_no_change_has_yet_is_an_error_that_says_so(space, load):
    load("crm", "customer_id,first_name\n1,Ann\n")
    with space.database.connect() as conn:
        head = newest(space, conn)
        assert not changes_since(space, conn, head, 100).events
        with pytest.raises(Invalid, match=f"the last one is {head}.*since={head}"):
            changes_since(space, conn, str(int(head) + 1), 100)


@pytest.mark.skipif(
    not SPECIFICATION.exists(), reason="the packages of tests/live/sdks are not installed (.ci/run installs them)"
)
def test_the_document_is_one_by_the_schema_of_the_asyncapi_project():
    by = jsonschema.Draft7Validator(json.loads(SPECIFICATION.read_text("utf-8")))
    told = document("testserver", "http")
    by.validate(told)
    for broken in (
        {**told, "operations": {"changes": {**told["operations"]["changes"], "action": "publish"}}},
        {**told, "channels": {"changes": {**told["channels"]["changes"], "adress": "/"}}},
        {name: value for name, value in told.items() if name != "info"},
    ):
        assert not by.is_valid(broken)


def test_the_document_is_whole(space):
    told = TestClient(create_api(space)).get("/asyncapi.json").json()
    assert told == document("testserver", "http")
    assert told["asyncapi"] == "3.0.0"
    for name, channel in told["channels"].items():
        messages = channel["messages"]
        assert {one["$ref"].rpartition("/")[2] for one in told["operations"][name]["messages"]} == set(messages)
        for message in messages.values():
            schema = told["components"]["messages"][message["$ref"].rpartition("/")[2]]["payload"]
            jsonschema.Draft202012Validator.check_schema(schema)
