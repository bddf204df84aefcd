"""Whatever a client sends, a dialect gives events and refusals, or says Invalid; a bad event never takes its neighbours."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelthread import intake
from steelthread.kit import Invalid

NOW = 1_790_000_000_000_000
GOOD = {"type": "track", "event": "Good", "userId": "u1", "messageId": "m1"}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([2**64, -(2**63) - 1, 10**400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from([
    "type", "event", "userId", "anonymousId", "messageId", "timestamp", "sentAt", "originalTimestamp", "context", "traits",
    "properties", "integrations", "groupId", "previousId", "distinct_id", "uuid", "$set", "$set_once", "sent_at",
])  # fmt: skip
DECODERS = [intake.decode_segment, intake.decode_posthog]


def kept(decoded):
    """Every message can be kept, and read back as it was."""
    for message in decoded.messages:
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=intake.Message).id == message.id
    return decoded


@pytest.mark.parametrize("decode", DECODERS)
@settings(max_examples=300, deadline=None)
@given(
    items=st.lists(st.dictionaries(FIELDS, JSON, max_size=6) | JSON, max_size=3), around=st.dictionaries(FIELDS, JSON)
)
def test_anything_is_an_event_a_refusal_or_invalid(decode, items, around):
    good = {**GOOD, "distinct_id": "u1"}
    body = json.dumps({**around, "batch": [*items, good]}).encode()
    try:
        raw = intake.document(body)
    except Invalid:
        return
    decoded = kept(decode(raw, NOW))
    assert len(decoded.messages) + len(decoded.refusals) == len(raw["batch"])
    assert "Good" in [message.event for message in decoded.messages]


@settings(max_examples=300, deadline=None)
@given(st.binary())
def test_any_bytes_are_an_object_or_invalid(body):
    try:
        found = intake.document(intake.unpacked(body, ""))
    except Invalid:
        return
    assert isinstance(found, dict)


def test_an_integer_beyond_64_bits_is_kept_as_text():
    item = {**GOOD, "properties": {"n": 2**64, "deep": [{"m": -(2**63) - 1}], "fits": 2**63}}
    raw = intake.document(json.dumps({"batch": [item], "context": {"n": 2**64}}).encode())
    (message,) = kept(intake.decode_segment(raw, NOW)).messages
    assert message.context == {"n": str(2**64)}
    assert message.properties == {"n": str(2**64), "deep": [{"m": str(-(2**63) - 1)}], "fits": 2**63}


@pytest.mark.parametrize("time", [10**400, -(10**400), 1e300, "soon", {}, True])
def test_a_time_that_is_none_is_the_time_of_arrival(time):
    decoded = intake.decode_segment({"batch": [{**GOOD, "timestamp": time}, GOOD], "sentAt": time}, NOW)
    assert [message.timestamp for message in decoded.messages] == [NOW, NOW]


def test_what_a_batch_says_holds_for_each_event():
    around = {"traits": {"email": "ann@example.com"}, "externalIds": [{"type": "device_id", "id": "d1"}]}
    item = {"type": "identify", "userId": "u1"}
    (message,) = intake.decode_segment({"batch": [item], "context": around}, NOW).messages
    assert message.traits == {"email": "ann@example.com"}
    assert message.external_ids == [("device_id", "d1")]
