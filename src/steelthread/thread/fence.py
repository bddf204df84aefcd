"""The fence: whoever was erased does not come back by a file, a replay or a late event.

An identifier with a tombstone is stripped; what has such an identifier as its strongest is dropped. It is asked with
the identity lane locked, so that no erasure commits between the question and the writing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import psycopg

from steelthread import __version__
from steelthread.identity import NODES_OF, matching_key, provider_key
from steelthread.intake import Message, has_one_name, identifiers, name_of
from steelthread.kit import remembered
from steelthread.privacy import Tombstones, count_fence
from steelthread.store import WriteBehind
from steelthread.thread.prepare import Ident, Prepared
from steelthread.thread.space import Space
from steelthread.thread.told import Told, as_told
from steelthread.thread.types import LANE

Connection = psycopg.Connection[Any]
_UNPACK = msgspec.msgpack.Decoder().decode
_PACK = msgspec.msgpack.Encoder(order="sorted").encode
_JSON = msgspec.json.Encoder(order="sorted").encode
_CLEAR = msgspec.json.Decoder().decode
_REMEMBERED = 65_536
_ALIVE = 131_072
Named = tuple[tuple[int, bytes, str, str], ...]
"""All that an event names: (strength, hash, value as told, kind)."""


class Fence:
    """Admits what may be kept."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._tombstones = Tombstones(space.vault)
        self._hashed = remembered(_REMEMBERED)(self._hash)
        self._one_name = remembered(_REMEMBERED)(self._hash_name)
        self._generation: str | None = None
        self._asked: Mapping[str, int] | None = None
        """The lanes of the transaction that asked for the generation last with the lane locked, where they are known."""
        self._alive: set[bytes] = set()
        """What had no tombstone in this generation of them."""
        self._marks: dict[tuple[str, str, str], str] = {}
        """By generation, source and namespace: a server asks for them in one thread while another learns of a new generation."""

    def stands(self, conn: Connection) -> bool:
        """Whether anybody was ever erased."""
        held = conn.held if isinstance(conn, WriteBehind) and LANE in conn.held else None
        if held is not None and held is self._asked:
            return self._generation is not None
        generation = self._tombstones.generation(conn)
        self._asked = held
        if generation != self._generation or len(self._alive) > _ALIVE:
            self._alive.clear()
            self._marks.clear()
            self._generation = generation
        return generation is not None

    def mark(self, source: str, namespace: str) -> str:
        """Return what tells under which tombstones events of a source are let in, and for whom they are taken.

        The same mark, found later and elsewhere: what such an event names has no tombstone still. Empty where nobody was
        erased when it was asked last.
        """
        generation = self._generation
        if generation is None:
            return ""
        mark = self._marks.get((generation, source, namespace))
        if mark is None:
            told = (generation, source, namespace, self._space.project.settings.project.country, __version__)
            mark = self._space.vault.digest(self._space.rules.digest + "\0".join(told).encode()).hex()
            self._marks[generation, source, namespace] = mark
        return mark

    def among(self, conn: Connection, named: Iterable[Named]) -> set[bytes]:
        """Return what has a tombstone of all that events name; call `stands` before, in the same transaction."""
        alive = self._alive
        unknown = {one[1] for own in named for one in own if one[1] not in alive}
        if not unknown:
            return set()
        stones = self._tombstones.among(conn, unknown)
        alive |= unknown - stones
        return stones

    def let_in(self, alive: Collection[bytes]) -> None:
        """Take note of what was found to have no tombstone since `stands` was called, in the same transaction."""
        self._alive.update(alive)

    # -- records of files ----------------------------------------------------------------------------------------

    def records(
        self, conn: Connection, prepared: Sequence[Prepared], admitted: Collection[bytes] = ()
    ) -> Sequence[Prepared]:
        """Return the records that may be kept, without identifiers that have a tombstone.

        Each record's own name is asked for, that of an event once in its life: it is not remembered. `admitted` are the
        records of live events that were let in under the present `mark`: nothing is asked of these but whose they are.
        """
        if not self.stands(conn):
            return prepared
        asked = [one for one in prepared if one.key_hash not in admitted] if admitted else prepared
        names = {name for one in prepared if (name := one.party)}
        names |= {name for one in asked if (name := one.parent)}
        names |= {one.key_hash for one in asked if one.is_party}
        names |= {ident.hash for one in asked for ident in one.idents}
        names -= self._alive
        own = [one.key_hash for one in asked if not one.is_party]
        if not (names or own):
            return prepared
        stones = self._tombstones.among(conn, names.union(own))
        self._alive |= names - stones
        if not stones:
            return prepared
        kept, counts = [], {"droppedRecords": 0, "strippedRecords": 0}
        for one in prepared:
            stones |= self._mailboxes(one, stones)
            if self._belongs(one, stones):
                stones.add(one.key_hash)  # what hangs below it goes with it
                counts["droppedRecords"] += 1
                continue
            gone = [place for place, ident in enumerate(one.idents) if ident.hash in stones]
            if gone:
                self.strip(one, gone)
                counts["strippedRecords"] += 1
            kept.append(one)
        count_fence(conn, counts)
        return kept

    def _mailboxes(self, one: Prepared, stones: Collection[bytes]) -> set[bytes]:
        """Return the addresses of a record whose mailbox has a tombstone: another +tag is no other person."""
        if not any(ident.name == "email_provider" and ident.hash in stones for ident in one.idents):
            return set()
        shown = _UNPACK(one.plain)[3]
        blind = self._space.vault.blind
        pairs = [
            (ident.hash, value) for ident, (_, value) in zip(one.idents, shown, strict=True) if ident.name == "email"
        ]
        return {name for name, value in pairs if blind("email", provider_key(value)) in stones}

    def _belongs(self, one: Prepared, stones: Collection[bytes]) -> bool:
        """Whether a record is of somebody who was erased: by its own name, its person's, or its strongest identifier."""
        if one.key_hash in stones or (one.party or one.parent) in stones:
            return True
        if one.party or not one.idents:
            return False
        return min(one.idents, key=self._strength).hash in stones

    def _strength(self, ident: Ident) -> tuple[int, bytes]:
        return self._space.kind(ident.kind).strength, ident.hash

    def strip(self, one: Prepared, gone: Sequence[int]) -> None:
        """Take the identifiers at these places out of a record, and every value that is one of them."""
        key, direct, parts, shown, extras, *rest = _UNPACK(one.plain)
        values = [tuple(shown[place]) for place in gone]
        removed = [name for name, value in direct.items() if self._is_one_of(value, values)]
        parts = [{name: value for name, value in part.items() if not self._is_one_of(value, values)} for part in parts]
        extras = {name: value for name, value in extras.items() if not self._is_one_of(value, values)}
        direct = {name: value for name, value in direct.items() if name not in removed}
        shown = [pair for place, pair in enumerate(shown) if place not in gone]
        one.plain = _PACK([key, direct, parts, shown, extras, *rest])
        one.idents = [ident for place, ident in enumerate(one.idents) if place not in gone]
        one.subject, one.sealed = 0, b""
        clear = _CLEAR(one.clear)
        clear["f"] = {name: facet for name, facet in clear["f"].items() if name not in removed}
        one.clear = _JSON(clear)

    def _is_one_of(self, value: Any, gone: Collection[tuple[str, str]]) -> bool:
        text = str(value)
        folded = text.casefold()
        return any(key.casefold() in folded or self._key(kind, text) == key for kind, key in gone)

    def _key(self, kind: str, value: str) -> str | None:
        return matching_key(self._space.rules.kind(kind), value, self._space.project.settings.project.country)

    # -- live events ---------------------------------------------------------------------------------------------

    def events(self, conn: Connection, source: str, namespace: str, told: list[Told]) -> list[Told]:
        """Return the events of the log that may be kept, without identifiers that have a tombstone.

        Those that were let in under the present mark are not even opened: nothing is asked of them again.
        """
        if not self.stands(conn):
            return told
        mark = self.mark(source, namespace)
        asked = [one for one in told if one.admitted != mark]
        past = self._past(conn, source, namespace, [one.message for one in asked])
        changed = {id(one): left for one, left in zip(asked, past, strict=True) if left is not one.message}
        if not changed:
            return told
        kept = [one for one in told if changed.get(id(one), one) is not None]
        return [as_told(one.source, left, one.number) if (left := changed.get(id(one))) else one for one in kept]

    def messages(self, conn: Connection, source: str, namespace: str, messages: list[Message]) -> list[Message]:
        """Return those of these messages that may be kept, as they may be; it is not counted."""
        if not self.stands(conn):
            return messages
        return [one for one in self._past(conn, source, namespace, messages, counted=False) if one is not None]

    def _past(
        self, conn: Connection, source: str, namespace: str, messages: Sequence[Message], *, counted: bool = True
    ) -> Sequence[Message | None]:
        """Return each message as it may be kept: itself, or without what has a tombstone, or None."""
        told = [self.named(message, source, namespace) for message in messages]
        stones = self.among(conn, told)
        if not stones:
            return messages
        past = [without(message, named, stones) for message, named in zip(messages, told, strict=True)]
        if counted:
            unlike = sum(one is not message for one, message in zip(past, messages, strict=True))
            dropped = sum(one is None for one in past)
            count_fence(conn, {"droppedEvents": dropped, "strippedEvents": unlike - dropped})
        return past

    def named(self, message: Message, source: str, namespace: str) -> Named:
        """Return all that a message names, the mailbox behind an address included; it may be shared, so leave it as it is."""
        if has_one_name(message):
            return self._one_name(message.user_id, message.anonymous_id, namespace, source)
        return self.hashed(identifiers(message, namespace), source)

    def _hash_name(self, user_id: str, anonymous_id: str, namespace: str, source: str) -> Named:
        told = name_of(user_id, anonymous_id, namespace)
        return self._hash(told[0][0], told[0][1] or source, told[0][2]) if told else ()

    def hashed(self, told: Iterable[tuple[str, str, str]], source: str) -> Named:
        """Return what identifiers (kind, namespace, value) name."""
        return tuple([one for kind, scope, value in told for one in self._hashed(kind, scope or source, value)])

    def _hash(self, kind: str, scope: str, value: str) -> Named:
        if not self._space.rules.knows(kind):
            return ()
        known = self._space.rules.kind(kind)
        key = self._key(kind, value)
        if key is None:
            return ()
        blind = self._space.vault.blind
        scoped = f"{scope}/{key}" if known.scoped else key
        own = (known.strength, blind(NODES_OF.get(kind, kind), scoped), value, kind)
        return (own, (known.strength, blind(kind, provider_key(key)), value, kind)) if kind == "email" else (own,)


