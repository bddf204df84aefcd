"""Mutated bodies of SDKs to every path of the collector: no 500, no lost neighbour, and the worker folds all of it in."""

import base64
import copy
import gzip
import json
import logging
import random
import urllib.parse

import pytest
from fastapi.testclient import TestClient

from steelthread import intake
from steelthread.api import create_api
from steelthread.app import add_live_source, create_key
from steelthread.kit import NotFound
from steelthread.profiles import Wanted
from steelthread.thread import LiveThread

PERSON = {"email": "ann@example.com", "firstName": "Ann", "address": {"city": "Bath"}, "age": 7}
CONTEXT = {"page": {"url": "https://shop.example/", "title": "Tea"}, "userAgent": "Mozilla/5.0", "ip": "203.0.113.7",
           "device": {"id": "d1", "type": "ios"}, "campaign": {"name": "spring"}, "externalIds": [{"id": "x", "type": "cookie"}],
           "traits": PERSON, "library": {"name": "x"}, "os": {"name": "iOS"}, "app": {"version": 1}}  # fmt: skip
ORDER = {
    "order_id": "o1",
    "total": 3.5,
    "currency": "GBP",
    "products": [{"product_id": "p1", "price": 2, "quantity": 1}],
}
SEGMENT = [
    {
        "type": "identify",
        "userId": "u1",
        "anonymousId": "a1",
        "traits": PERSON,
        "messageId": "m1",
        "timestamp": "2026-01-01",
    },
    {"type": "track", "userId": "u1", "event": "Order Completed", "properties": ORDER, "context": CONTEXT},
    {
        "type": "page",
        "anonymousId": "a1",
        "name": "Home",
        "properties": {"url": "https://shop.example/"},
        "context": CONTEXT,
    },
    {"type": "group", "userId": "u1", "groupId": "g1", "traits": {"name": "Lee Ltd"}},
    {"type": "alias", "userId": "u1", "previousId": "a1"},
    {"type": "merge", "mergeProperties": [{"type": "email", "value": "a@b.example"}, {"type": "mobile", "value": "1"}]},
]
POSTHOG = [
    {
        "event": "$identify",
        "distinct_id": "u1",
        "properties": {"$anon_distinct_id": "a1", "$set": PERSON},
        "uuid": "e1",
    },
    {"event": "$create_alias", "distinct_id": "u1", "properties": {"alias": "a1"}},
    {"event": "$groupidentify", "distinct_id": "u1", "properties": {"$group_key": "g1", "$group_set": {"name": "Lee"}}},
    {
        "event": "bought",
        "distinct_id": "a1",
        "properties": {"$device_id": "a1", **ORDER},
        "offset": 5,
        "$set_once": PERSON,
    },
]
INNER = json.dumps({"data": {"schema": "iglu:a/b/jsonschema/1-0-0", "data": ORDER}})
SNOWPLOW = [
    {
        "e": "pv",
        "duid": "v1",
        "uid": "u1",
        "url": "https://shop.example/",
        "page": "Tea",
        "dtm": "1",
        "stm": "2",
        "ua": "x",
    },
    {
        "e": "ue",
        "duid": "v1",
        "ue_pr": INNER,
        "co": json.dumps({"data": [{"schema": "iglu:a/user/j/1", "data": PERSON}]}),
    },
    {"e": "tr", "uid": "u1", "tr_id": "o1", "tr_tt": "5", "tr_cu": "GBP"},
]
CLOUD = [{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "subject": "u1", "time": "2026-01-01T00:00:00Z",
          "data": {"userId": "u1", "traits": PERSON, **ORDER}}]  # fmt: skip
HOOK = [{"userId": "u1", "event": "paid", "email": "ann@example.com", "data": ORDER}]
ODD = [None, True, -1, 0, 2**70, 1e308, float("nan"), "", " ", "\x00", "\ud800", "x" * 9000, [], {}, [[[]]], {"a": {"b": None}},
       "null", "2026-99-99", "\u202e", ["u1"], {"id": 1}, "9" * 400]  # fmt: skip
