"""Watching live events: each with its verdict, the records it gave, and what it did to which profile.

The worker notes on the log which received events a commit folded in (`Folded`); the facts before it in the same commit
say which profiles came and merged. The rest is told again from the event itself, so watching costs the worker nothing.
What several events of one commit did together (a merge, a new profile) is told of the first that belongs to the profile.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread import intake
from steelthread.intake import GOODS, MappedRow, Message, PartyState, RowRejected, Words
from steelthread.kit import iso
from steelthread.log import Numbered
from steelthread.model import Folded, IndividualsCreated, Merged, Received, Split
from steelthread.thread.admission import admitted, why_blocked
from steelthread.thread.ahead import LANE, is_kept_out, known_identifiers
from steelthread.thread.fence import Fence
from steelthread.thread.space import Space
from steelthread.thread.terms import WAITS, changed_at, terms_of
from steelthread.thread.told import as_told, parties
from steelthread.thread.types import LANE as OUTCOMES

Connection = psycopg.Connection[Any]
_MESSAGE = msgspec.msgpack.Decoder(Message).decode
_FACTS = 200
"""Facts of the identity lane read at once."""
_SHOWN = 200
"""Events of one commit that are shown: who watches reads no more than that in a second."""


class _Did(msgspec.Struct):
    """What a commit did to profiles."""

    created: set[UUID]
    merged: dict[UUID, list[UUID]]
    split: dict[UUID, list[UUID]]


class _Watched(msgspec.Struct):
    """What decides over the events of a live source."""

    changed: tuple[int, int]
    namespace: str
    plan: intake.Plan | None
    mapping: intake.DocumentMapping | None
    apart: str
    waits: bool
    """Whether its contract or file cannot be read now: its events wait."""


class _Given(msgspec.Struct):
    """What became of an event, and the (entity, key) of its records."""

    told: dict[str, Any]
    keys: list[tuple[str, str]]


class Tail:
    """Follows what becomes of live events from now on, or from a number of the log."""

    def __init__(self, space: Space, conn: Connection, after: int | None = None) -> None:
        self._space = space
        self._words = Words(space.model, space.project.settings.project.country)
        self.position = space.log.head(conn, OUTCOMES) if after is None else after
        """Number of the last fact that was told."""
        self._reject = intake.last_reject(conn)
        self._did = _Did(set(), {}, {})
        self._sources: dict[str, _Watched] = {}
        self._fence = Fence(space)

    def step(self, conn: Connection) -> list[dict[str, Any]]:
        """Return what happened since the last step, oldest first."""
        told = self._refused(conn)
        while facts := self._space.log.read(conn, OUTCOMES, self.position, _FACTS):
            for one in facts:
                told += self._told(conn, one)
            self.position = facts[-1].number
            if told:
                break
        return told

    def _told(self, conn: Connection, one: Numbered) -> list[dict[str, Any]]:
        fact = one.fact
        if isinstance(fact, IndividualsCreated):
            self._did.created.update(fact.individuals)
        elif isinstance(fact, Merged):
            self._did.merged.setdefault(fact.into, []).extend(fact.gone)
        elif isinstance(fact, Split):
            self._did.split.setdefault(fact.source, []).append(fact.part)
        elif isinstance(fact, Folded):
            did, self._did = self._did, _Did(set(), {}, {})
            return self._folded(conn, fact, did)
        return []

    def _folded(self, conn: Connection, fact: Folded, did: _Did) -> list[dict[str, Any]]:
        count = fact.last - fact.first + 1
        taken = self._space.log.read(conn, LANE, fact.first - 1, min(count, _SHOWN))
        taken = [one for one in taken if one.number <= fact.last]
        names = intake.source_names(conn)
        known = [
            (one, names[one.fact.source][0], _MESSAGE(one.fact.message))
            for one in taken
            if isinstance(one.fact, Received)
        ]
        looked = {one.number: self._given(conn, fact, one.number, source, message) for one, source, message in known}
        given = {number: one for number, one in looked.items() if one is not None}
        known = [one for one in known if one[0].number in given]
        homes = self._homes(conn, [(one.number, source, given[one.number]) for one, source, _ in known])
        told = []
        for one, source, message in known:
            event = {**self._event(one, source, message), **given[one.number].told}
            if event["verdict"] == "folded":
                event["profile"] = _profile(homes, one, did)
            told.append(event)
        if count > len(known):
            told.append({"verdict": "not shown", "events": count - len(known), "number": fact.last})
        return told

    def _event(self, one: Numbered, source: str, message: Message) -> dict[str, Any]:
        return {
            "number": one.number, "receivedAt": iso(intake.moment(message.received)), "source": source,
            "messageId": message.id, "type": message.type, "event": message.event or None,
        }  # fmt: skip

    def _given(self, conn: Connection, fact: Folded, number: int, source: str, message: Message) -> _Given | None:
        """Say what became of an event, mapped again as the thread does; of a party, what this event tells.

        None for one that was folded in and is of somebody who was erased since: that it was there is counted only.
        """
        if number in fact.duplicates:
            return _Given({"verdict": "duplicate"}, [])
        watched = self._watched(source)
        kept = [message]
        if self._fence.stands(conn):
            kept = self._fence.messages(conn, source, watched.namespace, kept)
        if not kept:
            gone = {"verdict": "refused", "reason": "it is of somebody who was erased"}
            return _Given(gone, []) if number in fact.refused else None
        left = admitted(self._space, watched.plan, [as_told(0, one) for one in kept])
        if number in fact.refused or not left:
            why = why_blocked(self._space, watched.plan, kept[0]) or (WAITS if watched.waits else "")
            return _Given({"verdict": "refused", **({"reason": why} if why else {})}, [])
        identifiers = known_identifiers(self._space, left[0].message, watched.namespace)
        try:
            rows = self._rows(watched, left[0].message, identifiers)
        except RowRejected as error:
            return _Given({"verdict": "refused", "reason": f"{error.column}: {error.reason}"}, [])
        aside = [{"property": issue.column, "reason": issue.reason} for row in rows for issue in row.issues]
        shown = {"records": _shown_records(rows), "identifiers": [[one[0], one[2]] for one in identifiers]}
        own = rows[:1] if rows and rows[0].records else rows  # who refunds an order does it to somebody else's
        apart = "" if message.mapped else watched.apart
        keys = [(record.entity, apart + record.key) for row in own for record in row.records]
        return _Given({"verdict": "folded", **shown, "setAside": aside}, keys)

    def _rows(self, watched: _Watched, message: Message, identifiers: list[tuple[str, str, str]]) -> list[MappedRow]:
        if is_kept_out(message):
            return []
        if message.mapped:
            return [watched.mapping.map(message.properties)] if watched.mapping else []
        rows = []
        if message.type not in ("identify", "group") or message.group_id:
            rows.append(self._words.event(message, identifiers))
        rows += self._words.goods.of(message, identifiers)
        for party in parties(message):
            if party[0] in GOODS:
                continue
            state = PartyState()
            state.tell(message, identifiers if party[0] == "Individual" else [])
            rows.append(self._words.party(*party, state)[0])
        return rows

    def _watched(self, source: str) -> _Watched:
        """Return what decides over a source's events, as its files are now."""
        changed = changed_at(self._space, source)
        known = self._sources.get(source)
        if known is None or known.changed != changed:
            terms, country = terms_of(self._space, source), self._space.project.settings.project.country
            documents = intake.DocumentMapping(terms.mapping, self._space.model, country) if terms.mapping else None
            if known is None or not terms.problem:  # one that cannot be read now is watched as it was
                known = _Watched(changed, terms.namespace, terms.plan, documents, terms.apart, waits=False)
            known.changed, known.waits = changed, bool(terms.problem)
            self._sources[source] = known
        return known

    def _homes(self, conn: Connection, given: Iterable[tuple[int, str, _Given]]) -> dict[int, UUID]:
        """Return whose profile each event is in now: that of its last record which is anybody's."""
        names: dict[bytes, list[int]] = {}
        for number, source, one in given:
            for entity, key in one.keys:
                if entity != "Account":
                    names.setdefault(intake.key_hash(self._space.vault, source, entity, key), []).append(number)
        rows = conn.execute(
            "select r.key_hash, c.individual_id from intake.record r left join profiles.event e using (record_id) "
            "join identity.node n on n.node_id = coalesce(e.owner, r.record_id) join identity.cluster c using (cluster_id) "
            "where r.key_hash = any(%s)",
            (list(names),),
        ).fetchall()
        return {number: individual for name, individual in rows for number in names[bytes(name)]}

    def _refused(self, conn: Connection) -> list[dict[str, Any]]:
        """Tell of what the collector refused since the last step."""
        told = []
        for one in intake.rejects_after(conn, self._reject, _SHOWN):
            self._reject = max(self._reject, one.pop("id"))
            told.append({"verdict": "refused", **one})
        return told


