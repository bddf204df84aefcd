"""The gate at the collector: what a source collects for a purpose is kept of those only who allow it, before the first write.

The file of a live source names the purpose (`purpose`), what becomes of an event without a yes (`without`: drop it, or
strip it of all that identifies), for what devices may be tied to logins (`link_purpose`), and for what IP addresses are kept
(`ip_purpose`). Asked is all that an event
names, and the person behind its strongest identifier: a no of any of them counts, as `decide` has it; a yes counts for
what the event names, or for the person where it names a login. What the event itself brings of consent is heard first.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg_pool import ConnectionPool

from steelthread.intake import DocumentMapping, LiveFile, Message, RowRejected, key_hash
from steelthread.kit import now
from steelthread.model import PARTIES
from steelthread.privacy import (
    Changes,
    Derived,
    Policy,
    Subject,
    Use,
    count_fence,
    mark_of,
    mark_of_cluster,
)
from steelthread.store import Byteas
from steelthread.thread.arrived import Arrived
from steelthread.thread.consenting import SCOPES
from steelthread.thread.fence import Fence, Named
from steelthread.thread.remembering import NEVER, YES, Answers, Held, Key, Nodes, Ruling, ruling_of
from steelthread.thread.space import Space
from steelthread.thread.terms import changed_at, source_file

Connection = psycopg.Connection[Any]
_FAMILIES = (
    "select n.hash, n.cluster_id, m.hash from identity.node n join identity.node m on m.cluster_id = n.cluster_id "
    "where n.hash = any(%s)"
)
"""All nodes of the persons behind some: in one statement, so that nobody is between two clusters."""
_REMEMBERED = 100_000
_PERSONAL = frozenset({"user_id", "record"})
"""Kinds of what stands for a person, and so for every device of hers."""
_DEVICES = frozenset(kind for kind, scope in SCOPES.items() if scope == "device")
_DEVICE_IDS = ("id", "advertisingId")
_AMOUNTS = frozenset({"total", "revenue", "value", "price", "quantity", "subtotal", "tax", "shipping", "discount"})
"""Properties of Segment's e-commerce events that are amounts; another number may be somebody's."""
_RECORD = 0
_SLOT = 900
"""Seconds for which an answer is remembered at most: no place's day begins within them."""


class _Rules(NamedTuple):
    changed: tuple[int, int]
    file: LiveFile
    mapping: DocumentMapping | None


class _Said(NamedTuple):
    """What holds of nodes, and who belongs to whom."""

    held: Mapping[bytes, Held]
    """Of the nodes of which anything was said."""
    families: Mapping[bytes, tuple[int, list[bytes]]]
    """Node that is the strongest of an event -> the mark of the person behind it, and all her nodes."""