SEEDS = {"segment": SEGMENT, "posthog": POSTHOG, "snowplow": SNOWPLOW, "cloudevents": CLOUD, "webhook": HOOK}
GOOD = {
    "segment": {"type": "track", "event": "Good", "userId": "good"},
    "posthog": {"event": "Good", "distinct_id": "good"},
    "snowplow": {"e": "se", "se_ac": "Good", "uid": "good"},
    "cloudevents": {"specversion": "1.0", "source": "/good", "type": "Good", "subject": "good"},
    "webhook": {"event": "Good", "userId": "good"},
}
IDS = {"segment": "messageId", "posthog": "uuid", "snowplow": "eid", "cloudevents": "id", "webhook": "n"}


def mutated(value, chance):
    """Return a document with something in it replaced, dropped, doubled or renamed."""
    value = copy.deepcopy(value)
    for _ in range(chance.randrange(1, 4)):
        places = list(_places(value))
        if not places:
            return value
        holder, key = chance.choice(places)
        how = chance.random()
        if how < 0.6:
            holder[key] = copy.deepcopy(chance.choice(ODD))  # the same list within itself would have no end
        elif how < 0.75:
            del holder[key]
        elif isinstance(holder, dict):
            holder[str(chance.choice(ODD))[:20]] = holder[key]
    return value


def _places(value):
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, key
        yield from _places(inner)


def body_of(name, items, chance):
    around = {"batch": items} if name in ("segment", "posthog") else {"data": items} if name == "snowplow" else items
    if name in ("segment", "posthog") and chance.random() < 0.5:
        around |= mutated({"context": CONTEXT, "sentAt": "2026-01-01T00:00:00Z", "integrations": {}}, chance)
        around["batch"] = items
    return json.dumps(around).encode()


def send(client, path, name, key, body, chance):
    headers = {"X-Write-Key": key, "Content-Type": "application/json", "User-Agent": "Mozilla/5.0 fuzz"}
    if name == "cloudevents":
        headers["Content-Type"] = "application/cloudevents-batch+json"
    if name == "posthog":
        headers["Authorization"] = f"Bearer {key}"
    url = f"{path.path.replace('{key}', key)}?writeKey={key}&api_key={key}"
    if chance.random() < 0.3 and name != "webhook":
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    return client.post(url, content=body, headers=headers)


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_mutated_bodies_lose_no_neighbour_and_are_folded_in(space, caplog):
    caplog.set_level(logging.CRITICAL)
    key, chance, good = add_live_source(space, "web"), random.Random(11), 0
    with TestClient(create_api(space), raise_server_exceptions=False) as client:
        for path in [one for one in intake.paths() if "POST" in one.methods]:
            name = path.dialect.name
            for _ in range(6):
                items = [mutated(item, chance) for item in SEEDS[name]]
                items.insert(chance.randrange(len(items) + 1), {**GOOD[name], IDS[name]: f"good-{good}"})
                answer = send(client, path, name, key, body_of(name, items, chance), chance)
                assert answer.status_code == 200, (path.path, answer.status_code, answer.text)
                good += 1
            for _ in range(6):  # whatever the rest of the body, an answer that is meant
                raw = bytearray(body_of(name, SEEDS[name], chance))
                for _ in range(chance.randrange(1, 9)):
                    raw[chance.randrange(len(raw))] = chance.randrange(256)
                assert send(client, path, name, key, bytes(raw), chance).status_code in (200, 400, 401)
    with space.writer() as conn:
        thread = LiveThread(space)
        while thread.step(conn, 500).read:
            pass
    with space.database.connect() as conn:
        told = space.reader(conn).timeline("user_id:good", Wanted(limit=1000))
        # What visitors do on a device that the neighbour shares may be hers, too: hers alone are known by their name.
        keys = [one.view.key for one in told if one.name == "Good"]
        assert len(keys) == len(set(keys)) == good
        with pytest.raises(NotFound):
            space.reader(conn).profile("user_id:nobody")


