"""What is known of a party from its `identify` and `group` calls: last-writer registers, so that order does not matter.

A call tells some traits only; the others stay. Each trait is a register of its own, written by the latest message
(by its time, then its id); `once` traits are written by the earliest and hold where nothing else is said. The state is a
function of the set of messages, whatever their order, batching or repetition.
"""

from typing import Any

import msgspec

from steelthread.intake.live.types import Message

Register = tuple[Any, int, str]
"""(value, time in microseconds, the message's key)."""


def named(identifier: tuple[str, str, str]) -> str:
    """Return an identifier as one text."""
    return "\x00".join(identifier)


class PartyState(msgspec.Struct, array_like=True):
    """The registers of one party."""

    traits: dict[str, Register] = {}
    once: dict[str, Register] = {}
    identifiers: list[tuple[str, str, str]] = []
    """(kind, namespace, value), sorted."""
    first: int = 0
    last: int = 0
    seen: dict[str, int] = {}
    """When each identifier was told first, by `named`."""

    def tell(self, message: Message, identifiers: list[tuple[str, str, str]]) -> None:
        """Take in what a message says."""
        at, name = message.timestamp, message.key
        for trait, value in message.traits.items():
            known = self.traits.get(trait)
            if known is None or (at, name) > (known[1], known[2]):
                self.traits[trait] = (value, at, name)
        for trait, value in message.once.items():
            known = self.once.get(trait)
            if known is None or (at, name) < (known[1], known[2]):
                self.once[trait] = (value, at, name)
        for one in identifiers:
            name = named(one)
            unknown = self.first if one in self.identifiers else at  # of one kept before times were
            self.seen[name] = min(at, self.seen.get(name, unknown))
        self.identifiers = sorted({*self.identifiers, *identifiers})
        self.first = min(self.first or at, at)
        if message.type != "group" or message.traits:  # who names a group alone says nothing of it
            self.last = max(self.last, at)

    @property
    def told(self) -> int:
        """When anything was told of it last; of a group that was only named, when it was named first."""
        return self.last or self.first

    def keep(self, identifiers: list[tuple[str, str, str]]) -> None:
        """Let go of all identifiers but these."""
        names = {named(one) for one in identifiers}
        self.identifiers = identifiers
        self.seen = {name: at for name, at in sorted(self.seen.items()) if name in names}

    def since(self, identifier: tuple[str, str, str]) -> int:
        """Return when an identifier was told first."""
        return self.seen.get(named(identifier), self.first)

    def known(self) -> dict[str, tuple[Any, int]]:
        """Return every trait that has a value, with the time at which it was told."""
        found = {trait: (value, at) for trait, (value, at, _) in self.once.items()}
        found.update({trait: (value, at) for trait, (value, at, _) in self.traits.items()})
        return {trait: one for trait, one in sorted(found.items()) if one[0] not in (None, "")}


_DECODE = msgspec.msgpack.Decoder(PartyState).decode


def told_traits(packed: bytes) -> dict[str, tuple[Any, int]]:
    """Return the traits of packed registers, one level deep, each with the time at which it was told."""
    return dict(flat(_DECODE(packed).known()))


def flat(known: dict[str, tuple[Any, int]]) -> list[tuple[str, tuple[Any, int]]]:
    """Return traits one level deep: `address` gives `address.city`."""
    found: list[tuple[str, tuple[Any, int]]] = []
    for name, (value, at) in known.items():
        if isinstance(value, dict):
            found += [(f"{name}.{inner}", (one, at)) for inner, one in sorted(value.items()) if one not in (None, "")]
        else:
            found.append((name, (value, at)))
    return found
