"""Live events: the words, the dialects in which SDKs tell them, the keys that let them in."""

from steelthread.intake.live.types import Acceptor, LiveSource, Message, MessageType

__all__ = ["Acceptor", "LiveSource", "Message", "MessageType"]
