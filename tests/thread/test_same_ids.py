"""Ids that are the same and mean two things: of a message, a webhook and a CloudEvent of one source; of a login and a document."""

import base64
import itertools

import pytest
from tests.thread.test_live_sources import Door

from steelthread.app import create_key, verify_space
from steelthread.thread import replay

SHOP = """name: shop
kind: live
key: person.id
entities:
  - {entity: Individual, attributes: {firstName: person.first, lastName: person.last}}
identifiers:
  - {kind: user_id, column: person.id, namespace: users}
"""
AT = "2026-03-01T10:00:00Z"
CLOUD = {"Content-Type": "application/cloudevents+json"}


@pytest.fixture
def door(space):
    one = Door(space)
    one.source("web")
    return one


def same_ids(door):
    """Return five things that happened, by name, and how each is told: three have one id, and two another."""
    track = {"userId": "u1", "messageId": "1", "timestamp": AT}
    paid = {"userId": "u1", "timestamp": AT}
    sold = {"specversion": "1.0", "id": "1", "source": "/tills/7", "type": "Sold", "time": AT, "subject": "u1"}
    return {
        "Seen": lambda: door.post("/v1/track", {**track, "event": "Seen"}),
        "Paid": lambda: door.post("/v1/webhook", {**paid, "event": "Paid"}, **{"webhook-id": "1"}),
        "Sold": lambda: door.post("/cloudevents", sold, **CLOUD),
        "Odd": lambda: door.post("/v1/track", {**track, "event": "Odd", "messageId": "/tills/7 1"}),
        "Odder": lambda: door.post("/v1/webhook", {**paid, "event": "Odder"}, **{"webhook-id": "/tills/7 1"}),
        "Own": lambda: door.post("/v1/track", {**track, "event": "Own", "messageId": "source/1"}),
        "Other": lambda: door.post("/v1/track", {**track, "event": "Other", "messageId": "space/source/1"}),
    }


@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("backwards", [True, False])
def test_a_message_a_webhook_and_a_cloudevent_of_one_id_are_three_events(space, door, backwards, apart):
    tell = same_ids(door)
    names = list(tell)[::-1] if backwards else list(tell)
    for name in (*names, *names):
        tell[name]()
        if apart:
            door.fold()
    assert door.profile("user_id:u1")["counts"]["CustomEngagement"] == 7
    assert door.duplicates() == 7
    with space.database.connect() as conn:
        entries = space.reader(conn).timeline("user_id:u1")
    assert sorted(one.name for one in entries) == sorted(names)
    assert verify_space(space)["same"]


@pytest.mark.parametrize("backwards", [True, False])
def test_traits_told_at_one_time_under_one_id_are_the_same_in_any_order(space, door, backwards):
    traits = {"userId": "u1", "timestamp": AT}
    tell = [
        lambda: door.post("/v1/identify", {**traits, "messageId": "1", "traits": {"plan": "gold"}}),
        lambda: door.post("/v1/webhook", {**traits, "event": "Paid", "traits": {"plan": "tin"}}, **{"webhook-id": "1"}),
    ]
    for one in tell[::-1] if backwards else tell:
        one()
        door.fold()
    assert door.profile("user_id:u1")["attributes"]["plan"]["value"] == "tin"


def test_segments_profile_api_names_events_as_their_senders_did(space, door):
    tell = same_ids(door)
    for name in ("Seen", "Paid", "Own"):
        tell[name]()
    door.fold()
    key = f"{create_key(space, ['profiles:read'])}:operations:".encode()
    told = door.client.get(
        "/v1/spaces/default/collections/users/profiles/user_id:u1/events",
        headers={"Authorization": f"Basic {base64.b64encode(key).decode()}"},
    ).json()
    assert sorted((one["event"], one["message_id"]) for one in told["data"]) == [
        ("Own", "source/1"), ("Paid", "1"), ("Seen", "1"),
    ]  # fmt: skip


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
def test_a_document_and_a_login_of_one_key_at_one_source_are_two_records(space, door, order):
    door.source("shop", SHOP)
    said = {"userId": "c1", "messageId": "1"}
    sold = {"specversion": "1.0", "id": "1", "source": "/tills/7", "type": "Sold", "time": "2026-03-01T11:00:00Z"}
    sold["person"] = {"id": "c1", "first": "Anna", "last": "Lee"}
    first = {**said, "timestamp": AT, "traits": {"plan": "gold", "firstName": "Ann"}}
    last = {**said, "messageId": "2", "timestamp": "2026-03-01T12:00:00Z", "traits": {"shoe": "7"}}
    order_completed = {**said, "messageId": "3", "timestamp": AT, "event": "Order Completed"}
    order_completed["properties"] = {"order_id": "c1", "total": 5, "products": [{"product_id": "p", "price": 5}]}
    tell = [
        lambda: door.post("/v1/identify", first, "shop"),
        lambda: door.post("/cloudevents", sold, "shop", **CLOUD),
        lambda: door.post("/v1/identify", last, "shop"),
        lambda: door.post("/v1/track", order_completed, "shop"),
    ]
    for one in order:
        tell[one]()
        door.fold()
    profile = door.profile("user_id:c1")
    told = {name: one["value"] for name, one in profile["attributes"].items()}
    assert told == {"firstName": "Anna", "lastName": "Lee", "plan": "gold", "shoe": "7"}
    assert profile["counts"] == {"SalesOrder": 1, "records": 2}
    assert [one["key"] for one in profile["records"]] == ["c1", "sdk/c1"]
    replay(space)
    assert door.profile("user_id:c1")["attributes"] == profile["attributes"]
    assert verify_space(space)["same"]
