"""The gate at the collector: what a source collects for a purpose is kept of those only who allow it, before the first write.

The file of a live source names the purpose (`purpose`), what becomes of an event without a yes (`without`: drop it, or
strip it of all that identifies), and for what devices may be tied to logins (`link_purpose`). Asked is all that an event
names, and the person behind its strongest identifier: a no of any of them counts, as `decide` has it; a yes counts for
what the event names, or for the person where it names a login. What the event itself brings of consent is heard first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg

from steelthread.intake import DocumentMapping, LiveFile, Message, RowRejected, key_hash
from steelthread.kit import now
from steelthread.privacy import NodeState, Policy, Statement, Subject, Use, count_fence, fold, statements_of
from steelthread.store import Byteas
from steelthread.thread.consenting import SCOPES
from steelthread.thread.fence import Fence
from steelthread.thread.space import Space
from steelthread.thread.terms import changed_at, source_file

Connection = psycopg.Connection[Any]
_MARKS = (
    "select node_hash, node_hash, count(*), max(recorded_at) from privacy.consent_event where node_hash = any(%(named)s) group by 1 "
    "union all select n.hash, m.hash, count(*), max(c.recorded_at) from identity.node n "
    "join identity.node m on m.cluster_id = n.cluster_id join privacy.consent_event c on c.node_hash = m.hash "
    "where n.hash = any(%(strongest)s) and m.hash <> n.hash group by 1, 2"
)
"""How many statements there are of each node that is named, and of each of the person behind the strongest: whether any is new."""
_REMEMBERED = 100_000
_LOGIN = "user_id"
_DEVICES = frozenset(kind for kind, scope in SCOPES.items() if scope == "device")
_DEVICE_IDS = ("id", "advertisingId")
_AMOUNTS = frozenset({"total", "revenue", "value", "price", "quantity", "subtotal", "tax", "shipping", "discount"})
"""Properties of Segment's e-commerce events that are amounts; another number may be somebody's."""
_PARTIES = ("Individual", "Account")
_RECORD = 0
Named = list[tuple[int, bytes, str, str]]


class _Rules(NamedTuple):
    changed: tuple[int, int]
    file: LiveFile
    mapping: DocumentMapping | None


class Collecting:
    """Asks before live events are kept."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._fence = Fence(space)
        self._policy = Policy(space.project.folder)
        settings = space.project.settings.project
        self._place = settings.place or settings.country
        self._files: dict[str, _Rules] = {}
        self._states: dict[bytes, tuple[tuple[int, datetime], list[NodeState]]] = {}

    def _rules(self, name: str) -> "_Rules":
        """Return what a live source's file says now."""
        changed = changed_at(self._space, name)
        known = self._files.get(name)
        if known is None or known.changed != changed:
            file, mapping = source_file(self._space, name)
            country = self._space.project.settings.project.country
            reads = DocumentMapping(mapping, self._space.model, country) if mapping else None
            known = self._files[name] = _Rules(changed, file, reads)
        return known

    def asks(self, name: str) -> bool:
        """Whether anything is asked of a source's events."""
        file = self._rules(name).file
        return bool(file.purpose or file.link_purpose)

    def messages(
        self, conn: Connection, name: str, namespace: str, messages: Sequence[Message]
    ) -> list[Message | None]:
        """Return each event of a source as it may be kept, None for one that may not; what was left out is counted."""
        rules = self._rules(name)
        file = rules.file
        self._policy.refresh()
        named = [self._named(message, name, namespace, rules.mapping) for message in messages]
        said = self._said(conn, named)
        kept: list[Message | None] = []
        counts = {"droppedWithoutConsent": 0, "strippedWithoutConsent": 0, "unlinkedWithoutConsent": 0}
        for message, own in zip(messages, named, strict=True):
            subject = _subject(own, said)
            one: Message | None = message
            if own and file.purpose and not self._allows(subject, file.purpose, "collect"):
                one = stripped(message) if file.without == "strip" else None
                counts["droppedWithoutConsent" if one is None else "strippedWithoutConsent"] += 1
            elif (
                len(own) > 1
                and file.link_purpose
                and not message.mapped
                and not self._allows(subject, file.link_purpose, "stitch")
            ):
                one = _alone(message, own)
                counts["unlinkedWithoutConsent"] += one is not message
            kept.append(one)
        count_fence(conn, counts)
        return kept

    def _named(self, message: Message, name: str, namespace: str, mapping: DocumentMapping | None) -> Named:
        """Return all that an event names; a document, what the source's mapping finds in it, its records included."""
        if not message.mapped or mapping is None:
            return self._fence.named(message, name, namespace)
        try:
            row = mapping.map(message.properties)
        except RowRejected:
            return []  # it will be listed, and is nobody's
        told = [one for record in row.records for one in record.identifiers]
        keys = [(record.entity, record.key) for record in row.records if record.entity in _PARTIES]
        own = [(_RECORD, key_hash(self._space.vault, name, *key), "", "record") for key in keys]
        return own + self._fence.hashed(told, name)

    def _allows(self, subject: Subject, purpose: str, use: Use) -> bool:
        return self._policy.decider.decide(subject, purpose, use=use, at=now(), place=self._place).allow

    def _said(self, conn: Connection, named: Sequence[Named]) -> dict[bytes, dict[bytes, list[NodeState]]]:
        """Return node -> what holds of it, and of the others of the person behind it where it is the strongest of an event.

        What was said of a node is read and folded when there is more of it than the last time.
        """
        every = {name for own in named for _, name, _, _ in own}
        if not every:
            return {}
        strongest = {name for own in named for name in _strongest(own)}
        with conn.cursor(binary=True) as cursor:
            names = {"named": Byteas(sorted(every)), "strongest": Byteas(sorted(strongest))}
            marks = [(name, node, (count, last)) for name, node, count, last in cursor.execute(_MARKS, names)]
        stale = {node for _, node, mark in marks if self._states.get(node, (None,))[0] != mark}
        if stale:
            if len(self._states) > _REMEMBERED:
                self._states.clear()
                stale = {node for _, node, _ in marks}
            told: dict[bytes, list[Statement]] = {}
            for one in statements_of(conn, stale):
                told.setdefault(one.node, []).append(one)
            at = now()
            fresh = {node: mark for _, node, mark in marks}
            for node in stale:
                said = told.get(node, [])
                again = any(one.occurred_at > at for one in said)  # it will hold some day: not to be remembered
                self._states[node] = ((-1, at) if again else fresh[node], fold(said, at))
        found: dict[bytes, dict[bytes, list[NodeState]]] = {}
        for name, node, _ in marks:
            found.setdefault(name, {})[node] = self._states[node][1]
        return found


def _strongest(own: Named) -> list[bytes]:
    least = min((strength for strength, *_ in own), default=0)
    return [name for strength, name, _, _ in own if strength == least]


def _subject(own: Named, said: dict[bytes, dict[bytes, list[NodeState]]]) -> Subject:
    """Return whoever an event is of: what holds of all that it names, and of the person behind the strongest of it."""
    nodes = {name for _, name, _, _ in own}
    states = {name: said[name][name] for name in nodes if name in said.get(name, ())}
    for name in _strongest(own):
        states.update(said.get(name, {}))
    login = any(kind in (_LOGIN, "record") for *_, kind in own)
    return Subject([one for found in states.values() for one in found], None if login else frozenset(nodes))


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