MAPPED = """name: mapped
kind: live
webhook: {event: event}
key: userId
entities:
  - entity: Individual
    attributes: {firstName: data.order_id}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
"""
PLAN = """apiVersion: v3.1.0
kind: DataContract
id: x
version: 1.0.0
status: active
customProperties: [{property: onViolation, value: drop}, {property: onUnknownEvent, value: allow}]
schema:
  - name: paid
    properties:
      - {name: data.total, logicalType: number, logicalTypeOptions: {maximum: 9}}
      - name: data
        logicalType: object
        properties:
          - {name: order_id, logicalType: string, required: true, logicalTypeOptions: {pattern: 'o', maxLength: 5}}
  - name: t
    customProperties: [{property: onViolation, value: block}]
    properties: [{name: data.traits.email, logicalType: string}]
  - name: Order Completed
    properties:
      - {name: total, logicalType: number}
      - {name: products.price, logicalType: number}
  - name: identify
    properties: [{name: address.city, logicalType: string}, {name: age, logicalType: integer}]
"""


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_mutated_bodies_under_a_contract_and_a_mapping(space, caplog):
    caplog.set_level(logging.CRITICAL)
    chance, good = random.Random(12), 0
    keys = {name: add_live_source(space, name) for name in ("web", "mapped")}
    (space.project.folder / "sources/mapped.yaml").write_text(MAPPED)
    (space.project.folder / "contracts").mkdir()
    for name in keys:
        (space.project.folder / f"contracts/{name}.odcs.yaml").write_text(PLAN)
    with TestClient(create_api(space), raise_server_exceptions=False) as client:
        for path in [one for one in intake.paths() if "POST" in one.methods]:
            name = path.dialect.name
            source = "mapped" if name in ("webhook", "cloudevents") else "web"
            for _ in range(4):
                items = [mutated(item, chance) for item in SEEDS[name]]
                neighbour = {**GOOD[name], IDS[name]: f"good-{good}"}
                if source == "web":
                    good += 1
                    items.insert(chance.randrange(len(items) + 1), neighbour)
                body = body_of(name, items, chance)
                assert send(client, path, name, keys[source], body, chance).status_code == 200, path.path
        neighbour = {"userId": "good-1", "event": "paid", "email": "neighbour@example.com", "data": {"order_id": "Jo"}}
        body = json.dumps({"batch": [*(mutated(HOOK[0], chance) for _ in range(20)), neighbour]}).encode()
        hook = next(one for one in intake.paths() if one.dialect.name == "webhook")
        assert send(client, hook, "webhook", keys["mapped"], body, chance).status_code == 200
    with space.writer() as conn:
        thread = LiveThread(space)
        while thread.step(conn, 500).read:
            pass
        assert conn.execute(
            "select count(*) from intake.reject where reason like 'cannot be folded in%'"
        ).fetchone() == (0,)
    with space.database.connect() as conn:
        assert space.reader(conn).profile("user_id:good")["counts"]["CustomEngagement"] == good
        assert space.reader(conn).profile("email:neighbour@example.com")["attributes"]["firstName"]["value"] == "Jo"


PARTS = ("traits", "external_ids", "events", "metadata", "links")
REFS = (
    "user_id:u1",
    "email:ann@example.com",
    "segment_id:use_1",
    "group_id:g1",
    "user_id:",
    ":",
    "x",
    "user_id:%00",
    "%F0%9F",
)
QUERIES = ("limit", "include", "exclude", "next", "verbose", "class", "start", "end", "sort", "purpose")


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_segments_profile_api_falls_over_nothing(space):
    chance, asked = random.Random(13), set()
    key = add_live_source(space, "web")
    with TestClient(create_api(space), raise_server_exceptions=False) as client:
        body = json.dumps({"batch": SEGMENT, "writeKey": key}).encode()
        assert client.post("/v1/batch", content=body).status_code == 200
        with space.writer() as conn:
            LiveThread(space).step(conn)
        client.auth = (create_key(space, ["profiles:read", "review:decide"]), "operations")
        for _ in range(400):
            part, ref = chance.choice(PARTS), chance.choice(REFS)
            query = {
                name: chance.choice(
                    (
                        "1",
                        "10",
                        "true",
                        "u1",
                        "desc",
                        "2026-01-01",
                        "-1",
                        "9" * 30,
                        "\x00",
                        "user_id:u1",
                        "audience",
                        "é",
                    )
                )
                for name in chance.sample(QUERIES, chance.randrange(4))
            }
            where = f"/v1/spaces/default/collections/{chance.choice(('users', 'users', 'accounts', 'x'))}/profiles/{ref}/{part}"
            answer = client.get(where, params=query)
            asked.add(answer.status_code)
            assert answer.status_code < 500, (where, query, answer.text)
        for _ in range(150):
            said = mutated({"delete_external_ids": [{"id": "a1", "type": "cookie"}]}, chance)
            ref = chance.choice(REFS)
            answer = client.post(
                f"/v1/spaces/default/collections/users/profiles/{ref}/external_ids/delete", content=json.dumps(said)
            )
            assert answer.status_code < 500, (ref, said, answer.text)
            asked.add(answer.status_code)
    assert asked >= {200, 400, 404}


