"""Every path of every dialect takes an event, and every way to show the key lets it in."""

import base64
import json
import urllib.parse

import pytest
from starlette.testclient import TestClient

from steelthread.api import create_api
from steelthread.app import add_live_source
from steelthread.intake import paths
from steelthread.thread import LiveThread

TYPES = ("track", "identify", "page", "screen", "group", "alias")
SNOWPLOW = "/com.snowplowanalytics.snowplow/tp2"


@pytest.fixture
def shop(space):
    """A client of the collector, and its write key."""
    with TestClient(create_api(space)) as client:
        yield client, add_live_source(space, "web")


def event(type_, who):
    said = {"type": type_, "userId": who, "anonymousId": f"at {who}"}
    more = {
        "track": {"event": "Seen"}, "identify": {"traits": {"plan": "gold"}}, "page": {"name": "Home"},
        "screen": {"name": "Start"}, "group": {"groupId": "g1", "traits": {"name": "Lee"}}, "alias": {"previousId": f"at {who}"},
    }  # fmt: skip
    return {**said, **more[type_]}


def segment(key):
    """Return a call for each path of Segment's kind: (path, body, who)."""
    names = {one: one for one in TYPES} | dict(zip("tipsga", TYPES, strict=True))
    for front in ("/v1", "/api/s", "/api/s/s2s"):
        for name, type_ in names.items():
            path = f"{front}/{name}"
            yield path, {**event(type_, path), "writeKey": key}, path
        for name in ("batch", "import", "b"):
            path = f"{front}/{name}"
            yield path, {"batch": [event(type_, path) for type_ in TYPES], "writeKey": key}, path
    yield "/beacon/v1/batch", {"batch": [event(type_, "beacon") for type_ in TYPES], "writeKey": key}, "beacon"


def other(key):
    """Return a call for each path of the other dialects."""
    for path in ("/batch", "/capture", "/e", "/i/v0/e", "/track"):
        for end in ("", "/"):
            one = {"event": "Seen", "distinct_id": path + end}
            yield (
                path + end,
                {"api_key": key, "batch": [one]} if path == "/batch" else {"api_key": key, **one},
                path + end,
            )
    schema = "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4"
    for path, app in ((SNOWPLOW, key), (f"/snowplow/{key}/tp2", "shop")):
        page = {"e": "pv", "aid": app, "uid": path, "url": "https://shop.example/", "p": "web", "tv": "t-1"}
        yield path, {"schema": schema, "data": [page]}, path
    for path in ("/v1/webhook", f"/webhooks/{key}"):
        yield path, {"userId": path, "event": "Seen"}, path
    for path in ("/cloudevents", f"/cloudevents/{key}"):
        yield path, {"specversion": "1.0", "id": path, "source": "/till", "type": "sold", "subject": path}, path


def pixels(key):
    """Return a query for each pixel."""
    for front in ("/pixel/v1", "/v1/pixel"):
        for type_ in TYPES:
            said = event(type_, f"{front} {type_}")
            data = base64.b64encode(json.dumps({**said, "writeKey": key}).encode()).decode()
            yield f"{front}/{type_}?data={urllib.parse.quote(data)}", f"{front} {type_}"
    for path, app in (("/i", key), (f"/snowplow/{key}/i", "shop")):
        yield f"{path}?e=pv&aid={app}&uid={urllib.parse.quote(path)}&url=https://shop.example/&p=web&tv=t-1", path


def people(space, refs):
    """Return who answers to these references, after all that came is folded in."""
    with space.writer() as conn:
        thread = LiveThread(space)
        while thread.step(conn).read:
            pass
    with space.database.connect() as conn:
        return {ref: space.reader(conn).profile(f"user_id:{ref}") for ref in refs}


def test_every_path_takes_an_event(space, shop):
    client, key = shop
    header, wanted, asked = {"X-Write-Key": key}, [], set()
    for path, body, who in [*segment(key), *other(key)]:
        kind = {"Content-Type": "application/cloudevents+json"} if path.startswith("/cloudevents") else {}
        webhook = path in ("/v1/webhook", "/cloudevents")
        answer = client.post(path, content=json.dumps(body), headers={**kind, **(header if webhook else {})})
        assert answer.status_code == 200, (path, answer.text)
        assert answer.json()["refused"] == 0, path
        wanted.append(who)
        asked.add(path.replace(key, "{key}"))
    for path, who in pixels(key):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif"), path
        wanted.append(who)
        asked.add(path.partition("?")[0].replace(key, "{key}"))
    assert {one.path for one in paths()} - asked == {"/v1/merge"}, "each path is asked, but for one of identifiers only"
    assert set(people(space, wanted)) == set(wanted)


@pytest.mark.parametrize("how", ["basic", "bearer", "header", "body", "query"])
def test_a_key_is_shown_in_each_way(space, shop, how):
    client, key = shop
    basic = base64.b64encode(f"{key}:".encode()).decode()
    headers = {"basic": {"Authorization": f"Basic {basic}"}, "bearer": {"Authorization": f"Bearer {key}"},
               "header": {"X-Write-Key": key}}.get(how, {})  # fmt: skip
    body = {**event("track", how), **({"writeKey": key} if how == "body" else {})}
    path = f"/v1/track?writeKey={key}" if how == "query" else "/v1/track"
    assert client.post(path, json=body, headers=headers).status_code == 200
    assert people(space, [how])[how]["counts"]["CustomEngagement"] == 1
    wrong = {name: value.replace(key, "st_wrong").replace(basic, "c3Q6") for name, value in headers.items()}
    assert client.post("/v1/track", json=event("track", how), headers=wrong).status_code == 401


def test_what_sdks_ask_besides_is_answered(shop):
    client, key = shop
    assert client.post("/v1/m", json={"series": []}).status_code == 200
    assert client.get(f"/v1/projects/{key}/settings").json()["integrations"]["Segment.io"]["apiKey"] == key
    told = client.get("/sourceConfig", params={"writeKey": key}).json()["source"]
    assert told["writeKey"] == key
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Headers": "authorization,content-type"}
    answer = client.options("/v1/t", headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "https://shop.example")
    assert "authorization" in answer.headers["access-control-allow-headers"]