class Collecting:
    """Asks before live events are kept. An answer is remembered until somebody of it, or who belongs to whom, changes."""

    def __init__(self, space: Space, fence: Fence) -> None:
        self._space = space
        self._fence = fence
        self._policy = Policy(space.project.folder)
        settings = space.project.settings.project
        self._place = settings.place or settings.country
        self._files: dict[str, _Rules] = {}
        self._changes = Changes()
        self._has_asked = False
        self._nodes = Nodes()
        self._answers = Answers()
        self._rulings: dict[Hashable, Ruling] = {}
        """What was decided of whoever has the same gist: most people said the same few things."""

    def _rules(self, name: str) -> "_Rules":
        """Return what a live source's file says now."""
        changed = changed_at(self._space, name)
        known = self._files.get(name)
        if known is None or known.changed != changed:
            file, mapping = source_file(self._space, name)
            country = self._space.project.settings.project.country
            reads = DocumentMapping(mapping, self._space.model, country) if mapping else None
            known = self._files[name] = _Rules(changed, file, reads)
            self._forget_answers()
        return known

    def _forget_answers(self) -> None:
        self._answers.forget(None)
        self._rulings.clear()

    def begin(self, pool: "ConnectionPool[Connection]") -> None:
        """Get ready for a transaction that asks, before it begins: changes are noted for this process from now on."""
        self._nodes.learnt.clear()
        if self._has_asked and self._changes.due:
            with pool.connection(timeout=10) as conn:
                self._changes.tend(conn)

    def catch_up(self, conn: Connection) -> None:
        """Forget what may have become otherwise, in the transaction that asks; call `settled` when it is committed."""
        self._has_asked = True
        changed = self._changes.since(conn)
        self._answers.forget(changed)
        self._nodes.forget(changed)

    def settled(self) -> None:
        """Take note that the transaction that asked is committed: its answers hold."""
        self._changes.settled()

    def learn(self, derived: Derived) -> None:
        """Take note of all that was said of some nodes, as it was read in this transaction: it is not read again."""
        self._nodes.learn(derived)

    def asks(self, name: str) -> bool:
        """Whether anything is asked of a source's events."""
        file = self._rules(name).file
        return bool(file.purpose or file.link_purpose or file.ip_purpose)

    def allowed(self, conn: Connection, name: str, events: list[Arrived]) -> list[Arrived]:
        """Return the events of a source as they may be kept, without those that may not; what was left out is counted.

        It is known what the events name by themselves. Call `catch_up` before, in the same transaction.
        """
        rules = self._rules(name)
        file = rules.file
        if self._policy.refresh():
            self._forget_answers()
        named = [event.named or () for event in events]
        if rules.mapping is not None:
            mapping = rules.mapping
            named = [
                self._mapped(event.message, name, mapping) if event.mapped else own
                for event, own in zip(events, named, strict=True)
            ]
        rulings = self._rulings_on(conn, name, file, named)
        if rulings.count(YES) == len(rulings):  # as nearly always
            return events
        kept: list[Arrived] = []
        counts = {"droppedWithoutConsent": 0, "strippedWithoutConsent": 0, "unlinkedWithoutConsent": 0}
        for event, own, answer in zip(events, named, rulings, strict=True):
            message = event.message
            left = _left(message, own, answer, counts, strips=file.without == "strip")
            if left is message:
                kept.append(event)
            elif left is not None:
                kept.append(Arrived.of(event.fact.source, name, left))
        count_fence(conn, counts)
        return kept

    def _mapped(self, message: Message, name: str, mapping: DocumentMapping) -> Named:
        """Return all that the source's mapping finds in a document, its records included."""
        try:
            row = mapping.map(message.properties)
        except RowRejected:
            return ()  # it will be listed, and is nobody's
        told = [one for record in row.records for one in record.identifiers]
        keys = [(record.entity, record.key) for record in row.records if record.entity in PARTIES]
        records = [(_RECORD, key_hash(self._space.vault, name, *key), "", "record") for key in keys]
        return (*records, *self._fence.hashed(told, name))

    def _rulings_on(self, conn: Connection, name: str, file: LiveFile, named: Sequence[Named]) -> list[Ruling]:
        """Return of each event whether it may be kept, and whether what it names may be tied."""
        at = now()
        slot = int(at.timestamp()) // _SLOT
        keys = [(name, own[0][1] if len(own) == 1 else b"".join([one[1] for one in own])) for own in named]
        answers = self._answers.among(keys, slot, at)
        unknown = {key: own for key, own in zip(keys, named, strict=True) if key not in answers}
        if unknown:
            said = self._said(conn, unknown.values())
            for key, own in unknown.items():
                answers[key] = self._answer(key, file, own, said, at, slot)
        return [answers[key] for key in keys]

    def _answer(self, key: Key, file: LiveFile, own: Named, said: _Said, at: datetime, slot: int) -> Ruling:
        """Decide about an event; the answer is remembered with all that it rests on."""
        names = [one[1] for one in own]
        families = [said.families.get(name) for name in (names if len(own) == 1 else _strongest(own))]
        behind = [one for one in families if one is not None]
        nodes = dict.fromkeys(names)
        for _, members in behind:
            nodes.update(dict.fromkeys(members))
        marks = [mark for mark, _ in behind] + [mark_of(node) for node in nodes]
        found = [(node, one) for node in nodes if (one := said.held.get(node)) is not None]
        target = names if all(one[3] not in _PERSONAL for one in own) else None
        gists = [(one.gist, target is None or node in target) for node, one in found]
        same = (key[0], slot, min(len(own), 2), *gists)
        ruling = self._rulings.get(same)
        until = None
        if ruling is None:
            states = [msgspec.structs.replace(state, node=node) for node, one in found for state in one.states]
            subject = Subject(states, None if target is None else frozenset(target))
            ruling = self._ruling(subject, file, len(own), at)
            until = _ends(subject, at)
            if all(one.gist is not None for _, one in found):
                self._rulings[same] = ruling
        if NEVER not in [one.number for _, one in found]:
            self._answers.keep(key, slot, until, ruling, marks)
        return ruling

    def _ruling(self, subject: Subject, file: LiveFile, named: int, at: datetime) -> Ruling:
        """Decide of somebody, of whom an event names so many nodes."""
        if len(self._rulings) >= _REMEMBERED:
            self._rulings.clear()
        collects = not (named and file.purpose) or self._allows(subject, file.purpose, "collect", at)
        ties = not (named > 1 and file.link_purpose) or self._allows(subject, file.link_purpose, "stitch", at)
        locates = not file.ip_purpose or (named > 0 and self._allows(subject, file.ip_purpose, "collect", at))
        return ruling_of(collects=collects, ties=ties, locates=locates)

    def _allows(self, subject: Subject, purpose: str, use: Use, at: datetime) -> bool:
        return self._policy.decider.allows(subject, purpose, use=use, at=at, place=self._place)

    def _said(self, conn: Connection, named: Collection[Named]) -> _Said:
        """Return what holds of all that events name, and of the persons behind the strongest of it."""
        every = {one[1] for own in named for one in own}
        if not every:
            return _Said({}, {})
        strongest: set[bytes] = set()
        for own in named:
            strongest.update([own[0][1]] if len(own) == 1 else _strongest(own))
        families: dict[bytes, tuple[int, list[bytes]]] = {}
        with conn.cursor(binary=True) as cursor:
            for name, cluster, member in cursor.execute(_FAMILIES, (Byteas(sorted(strongest)),)).fetchall():
                every.add(member)
                if name in families:
                    families[name][1].append(member)
                else:
                    families[name] = (mark_of_cluster(cluster), [member])
        numbers = self._nodes.numbers(conn, every)
        return _Said(self._nodes.read(conn, numbers), families)


