"""Computed traits of a running server: defined while it runs, filled, served, and told to Segment's API."""

import base64
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from tests import commands

from steelthread.api import list_keys, revoke_key

PROFILE = """
traits:
  views: {function: count, event: Product Viewed, window: 30 days}
  spent: {function: sum, entity: SalesOrder, attribute: grandTotalAmount}
  favourite: {function: most_frequent, event: Product Viewed, attribute: properties.category}
"""


def view(served, category):
    said = {"type": "track", "event": "Product Viewed", "userId": "u1", "properties": {"category": category}}
    assert served.post("/v1/track", {**said, "writeKey": served.write_key})[0] == 200


def test_traits_are_defined_filled_and_served_while_events_come(served):
    for category in ("tea", "cups", "tea"):
        view(served, category)
    assert "traits" not in served.profile("user_id:u1")
    folder = served.space.project.folder
    (folder / "profile.yaml").write_text(PROFILE)
    command = [sys.executable, "-m", "steelthread", "trait", "fill", "--json", "--project", str(folder)]
    told = json.loads(commands.run(command, check=True).stdout)
    assert {one["name"]: one["filled"] for one in told} == {"views": True, "spent": True, "favourite": True}
    view(served, "tea")
    order = {
        "type": "track",
        "event": "Order Completed",
        "userId": "u1",
        "properties": {"order_id": "1", "total": 12.5},
    }
    served.post("/v1/track", {**order, "writeKey": served.write_key})
    ref = "/api/profiles/" + urllib.parse.quote("user_id:u1", safe="")
    deadline = time.monotonic() + 20  # a server remembers for some seconds which traits there are
    while "traits" not in (found := served.get(ref, wait=10)):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert found["traits"] == {
        "views": {"value": 4, "function": "count", "over": "30 days"},
        "spent": {"value": 12.5, "function": "sum", "over": "lifetime"},
        "favourite": {"value": "tea", "function": "most_frequent", "over": "lifetime"},
    }
    assert served.get(ref, traits="views")["traits"] == {"views": found["traits"]["views"]}
    assert {one["name"]: one["ownersDone"] for one in served.get("/api/traits")["traits"]}["views"] >= 1
    url = f"{served.host}/v1/spaces/default/collections/users/profiles/user_id:u1/traits?class=computed_trait"
    user = base64.b64encode(f"{served._key}:operations:".encode()).decode()
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {user}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.loads(answer.read())["traits"] == {"favourite": "tea", "spent": 12.5, "views": 4}


def test_a_stream_ends_when_its_key_is_revoked(served):
    (key,) = list_keys(served.space)
    with served.stream("/api/changes") as changes:
        revoke_key(served.space, key["number"])
        began = time.monotonic()
        assert list(changes) == []
        assert time.monotonic() - began < 15
    with pytest.raises(urllib.error.HTTPError, match="401"), served.stream("/api/changes"):
        pass
