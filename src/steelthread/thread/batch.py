"""The micro-batch: prepared records in, one transaction out. Receive, resolve, fold, publish in this order."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import psycopg

from steelthread import intake, profiles
from steelthread.identity import NewNode, Outcome, Rule, Stitch, note_unjudged, write_homes
from steelthread.intake import Load, RecordRow, Witness
from steelthread.kit import microseconds, moment_of
from steelthread.model import AnyFact, ProfilesChanged, RecordsClosed, RecordsKept
from steelthread.store import carry_out
from steelthread.thread.answers import tell_answers
from steelthread.thread.computing import Computing
from steelthread.thread.fence import Fence
from steelthread.thread.names import Names
from steelthread.thread.nodes import nodes_named
from steelthread.thread.prepare import Ident, Prepared, as_they_were
from steelthread.thread.recent import Recent
from steelthread.thread.space import Space
from steelthread.thread.stars import RECORD_KIND, Stars
from steelthread.thread.types import LANE, SourceFacts, Written
from steelthread.vault import seal

Connection = psycopg.Connection[Any]
_NUMBER = attrgetter("int")


class Batch:
    """One batch of prepared records within the caller's transaction."""

    def __init__(
        self,
        space: Space,
        conn: Connection,
        source: SourceFacts,
        load: Load,
        witness: Witness | None,
        recent: Recent | None = None,
        asked: Connection | None = None,
        told: list[AnyFact] | None = None,
    ) -> None:
        """`witness` is that of a source that shows its records in loads; None for live events.

        `asked` is another connection for questions that this transaction changes nothing about, as `Stitch` takes it.
        What it has to say goes to the end of `told`, for the caller to append to the lane; without it, it appends itself.
        """
        self._asked = asked
        self._facts = told
        self._recent = recent
        self._space = space
        self._conn = conn
        self._source = source
        self._load, self._as_of = load.load_id, load.as_of
        self._witness = witness
        self._names = Names(space.vault, conn, space.rules.threshold)
        policy = space.policy(self._names.conflict)
        self._stitch = Stitch(conn, policy, space.generic_above, load.as_of, load.load_id, recent, asked)
        self._stars = Stars(space, self._stitch)
        self._told: dict[tuple[int, int], int] = {}
        """Since when a record of this batch tells of an identifier: (record, identifier) -> microseconds since 1970."""
        self._contributions: dict[int, profiles.Contribution] = {}
        self._inserts: list[RecordRow] = []
        self._tokens: list[tuple[int, list[int]]] = []
        self._tokens_again: list[tuple[int, list[int]]] = []
        self._homes: list[tuple[int, int]] = []
        self._backdated: set[int] = set()
        self._earliest: dict[bytes, datetime] = {}
        self._looked_up: dict[bytes, RecordRow | None] = {}
        self._outdone: list[Prepared] = []
        self._events: list[profiles.Event] = []
        self._disowned: set[int] = set()
        self._adopters: set[int] = set()
        self._waiting: list[tuple[bytes, int]] = []
        self._edition = load.edition
        self._editions: dict[int, int] = {}
        self.walls: Collection[Ident] = ()
        """Logins that its events told of and its records do not: each is one person's all the same."""
        self._mended: Collection[bytes] = ()
        self._anew: Collection[bytes] = ()  # key hashes of records that are written even if they are the same
        self._computing = Computing(space, conn, recent)

    def write(
        self, prepared: Sequence[Prepared], mended: frozenset[bytes] = frozenset(), fence: Fence | None = None,
        let_in: Collection[bytes] = (), anew: Collection[bytes] = (),
    ) -> Written:  # fmt: skip
        """Keep the records, stitch, fold and publish; records that stand as a `mended` row gave them, or are `anew`, are written anew.

        A `fence` is one that remembers whom it let in before, `let_in` what it need not be asked of (`Fence.records`).
        """
        self._mended, self._anew = mended, anew
        self._space.log.lock(self._conn, LANE)
        prepared = (fence or Fence(self._space)).records(self._conn, prepared, let_in)
        winners = self._winners(prepared)
        stored = {name: row for name in winners if (row := self._looked_up.get(name)) is not None}
        stored |= intake.records_by_hash(self._conn, [name for name in winners if name not in self._looked_up])
        as_they_were(winners, stored)
        self._yield_to(winners, stored)
        new, changed, retimed = self._classify(winners, stored)
        rows = self._keep(winners, stored, new, changed | retimed)
        tell_answers(self._space, self._conn, rows, winners, new)
        self._link(rows, winners, stored, new)
        self._backdate([row for row in stored.values() if row.record_id in self._backdated])
        outcome = self._finish([RecordsKept(load=self._load, records=[row.record_id for row in rows])])
        same = [
            row.record_id
            for name, row in stored.items()
            if name not in changed and row.closed_at is None and row.digest == winners[name].digest
        ]
        shown = [row.record_id for row in stored.values()] + [row.record_id for row in rows]
        return Written(new, changed, outcome, same, shown)

    def seen_since(self, name: bytes, moment: datetime) -> None:
        """Say that the record with this key hash was first observed at a moment, or earlier."""
        self._earliest[name] = min(moment, self._earliest.get(name, moment))

    def looked_up(self, names: Collection[bytes], stored: Mapping[bytes, RecordRow]) -> None:
        """Take over what was found of these key hashes in this transaction, under the lane's lock: it is not read again."""
        self._looked_up.update((name, stored.get(name)) for name in names)

    def close(self, rows: Sequence[RecordRow], at: datetime) -> Outcome:
        """Close records that have gone from their source at a time."""
        self._space.log.lock(self._conn, LANE)
        ids = [row.record_id for row in rows]
        parties = [row for row in rows if row.is_party]
        self._stitch.nodes([row.record_id for row in parties])
        for a, b, strength in self._stated([row.record_id for row in parties]):
            self._stitch.unclaim(a, b, strength)
        for row in parties:
            self._stitch.facts(row.record_id, first_name=0, suffix="", unique_source=0)
            self._stitch.stands(row.record_id, is_open=False)
        self._stitch.retire([row.record_id for row in parties])
        self._drop_events([row.record_id for row in rows if not row.is_party])
        intake.close_records(self._conn, ids, self._load, at)
        return self._finish([RecordsClosed(load=self._load, records=ids)])

    # -- keep ----------------------------------------------------------------------------------------------------

    def _winners(self, prepared: Sequence[Prepared]) -> dict[bytes, Prepared]:
        """Of several versions of one record in a batch the newest counts; equal times go by content, never by place."""
        winners: dict[bytes, Prepared] = {}
        for one in prepared:
            other = winners.get(one.key_hash)
            if other is None:
                winners[one.key_hash] = one
                continue
            newer, older = (one, other) if _version(one) > _version(other) else (other, one)
            winners[one.key_hash] = newer
            earliest = self._earliest.get(one.key_hash)
            self._earliest[one.key_hash] = min(earliest or self._observed(older), self._observed(older))
            if older.digest != newer.digest:
                self._outdone.append(older)
        return winners

    def _yield_to(self, winners: dict[bytes, Prepared], stored: dict[bytes, RecordRow]) -> None:
        """A version that another one of a late file outdid may be the stored one: that one was there as early as the file."""
        for place, one in enumerate(self._outdone):
            row, winner = stored.get(one.key_hash), winners[one.key_hash]
            if row is None or row.closed_at is not None or row.digest != one.digest or winner.digest == row.digest:
                continue
            if self._as_of < row.loaded_at and not self._goes_before(winner, row):
                winners[one.key_hash], self._outdone[place] = one, winner

    def _observed(self, one: Prepared) -> datetime:
        return moment_of(one.changed_at) if one.changed_at else self._as_of

    def _first(self, name: bytes, *moments: datetime) -> datetime:
        """Return when a record was first observed, with what versions say that another one of this batch outdid."""
        earliest = self._earliest.get(name)
        return min(moments) if earliest is None else min(earliest, *moments)

    def _classify(
        self, winners: dict[bytes, Prepared], stored: dict[bytes, RecordRow]
    ) -> tuple[set[bytes], set[bytes], set[bytes]]:
        """Return the names of records that are new, that change, and that were the same at an earlier time already."""
        new, changed, retimed = set(), set(), set()
        for name, one in winners.items():
            row = stored.get(name)
            if row is None:
                new.add(name)
            elif self._goes_before(one, row):
                changed.add(name)
            elif row.closed_at is None and row.digest == one.digest and self._as_of < row.loaded_at:
                retimed.add(name)
        return new, changed, retimed

    def _goes_before(self, one: Prepared, row: RecordRow) -> bool:
        """Whether this version is to be written over the stored one: by change time, then as-of time, then content.

        Live events have no as-of time of their own, only that of the batch in which they happen to come: it decides nothing.
        """
        if row.closed_at is not None:
            return self._as_of >= row.closed_at
        if row.digest == one.digest or row.row_digest in self._mended:
            return row.digest != one.digest or one.key_hash in self._anew
        theirs, ours = microseconds(row.changed_at) if row.changed_at else 0, one.changed_at or 0
        if ours != theirs:
            return ours > theirs
        shown = self._as_of if self._witness is None else self._shown(row)
        if shown != self._as_of:
            return self._as_of > shown
        return (self._edition, one.digest) > (self._edition_of(row.load_id), row.digest)

    def _shown(self, row: RecordRow) -> datetime:
        """Return when the stored version itself was last shown: what loads before it showed was another one."""
        return row.as_of if self._witness is None else self._witness.last_shown(row.record_id, row.as_of, row.load_id)

    def _edition_of(self, load: int) -> int:
        """Return under which edition of its mapping a load was read: of equal times the newer mapping wins."""
        if load not in self._editions:
            self._editions.update(intake.editions(self._conn, [load]))
        return self._editions[load]

    def _keep(
        self,
        winners: dict[bytes, Prepared],
        stored: dict[bytes, RecordRow],
        new: set[bytes],
        changed: set[bytes],
    ) -> list[RecordRow]:
        entities = self._space.entities({one.entity for one in winners.values()})
        fresh = [winners[name] for name in winners if name in new]
        numbers = self._numbers(fresh)
        owned = [one for one in fresh if one.has_direct and not one.subject]
        subjects = dict(zip((one.key_hash for one in owned), self._space.vault.new_subjects(len(owned)), strict=True))
        keys = self._space.vault.keys({self._source.subject, *(stored[name].subject for name in changed)})
        common = (self._source.subject, keys[self._source.subject])
        inserts = [
            self._row(one, entities[one.entity], numbers[one.key_hash], *subjects.get(one.key_hash, common))
            for one in fresh
        ]
        updates = self._updates([(winners[name], stored[name]) for name in winners if name in changed], entities, keys)
        self._inserts = inserts
        intake.update_records(self._conn, updates)
        self._stale(winners, stored, changed)
        ids = {row.key_hash: row.record_id for row in (*stored.values(), *inserts)}
        note_unjudged(self._conn, [row.record_id for row in inserts + updates if row.is_party])
        intake.keep_versions(self._conn, [(ids[one.key_hash], one.digest, self._as_of) for one in self._outdone])
        return inserts + updates

    def _numbers(self, fresh: list[Prepared]) -> dict[bytes, int]:
        """A party record is its node; a node may be there already, when an order named the customer before."""
        parties = [one for one in fresh if one.is_party]
        specs = [
            NewNode(RECORD_KIND, one.key_hash, True, microseconds(self._first(one.key_hash, self._observed(one))))
            for one in parties
        ]
        numbers = self._stitch.ensure(specs)
        others = [one for one in fresh if not one.is_party]
        reserved = intake.reserve(self._conn, len(others))
        numbers.update(zip((one.key_hash for one in others), reserved, strict=True))
        return numbers

    def _row(self, one: Prepared, entity: int, number: int, subject: int, key: bytes) -> RecordRow:
        changed = moment_of(one.changed_at) if one.changed_at else None
        observed = changed or self._as_of
        if one.subject and subject == self._source.subject:
            subject, sealed = one.subject, one.sealed
        else:
            sealed = seal(key, one.plain, one.key_hash)
        return RecordRow(
            number, self._source.source_id, entity, one.key_hash, one.digest, one.row_digest, observed, changed,
            self._as_of, self._first(one.key_hash, observed), self._as_of, self._load, subject, one.is_party, sealed, one.clear, None,
        )  # fmt: skip

    def _updates(
        self, pairs: list[tuple[Prepared, RecordRow]], entities: dict[str, int], keys: dict[int, bytes]
    ) -> list[RecordRow]:
        known = intake.versions(self._conn, [row.record_id for _, row in pairs]) if pairs else {}
        kept = [(row.record_id, row.digest, row.loaded_at) for one, row in pairs if one.digest != row.digest]
        updates = []
        for one, row in pairs:
            key = keys.get(row.subject)
            subject = row.subject
            if key is None:
                ((subject, key),) = self._space.vault.new_subjects(1)
            one.subject = 0  # the record keeps its subject: whoever is erased must not leave a second key behind
            after = self._row(one, entities[one.entity], row.record_id, subject, key)
            times = [self._as_of, known.get((row.record_id, one.digest), self._as_of)]
            after.loaded_at = min(*times, row.loaded_at) if row.digest == one.digest else min(times)
            after.observed_at = after.changed_at or after.loaded_at
            after.first_observed_at = self._first(one.key_hash, row.first_observed_at, after.observed_at)
            after.as_of = max(self._shown(row), self._as_of) if row.digest == one.digest else self._as_of
            updates.append(after)
        intake.keep_versions(self._conn, kept)
        return updates

    def _stale(self, winners: dict[bytes, Prepared], stored: dict[bytes, RecordRow], changed: set[bytes]) -> None:
        """Versions that came too late are noted, so that they keep their time if they return.

        They still tell that the record was observed earlier; and a row that gives the same content under a changed
        mapping is not mapped again the next time.
        """
        late, confirmed, firsts = [], [], []
        for name, row in stored.items():
            one = winners[name]
            if name in changed:
                continue
            if one.digest != row.digest:
                late.append((row.record_id, one.digest, self._as_of))
            elif one.row_digest != row.row_digest:
                confirmed.append((row.record_id, one.row_digest))
            observed = self._first(name, self._observed(one))
            if observed < row.first_observed_at:
                row.first_observed_at = observed
                firsts.append((row.record_id, observed))
        intake.keep_versions(self._conn, late)
        intake.confirm_rows(self._conn, confirmed)
        intake.backdate_records(self._conn, firsts)
        self._backdated = {record for record, _ in firsts}

    # -- resolve -------------------------------------------------------------------------------------------------

    def _link(
        self,
        rows: list[RecordRow],
        winners: dict[bytes, Prepared],
        stored: dict[bytes, RecordRow],
        new: set[bytes],
    ) -> None:
        nodes = self._stitch.ensure(nodes_named(self._space, rows, winners, self.walls))
        parties = [row for row in rows if row.is_party]
        former: dict[int, set[tuple[int, int]]] = {row.record_id: set() for row in parties}
        for a, b, strength in self._stated([row.record_id for row in parties if row.key_hash not in new]):
            former[a].add((b, strength))
        for row in parties:
            self._party(row, winners[row.key_hash], nodes, former[row.record_id], stored.get(row.key_hash))
        self._trace([row for row in rows if not row.is_party], winners, nodes, new)
        fresh = [row for row in parties if row.key_hash in new]
        again = [row for row in parties if row.key_hash not in new]
        self._tokens = [(row.record_id, winners[row.key_hash].name_tokens) for row in fresh]
        self._tokens_again = [(row.record_id, winners[row.key_hash].name_tokens) for row in again]
        self._homes = [(row.record_id, token) for row in parties for token in winners[row.key_hash].homes]

    def _backdate(self, rows: list[RecordRow]) -> None:
        """Records that a late version showed to be older: what they assert is older too."""
        if not rows:
            return
        parties = {row.record_id: microseconds(row.first_observed_at) for row in rows if row.is_party}
        self._stitch.nodes(sorted(parties))
        stated = set(self._stated(sorted(parties)))
        for link in self._stitch.load_links(sorted(parties)):
            if (link.a, link.b, link.strength) in stated:
                self._stitch.backdate(link.a, link.b, Rule(link.rule, link.strength, link.weak), parties[link.a])
        for record, first in parties.items():
            self._stitch.sight(record, first)
            self._stitch.touch(record)
        events = {row.record_id: microseconds(row.first_observed_at) for row in rows if not row.is_party}
        for event in profiles.events_by_record(self._conn, list(events)) if events else ():
            self._stitch.nodes(event.nodes)
            trace = [(node, self._stitch.row(node).kind) for node in event.nodes]
            self._stars.backdate(trace, events[event.record_id])

    def _stated(self, records: Collection[int]) -> list[tuple[int, int, int]]:
        """Return the links (a, b, strength) that these records themselves assert, not only events that name them."""
        owned = set(records)
        links = [link for link in self._stitch.load_links(records) if link.strength > 0 and link.a in owned]
        traced = profiles.traced(self._conn, records) if links else {}
        return [(link.a, link.b, link.strength) for link in links if link.asserted > traced.get((link.a, link.b), 0)]

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
        self._space.keys.know(node, one.key)
        self._stitch.facts(
            node,
            first_name=one.first_token,
            suffix=one.suffix,
            unique_source=self._source.source_id if self._source.unique else 0,
        )
        if before is None or before.closed_at is not None:
            self._stitch.stands(node, is_open=True)
        else:
            self._stitch.touch(node)
        first = microseconds(row.first_observed_at)
        self._contributions[node] = profiles.Contribution(
            node, row.source_id, one.entity, row.observed_at, one.clear, row.first_observed_at
        )
        earlier = before is not None and row.first_observed_at < before.first_observed_at
        now: set[tuple[int, int]] = set()
        for ident, rule in zip(one.idents, self._stars.rules(one.idents), strict=True):
            pair, since = (nodes[ident.hash], rule.strength), ident.first or first
            self._told[node, pair[0]] = min(since, self._told.get((node, pair[0]), since))
            if pair not in former and pair not in now:
                self._stitch.claim(node, pair[0], rule, since)
            elif pair in now or earlier or (before is not None and ident.first):
                self._stitch.backdate(node, pair[0], rule, since)
            now.add(pair)
        for other, strength in former - now:
            self._stitch.unclaim(node, other, strength)

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
        self._adopters = profiles.adopt(
            self._conn, {row.key_hash: row.record_id for row in rows if row.key_hash in new}
        )
        for row in rows:
            one = winners[row.key_hash]
            trace = self._stars.trace(one, nodes)
            self._stars.claim(trace, microseconds(row.first_observed_at))
            owner = next((node for node, _ in trace if not self._stitch.row(node).generic), None)
            at = profiles.moment_of(one.at or row.observed_at)
            parent = known.get(one.parent) if one.parent else None
            if one.parent and parent is None:
                self._waiting.append((one.parent, row.record_id))
            event = profiles.Event(
                row.record_id, row.entity_id, owner, [node for node, _ in trace], parent, at, one.amount,
                one.currency, one.quantity, one.uncounted,
            )  # fmt: skip
            self._events.append(event)
            self._computing.note(event, one)
        self._own_events()

    def _own_events(self) -> None:
        """Say who owns the events: where they do no more than add up, nothing else of their owner is looked at."""
        above = self._above()
        for event in self._events:
            if event.owner is None:
                continue
            if event.parent_id is None and (event.uncounted or self._adds_up(event, above)):
                self._stitch.happened(event.owner)
            else:
                self._stitch.owns(event.owner)

    def _above(self) -> set[int]:
        """Return the records above events of this batch."""
        return {event.parent_id for event in self._events if event.parent_id is not None}

    def _adds_up(self, event: profiles.Event, above: Collection[int]) -> bool:
        """Whether what an event gives is all its own: there are no lines below it whose money it is."""
        waited_for = event.record_id in above or event.record_id in self._adopters
        return not waited_for and self._space.has_no_lines(self._conn, event.entity_id)

    def _is_event(self, one: Prepared) -> bool:
        return bool(one.party or one.parent or one.idents or self._space.model.entity(one.entity).event_time)

    def _drop_events(self, records: Collection[int]) -> None:
        """Take back what former versions of events asserted."""
        if not records:
            return
        events = profiles.events_by_record(self._conn, records)
        self._stitch.nodes(sorted({node for event in events for node in event.nodes}))
        self._stars.unclaim([[(node, self._stitch.row(node).kind) for node in event.nodes] for event in events])
        for event in events:
            if event.owner is not None:
                self._stitch.nodes([event.owner])
                self._disowned.add(event.owner)
        self._disowned |= profiles.owners_of(
            self._conn, {event.parent_id for event in events if event.parent_id is not None}
        )
        profiles.delete_events(self._conn, records)

    # -- fold and publish ----------------------------------------------------------------------------------------

    def _finish(self, facts: list[AnyFact]) -> Outcome:
        """Compute what changed and write it: what is asked comes first, so that writing goes on beside the computing."""
        self._redate()
        self._touch_owners()
        self._own_anew(self._stitch.settle())
        self._leave_bereft()
        folder = self._space.folder(self._conn)
        folder.know_sources()
        self._stitch.write_opened()
        intake.insert_records(self._conn, self._inserts)
        profiles.insert_events(self._conn, self._events)
        profiles.write_tokens(self._conn, self._tokens_again, self._tokens)
        write_homes(self._conn, [record for record, _ in self._tokens_again], self._homes)
        asked = None if self._backdated else self._asked  # a record that was dated back is to be read as it is now
        simple, anew = self._told_apart()
        came = profiles.tallies_of(event for event in simple if event.owner not in anew)
        if asked is not None:  # what was there before is read on another connection, which does not see it
            profiles.add_to_tallies(self._conn, came)
        outcome = self._stitch.finish()
        gathered = folder.gather(outcome, self._contributions, self._recent.sums if self._recent else {}, asked)
        self._stitch.write()
        if asked is None:
            profiles.add_to_tallies(self._conn, came)
        profiles.await_parents(self._conn, self._waiting)
        profiles.count_tallies(self._conn, anew)
        adopting = {one.owner for one in self._events if one.owner is not None and one.record_id in self._adopters}
        self._computing.write(self._disowned | adopting)
        folder.fold_batch(outcome, gathered, came, anew)
        if self._recent is not None:
            self._recent.keep_sums(self._stitch.individuals_before(), gathered.busy)
        if outcome.touched or outcome.busy:
            changed = sorted([*outcome.touched, *outcome.busy], key=_NUMBER)
            facts = [*facts, *outcome.facts, ProfilesChanged(individuals=changed)]
        if self._facts is not None:
            self._facts += facts
        else:
            carry_out(self._conn, lambda conn: self._space.log.append(conn, LANE, facts))
        return outcome

    def _redate(self) -> None:
        """A link is as old as the oldest assertion that still holds: the record's own, or an event's that names it."""
        weakened = self._stitch.weakened()
        if not weakened:
            return
        starts = {a for a, _, _ in weakened}
        traced = profiles.traced_since(self._conn, starts)
        records = {row.record_id: row.first_observed_at for row in intake.records_by_id(self._conn, starts)}
        for pair, left in weakened.items():
            count, first = traced.get(pair[:2], (0, None))
            firsts = [first] if first is not None else []
            if left > count and pair[0] in records:
                told = self._told.get(pair[:2])
                firsts.append(moment_of(told) if told else records[pair[0]])
            if firsts:
                self._stitch.redate(pair, microseconds(min(firsts)))

    def _touch_owners(self) -> None:
        """Lines may come without the order above them, which is another's event: its owner is folded anew."""
        here = {event.record_id for event in self._events}
        self._disowned |= profiles.owners_of(self._conn, self._above() - here)
        self._stitch.nodes(sorted(self._disowned))
        for owner in self._disowned:
            self._stitch.touch(owner)

    def _told_apart(self) -> tuple[list[profiles.Event], set[int]]:
        """Return the events that add to what their owner has, and the owners whose events have to be counted anew."""
        above = self._above()
        anew = set(self._disowned)
        simple = []
        for event in self._events:
            if event.owner is None or event.parent_id is not None or event.uncounted:
                continue
            if self._adds_up(event, above):
                simple.append(event)
            else:
                anew.add(event.owner)
        return simple, anew

    def _own_anew(self, flips: list[int]) -> None:
        """Events whose owner turned generic go to the next identifier of their trace; they come back the same way."""
        if not flips:
            return
        stored = profiles.events_through(self._conn, flips)
        self._stitch.nodes(sorted({node for event in stored for node in event.nodes}))
        owners = {event.record_id: event.owner for event in stored}
        moved = [event for event in stored if self._own(event)]
        for event in moved:
            self._disowned |= {owner for owner in (owners[event.record_id], event.owner) if owner is not None}
        for event in self._events:
            self._own(event)
        profiles.move_events(self._conn, moved)

    def _leave_bereft(self) -> None:
        """Whoever lost events may own none any more: those that are left are asked for, among others' and in this batch."""
        if self._disowned:
            left = profiles.owning(self._conn, self._disowned) | {event.owner for event in self._events}
            self._stitch.nodes(sorted(self._disowned))
            for owner in sorted(self._disowned - left):
                self._stitch.owns(owner, any_event=False)

    def _own(self, event: profiles.Event) -> bool:
        owner = next((node for node in event.nodes if not self._stitch.row(node).generic), None)
        if owner == event.owner:
            return False
        if event.owner is not None:
            self._stitch.touch(event.owner)
            self._disowned.add(event.owner)
        if owner is not None:
            self._stitch.owns(owner)
        event.owner = owner
        return True


def _version(one: Prepared) -> tuple[int, bytes]:
    return (one.changed_at or 0, one.digest)