ASKED = ("/sourceConfig", "/sourceConfig/", "/flags", "/flags/", "/decide", "/decide/", "/array/{key}/config", "/v1/m",
         "/v1/projects/{key}/settings", "/steelthread.js", "/.well-known/gpc.json")  # fmt: skip
BESIDE = {
    "token": "KEY",
    "api_key": "KEY",
    "distinct_id": "u1",
    "groups": {"company": "g1"},
    "person_properties": PERSON,
}


def odd_text(chance):
    """Return something odd, as it may stand in a query: quoted bytes, some of them no text."""
    value = chance.choice([*ODD, b"\xff\xfe", "a" * 3000, "%", "&=", "+ +"])
    raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    return urllib.parse.quote(raw)


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_what_sdks_ask_besides_falls_over_nothing(space, caplog):
    caplog.set_level(logging.CRITICAL)
    key, chance, answers = add_live_source(space, "web"), random.Random(14), {}
    with TestClient(create_api(space), raise_server_exceptions=False) as client:
        for path in ASKED:
            for _ in range(40):
                where = path.replace("{key}", chance.choice((key, odd_text(chance) or "x")))
                query = "&".join(
                    f"{name}={odd_text(chance)}" for name in chance.sample(("v", "token", "_", "config"), 2)
                )
                query += f"&writeKey={key}" if chance.random() < 0.7 else ""
                body = json.dumps(mutated(BESIDE, chance)).encode() if chance.random() < 0.7 else chance.randbytes(40)
                method = chance.choice(("GET", "POST", "OPTIONS"))
                headers = {"Origin": "https://shop.example", "Content-Type": "text/plain"}
                answer = client.request(method, f"{where}?{query}", content=body, headers=headers)
                answers.setdefault(path, set()).add(answer.status_code)
                assert answer.status_code < 500, (method, where, query, body, answer.text)
    assert all(200 in codes for codes in answers.values()), answers


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_mutated_queries_to_pixels_and_webhooks_lose_no_other(space, caplog):
    caplog.set_level(logging.CRITICAL)
    key, chance, good = add_live_source(space, "web"), random.Random(15), 0
    good_of = {"segment": f"userId=good&event=Good&name=Good&groupId=g1&previousId=p1&writeKey={key}",
               "snowplow": f"e=se&se_ac=Good&uid=good&aid={key}", "webhook": f"userId=good&event=Good&writeKey={key}"}  # fmt: skip
    with TestClient(create_api(space), raise_server_exceptions=False) as client:
        for path in [one for one in intake.paths() if "GET" in one.methods]:
            name, where = path.dialect.name, path.path.replace("{key}", key)
            for number in range(10):
                seed = chance.choice(SEEDS[name])
                fields = {field: chance.choice((odd_text(chance), str(value)[:80])) for field, value in seed.items()}
                query = "&".join(
                    f"{field}={urllib.parse.quote(str(value), safe='%')}" for field, value in fields.items()
                )
                if name == "segment" and number % 2:
                    data = base64.b64encode(json.dumps(mutated(seed, chance)).encode()).decode()
                    query = f"data={chance.choice((data, data[:-7], odd_text(chance)))}"
                answer = client.get(f"{where}?{query}&writeKey={key}&aid={key}")
                assert answer.status_code in (200, 400, 401), (where, query, answer.status_code, answer.text)
                mark = {"segment": "messageId", "snowplow": "eid", "webhook": "n"}[name]
                assert client.get(f"{where}?{good_of[name]}&{mark}=good-{good}").status_code == 200
                good += 1
    with space.writer() as conn:
        thread = LiveThread(space)
        while thread.step(conn, 500).read:
            pass
        broken = conn.execute("select count(*) from intake.reject where reason like 'cannot be folded in%'").fetchone()
    with space.database.connect() as conn:
        counts = space.reader(conn).profile("user_id:good")["counts"]
    assert broken == (0,)
    assert sum(total for name, total in counts.items() if name != "records") >= good - 20, (
        "identify makes no engagement"
    )
