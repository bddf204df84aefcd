"""Watching: what contracts keep out and drop, what a mapping gives, and nothing of whoever was erased."""

import json

import msgspec
import pytest

from steelthread.app import add_live_source, source_number
from steelthread.intake import Message
from steelthread.kit import now
from steelthread.model import Received
from steelthread.rights import erase
from steelthread.thread import LiveThread, Tail, shown

AT = int(now().timestamp() * 1_000_000)
PLAN = """apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
customProperties:
  - {property: onUnknownEvent, value: block}
  - {property: onUnknownProperty, value: drop}
schema:
  - name: Seen
    properties: [{name: revenue, logicalType: number}]
"""
MAPPING = """name: shop
kind: live
key: customer
entities:
  - entity: Individual
    attributes: {firstName: first}
"""


def event(number, name="Seen", user="u1", **more):
    return Message(id=f"m{number}", type="track", timestamp=AT, received=AT, event=name, user_id=user, **more)


@pytest.fixture
def watch(space):
    """Fold events in and return what a tail shows of them."""
    add_live_source(space, "shop")

    def fold(*events, watched=True):
        with space.database.connect() as watching, space.writer() as conn:
            tail = Tail(space, watching)
            number = source_number(conn, "shop")
            facts = [Received(number, msgspec.msgpack.encode(one)) for one in events]
            space.log.append(conn, "received", facts, hours=1)
            conn.commit()
            thread = LiveThread(space)
            while thread.step(conn).read:
                pass
            watching.rollback()
            return tail.step(watching) if watched else []

    return fold


def test_what_a_contract_blocks_is_refused_and_what_it_drops_is_not_shown(space, watch):
    (space.project.folder / "contracts").mkdir()
    (space.project.folder / "contracts/shop.odcs.yaml").write_text(PLAN)
    told = watch(event(1, properties={"revenue": 3, "secret": "x"}), event(2, "Unknown"))
    folded, refused = (next(one for one in told if one.get("messageId") == name) for name in ("m1", "m2"))
    assert folded["verdict"] == "folded"
    assert json.loads(folded["records"][0]["values"]["properties"]) == {"revenue": 3}
    assert (refused["verdict"], "records" in refused) == ("refused", False)
    assert any("refused" in line for line in shown(told))


def test_each_refused_event_is_shown_once_with_its_reason(space, watch):
    (space.project.folder / "contracts").mkdir()
    (space.project.folder / "contracts/shop.odcs.yaml").write_text(
        PLAN.replace("logicalType: number}]", "required: true}]")
    )
    (space.project.sources / "shop.yaml").write_text(MAPPING)
    said = {"type": "track", "timestamp": AT, "received": AT, "mapped": True, "per_source": True}
    keyless = Message(id="m3", event="Seen", properties={"revenue": 3, "first": "Bob"}, **said)
    told = watch(event(1, "Unknown"), keyless, event(2, properties={"revenue": 3}))
    assert [(one["messageId"], one["verdict"]) for one in told] == [
        ("m1", "refused"),
        ("m3", "refused"),
        ("m2", "folded"),
    ]
    assert told[0]["reason"] == "contract: unknown event"
    assert "customer" in told[1]["reason"]
    assert shown(told)[0].endswith("shop  refused  track Unknown: contract: unknown event")


def test_a_mapped_event_shows_the_records_of_its_mapping(space, watch):
    (space.project.sources / "shop.yaml").write_text(MAPPING)
    said = {"type": "track", "timestamp": AT, "received": AT, "mapped": True, "per_source": True}
    good = Message(id="w1", properties={"customer": "7", "first": "Ann"}, **said)
    keyless = Message(id="w2", properties={"first": "Bob"}, **said)
    told = {one["messageId"]: one for one in watch(good, keyless) if "messageId" in one}
    record = told["w1"]["records"][0]
    assert (record["entity"], record["key"], record["values"]) == ("Individual", "7", {"firstName": "Ann"})
    assert told["w1"]["profile"]["did"] == "created"
    assert told["w2"]["verdict"] == "refused"
    assert "customer" in told["w2"]["reason"]


def test_nothing_is_shown_of_whoever_was_erased(space, watch):
    watch(event(1, user="needle"), watched=False)
    erase(space, "user_id:needle", "test")
    told = watch(event(2, user="needle", properties={"revenue": 1}), event(3, user="other"))
    gone, kept = (next(one for one in told if one.get("messageId") == name) for name in ("m2", "m3"))
    assert (gone["verdict"], gone["reason"]) == ("refused", "it is of somebody who was erased")
    assert "needle" not in json.dumps(told)
    assert kept["profile"]["did"] == "created"