def without(message: Message, named: Named, stones: Collection[bytes]) -> Message | None:
    """Return an event without what has a tombstone; None for one of somebody who was erased."""
    gone = [value for _, name, value, _ in named if name in stones]
    if not gone:
        return message
    strongest = min(named)[0]
    if any(name in stones for strength, name, _, _ in named if strength == strongest):
        return None
    return _scrubbed(message, gone)


def _scrubbed(message: Message, gone: Collection[str]) -> Message:
    """Return a message without these values, wherever they stand."""
    folded = {value.casefold() for value in gone}
    content = msgspec.to_builtins(message)
    kept = {name: content[name] for name in ("id", "type", "timestamp", "received")}
    rest = _without({name: value for name, value in content.items() if name not in kept}, folded)
    rest["external_ids"] = [pair for pair in rest.get("external_ids", []) if len(pair) == 2]
    return msgspec.convert({**rest, **kept}, Message)


def _without(value: Any, gone: Collection[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(one, gone) for name, one in value.items() if not _is_gone(one, gone)}
    if isinstance(value, list):
        return [_without(one, gone) for one in value if not _is_gone(one, gone)]
    return value


def _is_gone(value: Any, gone: Collection[str]) -> bool:
    return isinstance(value, str) and any(one in value.casefold() for one in gone)
