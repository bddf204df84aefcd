"""The gate at the collector: what a source collects for a purpose is kept of those only who allow it, before the first write.

The file of a live source names the purpose (`purpose`), what becomes of an event without a yes (`without`: drop it, or
strip it of all that identifies), and for what devices may be tied to logins (`link_purpose`). Asked is all that an event
names, and the person behind its strongest identifier: a no of any of them counts, as `decide` has it; a yes counts for
what the event names, or for the person where it names a login. What the event itself brings of consent is heard first.
"""

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg

from steelthread.intake import DocumentMapping, LiveFile, Message, RowRejected, key_hash
from steelthread.kit import now
from steelthread.privacy import (
    Derived,
    NodeState,
    Policy,
    Statement,
    Subject,
    Use,
    count_fence,
    fold,
    gist,
    statements_of,
)
from steelthread.store import Byteas
from steelthread.thread.consenting import SCOPES
from steelthread.thread.fence import Fence, Named
from steelthread.thread.space import Space
from steelthread.thread.terms import changed_at, source_file

Connection = psycopg.Connection[Any]
_MARKS = (
    "select node_hash, node_hash, max(derived) from privacy.consent_state where node_hash = any(%(named)s) group by 1 "
    "union all select n.hash, m.hash, max(c.derived) from identity.node n "
    "join identity.node m on m.cluster_id = n.cluster_id join privacy.consent_state c on c.node_hash = m.hash "
    "where n.hash = any(%(strongest)s) and m.hash <> n.hash group by 1, 2"
)
"""Under which number it was derived what holds of each node that is named, and of each of the person behind the strongest."""
_NEVER = -1
_REMEMBERED = 100_000
_PERSONAL = frozenset({"user_id", "record"})
"""Kinds of what stands for a person, and so for every device of hers."""
_DEVICES = frozenset(kind for kind, scope in SCOPES.items() if scope == "device")
_DEVICE_IDS = ("id", "advertisingId")
_AMOUNTS = frozenset({"total", "revenue", "value", "price", "quantity", "subtotal", "tax", "shipping", "discount"})
"""Properties of Segment's e-commerce events that are amounts; another number may be somebody's."""
_PARTIES = ("Individual", "Account")
_RECORD = 0
_SLOT = 900
"""Seconds for which an answer is remembered at most: no place's day begins within them."""
States = dict[bytes, list[NodeState]]
_NOTHING: States = {}
_UNKNOWN: tuple[int, list[NodeState]] = (_NEVER, [])


class _Rules(NamedTuple):
    changed: tuple[int, int]
    file: LiveFile
    mapping: DocumentMapping | None


class _Ruling(NamedTuple):
    collects: bool
    ties: bool


class _Answer(NamedTuple):
    """What was decided of all that an event names: it holds as long as nothing else is said of anybody of it."""

    states: States
    slot: int
    until: datetime | None
    """When the first yes ends by itself."""
    ruling: _Ruling


