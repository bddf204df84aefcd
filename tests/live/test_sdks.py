"""Unmodified SDKs against our collector: track, identify, page, group, alias; their events are in the profile."""

import gzip
import json
import os
import signal
import time

import posthog
import pytest
import rudderstack.analytics
from segment.analytics.client import Client
from snowplow_tracker import Emitter, StructuredEvent, Subject, Tracker

from steelthread.app import add_write_key

TRAITS = {"email": "ann@example.com", "firstName": "Ann", "lastName": "Lee", "plan": "gold"}


def speak(client):
    """Say the same through a client of Segment's kind."""
    client.page(anonymous_id="a1", name="Home", properties={"url": "https://shop.example/"})
    client.identify(user_id="u1", anonymous_id="a1", traits=TRAITS)
    client.track(user_id="u1", event="Signed Up", properties={"value": 3})
    client.screen(user_id="u1", name="Start")
    client.group(user_id="u1", group_id="g1", traits={"name": "Lee Ltd"})
    client.alias(previous_id="a1", user_id="u1")
    client.flush()


def check(served):
    profile = served.profile("email:ann@example.com")
    assert profile["attributes"]["firstName"]["value"] == "Ann"
    assert profile["counts"]["WebsiteEngagement"] == 1
    assert profile["counts"]["AppEngagement"] == 1
    assert profile["counts"]["CustomEngagement"] >= 1
    assert served.profile("user_id:u1")["individualId"] == profile["individualId"]
    assert served.profile("anonymous_id:a1")["individualId"] == profile["individualId"]
    status = served.status()
    assert status["accepted"] == status["folded"]
    assert status["rejected"] == 0


@pytest.mark.parametrize("packed", [False, True])
def test_segment(served, packed):
    client = Client(served.write_key, host=served.host, gzip=packed)
    speak(client)
    client.join()
    check(served)


def test_rudderstack(served):
    client = rudderstack.analytics.Client(served.write_key, host=served.host)
    speak(client)
    client.join()
    check(served)


def test_posthog(served):
    client = posthog.Posthog(served.write_key, host=served.host, gzip=True)
    client.capture("signed up", distinct_id="u1", properties={"value": 3})
    client.set(distinct_id="u1", properties=TRAITS)
    client.group_identify("company", "g1", {"name": "Lee Ltd"}, distinct_id="u1")
    client.alias("a1", "u1")
    client.shutdown()
    profile = served.profile("email:ann@example.com")
    assert profile["attributes"]["lastName"]["value"] == "Lee"
    assert profile["counts"]["CustomEngagement"] >= 1
    assert served.profile("anonymous_id:a1")["individualId"] == profile["individualId"]


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_python_sdks_lose_nothing_and_count_nothing_twice(served, faulty):
    faults = (429, 500, "cut", "lost")
    proxies = {name: faulty(*faults) for name in ("segment", "rudderstack", "posthog", "snowplow")}
    proxies["segment"].left.append("kill")  # the server is away for some seconds for all
    segment = Client(served.write_key, host=proxies["segment"].host)
    rudder = rudderstack.analytics.Client(served.write_key, host=proxies["rudderstack"].host)
    hog = posthog.Posthog(served.write_key, host=proxies["posthog"].host, max_retries=20, flush_interval=0.1)
    endpoint = proxies["snowplow"].host.removeprefix("http://")
    emitter = Emitter(endpoint, protocol="http", method="post", batch_size=1, max_retry_delay_seconds=1)
    snowplow = Tracker("t", emitter, app_id=served.write_key, subject=Subject().set_user_id("snowplow"))
    for number in range(6):
        segment.track(user_id="segment", event="Clicked", properties={"n": number})
        rudder.track(user_id="rudderstack", event="Clicked", properties={"n": number})
        hog.capture("Clicked", distinct_id="posthog", properties={"n": number})
        snowplow.track(StructuredEvent("shop", "Clicked", value=number))
    for client in (segment, rudder):
        client.flush()
        client.join()
    hog.shutdown()
    deadline = time.monotonic() + 60
    while emitter.event_store.size():
        assert time.monotonic() < deadline
        snowplow.flush()
        time.sleep(0.2)
    for name, proxy in proxies.items():
        assert not proxy.left, (name, proxy.seen)
        assert served.profile(f"user_id:{name}")["counts"]["CustomEngagement"] == 6, (name, proxy.seen)
    assert served.status()["duplicates"] > len(proxies)


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost_or_counted_twice(served):
    client = Client(served.write_key, host=served.host, sync_mode=True)
    for number in range(40):
        client.track(user_id="u1", event="Clicked", message_id=f"m{number}")
        if number % 8 == 0:
            for worker in served.workers():
                os.kill(worker, signal.SIGKILL)
    client.track(user_id="u1", event="Clicked", message_id="m7")
    assert served.profile("user_id:u1")["counts"]["CustomEngagement"] == 40
    assert served.status()["duplicates"] == 1