def _strongest(own: Named) -> list[bytes]:
    least = min([one[0] for one in own], default=0)
    return [one[1] for one in own if one[0] == least]


def _ends(subject: Subject, at: datetime) -> datetime | None:
    """Return when the first yes ends of those that hold at a moment."""
    ends = [one.said.valid_until for state in subject.states for one in state.consent.values()]
    return min((until for until in ends if until is not None and until > at), default=None)


def _left(message: Message, own: Named, answer: Ruling, counts: dict[str, int], *, strips: bool) -> Message | None:
    """Return an event as it may be kept, the same where all of it may; None where it may not. What was left out is counted."""
    if not answer.collects:
        left = stripped(message) if strips else None
        counts["droppedWithoutConsent" if left is None else "strippedWithoutConsent"] += 1
        return left
    if not (answer.ties or message.mapped) and (alone := _alone(message, own)) is not None:
        counts["unlinkedWithoutConsent"] += 1
        message = alone
    if not answer.locates and "ip" in message.context:
        context = {key: value for key, value in message.context.items() if key != "ip"}
        message = msgspec.structs.replace(message, context=context)
    return message


def stripped(message: Message) -> Message | None:
    """Return an event without anything that identifies: its kind, name, time, amounts, and yes or no; None for what says no more."""
    if message.mapped or message.type not in ("track", "page", "screen"):
        return None
    name = message.event if message.type == "track" else ""
    left = {
        key: value
        for key, value in message.properties.items()
        if isinstance(value, bool) or (key in _AMOUNTS and isinstance(value, int | float))
    }
    return Message(
        message.id, message.type, message.timestamp, message.received, event=name, properties=left,
        per_source=message.per_source,
    )  # fmt: skip


def _alone(message: Message, own: Named) -> Message | None:
    """Return an event that ties no device to anything: without devices beside another identifier, else with the strongest one.

    None for one that ties none as it is.
    """
    devices = [(strength, value) for strength, _, value, kind in own if kind in _DEVICES]
    if not devices or len(own) == 1:
        return None
    kept = "" if len(devices) < len(own) else min(devices)[1]
    context = message.context
    if isinstance(context.get("device"), dict):
        device = {key: value for key, value in context["device"].items() if value == kept or key not in _DEVICE_IDS}
        context = {**context, "device": device}
    return msgspec.structs.replace(
        message,
        anonymous_id=message.anonymous_id if message.anonymous_id == kept else "",
        previous_id=message.previous_id if message.previous_id == kept else "",
        external_ids=[(kind, value) for kind, value in message.external_ids if kind not in _DEVICES or value == kept],
        context=context,
    )
