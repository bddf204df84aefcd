"""An event of the log on its way through the thread: as it stands there, and what could be made of it before its turn."""

from hashlib import blake2b

import msgspec

from steelthread.intake import Message, Reject, Shape, device_mark, goods_of, shape_of
from steelthread.thread.prepare import Prepared

_MESSAGE = msgspec.msgpack.Decoder(Message).decode


class Told(msgspec.Struct, array_like=True):
    """An event of the log, as far as it could be prepared: most are never opened by whoever folds them in."""

    number: int
    source: int
    name: bytes
    """What tells it from others: the blind index of the client's id, in the whole space or in its source."""
    raw: msgspec.Raw
    """The message as it stands in the log, MessagePack."""
    received: int
    is_mapped: bool = False
    """Whether its source's mapping says what it means."""
    admitted: str = ""
    """What the fence at the collector said of it."""
    changed: tuple[int, int] | None = None
    """Which terms of its source it was prepared under, by their time; None as long as it is not."""
    identifiers: list[tuple[str, str, str]] = []
    prepared: list[Prepared] = []
    rejects: list[Reject] = []
    parties: list[tuple[str, str]] = []
    """The (entity, key) of the records that it tells of, but for products."""
    products: list[tuple[str, int, str]] = []
    """What it tells of products: (key, end of the day, the values as text)."""
    device: bytes = b""
    """What decides over the record of its device; empty where it tells of none."""
    place: int = -1
    """Where its shape stands among those that came with it."""
    shape: Shape | None = None
    opened: Message | None = None

    @property
    def message(self) -> Message:
        """The event itself."""
        if self.opened is None:
            self.opened = _MESSAGE(self.raw)
        return self.opened

    @property
    def words(self) -> Shape:
        """What its event and its properties are called."""
        if self.shape is None:
            self.shape = shape_of(self.message)
        return self.shape


def as_told(source: int, message: Message, number: int = 0) -> Told:
    """Return an event that does not come from the log as it stands there."""
    return Told(number, source, b"", msgspec.Raw(), message.received, message.mapped, opened=message)


class Frame(msgspec.Struct, array_like=True):
    """A `Told` on its way to the other process: without what was made of it here."""

    number: int
    source: int
    name: bytes
    raw: msgspec.Raw
    received: int
    is_mapped: bool
    admitted: str
    changed: tuple[int, int] | None
    identifiers: list[tuple[str, str, str]]
    prepared: list[Prepared]
    rejects: list[Reject]
    parties: list[tuple[str, str]]
    products: list[tuple[str, int, str]]
    device: bytes
    place: int


def parties(message: Message) -> list[tuple[str, str]]:
    """Return the (entity, key) of the records that a message tells of together with others: parties, orders, carts, products."""
    if message.type == "track":
        goods = goods_of(message)
        return goods + _person(message) if message.traits or message.once else goods
    if message.type == "group":
        return [("Account", message.group_id)] if message.group_id else []
    if message.type != "identify" and not message.traits and not message.once:
        return []
    return _person(message)


def _person(message: Message) -> list[tuple[str, str]]:
    key = message.user_id or (f"anonymous/{message.anonymous_id}" if message.anonymous_id else "")
    return [("Individual", key)] if key else []


def device_of(message: Message) -> bytes:
    """Return what decides over the record of an event's device (`device_mark`), as a digest; empty where it has none.

    Of a login alone nobody can tell which of their devices it was.
    """
    if not (message.anonymous_id or "device" in message.context):
        return b""
    return blake2b(repr(device_mark(message)).encode("utf-8", "surrogatepass"), digest_size=16).digest()
