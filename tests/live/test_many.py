"""Many connections that wait for their answers: nobody is refused, and folding keeps up."""

import http.client
import json
import threading
import time

import pytest

CONNECTIONS, EVENTS, SECONDS = 64, 5, 3.0
"""Each connection sends its next call of so many events when the last one was answered, for so long."""


def send(served, number, ends, said):
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    calls = 0
    while time.monotonic() < ends:
        events = [
            {"type": "track", "event": "Clicked", "userId": f"u{number % 8}", "messageId": f"{number}-{calls}-{one}"}
            for one in range(EVENTS)
        ]
        body = json.dumps({"batch": events, "writeKey": served.write_key})
        connection.request("POST", "/v1/batch", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        said.append((number % 8, answer.status))
        calls += 1
    connection.close()


def check(served):
    """Send through all connections at once; return the longest that folding trailed, in seconds."""
    first = {"type": "track", "event": "Started", "userId": "u0", "messageId": "first", "writeKey": served.write_key}
    assert served.post("/v1/track", first)[0] == 200
    served.profile("user_id:u0")  # the worker is there
    said, lags, ends = [], [], time.monotonic() + SECONDS
    senders = [threading.Thread(target=send, args=(served, number, ends, said)) for number in range(CONNECTIONS)]
    for sender in senders:
        sender.start()
    while any(sender.is_alive() for sender in senders):
        lags.append(served.status()["lagSeconds"])
        time.sleep(0.1)
    assert {status for _, status in said} == {200}
    assert len(said) >= CONNECTIONS
    for person in range(8):
        sent = EVENTS * sum(one == person for one, _ in said) + (person == 0)
        assert served.profile(f"user_id:u{person}")["counts"]["CustomEngagement"] == sent
    return max(lags)


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_64_connections_see_no_429_and_each_event_is_there(served):
    check(served)


@pytest.mark.soak
@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_folding_trails_64_connections_by_less_than_two_seconds(served):
    """On a machine that does nothing else (`benchmarks/overload.py 20 64` does it with real-sized events)."""
    assert check(served) < 2
