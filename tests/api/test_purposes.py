"""Reading over HTTP is for a purpose: the key carries it, the person allows it, it shows its fields, and the audit log tells."""

import json

import pytest
from fastapi.testclient import TestClient

from steelthread.api import create_api, create_key
from steelthread.kit import Invalid
from steelthread.privacy import Audit

CRM = "customer_id,first_name,last_name,email,phone\n1,Ann,Lee,ann@example.com,+442079460958\n2,Ann,Lee,other@example.com,\n"
ORDERS = "order_id,customer_email,order_date,total\no1,ann@example.com,2026-01-02,10.00\n"
PURPOSES = """purposes:
  operations: {legalBasis: contract}
  support: {legalBasis: contract, fields: [firstName, telephoneNumber, records]}
  analytics: {legalBasis: legitimate_interests, fields: [totals, counts]}
  news: {legalBasis: consent, fields: [firstName, emailAddress]}
  board: {legalBasis: contract}
"""
REF = "/api/profiles/email%3Aann%40example.com"
SCOPES = ["profiles:read", "records:read", "consents:write", "decisions:read"]
READING = [
    REF, f"{REF}/timeline", f"{REF}/records", "/api/explain?a=email:ann@example.com&b=record:crm/Individual/1",
    "/api/search?name=Ann", "/api/individuals/018f0000-0000-7000-8000-000000000000",
]  # fmt: skip


def ask(client, path, purpose):
    return client.get(f"{path}{'&' if '?' in path else '?'}purpose={purpose}")


@pytest.fixture
def api(space, load):
    load("crm", CRM)
    load("orders", ORDERS)
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    return create_api(space)


@pytest.fixture
def client(space, api):
    key = create_key(space, SCOPES, ["operations", "support", "analytics", "news"])
    return TestClient(api, headers={"Authorization": f"Bearer {key}"})


@pytest.mark.parametrize("path", READING)
def test_without_a_purpose_nothing_is_read(client, path):
    for purpose in (None, "", "nonsense", "board"):
        answer = client.get(path) if purpose is None else ask(client, path, purpose)
        assert answer.status_code == 403, path
        assert "purpose" in answer.json()["detail"]
        assert "Ann" not in answer.text


def test_every_call_must_say_its_purpose_unless_the_project_lets_a_key_with_one_say_it(space, api):
    client = TestClient(api, headers={"Authorization": f"Bearer {create_key(space, SCOPES)}"})
    for path in READING:
        answer = client.get(path)
        assert answer.status_code == 403, path
        assert "add purpose= to the call, one that this key carries (operations)" in answer.json()["detail"]
    assert ask(client, REF, "operations").status_code == 200
    space.project.settings.server.require_purpose = False
    assert client.get(REF).json()["individualId"] == ask(client, REF, "operations").json()["individualId"]


NOBODY = {
    "/api/alerts", "/api/glass", "/api/glass/{number}/review", "/api/changes", "/api/changes/head", "/api/consents", "/api/consents/signals", "/api/consents/{event}/receipt", "/api/model", "/api/model/{entity}", "/api/rejects",
    "/api/requests", "/api/requests/due", "/api/requests/{number}", "/api/requests/{number}/proof",
    "/api/requests/{number}/steps", "/api/requests/letters/{letter}/sent", "/api/review/{pair}", "/api/sources", "/api/status", "/api/traits", "/health", "/metrics", "/asyncapi.json",
    "/api/preferences/links", "/opendsr/2.0/callbacks", "/opendsr/2.0/discovery", "/opendsr/2.0/requests", "/opendsr/2.0/requests/{number}",
    "/opendsr/2.0/status/{number}",
}  # fmt: skip
"""Routes that show nothing of a person: counts, definitions, universal IDs, where and why a row was refused, what was done,
what was said of consent (which must be told on, whatever it says); a link for the person alone; how far requests are."""


def test_every_route_asks_for_one_or_shows_nobody(api):
    paths = TestClient(api).get("/openapi.json").json()["paths"]
    asks = {
        path
        for path, one in paths.items()
        for how in one.values()
        if any(parameter["name"] == "purpose" for parameter in how.get("parameters", []))
    }
    assert {path for path in paths if path not in asks} <= NOBODY, "a route that shows people reads through api/desk.py"
    assert asks > {"/api/context", "/api/match", "/api/review", "/api/events/live", "/api/search"}


