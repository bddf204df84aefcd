import re

import pytest
from fastapi.testclient import TestClient

from steelthread.api import create_api, create_key, list_keys, revoke_key
from steelthread.kit import NotFound


@pytest.fixture
def client(space, load):
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    key = create_key(space, ["profiles:read"])
    client = TestClient(create_api(space), headers={"Authorization": f"Bearer {key}"})
    client.params = {"purpose": "operations"}
    return client


def test_profile_by_reference(client):
    body = client.get("/api/profiles/email%3Aann%40example.com").json()
    assert body["attributes"]["firstName"]["value"] == "Ann"
    individual = body["individualId"]
    assert client.get(f"/api/individuals/{individual}").json()["individualId"] == individual
    assert client.get("/api/profiles/record%3Acrm%2FIndividual%2F1").status_code == 200


def test_errors_are_problems(client):
    answer = client.get("/api/profiles/email%3Anobody%40example.com")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "nobody" not in answer.text
    assert client.get("/api/profiles/nonsense").status_code == 400
    assert client.get("/api/rejects").status_code == 403
    assert client.get("/api/explain?a=email:x@y.zz&b=z", headers={"Authorization": ""}).status_code == 401
    assert client.get("/health", headers={"Authorization": ""}).json()["status"] == "ok"


def test_openapi(client):
    assert client.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_keys_rotate_without_a_gap(space, load):
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    first = create_key(space, ["profiles:read"])
    client = TestClient(create_api(space))

    def asked(key):
        return client.get(
            "/api/search?name=Ann&purpose=operations", headers={"Authorization": f"Bearer {key}"}
        ).status_code

    assert asked("st_unknown") == 401
    assert asked(first) == 200
    second = create_key(space, ["profiles:read"])
    assert (asked(first), asked(second)) == (200, 200)
    (old, new) = list_keys(space)
    revoke_key(space, old["number"])
    assert asked(second) == 200
    client.app.state.key_cache._known.clear()  # five seconds later
    assert (asked(first), asked(second)) == (401, 200)
    assert [one["number"] for one in list_keys(space)] == [new["number"]]
    with pytest.raises(NotFound):
        revoke_key(space, old["number"])


def test_the_page_of_the_api_asks_no_foreign_host(client):
    page = client.get("/docs")
    assert page.status_code == 200
    assert "//" not in page.text.replace("<!DOCTYPE", ""), "no address but our own paths"
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert client.get(path).status_code == 200