def test_what_the_browser_needs(served):
    status, headers, _ = served.post("/v1/t", b"", Origin="https://shop.example")
    assert (status, headers["Access-Control-Allow-Origin"]) == (400, "https://shop.example")
    said = {"type": "track", "event": "Clicked", "anonymousId": "b1", "writeKey": served.write_key}
    status, _, body = served.post("/v1/t", said, **{"Content-Type": "text/plain"})
    assert (status, json.loads(body)["success"]) == (200, True)
    assert served.profile("anonymous_id:b1")["counts"]["CustomEngagement"] == 1
    settings = served.get(f"/v1/projects/{served.write_key}/settings")
    assert settings["integrations"]["Segment.io"]["apiHost"] == f"127.0.0.1:{served.port}/v1"


def test_a_bad_event_does_not_lose_its_neighbours(served):
    batch = [
        {"type": "track", "event": "Good", "userId": "u1", "properties": {"text": "a\u0000b"}},
        {"type": "track", "userId": "u1"},
        {"type": "nonsense", "userId": "u1"},
        "no object",
        {"type": "track", "event": "Good", "userId": 42, "timestamp": "not a time"},
        {"type": "track", "event": "Large", "userId": "u1", "properties": {"text": "x" * 40_000}},
    ]
    body = gzip.compress(json.dumps({"batch": batch, "writeKey": served.write_key}).encode())
    status, _, _ = served.post("/v1/batch", body, **{"Content-Encoding": "gzip"})
    assert status == 200
    assert served.profile("user_id:u1")["counts"]["CustomEngagement"] == 1
    assert served.profile("user_id:42")["counts"]["CustomEngagement"] == 1
    assert served.status()["rejected"] == 4


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[1]", 401),
        (b"\xff\xfe", 400),
        (b'{"writeKey": "wrong", "batch": []}', 401),
        (b"x" * 4_100_000, 413),
    ],
)
def test_calls_that_nobody_can_take(served, body, status):
    assert served.post("/v1/batch", body)[0] == status


def test_a_key_rotates_without_a_gap(served):
    second = add_write_key(served.space, "web")
    said = {"type": "track", "event": "Clicked", "userId": "u1"}
    assert served.post("/v1/track", {**said, "writeKey": second})[0] == 200
    add_write_key(served.space, "web", revoke=served.write_key)
    deadline = time.monotonic() + 20
    while served.post("/v1/track", {**said, "writeKey": served.write_key})[0] != 401:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert served.post("/v1/track", {**said, "writeKey": second})[0] == 200


def test_what_no_decoder_should_fall_over(served):
    batch = [
        {"type": "track", "event": "Big", "userId": "u1", "properties": {"n": 2**64}},
        {"type": "track", "event": "Late", "userId": "u1", "timestamp": 10**400},
        {"type": "track", "userId": "u1"},
    ]
    assert served.post("/v1/batch", {"batch": batch, "writeKey": served.write_key})[0] == 200
    assert served.profile("user_id:u1")["counts"]["CustomEngagement"] == 2
    assert served.status()["rejected"] == 1
    for header in ("Basic \u00e9\u00e9", "Basic !!"):
        assert served.post("/v1/batch", {"batch": batch}, Authorization=header.encode("latin-1"))[0] == 400
