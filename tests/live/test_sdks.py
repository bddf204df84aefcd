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
from snowplow_tracker import Emitter, PageView, StructuredEvent, Subject, Tracker

from steelthread.app import add_write_key

FAULTS = ("kill", 429, 500, "cut", "lost")
"""The server is killed when it has the call, and away for some seconds for all; busy; our fault; the call never arrives; it
arrives and nobody says so."""


def traits(name):
    return {"email": f"{name}@example.com", "firstName": "Ann", "lastName": "Lee", "plan": "gold"}


def speak(client, name):
    """Say the same through a client of Segment's kind."""
    user, visitor, second = f"user-{name}", f"visitor-{name}", f"second-{name}"
    client.page(anonymous_id=visitor, name="Home", properties={"url": "https://shop.example/"})
    client.identify(user_id=user, anonymous_id=visitor, traits=traits(name))
    client.track(user_id=user, event="Signed Up", properties={"value": 3})
    client.screen(user_id=user, name="Start")
    client.group(user_id=user, group_id=f"group-{name}", traits={"name": "Lee Ltd"})
    client.track(anonymous_id=second, event="Looked")
    client.alias(previous_id=second, user_id=user)


def speak_as_posthog(client, name):
    user = f"user-{name}"
    client.capture("Signed Up", distinct_id=user, properties={"value": 3})
    client.set(distinct_id=user, properties=traits(name))
    client.group_identify("company", f"group-{name}", {"name": "Lee Ltd"}, distinct_id=user)
    client.alias(f"second-{name}", user)


def check(served, name, said=("Home", "Looked", "Signed Up", "Start", "alias", "group")):
    """What was said is in the profile once, the second visitor (known by the alias alone) and the account too."""
    profile = served.profile(f"email:{name}@example.com")
    assert {one: profile["attributes"][one]["value"] for one in traits(name) if one != "email"} == {
        "firstName": "Ann", "lastName": "Lee", "plan": "gold",
    }  # fmt: skip
    assert sorted(one["values"]["eventType"] for one in served.timeline(f"user_id:user-{name}")) == sorted(said)
    refs = [f"user_id:user-{name}", f"anonymous_id:second-{name}"]
    refs += [f"anonymous_id:visitor-{name}"] if "Home" in said else []
    for ref in refs:
        assert served.profile(ref)["individualId"] == profile["individualId"], ref
    linked, account = served.account(f"user_id:user-{name}", f"group-{name}")
    assert (linked, account["name"]) == (True, "Lee Ltd")
    status = served.status()
    assert status["accepted"] == status["folded"]
    assert status["rejected"] == 0


@pytest.mark.parametrize("packed", [False, True])
def test_segment(served, packed):
    client = Client(served.write_key, host=served.host, gzip=packed)
    speak(client, "segment")
    client.flush()
    client.join()
    check(served, "segment")


def test_rudderstack(served):
    client = rudderstack.analytics.Client(served.write_key, host=served.host)
    speak(client, "rudderstack")
    client.flush()
    client.join()
    check(served, "rudderstack")


def test_posthog(served):
    client = posthog.Posthog(served.write_key, host=served.host, gzip=True)
    speak_as_posthog(client, "posthog")
    client.shutdown()
    check(served, "posthog", ["Signed Up", "alias", "group"])


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_python_sdks_lose_nothing_and_count_nothing_twice(served, faulty):
    half = len(FAULTS) // 2 + 1  # posthog waits twice as long each time: two clients share them
    proxies = {name: faulty(*FAULTS) for name in ("segment", "rudderstack", "snowplow")}
    proxies |= {"posthog": faulty(*FAULTS[:half]), "another": faulty(*FAULTS[half:])}
    segment = Client(served.write_key, host=proxies["segment"].host)
    rudder = rudderstack.analytics.Client(served.write_key, host=proxies["rudderstack"].host)
    hogs = {
        name: posthog.Posthog(served.write_key, host=proxies[name].host, max_retries=20, flush_interval=0.1)
        for name in ("posthog", "another")
    }
    endpoint = proxies["snowplow"].host.removeprefix("http://")
    emitter = Emitter(endpoint, protocol="http", method="post", batch_size=1, max_retry_delay_seconds=1)
    snowplow = Tracker("t", emitter, app_id=served.write_key, subject=Subject().set_user_id("user-snowplow"))
    for name, hog in hogs.items():
        speak_as_posthog(hog, name)
    speak(segment, "segment")
    speak(rudder, "rudderstack")
    for number in range(6):
        snowplow.track(StructuredEvent("shop", "Clicked", value=number))
    snowplow.track(PageView("https://shop.example/", "Home"))
    for client in (segment, rudder):
        client.flush()
        client.join()
    for hog in hogs.values():
        hog.shutdown()
    deadline = time.monotonic() + 60
    while emitter.event_store.size():
        assert time.monotonic() < deadline
        snowplow.flush()
        time.sleep(0.2)
    for name, proxy in proxies.items():
        assert not proxy.left, (name, proxy.seen)
    for name in ("segment", "rudderstack"):
        check(served, name)
    for name in hogs:
        check(served, name, ["Signed Up", "alias", "group"])
    counts = served.profile("user_id:user-snowplow")["counts"]
    assert (counts["CustomEngagement"], counts["WebsiteEngagement"]) == (6, 1)
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
def test_calls_that_nobody_can_take(shared, body, status):
    assert shared.post("/v1/batch", body)[0] == status


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
