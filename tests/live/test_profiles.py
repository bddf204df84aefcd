"""Profiles over HTTP: Segment's Profile API, our own with selection and tags, and the call that does both."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request

import pytest

BASE = "/v1/spaces/default/collections"


def tell(served, *events):
    status, _, _ = served.post("/v1/batch", {"batch": list(events), "writeKey": served.write_key})
    assert status == 200


@pytest.fixture(scope="module")
def ann(shared):
    tell(
        shared,
        {
            "type": "identify", "userId": "u+1", "anonymousId": "a1", "timestamp": "2026-03-01T10:00:00Z",
            "traits": {"email": "ann@example.com", "first_name": "Ann", "plan": "gold", "tags": ["x", "y"], "visits": 3,
                       "address": {"city": "Leeds", "floor": 2}},
        },
        {"type": "identify", "userId": "u+1", "timestamp": "2026-02-01T10:00:00Z", "traits": {"plan": "silver"}},
        {"type": "page", "userId": "u+1", "name": "Home", "messageId": "p1", "timestamp": "2026-03-01T10:01:00Z",
         "context": {"page": {"url": "https://shop.example/"}}},
        {"type": "track", "userId": "u+1", "event": "Product Viewed", "messageId": "m1",
         "timestamp": "2026-03-01T10:02:00Z", "properties": {"product_id": "p7", "price": 2.5}},
        {"type": "track", "userId": "u+1", "event": "Order Completed", "timestamp": "2026-03-01T10:03:00Z",
         "properties": {"order_id": "o1", "total": 12.5, "currency": "GBP"}},
        {"type": "group", "userId": "u+1", "groupId": "g1", "traits": {"name": "Lee Ltd", "seats": 4}},
    )  # fmt: skip
    assert shared.profile("user_id:u+1")["counts"]["SalesOrder"] == 1
    return shared


def asked(served, path, key=None, **query):
    user = base64.b64encode(f"{key or served._key}:operations:".encode()).decode()
    url = f"{served.host}{BASE}/{path}?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {user}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.headers["Request-Id"]
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_segments_profile_api(ann):
    user = "users/profiles/user_id:u%2B1"
    status, told = asked(ann, f"{user}/traits", limit=200)
    assert status == 200
    wanted = {"email": "ann@example.com", "firstName": "Ann", "first_name": "Ann", "plan": "gold", "tags": ["x", "y"],
              "visits": 3, "address.floor": 2}  # fmt: skip
    assert {name: told["traits"][name] for name in wanted} == wanted
    assert told["cursor"] == {"url": "", "has_more": False, "next": "", "limit": 200}
    verbose = asked(ann, f"{user}/traits", verbose="true", include="plan")[1]["traits"]
    assert verbose == {"plan": {"value": "gold", "source_id": "web", "updated_at": "2026-03-01T10:00:00Z"}}
    assert asked(ann, f"{user}/traits", **{"class": "audience"})[1]["traits"] == {}

    told = asked(ann, "users/profiles/email:ANN@example.com/external_ids", include="user_id,anonymous_id")[1]
    assert [(one["type"], one["id"]) for one in told["data"]] == [("anonymous_id", "a1"), ("user_id", "u+1")]
    assert set(told["data"][0]) == {"collection", "id", "type", "created_at", "encoding"}

    told = asked(ann, f"{user}/metadata")[1]["metadata"]
    assert told["first_message_id"] == "p1"
    assert (told["first_source_id"], told["expires_at"]) == ("web", None)
    assert asked(ann, f"users/profiles/segment_id:{told['segment_id']}/traits")[0] == 200

    told = asked(ann, f"{user}/links")[1]["data"]
    link = {"id": "g1", "type": "group_id", "collection": "accounts", "encoding": "none"}
    assert told == [{"to_collection": "accounts", "external_ids": [link]}]
    told = asked(ann, "accounts/profiles/group_id:g1/traits")[1]["traits"]
    assert (told["name"], told["seats"]) == ("Lee Ltd", 4)


def test_segments_events(ann):
    user = "users/profiles/user_id:u%2B1"
    told = asked(ann, f"{user}/events", end="2026-03-02T00:00:00Z")[1]["data"]
    assert [one.get("event") or one["name"] for one in told] == ["Order Completed", "Product Viewed", "Home"]
    assert [one["type"] for one in told] == ["track", "track", "page"]
    assert told[1]["properties"] == {"product_id": "p7", "price": 2.5}
    assert (told[0]["properties"]["order_id"], told[0]["properties"]["total"]) == ("o1", "12.5")
    assert told[2]["context"]["page"]["url"] == "https://shop.example/"
    assert told[1]["message_id"] == "m1"
    assert {"collection": "users", "type": "user_id", "id": "u+1", "encoding": "none"} in told[1]["external_ids"]
    only = asked(ann, f"{user}/events", include="product viewed")[1]["data"]
    assert [one["message_id"] for one in only] == ["m1"]
    paged, following = [], ""
    while True:
        page = asked(
            ann, f"{user}/events", limit=1, sort="asc", exclude="group", **({"next": following} if following else {})
        )[1]
        paged += page["data"]
        if not page["cursor"]["has_more"]:
            break
        following = page["cursor"]["next"]
    assert [one.get("event") or one["name"] for one in paged] == ["Home", "Product Viewed", "Order Completed"]


def test_pages_of_traits(ann):
    found, url = {}, f"{BASE}/users/profiles/user_id:u%2B1/traits?limit=2"
    while url:
        user = base64.b64encode(f"{ann._key}:operations:".encode()).decode()
        request = urllib.request.Request(ann.host + url, headers={"Authorization": f"Basic {user}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            page = json.loads(answer.read())
        assert len(page["traits"]) <= 2
        assert not set(found) & set(page["traits"])
        found |= page["traits"]
        url = page["cursor"]["url"]
    assert found == asked(ann, "users/profiles/user_id:u%2B1/traits", limit=200)[1]["traits"]


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("users/profiles/user_id:nobody/traits", {}, 404, "not_found"),
        ("robots/profiles/user_id:u1/traits", {}, 404, "not_found"),
        ("users/profiles/nonsense/traits", {}, 400, "validation_error"),
        ("users/profiles/user_id:u1/traits", {"limit": "201"}, 400, "validation_error"),
        ("users/profiles/user_id:u1/traits", {"class": "robot"}, 400, "validation_error"),
        ("users/profiles/user_id:u1/events", {"start": "then"}, 400, "validation_error"),
        ("users/profiles/segment_id:use_robot/traits", {}, 400, "validation_error"),
    ],
)
def test_segments_errors(shared, path, query, status, code):
    tell(shared, {"type": "track", "event": "Seen", "userId": "u1"})
    shared.profile("user_id:u1")
    got, body = asked(shared, path, **query)
    assert (got, body["error"]["code"]) == (status, code)
    assert body["error"]["message"]
    got, body = asked(shared, path, key="st_wrong", **query)
    assert (got, body["error"]["code"]) == (401, "authentication_error")


def test_custom_traits_are_among_the_attributes(ann):
    told = ann.profile("user_id:u+1")["attributes"]
    plan = told["plan"]
    assert (plan["value"], plan["custom"], plan["source"], plan["rule"]) == ("gold", True, "web", "last_updated")
    assert plan["observedAt"] == "2026-03-01T10:00:00Z"
    assert told["tags"]["value"] == ["x", "y"]
    assert told["firstName"]["value"] == "Ann"
    assert "custom" not in told["firstName"]


def test_selection_filters_and_tags(ann):
    ref = "/api/profiles/" + urllib.parse.quote("user_id:u+1", safe="")
    told = ann.get(ref, fields="counts,aliases", attributes="plan,firstName")
    assert set(told) == {"individualId", "counts", "aliases"}
    told = ann.get(ref, attributes="plan,nothing")
    assert set(told) == {"individualId", "attributes"}
    assert told["attributes"]["plan"]["value"] == "gold"
    assert told["attributes"]["nothing"] is None
    with pytest.raises(urllib.error.HTTPError, match="400"):
        ann.get(ref, fields="shoes")
    entries = ann.get(ref + "/timeline", entity="SalesOrder")["entries"]
    assert [one["key"] for one in entries] == ["o1"]
    entries = ann.get(ref + "/timeline", since="2026-03-01T10:01:00", until="2026-03-01T10:02:00")["entries"]
    assert [one["key"] for one in entries] == ["p1"]
    assert ann.get(ref + "/timeline", source="till")["entries"] == []
    assert [one["event"] for one in ann.get(ref + "/timeline", event="product viewed")["entries"]] == ["Product Viewed"]
    answers = []
    for tag in ("", None):
        headers = {"Authorization": f"Bearer {ann._key}", "If-None-Match": answers[0] if tag is None else tag}
        request = urllib.request.Request(f"{ann.host}{ref}?purpose=operations", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                answers.append(answer.headers["ETag"])
        except urllib.error.HTTPError as error:
            answers.append(error.code)
    assert answers[1] == 304


def test_one_call_keeps_events_and_returns_the_profile(served):
    said = {"writeKey": served.write_key, "wait": 10, "batch": [
        {"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {"plan": "gold"}},
        {"type": "track", "anonymousId": "a1", "event": "Product Viewed"},
        {"type": "track", "anonymousId": "a1"},
    ]}  # fmt: skip
    key = {"Authorization": f"Bearer {served._key}"}
    status, _, body = served.post("/api/context?purpose=operations", said, **key)
    told = json.loads(body)
    assert (status, told["accepted"], told["folded"]) == (200, 2, True)
    assert told["refused"] == [{"place": 2, "reason": "a track event without `event`"}]
    assert told["profile"]["attributes"]["plan"]["value"] == "gold"
    assert told["profile"]["counts"]["ProductBrowseEngagement"] == 1
    said = {"writeKey": served.write_key, "profile": "anonymous_id:a1", "attributes": "plan"}
    told = json.loads(served.post("/api/context?purpose=operations", said, **key)[2])
    assert set(told["profile"]) == {"individualId", "attributes"}
    said = {"type": "page", "userId": "u2", "writeKey": served.write_key}
    assert (
        json.loads(served.post("/api/context?purpose=operations", said, **key)[2])["profile"]["counts"][
            "WebsiteEngagement"
        ]
        == 1
    )
    assert served.post("/api/context?purpose=operations", {**said, "wait": "long"}, **key)[0] == 400
    assert served.post("/api/context?purpose=operations", {"type": "page", "userId": "u2"}, **key)[0] == 401
    assert served.post("/api/context?purpose=operations", said)[0] == 401
    slip = {"writeKey": served.write_key, "events": [{"type": "page", "userId": "u1"}]}
    for body in (slip, {**slip, "profile": "user_id:u1"}, {"writeKey": served.write_key}):
        assert served.post("/api/context?purpose=operations", body, **key)[0] == 400, (
            "no event is lost by a slip of the pen"
        )
