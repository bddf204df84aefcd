"""Segment's Profile API: audiences as traits, pages of external ids, and identifiers that are taken off a profile."""

import base64
from concurrent.futures import ThreadPoolExecutor, as_completed

import msgspec
import pytest
from fastapi.testclient import TestClient

from steelthread import intake
from steelthread.api import create_api, segment
from steelthread.app import create_key, verify_space
from steelthread.intake import Message
from steelthread.model import Received
from steelthread.thread import LiveThread, link

T0 = 1_790_000_000_000_000
BASE = "/v1/spaces/default/collections/users/profiles"
MEMBERS = """name: lists
file: lists.csv
key: row
entities:
  - entity: SegmentMembership
    attributes: {segmentId: list, enteredDateTime: entered, leftDateTime: left}
identifiers: [{kind: email, column: email, entity: SegmentMembership}]
"""
ROWS = """row,list,email,entered,left
1,vips,ann@example.com,2026-01-01T00:00:00Z,
2,sleepers,ann@example.com,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z
3,trial,ann@example.com,2026-01-01T00:00:00Z,2999-01-01T00:00:00Z
"""


def tell(space, *events):
    with space.writer() as conn:
        number, _, _ = intake.source_row(conn, space.vault, "web", 0, space.vault.digest(b"live"), unique=False)
        space.log.append(conn, "received", [Received(number, msgspec.msgpack.encode(one)) for one in events], hours=1)
        conn.commit()
        thread = LiveThread(space)
        while thread.step(conn).read:
            pass


def asking(api, key):
    return TestClient(
        api, headers={"Authorization": "Basic " + base64.b64encode(f"{key}:operations:".encode()).decode()}
    )


@pytest.fixture
def client(space):
    tell(
        space,
        Message(id="i", type="identify", timestamp=T0, received=T0, user_id="u1", anonymous_id="a1",
                traits={"email": "ann@example.com", "firstName": "Ann"}),
        Message(id="t1", type="track", timestamp=T0 + 1, received=T0, user_id="u1", event="Bought"),
        Message(id="t2", type="track", timestamp=T0 + 2, received=T0, anonymous_id="a1", event="Looked"),
        Message(id="g", type="group", timestamp=T0 + 3, received=T0, user_id="u1", group_id="g1"),
    )  # fmt: skip
    return asking(create_api(space), create_key(space, ["profiles:read", "review:decide"]))


def test_segments_are_traits_of_the_class_audience(space, client, load):
    (space.project.folder / "sources/lists.yaml").write_text(MEMBERS)
    load("lists", ROWS)
    told = client.get(f"{BASE}/user_id:u1/traits", params={"class": "audience"}).json()["traits"]
    assert told == {"vips": True, "sleepers": False, "trial": True}
    every = client.get(f"{BASE}/user_id:u1/traits", params={"limit": 200}).json()["traits"]
    assert (every["vips"], every["firstName"]) == (True, "Ann")
    verbose = client.get(
        f"{BASE}/user_id:u1/traits", params={"class": "audience", "verbose": "true", "include": "vips"}
    )
    assert verbose.json()["traits"]["vips"]["source_id"] == "lists"
    assert "vips" not in client.get(f"{BASE}/user_id:u1/traits", params={"class": "computed_trait"}).json()["traits"]


def ids(client, ref="user_id:u1", **query):
    found, following = [], ""
    while True:
        page = client.get(f"{BASE}/{ref}/external_ids", params={"limit": 1, "next": following, **query}).json()
        assert len(page["data"]) <= 1
        found += [(one["type"], one["id"]) for one in page["data"]]
        following = page["cursor"]["next"]
        if not page["cursor"]["has_more"]:
            return found


def test_external_ids_come_in_pages(client):
    assert ids(client) == [("anonymous_id", "a1"), ("email", "ann@example.com"), ("user_id", "u1")]
    assert ids(client, include="email,user_id") == [("email", "ann@example.com"), ("user_id", "u1")]
    (one,) = client.get(f"{BASE}/user_id:u1/external_ids", params={"verbose": "true", "include": "email"}).json()[
        "data"
    ]
    assert set(one) == {"source_id", "collection", "id", "type", "created_at", "encoding", "first_message_id"}
    assert (one["source_id"], one["encoding"], one["first_message_id"]) == ("web", "none", None)
    (one,) = client.get(f"{BASE}/user_id:u1/external_ids", params={"verbose": "true", "include": "user_id"}).json()[
        "data"
    ]
    assert one["first_message_id"] == "t1"


def take_off(client, kind, value, ref="user_id:u1"):
    asked = {"delete_external_ids": [{"id": value, "type": kind}]}
    answer = client.post(f"{BASE}/{ref}/external_ids/delete", json=asked)
    assert answer.headers["request-id"]
    return answer.status_code, answer.json().get("error", {}).get("code") or answer.json()["deleted_external_ids"]


