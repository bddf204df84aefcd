"""Live events: the words, the dialects in which SDKs tell them, the keys that let them in."""

from steelthread.intake.live.bodies import BODY_LIMIT, document, unpacked
from steelthread.intake.live.calls import Call, Dialect, read_json, write_key
from steelthread.intake.live.cloudevents import decode as decode_cloudevents
from steelthread.intake.live.commerce import (
    CART,
    GOODS,
    ORDER,
    PRODUCT,
    CartState,
    OrderState,
    ProductState,
    day_of,
    goods_of,
    is_robots,
)
from steelthread.intake.live.decoding import Decoded, Refusal
from steelthread.intake.live.devices import DEVICE, device_mark, device_record
from steelthread.intake.live.dialects import Path, paths
from steelthread.intake.live.homes import Home, homes_of
from steelthread.intake.live.identifiers import SHARED_NAMESPACE, has_one_name, identifiers, name_of
from steelthread.intake.live.keys import key_digest, live_sources, make_write_key, revoke_write_key, source_of_key
from steelthread.intake.live.messages import count_live, forget_messages, keep_messages, live_counts, messages_before
from steelthread.intake.live.posthog import api_key as posthog_key
from steelthread.intake.live.posthog import decode as decode_posthog
from steelthread.intake.live.posthog import remote_config as posthog_config
from steelthread.intake.live.record_keys import SDK, id_of
from steelthread.intake.live.segment import decode as decode_segment
from steelthread.intake.live.snowplow import decode as decode_snowplow
from steelthread.intake.live.source_file import LiveFile
from steelthread.intake.live.state import PartyState, told_traits
from steelthread.intake.live.surroundings import Surroundings
from steelthread.intake.live.types import Acceptor, LiveSource, Message, MessageType
from steelthread.intake.live.webhook import cells
from steelthread.intake.live.words import Words, moment

__all__ = [
    "BODY_LIMIT",
    "CART",
    "DEVICE",
    "GOODS",
    "ORDER",
    "PRODUCT",
    "SDK",
    "SHARED_NAMESPACE",
    "Acceptor",
    "Call",
    "CartState",
    "Decoded",
    "Dialect",
    "Home",
    "LiveFile",
    "LiveSource",
    "Message",
    "MessageType",
    "OrderState",
    "PartyState",
    "Path",
    "ProductState",
    "Refusal",
    "Surroundings",
    "Words",
    "cells",
    "count_live",
    "day_of",
    "decode_cloudevents",
    "decode_posthog",
    "decode_segment",
    "decode_snowplow",
    "device_mark",
    "device_record",
    "document",
    "forget_messages",
    "goods_of",
    "has_one_name",
    "homes_of",
    "id_of",
    "identifiers",
    "is_robots",
    "keep_messages",
    "key_digest",
    "live_counts",
    "live_sources",
    "make_write_key",
    "messages_before",
    "moment",
    "name_of",
    "paths",
    "posthog_config",
    "posthog_key",
    "read_json",
    "revoke_write_key",
    "source_of_key",
    "told_traits",
    "unpacked",
    "write_key",
]
