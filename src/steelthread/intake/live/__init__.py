"""Live events: the words, the dialects in which SDKs tell them, the keys that let them in."""

from steelthread.intake.live.decoding import BODY_LIMIT, Decoded, Refusal, document, unpacked
from steelthread.intake.live.identifiers import SHARED_NAMESPACE, identifiers
from steelthread.intake.live.keys import key_digest, live_sources, make_write_key, revoke_write_key, source_of_key
from steelthread.intake.live.messages import count_live, forget_messages, keep_messages, live_counts
from steelthread.intake.live.posthog import decode as decode_posthog
from steelthread.intake.live.segment import SHORT, TYPES
from steelthread.intake.live.segment import decode as decode_segment
from steelthread.intake.live.state import PartyState, told_traits
from steelthread.intake.live.types import Acceptor, LiveSource, Message, MessageType
from steelthread.intake.live.words import Words, moment

__all__ = [
    "BODY_LIMIT",
    "SHARED_NAMESPACE",
    "SHORT",
    "TYPES",
    "Acceptor",
    "Decoded",
    "LiveSource",
    "Message",
    "MessageType",
    "PartyState",
    "Refusal",
    "Words",
    "count_live",
    "decode_posthog",
    "decode_segment",
    "document",
    "forget_messages",
    "identifiers",
    "keep_messages",
    "key_digest",
    "live_counts",
    "live_sources",
    "make_write_key",
    "moment",
    "revoke_write_key",
    "source_of_key",
    "told_traits",
    "unpacked",
]