class Collecting:
    """Asks before live events are kept."""

    def __init__(self, space: Space, fence: Fence) -> None:
        self._space = space
        self._fence = fence
        self._policy = Policy(space.project.folder)
        settings = space.project.settings.project
        self._place = settings.place or settings.country
        self._files: dict[str, _Rules] = {}
        self._states: dict[bytes, tuple[int, list[NodeState]]] = {}
        self._answers: dict[tuple[str, bytes], _Answer] = {}
        self._rulings: dict[Hashable, _Ruling] = {}
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
        self._answers.clear()
        self._rulings.clear()

    def learn(self, derived: Derived) -> None:
        """Take note of all that was said of some nodes, as it was read in this transaction: it is not read again."""
        if derived.later:
            at, told = now(), _by_node(derived.statements)
            for node in derived.later:
                self._fold(node, told[node], derived.number, at)
        for state in derived.states:
            if state.node not in derived.later:
                self._states[state.node] = (derived.number, [state])

    def _fold(self, node: bytes, said: list[Statement], number: int, at: datetime) -> None:
        again = any(one.occurred_at > at for one in said)  # it will hold some day: not to be remembered
        self._states[node] = (_NEVER if again else number, fold(said, at))

    def asks(self, name: str) -> bool:
        """Whether anything is asked of a source's events."""
        file = self._rules(name).file
        return bool(file.purpose or file.link_purpose)

    def messages(
        self, conn: Connection, name: str, messages: Sequence[Message], named: Sequence[Named]
    ) -> list[Message | None]:
        """Return each event of a source as it may be kept, None for one that may not; what was left out is counted.

        `named` is what the events name by themselves.
        """
        rules = self._rules(name)
        file = rules.file
        if self._policy.refresh():
            self._forget_answers()
        if rules.mapping is not None:
            named = [self._mapped(*one, name, rules.mapping) for one in zip(messages, named, strict=True)]
        said = self._said(conn, named)
        at = now()
        slot = int(at.timestamp()) // _SLOT
        kept: list[Message | None] = []
        counts = {"droppedWithoutConsent": 0, "strippedWithoutConsent": 0, "unlinkedWithoutConsent": 0}
        for message, own in zip(messages, named, strict=True):
            one: Message | None = message
            answer = self._answer(name, file, own, said, at, slot)
            if not answer.collects:
                one = stripped(message) if file.without == "strip" else None
                counts["droppedWithoutConsent" if one is None else "strippedWithoutConsent"] += 1
            elif not (answer.ties or message.mapped):
                one = _alone(message, own)
                counts["unlinkedWithoutConsent"] += one is not message
            kept.append(one)
        count_fence(conn, counts)
        return kept

    def _mapped(self, message: Message, own: Named, name: str, mapping: DocumentMapping) -> Named:
        """Return all that an event names; a document, what the source's mapping finds in it, its records included."""
        if not message.mapped:
            return own
        try:
            row = mapping.map(message.properties)
        except RowRejected:
            return []  # it will be listed, and is nobody's
        told = [one for record in row.records for one in record.identifiers]
        keys = [(record.entity, record.key) for record in row.records if record.entity in _PARTIES]
        records = [(_RECORD, key_hash(self._space.vault, name, *key), "", "record") for key in keys]
        return records + self._fence.hashed(told, name)

    def _answer(
        self, name: str, file: LiveFile, own: Named, said: Mapping[bytes, States], at: datetime, slot: int
    ) -> _Ruling:
        """Return whether an event may be kept, and whether what it names may be tied."""
        states = _states(own, said)
        key = (name, own[0][1] if len(own) == 1 else b"".join([one[1] for one in own]))
        known = self._answers.get(key)
        if (
            known is not None
            and known.slot == slot
            and known.states == states
            and (known.until is None or at < known.until)
        ):
            return known.ruling
        login = any(kind in _PERSONAL for *_, kind in own)
        target = None if login else frozenset(one[1] for one in own)
        subject = Subject([one for held in states.values() for one in held], target)
        same = gist(subject)
        place = None if same is None else (name, slot, min(len(own), 2), same)
        ruling = None if place is None else self._rulings.get(place)
        if ruling is None:
            collects = not (own and file.purpose) or self._allows(subject, file.purpose, "collect", at)
            ties = not (len(own) > 1 and file.link_purpose) or self._allows(subject, file.link_purpose, "stitch", at)
            ruling = _Ruling(collects, ties)
            if place is not None:
                self._rulings[place] = ruling
        if len(self._answers) >= _REMEMBERED or len(self._rulings) >= _REMEMBERED:
            self._forget_answers()
        self._answers[key] = _Answer(states, slot, _ends(subject, at), ruling)
        return ruling

    def _allows(self, subject: Subject, purpose: str, use: Use, at: datetime) -> bool:
        return self._policy.decider.allows(subject, purpose, use=use, at=at, place=self._place)

    def _said(self, conn: Connection, named: Sequence[Named]) -> dict[bytes, States]:
        """Return node -> what holds of it, and of the others of the person behind it where it is the strongest of an event.

        What was said of a node is read and folded when there is more of it than the last time.
        """
        every = {name for own in named for _, name, _, _ in own}
        if not every:
            return {}
        strongest = {name for own in named for name in _strongest(own)}
        with conn.cursor(binary=True) as cursor:
            names = {"named": Byteas(sorted(every)), "strongest": Byteas(sorted(strongest))}
            rows = cursor.execute(_MARKS, names).fetchall()
        states = self._states
        stale = {node: number for _, node, number in rows if states.get(node, _UNKNOWN)[0] != number}
        if stale:
            if len(states) > _REMEMBERED:
                states.clear()
                stale = {node: number for _, node, number in rows}
            told, at = _by_node(statements_of(conn, stale)), now()
            for node, number in stale.items():
                self._fold(node, told.get(node, []), number, at)
        found: dict[bytes, States] = {}
        for name, node, _ in rows:
            found.setdefault(name, {})[node] = states[node][1]
        return found


def _by_node(statements: Sequence[Statement]) -> dict[bytes, list[Statement]]:
    told: dict[bytes, list[Statement]] = {}
    for one in statements:
        told.setdefault(one.node, []).append(one)
    return told


def _strongest(own: Named) -> list[bytes]:
    if len(own) == 1:
        return [own[0][1]]
    least = min((strength for strength, *_ in own), default=0)
    return [name for strength, name, _, _ in own if strength == least]


def _states(own: Named, said: Mapping[bytes, States]) -> States:
    """Return what holds of all that an event names, and of the person behind the strongest of it."""
    if len(own) == 1:
        return said.get(own[0][1], _NOTHING)
    found: States = {}
    for _, name, _, _ in own:
        held = said.get(name)
        if held is not None and name in held:
            found[name] = held[name]
    for name in _strongest(own):
        found.update(said.get(name, {}))
    return found


def _ends(subject: Subject, at: datetime) -> datetime | None:
    """Return when the first yes ends of those that hold at a moment."""
    ends = [one.said.valid_until for state in subject.states for one in state.consent.values()]
    return min((until for until in ends if until is not None and until > at), default=None)


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


def _alone(message: Message, own: Named) -> Message:
    """Return an event that ties no device to anything: without devices beside another identifier, else with the strongest one."""
    devices = [(strength, value) for strength, _, value, kind in own if kind in _DEVICES]
    if not devices or len(own) == 1:
        return message
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