@pytest.mark.parametrize("linked", [False, True])
def test_an_identifier_is_taken_off_and_stays_off(space, client, linked):
    if linked:
        link(space, "user_id:u1", "anonymous_id:a1", "the same", "test")
    assert take_off(client, "anonymous_id", "a1") == (200, [{"id": "a1", "type": "anonymous_id"}])
    assert ("anonymous_id", "a1") not in ids(client)
    events = client.get(f"{BASE}/user_id:u1/events").json()["data"]
    assert "Looked" not in [one.get("event") for one in events], "what was done under it goes with it"
    assert ids(client, "anonymous_id:a1") == [("anonymous_id", "a1")]
    assert take_off(client, "anonymous_id", "a1") == (404, "eid_not_found")
    tell(
        space,
        Message(id="t3", type="track", timestamp=T0 + 9, received=T0, user_id="u1", anonymous_id="a1", event="Back"),
    )
    assert ("anonymous_id", "a1") not in ids(client)
    assert verify_space(space)["same"]


def pages(client, path, **query):
    """Return the data of all pages, and how many there were."""
    found, following, number = [], "", 0
    while True:
        page = client.get(path, params={"limit": 1, "next": following, **query}).json()
        found, number, following = found + page["data"], number + 1, page["cursor"]["next"]
        if not page["cursor"]["has_more"]:
            return found, number


def test_links_are_those_of_all_group_calls_and_come_in_pages(space, client, monkeypatch):
    monkeypatch.setattr(segment, "_GROUPS", 3)
    tell(space, *(
        Message(id=f"g{number}", type="group", timestamp=T0 + number, received=T0, user_id="u1", group_id=f"g{number % 8}")
        for number in range(20, 40)
    ), Message(id="first", type="group", timestamp=T0 - 9, received=T0, user_id="u1", group_id="oldest"))  # fmt: skip
    found, number = pages(client, f"{BASE}/user_id:u1/links")
    groups = [one["external_ids"][0]["id"] for one in found]
    assert (groups, number) == ([*(f"g{number}" for number in range(8)), "oldest"], 9)
    assert client.get(f"{BASE}/user_id:u1/links", params={"limit": 21}).json()["error"]["code"] == "validation_error"


def test_an_account_that_was_only_named_has_a_profile_of_each_part(client):
    account = BASE.replace("users", "accounts") + "/group_id:g1"
    told = {
        part: client.get(f"{account}/{part}").json()
        for part in ("traits", "external_ids", "events", "metadata", "links")
    }
    assert told["traits"]["traits"] == {}
    assert [told[part]["data"] for part in ("external_ids", "events", "links")] == [[], [], []]
    assert told["metadata"]["metadata"]["created_at"] == "2026-09-21T14:13:20.000003Z"
    nobody = client.get(account.replace("g1", "g2") + "/traits")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (404, "not_found")


def test_who_asks_while_too_many_wait_is_asked_to_come_again(space, client, monkeypatch):
    monkeypatch.setattr(segment, "_MOST_WAITING", 2)
    path, pool = f"{BASE}/user_id:u1/traits", client.app.state.readers
    held = [pool.getconn() for _ in range(pool.max_size)]
    with client, ThreadPoolExecutor(16) as others:  # one event loop for all
        asked = [others.submit(client.get, path) for _ in range(16)]
        refused = next(one.result() for one in as_completed(asked, timeout=20))
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_error")
        assert refused.headers["Retry-After"] == "1"
        for conn in held:
            pool.putconn(conn)
        answers = [one.result(timeout=30).status_code for one in asked]
    assert {200, 429} == set(answers)
    assert client.get(path).status_code == 200


def test_what_cannot_be_taken_off(space, client):
    assert take_off(client, "user_id", "u1") == (400, "unsupported_eid_type")
    assert take_off(client, "group_id", "g1") == (400, "unsupported_eid_type")
    assert take_off(client, "email", "bob@example.com") == (404, "eid_not_found")
    assert take_off(client, "email", "ann@example.com", "user_id:nobody") == (404, "not_found")
    assert take_off(client, "user_id", "u1", "email:ann@example.com") == (400, "bad_request")
    url = f"{BASE}/user_id:u1/external_ids/delete"
    for body in (b"", b"[]", b"{", b'{"delete_external_ids": []}', b'{"delete_external_ids": [1]}', b"\xff",
                 b'{"delete_external_ids": [{"id": "a1", "type": "anonymous_id"}, {"id": "a2", "type": "anonymous_id"}]}'):  # fmt: skip
        answer = client.post(url, content=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request"), body
    reader = asking(client.app, create_key(space, ["profiles:read"]))
    assert take_off(reader, "anonymous_id", "a1") == (403, "forbidden")
    assert take_off(asking(client.app, "wrong"), "anonymous_id", "a1") == (401, "unauthorized")
    assert ("anonymous_id", "a1") in ids(client)
