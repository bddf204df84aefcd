"""The micro-batch: prepared records in, one transaction out. Receive, resolve, fold, publish in this order."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg

from steelthread import intake, profiles
from steelthread.identity import NewNode, Outcome, Rule, Stitch
from steelthread.intake import RecordRow
from steelthread.model import AnyFact, ProfilesChanged, RecordsClosed, RecordsKept
from steelthread.thread.names import Names
from steelthread.thread.prepare import Prepared
from steelthread.thread.space import Space
from steelthread.vault import seal

Connection = psycopg.Connection[Any]
LANE = "identity"
RECORD_KIND = 0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Return a moment as microseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(micros: int) -> datetime:
    """Return microseconds since the epoch as a moment."""
    return _EPOCH + timedelta(microseconds=micros)


class SourceFacts(msgspec.Struct, frozen=True):
    """What the batch needs to know of the source."""

    source_id: int
    subject: int
    unique: bool


class Written(msgspec.Struct):
    """What became of a batch."""

    new: set[bytes]
    changed: set[bytes]
    outcome: Outcome
    same: list[int]
    """Records that the batch showed as they were."""


class Batch:
    """One batch of prepared records within the caller's transaction."""

    def __init__(self, space: Space, conn: Connection, source: SourceFacts, load: int, as_of: datetime) -> None:
        self._space = space
        self._conn = conn
        self._source = source
        self._load = load
        self._as_of = as_of
        self._names = Names(space.vault, conn)
        self._stitch = Stitch(conn, space.policy(self._names.conflict), space.generic_above, as_of, load)
        self._kept: list[int] = []
        self._tokens: list[tuple[int, list[int]]] = []
        self._events: list[profiles.Event] = []

    def write(self, prepared: Sequence[Prepared]) -> Written:
        """Keep the records, stitch, fold and publish."""
        self._space.log.lock(self._conn, LANE)
        winners = self._winners(prepared)
        stored = intake.records_by_hash(self._conn, list(winners))
        new, changed = self._classify(winners, stored)
        rows = self._keep(winners, stored, new, changed)
        self._link(rows, winners, stored, new)
        outcome = self._finish([RecordsKept(load=self._load, records=[row.record_id for row in rows])])
        same = [row.record_id for name, row in stored.items() if name not in changed]
        return Written(new, changed, outcome, same)

    def close(self, rows: Sequence[RecordRow]) -> Outcome:
        """Close records that have gone from their source."""
        self._space.log.lock(self._conn, LANE)
        ids = [row.record_id for row in rows]
        parties = [row for row in rows if row.is_party]
        self._stitch.nodes([row.record_id for row in parties])
        for link in self._stitch.load_links([row.record_id for row in parties]):
            if link.strength > 0:
                self._stitch.unclaim(link.a, link.b, link.strength)
        for row in parties:
            self._stitch.evidence(row.record_id, -1)
        self._drop_events([row.record_id for row in rows if not row.is_party])
        self._conn.execute(
            "update intake.record set closed_at = %s, load_id = %s where record_id = any(%s)",
            (self._as_of, self._load, ids),
        )
        return self._finish([RecordsClosed(load=self._load, records=ids)])

    # -- keep ----------------------------------------------------------------------------------------------------

    def _winners(self, prepared: Sequence[Prepared]) -> dict[bytes, Prepared]:
        """Of several versions of one record in a batch the newest counts; equal times go by content, never by place."""
        winners: dict[bytes, Prepared] = {}
        for one in prepared:
            other = winners.get(one.key_hash)
            if other is None or _version(one) > _version(other):
                winners[one.key_hash] = one
        return winners

    def _classify(
        self, winners: dict[bytes, Prepared], stored: dict[bytes, RecordRow]
    ) -> tuple[set[bytes], set[bytes]]:
        new, changed = set(), set()
        for name, one in winners.items():
            row = stored.get(name)
            if row is None:
                new.add(name)
            elif row.closed_at is not None or (row.digest != one.digest and self._newer(one, row)):
                changed.add(name)
        return new, changed

    def _newer(self, one: Prepared, row: RecordRow) -> bool:
        """Whether this version goes before the stored one: by the rows' own change time, then by as-of time."""
        if row.load_id == self._load:
            mine = (one.changed_at or 0, self._as_of, one.digest)
        else:
            mine = (one.changed_at or 0, self._as_of, row.digest)
        theirs = (microseconds(row.changed_at) if row.changed_at else 0, row.loaded_at, row.digest)
        return mine >= theirs

    def _keep(
        self,
        winners: dict[bytes, Prepared],
        stored: dict[bytes, RecordRow],
        new: set[bytes],
        changed: set[bytes],
    ) -> list[RecordRow]:
        entities = self._space.entities(self._conn, {one.entity for one in winners.values()})
        fresh = [winners[name] for name in winners if name in new]
        numbers = self._numbers(fresh)
        owned = [one for one in fresh if one.has_direct]
        subjects = dict(zip((one.key_hash for one in owned), self._space.vault.new_subjects(len(owned)), strict=True))
        keys = self._space.vault.keys({self._source.subject, *(stored[name].subject for name in changed)})
        common = (self._source.subject, keys[self._source.subject])
        inserts = [
            self._row(one, entities[one.entity], numbers[one.key_hash], *subjects.get(one.key_hash, common))
            for one in fresh
        ]
        updates = self._updates([(winners[name], stored[name]) for name in winners if name in changed], entities, keys)
        intake.insert_records(self._conn, inserts)
        intake.update_records(self._conn, updates)
        self._stale(winners, stored, changed)
        return inserts + updates

    def _numbers(self, fresh: list[Prepared]) -> dict[bytes, int]:
        """A party record is its node; a node may be there already, when an order named the customer before."""
        parties = [one for one in fresh if one.is_party]
        moment = microseconds(self._as_of)
        specs = [NewNode(RECORD_KIND, one.key_hash, True, one.changed_at or moment) for one in parties]
        numbers = self._stitch.ensure(specs)
        others = [one for one in fresh if not one.is_party]
        reserved = intake.reserve(self._conn, len(others))
        numbers.update(zip((one.key_hash for one in others), reserved, strict=True))
        return numbers

    def _row(self, one: Prepared, entity: int, number: int, subject: int, key: bytes) -> RecordRow:
        changed = moment_of(one.changed_at) if one.changed_at else None
        observed = changed or self._as_of
        return RecordRow(
            number, self._source.source_id, entity, one.key_hash, one.digest, one.row_digest, observed, changed,
            self._as_of, observed, self._load, subject, one.is_party, seal(key, one.plain, one.key_hash), one.clear,
            None,
        )  # fmt: skip

    def _updates(
        self, pairs: list[tuple[Prepared, RecordRow]], entities: dict[str, int], keys: dict[int, bytes]
    ) -> list[RecordRow]:
        known = intake.versions(self._conn, [row.record_id for _, row in pairs]) if pairs else {}
        kept = [(row.record_id, row.digest, row.loaded_at) for _, row in pairs]
        updates = []
        for one, row in pairs:
            key = keys.get(row.subject)
            subject = row.subject
            if key is None:
                ((subject, key),) = self._space.vault.new_subjects(1)
            after = self._row(one, entities[one.entity], row.record_id, subject, key)
            same = row.loaded_at if row.digest == one.digest else self._as_of
            after.loaded_at = min(known.get((row.record_id, one.digest), same), same)
            after.observed_at = after.changed_at or after.loaded_at
            after.first_observed_at = min(row.first_observed_at, after.observed_at)
            updates.append(after)
        intake.keep_versions(self._conn, kept)
        return updates

    def _stale(self, winners: dict[bytes, Prepared], stored: dict[bytes, RecordRow], changed: set[bytes]) -> None:
        """Versions that came too late are noted, so that they keep their time if they return."""
        late = [
            (row.record_id, winners[name].digest, self._as_of)
            for name, row in stored.items()
            if name not in changed and winners[name].digest != row.digest
        ]
        intake.keep_versions(self._conn, late)

    # -- resolve -------------------------------------------------------------------------------------------------

    def _link(
        self,
        rows: list[RecordRow],
        winners: dict[bytes, Prepared],
        stored: dict[bytes, RecordRow],
        new: set[bytes],
    ) -> None:
        nodes = self._stitch.ensure(self._specs(rows, winners))
        parties = [row for row in rows if row.is_party]
        former: dict[int, set[tuple[int, int]]] = {row.record_id: set() for row in parties}
        for link in self._stitch.load_links([row.record_id for row in parties if row.key_hash not in new]):
            if link.strength > 0 and link.a in former:
                former[link.a].add((link.b, link.strength))
        for row in parties:
            self._party(row, winners[row.key_hash], nodes, former[row.record_id], stored.get(row.key_hash))
        self._trace([row for row in rows if not row.is_party], winners, nodes, new)
        self._tokens = [(row.record_id, winners[row.key_hash].name_tokens) for row in parties]

    def _specs(self, rows: list[RecordRow], winners: dict[bytes, Prepared]) -> list[NewNode]:
        self._space.know_kinds(self._conn, {ident.name for one in winners.values() for ident in one.idents})
        specs = []
        for row in rows:
            one = winners[row.key_hash]
            seen = microseconds(row.first_observed_at)
            if one.is_party:
                specs.append(NewNode(RECORD_KIND, row.key_hash, True, seen))
            elif one.party is not None:
                specs.append(NewNode(RECORD_KIND, one.party, True, seen))
            for ident in one.idents:
                kind = self._space.kind(ident.kind)
                exclusive = ident.kind if kind.exclusive else 0
                specs.append(NewNode(ident.kind, ident.hash, kind.durable, seen, exclusive))
        return specs

    def _party(
        self,
        row: RecordRow,
        one: Prepared,
        nodes: dict[bytes, int],
        former: set[tuple[int, int]],
        before: RecordRow | None,
    ) -> None:
        node = row.record_id
        self._names.know(node, one.first_name, one.suffix)
        self._stitch.facts(
            node,
            first_name=self._space.vault.token("first|" + one.first_name) if one.first_name else 0,
            suffix=one.suffix,
            unique_source=self._source.source_id if self._source.unique else 0,
        )
        if before is None or before.closed_at is not None:
            self._stitch.evidence(node, 1)
        else:
            self._stitch.touch(node)
        first = microseconds(row.first_observed_at)
        now = {(nodes[ident.hash], self._space.kind(ident.kind).strength): ident for ident in one.idents}
        for pair, ident in now.items():
            if pair not in former:
                self._stitch.claim(node, pair[0], self._rule(ident.kind), first)
        for other, strength in former - set(now):
            self._stitch.unclaim(node, other, strength)

    def _rule(self, kind: int) -> Rule:
        known = self._space.kind(kind)
        return Rule(known.name, known.strength, known.weak)

    def _trace(
        self, rows: list[RecordRow], winners: dict[bytes, Prepared], nodes: dict[bytes, int], new: set[bytes]
    ) -> None:
        """An event belongs to its strongest identifier; its identifiers are linked to that one."""
        rows = [row for row in rows if self._is_event(winners[row.key_hash])]
        self._drop_events([row.record_id for row in rows if row.key_hash not in new])
        parents = {winners[row.key_hash].parent for row in rows} - {None}
        known = {row.key_hash: row.record_id for row in rows}
        missing = [parent for parent in parents if parent is not None and parent not in known]
        found = intake.row_digests(self._conn, missing) if missing else {}
        known.update({name: entry[0] for name, entry in found.items()})
        for row in rows:
            one = winners[row.key_hash]
            trace = self._trace_nodes(one, nodes)
            self._claim_star(trace, microseconds(row.first_observed_at), 1)
            owner = next((node for node, _ in trace if not self._stitch.row(node).generic), None)
            if owner is not None:
                self._stitch.evidence(owner, 1)
            at = one.at or row.observed_at
            parent = known.get(one.parent) if one.parent else None
            self._events.append(
                profiles.Event(
                    row.record_id, row.entity_id, owner, [node for node, _ in trace], parent, at, one.amount,
                    one.currency, one.quantity,
                )
            )  # fmt: skip

    def _is_event(self, one: Prepared) -> bool:
        return bool(one.party or one.parent or one.idents or self._space.model.entity(one.entity).event_time)

    def _trace_nodes(self, one: Prepared, nodes: dict[bytes, int]) -> list[tuple[int, int]]:
        """Return (node, kind) of the trace, strongest first."""
        trace = [(nodes[one.party], RECORD_KIND)] if one.party else []
        idents = sorted(one.idents, key=lambda ident: (self._space.kind(ident.kind).strength, ident.hash))
        return trace + [(nodes[ident.hash], ident.kind) for ident in idents]

    def _claim_star(self, trace: list[tuple[int, int]], first: int, delta: int) -> None:
        for node, kind in trace[1:]:
            if node != trace[0][0]:
                rule = self._rule(kind)
                if delta > 0:
                    self._stitch.claim(trace[0][0], node, rule, first)
                else:
                    self._stitch.unclaim(trace[0][0], node, rule.strength)

    def _drop_events(self, records: Collection[int]) -> None:
        """Take back what former versions of events asserted."""
        if not records:
            return
        events = profiles.events_by_record(self._conn, records)
        self._stitch.nodes(sorted({node for event in events for node in event.nodes}))
        for event in events:
            trace = [(node, self._stitch.row(node).kind) for node in event.nodes]
            self._claim_star(trace, 0, -1)
            if event.owner is not None:
                self._stitch.nodes([event.owner])
                self._stitch.evidence(event.owner, -1)
        profiles.delete_events(self._conn, records)

    # -- fold and publish ----------------------------------------------------------------------------------------

    def _finish(self, facts: list[AnyFact]) -> Outcome:
        self._own_anew(self._stitch.settle())
        outcome = self._stitch.finish()
        profiles.insert_events(self._conn, self._events)
        profiles.write_tokens(self._conn, self._tokens)
        profiles.delete_profiles(self._conn, outcome.gone)
        self._space.folder(self._conn).fold(outcome.touched)
        if outcome.touched:
            facts = [*facts, *outcome.facts, ProfilesChanged(individuals=sorted(outcome.touched))]
        self._space.log.append(self._conn, LANE, facts)
        return outcome

    def _own_anew(self, flips: list[int]) -> None:
        """Events whose owner turned generic go to the next identifier of their trace; they come back the same way."""
        if not flips:
            return
        stored = profiles.events_through(self._conn, flips)
        self._stitch.nodes(sorted({node for event in stored for node in event.nodes}))
        moved = [event for event in stored if self._own(event)]
        for event in self._events:
            self._own(event)
        profiles.move_events(self._conn, moved)

    def _own(self, event: profiles.Event) -> bool:
        owner = next((node for node in event.nodes if not self._stitch.row(node).generic), None)
        if owner == event.owner:
            return False
        if event.owner is not None:
            self._stitch.evidence(event.owner, -1)
        if owner is not None:
            self._stitch.evidence(owner, 1)
        event.owner = owner
        return True


def _version(one: Prepared) -> tuple[int, bytes]:
    return (one.changed_at or 0, one.digest)
