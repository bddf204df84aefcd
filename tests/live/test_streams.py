"""Watching and following: live events with their verdict, changes of profiles with resume, LISTEN/NOTIFY."""

import json
import subprocess
import sys
import time
import urllib.error

import jsonschema
import psycopg
import pytest

from steelthread.api.asyncapi import event_schema
from steelthread.thread import changes_since


def track(served, user, event="Clicked", number="", **more):
    said = {"type": "track", "event": event, "userId": user, "writeKey": served.write_key, **more}
    if number:
        said["messageId"] = number
    status, _, _ = served.post("/v1/track", said)
    assert status == 200


def test_each_event_is_seen_within_a_second_with_what_it_did(served):
    track(served, "u0")
    served.profile("user_id:u0")
    with served.stream("/api/events/live?purpose=operations") as events:
        began = time.monotonic()
        track(served, "u1", number="m1", properties={"revenue": "12.5"})
        _, verdict, told = next(events)
        assert time.monotonic() - began < 1
        individual = served.profile("user_id:u1")["individualId"]
        assert (verdict, told["messageId"], told["event"]) == ("folded", "m1", "Clicked")
        assert told["profile"] == {"individualId": individual, "did": "created"}
        assert told["records"][0]["entity"] == "CustomEngagement"
        assert told["records"][0]["values"]["amount"] == "12.5"
        jsonschema.validate(told, event_schema(), format_checker=jsonschema.FormatChecker())
        track(served, "u1", number="m1")
        assert next(events)[1] == "duplicate"
        track(served, "u1", number="m2")
        assert next(events)[2]["profile"]["did"] == "changed"
        served.post("/v1/track", {"type": "track", "userId": "u1", "writeKey": served.write_key})
        _, verdict, told = next(events)
        assert (verdict, told["reason"]) == ("refused", "a track event without `event`")
        track(served, "", anonymousId="a1")
        anonymous = next(events)[2]["profile"]["individualId"]
        body = {"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {"plan": "gold"}}
        served.post("/v1/identify", {**body, "writeKey": served.write_key})
        told = next(events)[2]
        assert told["profile"] == {"individualId": individual, "did": "merged", "gone": [anonymous]}
        assert told["records"][0]["unmapped"] == {"plan": "gold"}


def test_tail_at_the_command_line(served):
    command = [sys.executable, "-m", "steelthread", "tail", "--json", "--events", "2"]
    folder = str(served.space.project.folder)
    with subprocess.Popen([*command, "--project", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert b"Watching" in process.stderr.readline()
        time.sleep(0.5)
        track(served, "u1")
        track(served, "u2", "Signed Up")
        lines = [json.loads(line) for line in process.stdout]
    assert [one["event"] for one in lines] == ["Clicked", "Signed Up"]
    assert {one["verdict"] for one in lines} == {"folded"}


def test_changes_resume_where_a_client_stopped(served):
    with served.stream("/api/changes") as changes:
        track(served, "u1")
        number, kind, first = next(changes)
        assert (kind, first["type"], first["specversion"]) == ("profile.created", "profile.created", "1.0")
    track(served, "u2")
    track(served, "u3")
    wanted = {served.profile(f"user_id:u{one}")["individualId"] for one in (2, 3)}
    seen = []
    with served.stream("/api/changes?types=profile.created", **{"Last-Event-ID": number}) as changes:
        seen = [next(changes), next(changes)]
    assert {content["subject"] for _, _, content in seen} == wanted
    with served.stream(f"/api/changes?types=profile.created&since={seen[0][0]}") as changes:
        assert next(changes) == seen[1]


def test_pages_of_changes_give_each_change_once(served):
    for number in range(7):
        track(served, f"u{number}")
    served.profile("user_id:u6")
    found, following = [], "0"
    while True:
        page = served.get("/api/changes", since=following, limit=2)
        assert len(page["changes"]) <= 2
        if not page["changes"] and page["next"] == following:
            break
        found += page["changes"]
        following = page["next"]
    created = [one["subject"] for one in found if one["type"] == "profile.created"]
    assert len(created) == len(set(created)) == 7
    assert len({one["id"] for one in found}) == len(found)
    assert served.get("/api/changes/head")["next"] == following
    with pytest.raises(urllib.error.HTTPError, match="400"):
        served.get("/api/changes", since="yesterday")


def test_a_program_on_the_same_database_hears_of_a_change(served):
    with psycopg.connect(served.space.database.conninfo, autocommit=True) as conn:
        conn.execute("listen steelthread_identity")
        track(served, "u1")
        heard = list(conn.notifies(timeout=10, stop_after=1))[-1]
        with served.space.database.connect() as other:
            assert int(heard.payload) == served.space.log.head(other, "identity")
            told = changes_since(served.space, other, "0", 10).events
    assert [one["type"] for one in told] == ["profile.created", "profile.changed"]