def _shown_records(rows: Sequence[MappedRow]) -> list[dict[str, Any]]:
    return [
        {
            "entity": record.entity, "key": record.key, "values": record.values,
            "parts": [{"entity": part.entity, "values": part.values} for part in record.parts],
            "unmapped": row.extras if number == 0 else {},
        }
        for row in rows
        for number, record in enumerate(row.records)
    ]  # fmt: skip


def _profile(homes: dict[int, UUID], one: Numbered, did: _Did) -> dict[str, Any] | None:
    individual = homes.get(one.number)
    if individual is None:
        return None
    gone = did.merged.pop(individual, [])
    parts = did.split.pop(individual, [])
    created = individual in did.created
    did.created.discard(individual)
    what = "merged" if gone else "split" if parts else "created" if created else "changed"
    told: dict[str, Any] = {"individualId": str(individual), "did": what}
    if gone:
        told["gone"] = [str(former) for former in gone]
    if parts:
        told["parts"] = [str(part) for part in parts]
    return told


def shown(events: Sequence[dict[str, Any]]) -> list[str]:
    """Return events as lines for people."""
    lines = []
    for one in events:
        if one["verdict"] == "not shown":
            lines.append(f"... and {one['events']:,} more in the same moment")
            continue
        at = (one.get("receivedAt") or one.get("at") or "")[11:19]
        what = " ".join(str(one[part]) for part in ("type", "event") if one.get(part))
        line = f"{at}  {one['source']}  {one['verdict']}  {what}".rstrip()
        if one.get("reason"):
            line += f": {one['reason']}"
        profile = one.get("profile")
        if profile:
            line += f"  -> {profile['did']} individual:{profile['individualId']}"
            line += f" (was {', '.join(profile['gone'])})" if profile.get("gone") else ""
        lines.append(line)
        lines += [f"          {record['entity']} {record['key']}" for record in one.get("records", ())]
        lines += [f"          set aside: {aside['property']}: {aside['reason']}" for aside in one.get("setAside", ())]
    return lines
