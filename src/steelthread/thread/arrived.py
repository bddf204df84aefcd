"""An event on its way into the log: as it will stand there, and what gates have to know of it.

The event itself is not kept beside: who needs more of it reads it again. Few need to, and an event read takes many times the
room, and the time in which garbage is looked for.
"""

from collections.abc import Sequence

import msgspec

from steelthread.intake import Message
from steelthread.model import Received
from steelthread.privacy import Signal, found_in
from steelthread.thread.fence import Named

GPC = "globalPrivacyControl"
"""The field of an event's `context` that says that the signal of Global Privacy Control was there."""
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Message).decode


class Arrived(msgspec.Struct, gc=False):
    """An event that is not kept yet."""

    fact: Received
    source: str
    at: int
    """When it was, as far as it is known: microseconds since 1970."""
    signals: Sequence[tuple[Signal, str]]
    """What it brings of consent."""
    gpc: bool
    mapped: bool
    """Whether its source's mapping reads it."""
    named: Named | None = None
    """All that it names; None until a gate asks."""

    @classmethod
    def of(cls, number: int, source: str, message: Message, admitted: str = "") -> "Arrived":
        """Return what a source, which has this number, sent; `admitted` is the mark of the fence that will be asked."""
        return cls(
            Received(number, _ENCODE(message), admitted),
            source,
            min(message.timestamp, message.received),
            found_in(message.context),
            message.context.get(GPC) is True,
            message.mapped,
        )

    @property
    def message(self) -> Message:
        """The event, read again."""
        return _DECODE(self.fact.message)
