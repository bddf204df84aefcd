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
from steelthread.intake import Message, PartyState, Words
from steelthread.kit import iso
from steelthread.log import Numbered
from steelthread.model import Folded, IndividualsCreated, Merged, Received, Split
from steelthread.thread.batch import LANE as OUTCOMES
from steelthread.thread.live import LANE, known_identifiers, parties
from steelthread.thread.space import Space

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


class Tail:
    """Follows what becomes of live events from now on, or from a number of the log."""

    def __init__(self, space: Space, conn: Connection, after: int | None = None) -> None:
        self._space = space
        self._words = Words(space.model, space.project.settings.project.country)
        self.position = space.log.head(conn, OUTCOMES) if after is None else after
        """Number of the last fact that was told."""
        self._reject = intake.last_reject(conn)
        self._did = _Did(set(), {}, {})
        self._namespaces: dict[str, str] = {}

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
        homes = self._homes(conn, known)
        told = []
        for one, source, message in known:
            event = self._event(one, source, message)
            if one.number in fact.refused:
                event["verdict"] = "refused"
            elif one.number in fact.duplicates:
                event["verdict"] = "duplicate"
            else:
                event.update(verdict="folded", **self._records(source, message), profile=_profile(homes, one, did))
            told.append(event)
        if count > len(known):
            told.append({"verdict": "not shown", "events": count - len(known), "number": fact.last})
        return told

    def _event(self, one: Numbered, source: str, message: Message) -> dict[str, Any]:
        return {
            "number": one.number, "receivedAt": iso(intake.moment(message.received)), "source": source,
            "messageId": message.id, "type": message.type, "event": message.event or None,
        }  # fmt: skip

    def _records(self, source: str, message: Message) -> dict[str, Any]:
        """Map an event as the thread does; of a party, what this event tells."""
        identifiers = known_identifiers(self._space, message, self._namespace(source))
        rows = []
        if message.type not in ("identify", "group") or message.group_id:
            rows.append(self._words.event(message, identifiers))
        for party in parties(message):
            state = PartyState()
            state.tell(message, identifiers if party[0] == "Individual" else [])
            rows.append(self._words.party(*party, state)[0])
        records = [
            {
                "entity": record.entity, "key": record.key, "values": record.values,
                "parts": [{"entity": part.entity, "values": part.values} for part in record.parts],
                "unmapped": row.extras if number == 0 else {},
            }
            for row in rows
            for number, record in enumerate(row.records)
        ]  # fmt: skip
        aside = [{"property": issue.column, "reason": issue.reason} for row in rows for issue in row.issues]
        return {"records": records, "identifiers": [[one[0], one[2]] for one in identifiers], "setAside": aside}

    def _namespace(self, source: str) -> str:
        if source not in self._namespaces:
            self._namespaces[source] = intake.load_live(self._space.project.folder, source, self._space.model)[
                0
            ].user_namespace
        return self._namespaces[source]

    def _homes(self, conn: Connection, known: Iterable[tuple[Numbered, str, Message]]) -> dict[int, UUID]:
        """Return whose profile each event is in now."""
        names: dict[bytes, list[int]] = {}
        for one, source, message in known:
            for entity, key in self._keys(message):
                name = intake.key_hash(self._space.vault, source, entity, key)
                names.setdefault(name, []).append(one.number)
        rows = conn.execute(
            "select r.key_hash, c.individual_id from intake.record r left join profiles.event e using (record_id) "
            "join identity.node n on n.node_id = coalesce(e.owner, r.record_id) join identity.cluster c using (cluster_id) "
            "where r.key_hash = any(%s)",
            (list(names),),
        ).fetchall()
        return {number: individual for name, individual in rows for number in names[bytes(name)]}

    def _keys(self, message: Message) -> list[tuple[str, str]]:
        keys = [party for party in parties(message) if party[0] == "Individual"]
        if message.type not in ("identify", "group") or message.group_id:
            records = self._words.event(message, []).records
            keys += [(records[0].entity, records[0].key)]
        return keys

    def _refused(self, conn: Connection) -> list[dict[str, Any]]:
        """Tell of what the collector refused since the last step."""
        told = []
        for one in intake.rejects_after(conn, self._reject, _SHOWN):
            self._reject = max(self._reject, one.pop("id"))
            told.append({"verdict": "refused", **one})
        return told


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