def test_what_is_not_made_of_fields_wants_a_purpose_that_shows_all(space, api):
    key = create_key(space, ["match:read", "review:read", "events:read", "profiles:read"], ["operations", "support"])
    client = TestClient(api, headers={"Authorization": f"Bearer {key}"})
    assert ask(client, "/api/review", "support").status_code == 403
    assert ask(client, "/api/events/live", "support").status_code == 403
    assert client.post("/api/match?purpose=support", json={"firstName": "Ann"}).status_code == 403
    assert ask(client, "/api/review", "operations").status_code == 200
    segment = "/v1/spaces/default/collections/users/profiles/email:ann@example.com/traits"
    assert client.get(segment, auth=(key, "")).status_code == 403, "two purposes: it must say which"
    assert client.get(f"{segment}?purpose=support", auth=(key, "")).status_code == 403
    assert client.get(f"{segment}?purpose=operations", auth=(key, "")).status_code == 200
    one = create_key(space, ["profiles:read"])
    assert client.get(segment, auth=(one, "")).status_code == 403
    assert client.get(segment, auth=(one, "operations")).status_code == 200
    assert client.get(segment, auth=(f"{one}:operations", "")).status_code == 200, (
        "as clients of Segment's send a token"
    )
    assert client.get(segment, auth=(f"{one}:support", "")).status_code == 403
    space.project.settings.server.require_purpose = False
    assert client.get(segment, auth=(one, "")).status_code == 200, "a key with one purpose says it by itself"


def test_each_purpose_shows_its_fields(client):
    def read(purpose, path=REF):
        return ask(client, path, purpose).json()

    whole = read("operations")
    assert {"firstName", "lastName"} <= set(whole["attributes"])
    support = read("support")
    assert set(support["attributes"]) == {"firstName"}
    assert [one["kind"] for one in support["contactPoints"]] == ["phone"]
    assert {one["kind"] for one in support["identifiers"]} == {"phone"}
    assert support["records"] == whole["records"]
    assert "totals" not in support
    analytics = read("analytics")
    assert (analytics["attributes"], analytics["identifiers"], analytics["contactPoints"]) == ({}, [], [])
    assert analytics["totals"] == whole["totals"]
    for path in (f"{REF}/records", f"{REF}/timeline", READING[3]):
        assert "ann@example.com" not in json.dumps(read("analytics", path))
    assert read("operations", f"{REF}/records")["records"][0]["values"]
    assert read("support", f"{REF}/records")["records"][0]["values"] == {"firstName": "Ann"}
    assert read("analytics", f"{REF}/timeline")["entries"][0]["amount"] == "10.00"


def test_the_person_decides(client):
    def read(path=REF):
        return ask(client, path, "news")

    assert read().status_code == 403
    assert "no consent" in read().json()["detail"]
    assert read("/api/search?name=Ann").json()["profiles"] == []
    consent = {"ref": "email:ann@example.com", "purpose": "news", "said": "given"}
    client.post("/api/consents", json=consent)
    assert set(read().json()["attributes"]) == {"firstName"}
    assert len(read("/api/search?name=Ann").json()["profiles"]) == 1, "the other Ann did not say so"
    client.post("/api/consents", json={**consent, "said": "withdrawn"})
    assert read().status_code == 403, "from the next question on"
    client.post("/api/consents", json={**consent, "purpose": "*", "said": "restricted"})
    assert client.get(REF, params={"purpose": "operations"}).status_code == 403


def test_the_audit_log_tells(space, api, client):
    client.get(REF, params={"purpose": "operations"})
    client.get(REF, params={"purpose": "news"})
    ask(client, "/api/search?name=Ann", "operations")
    client.get("/api/decisions", params={"ref": "email:ann@example.com", "purpose": "news"})
    api.state.desk.queue.flush()
    with space.database.connect() as conn:
        told = [json.loads(body) for _, body, _ in Audit(space.vault).entries(conn)]
        assert Audit(space.vault).verify(conn).good
    kinds = [(one["kind"], one["what"], one.get("purpose"), one.get("details", {}).get("allow")) for one in told]
    assert kinds == [
        ("configuration", "the configuration changed", None, None), ("read", "profile", "operations", True),
        ("read", "profile", "news", False), ("read", "search", "operations", None), ("decision", "decide", "news", False),
    ]  # fmt: skip
    assert len(told[3]["subjects"]) == 2
    assert "ann@example.com" not in json.dumps(told)


def test_a_key_carries_known_purposes_only(space, api):
    with pytest.raises(Invalid, match="no purpose"):
        create_key(space, ["profiles:read"], ["nonsense"])
    key = create_key(space, ["profiles:read"])
    client = TestClient(api, headers={"Authorization": f"Bearer {key}"})
    assert client.get(REF, params={"purpose": "operations"}).status_code == 200, "the project's default purpose"
    assert client.get(REF, params={"purpose": "support"}).status_code == 403


def test_wrong_parameters_are_told_without_their_values(client):
    for query in ("wait=secret-word", "wait=31", "wait=-1", "wait=nan"):
        answer = client.get(f"{REF}?purpose=operations&{query}")
        assert answer.status_code == 422, query
        assert "secret-word" not in answer.text
    assert client.get(f"{REF}?purpose=operations&wait=0.5").status_code == 200
    assert client.get(f"{REF}?purpose=operations", headers={"Authorization": "Basic abc"}).status_code == 401
