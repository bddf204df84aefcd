"""Live events: the words, the dialects in which SDKs tell them, the keys that let them in."""

from steelthread.intake.live.identifiers import SHARED_NAMESPACE, identifiers
from steelthread.intake.live.messages import count_live, forget_messages, keep_messages, live_counts
from steelthread.intake.live.state import PartyState
from steelthread.intake.live.types import Acceptor, LiveSource, Message, MessageType
from steelthread.intake.live.words import Words, moment

__all__ = [
    "SHARED_NAMESPACE",
    "Acceptor",
    "LiveSource",
    "Message",
    "MessageType",
    "PartyState",
    "Words",
    "count_live",
    "forget_messages",
    "identifiers",
    "keep_messages",
    "live_counts",
    "moment",
]
