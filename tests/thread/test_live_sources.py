"""Live sources at one door: their namespaces, what counts once across sources and dialects, PostHog's own words, packed bodies, clocks."""

import gzip
import json
import sys
import time
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from steelthread.api import create_api
from steelthread.app import add_live_source, replay_rejects, verify_space
from steelthread.kit import NotFound
from steelthread.thread import LiveThread, live_status, replay

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

HOOK = """name: hook
kind: live
webhook: {id: id}
key: person.id
entities:
  - {entity: Individual, attributes: {firstName: person.first}}
identifiers:
  - {kind: email, column: person.mail}
"""


class Door:
    """A collector, and what became of what it took."""

    def __init__(self, space):
        self.space, self.keys = space, {}
        self.client = TestClient(create_api(space))

    def source(self, name, file=""):
        self.keys[name] = add_live_source(self.space, name)
        if file:
            (self.space.project.sources / f"{name}.yaml").write_text(file)

    def post(self, path, body, source="web", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        told = {"X-Write-Key": self.keys[source], "Content-Type": "application/json", **headers}
        answer = self.client.post(path, content=data, headers=told)
        assert (answer.status_code, answer.json()["refused"]) == (200, 0), answer.text

    def fold(self):
        with self.space.writer() as conn:
            thread = LiveThread(self.space)
            while thread.step(conn).read:
                pass

    def profile(self, ref):
        self.fold()
        with self.space.database.connect() as conn:
            return self.space.reader(conn).profile(ref)

    def duplicates(self):
        self.fold()
        with self.space.database.connect() as conn:
            return live_status(self.space, conn).duplicates


@pytest.fixture
def door(space):
    one = Door(space)
    one.source("web")
    return one


def test_a_login_is_one_person_at_all_sources_but_at_those_with_a_namespace_of_their_own(space, door):
    door.source("app")
    door.source("till", "name: till\nkind: live\nuser_namespace: till\n")
    for number, source in enumerate(("web", "app", "till")):
        traits = {"firstName": f"From {source}"}
        said = {"userId": "u1", "anonymousId": f"at {source}", "traits": traits, "timestamp": f"2026-03-0{number + 1}"}
        door.post("/v1/identify", said, source)
        door.post("/v1/track", {"userId": "u1", "event": "Seen"}, source)
    shared, own = door.profile("user_id:users/u1"), door.profile("user_id:till/u1")
    assert shared["individualId"] != own["individualId"]
    assert (shared["counts"]["CustomEngagement"], own["counts"]["CustomEngagement"]) == (2, 1)
    assert (shared["attributes"]["firstName"]["value"], own["attributes"]["firstName"]["value"]) == (
        "From app",
        "From till",
    )
    visitors = {name: door.profile(f"anonymous_id:at {name}")["individualId"] for name in ("web", "app", "till")}
    assert visitors == {"web": shared["individualId"], "app": shared["individualId"], "till": own["individualId"]}
    assert verify_space(space)["same"]


def test_the_id_of_a_webhook_or_a_cloudevent_counts_once_in_its_source(door):
    door.source("shop")
    event = {"specversion": "1.0", "id": "1", "source": "/tills/7", "type": "sold", "subject": "u2"}
    kind = {"Content-Type": "application/cloudevents+json"}
    for source in ("web", "shop", "web"):
        door.post("/v1/webhook", {"userId": "u1", "event": "paid"}, source, **{"webhook-id": "1"})
        door.post("/cloudevents", event, source, **kind)
    assert door.profile("user_id:u1")["counts"]["CustomEngagement"] == 2
    assert door.profile("user_id:u2")["counts"]["CustomEngagement"] == 2
    assert door.duplicates() == 2, "what came again at its own source"


def test_the_id_of_a_message_counts_once_whatever_the_source_and_the_dialect(door):
    door.source("app")
    door.post("/v1/track", {"userId": "u1", "event": "Seen", "messageId": "same"})
    door.post(
        "/batch/", {"batch": [{"event": "Seen", "distinct_id": "u1", "uuid": "same"}], "api_key": door.keys["app"]}
    )
    schema = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"
    page = {"e": "pv", "aid": door.keys["app"], "uid": "u1", "url": "https://shop.example/", "p": "web", "eid": "same"}
    door.post("/com.snowplowanalytics.snowplow/tp2", {"schema": schema, "data": [page]})
    door.post("/api/s/page", {"userId": "u1", "messageId": "same", "writeKey": door.keys["app"]})
    door.post("/v1/webhook", {"userId": "u1", "event": "paid"}, "app", **{"webhook-id": "same"})
    counts = door.profile("user_id:u1")["counts"]
    assert (counts["CustomEngagement"], counts.get("WebsiteEngagement")) == (2, None), (
        "the webhook's id is its source's own"
    )
    assert door.duplicates() == 3


def once(distinct, at, **said):
    sets = {f"${name}": value for name, value in said.items()}
    return {"event": "$set", "distinct_id": distinct, "timestamp": f"2026-03-01T10:0{at}:00Z", "properties": sets}


@pytest.mark.parametrize("backwards", [False, True])
def test_what_is_set_once_is_the_earliest_and_gives_way_to_what_is_set(door, backwards):
    said = [
        once("u1", 1, set_once={"plan": "first", "firstName": "Ann", "city": "Bath"}),
        once("u1", 2, set_once={"plan": "second", "lastName": "Lee"}),
        once("u1", 3, set={"firstName": "Anna"}),
        once("u1", 4, set_once={"firstName": "Zoe"}),
    ]
    for event in said[::-1] if backwards else said:
        door.post("/batch/", {"batch": [event], "api_key": door.keys["web"]})
        door.fold()
    told = door.profile("user_id:u1")["attributes"]
    assert {name: told[name]["value"] for name in ("plan", "firstName", "lastName")} == {
        "plan": "first", "firstName": "Anna", "lastName": "Lee",
    }  # fmt: skip


def test_two_visitors_of_posthog_are_merged_dangerously(space, door):
    key = door.keys["web"]
    for who in ("v1", "v2"):
        seen = {"event": "Seen", "distinct_id": who, "properties": {"$device_id": who}}
        door.post("/e/", {"api_key": key, **seen})
    assert door.profile("anonymous_id:v1")["individualId"] != door.profile("anonymous_id:v2")["individualId"]
    merge = {"event": "$merge_dangerously", "distinct_id": "v1", "properties": {"alias": "v2"}}
    door.post("/batch/", {"api_key": key, "batch": [merge]})
    one = door.profile("anonymous_id:v1")
    assert one["individualId"] == door.profile("anonymous_id:v2")["individualId"]
    assert one["counts"]["CustomEngagement"] >= 2
    assert verify_space(space)["same"]


def bare(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": [("gzip", gzip.compress), ("", gzip.compress)],
    "deflate": [("deflate", zlib.compress), ("deflate", bare)],
    "zstd": [("zstd", zstd.compress), ("", zstd.compress)],
    "both": [("gzip, zstd", lambda data: zstd.compress(gzip.compress(data)))],
}


@pytest.mark.parametrize("packing", PACKED)
def test_a_packed_body_is_read(door, packing):
    for number, (said, pack) in enumerate(PACKED[packing]):
        body = json.dumps({"userId": "u1", "event": "Seen", "messageId": f"m{number}"}).encode()
        for data in (
            (pack(body), pack(body[:9]) + pack(body[9:])) if packing != "both" and pack is not bare else (pack(body),)
        ):
            door.post("/v1/track", data, **({"Content-Encoding": said} if said else {}))
    assert door.profile("user_id:u1")["counts"]["CustomEngagement"] == len(PACKED[packing])


def test_a_character_that_no_text_may_hold_takes_nobody_with_it(door):
    """PostgreSQL takes no NUL: it goes, wherever a call may hold one."""
    key = door.keys["web"]
    assert (
        door.client.get(f"/pixel/v1/track?userId=u%001&event=See%00n&no%00te=a%00b&writeKey={key}").status_code == 200
    )
    page = f"e=se&se_ac=See%00n&uid=u1&aid={key}"
    assert door.client.get(f"/i?{page}").status_code == 200
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    door.post("/v1/webhook", b"userId=u1&event=pa%00id&note=a%00b", **form)
    told = {"ce-id": "1", "ce-source": "/s", "ce-type": "so%00ld", "ce-specversion": "1.0", "ce-subject": "u1"}
    door.post("/cloudevents", b"plain \x00 text", **told, **{"Content-Type": "text/plain"})
    door.post("/v1/track", b'{"userId": "u1", "event": "S\\u0000een"}')
    assert door.profile("user_id:u1")["counts"]["CustomEngagement"] == 5


def test_each_event_is_corrected_by_the_clock_of_its_own_sender(door):
    real = datetime.now(UTC)

    def event(name, original, sent):
        said = {"type": "track", "event": name, "userId": "u1", "originalTimestamp": original.isoformat()}
        return said | ({"sentAt": sent.isoformat()} if sent else {})

    ahead, behind = real + timedelta(hours=3), real - timedelta(days=2)
    batch = [
        event("ahead", ahead - timedelta(minutes=10), ahead),
        event("behind", behind - timedelta(minutes=20), behind),
        event("as the batch", real + timedelta(minutes=30), None),
    ]
    door.post("/v1/batch", {"batch": batch, "sentAt": (real + timedelta(hours=1)).isoformat()})
    took = time.time() - real.timestamp()
    door.fold()
    with door.space.database.connect() as conn:
        entries = door.space.reader(conn).timeline("user_id:u1")
    early = {one.name: (real - one.at).total_seconds() / 60 for one in entries}
    for name, minutes in (("ahead", 10), ("behind", 20), ("as the batch", 30)):
        assert minutes - took / 60 - 0.1 <= early[name] <= minutes + 0.1, early


def test_a_changed_mapping_is_replayed_over_the_documents_of_a_time_range(space, door):
    door.source("hook", HOOK)

    def send(number):
        person = {"id": f"p{number}", "first": "Ann", "last": "Lee", "mail": f"p{number}@example.com"}
        door.post("/v1/webhook", {"id": number, "person": person}, "hook")
        door.fold()

    def last_names():
        told = [door.profile(f"email:p{number}@example.com")["attributes"] for number in (1, 2, 3)]
        return [one.get("lastName", {}).get("value") for one in told]

    moments = []
    for number in (1, 2, 3):
        moments.append(datetime.now(UTC))
        send(number)
    assert last_names() == [None, None, None]
    mapping = space.project.sources / "hook.yaml"
    mapping.write_text(HOOK.replace("{firstName: person.first}", "{firstName: person.first, lastName: person.last}"))
    assert replay(space, since=moments[1], until=moments[2], source="hook").events == 1
    assert last_names() == [None, "Lee", None]
    assert replay(space, until=moments[2], source="hook").events == 2
    assert last_names() == ["Lee", "Lee", None]
    assert replay(space).events == 3
    assert last_names() == ["Lee", "Lee", "Lee"]
    assert [door.profile(f"email:p{number}@example.com")["counts"]["records"] for number in (1, 2, 3)] == [1, 1, 1]
    assert verify_space(space)["same"]


def test_of_one_session_a_range_takes_the_events_that_came_in_it(space, door):
    """Rules changed in between count for those events alone: the others stay as they were folded in."""
    door.post("/v1/identify", {"userId": "u1", "anonymousId": "a1", "traits": {"plan": "gold"}})
    door.fold()
    moment = datetime.now(UTC)
    door.post("/v1/identify", {"userId": "u2", "anonymousId": "a2", "traits": {"plan": "gold"}})
    door.fold()
    (space.project.sources / "web.yaml").write_text("name: web\nkind: live\nuser_namespace: web\n")
    assert replay(space, since=moment, source="web").events == 1
    with space.database.connect() as conn:
        reader = space.reader(conn)
        assert reader.profile("user_id:u1")["individualId"] == reader.profile("anonymous_id:a1")["individualId"]
        assert reader.profile("user_id:web/u2")["individualId"] == reader.profile("anonymous_id:a2")["individualId"]
        with pytest.raises(NotFound):
            reader.profile("user_id:web/u1")
    assert replay_rejects(space, "web") == {"replayed": 0, "left": 0}
