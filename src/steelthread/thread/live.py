"""The live thread: a micro-batch of received events becomes records, links and folded profiles, in one transaction.

Reader `thread` of lane `received`: what it read, what came of it and how far it came commit together, so a worker that
dies anywhere in between has done nothing, and the next one does it once.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg

from steelthread import intake
from steelthread.intake import (
    GOODS,
    ORDER,
    MappedRow,
    Message,
    PartyState,
    Reject,
    count_live,
    keep_messages,
    messages_before,
    moment,
)
from steelthread.kit import Unavailable
from steelthread.model import AnyFact, Folded, Received
from steelthread.store import WriteBehind
from steelthread.thread.admission import admit, admitted
from steelthread.thread.ahead import LANE, Ahead, Teller, set_aside
from steelthread.thread.alerting import alert, end_troubles
from steelthread.thread.batch import Batch
from steelthread.thread.fence import Fence
from steelthread.thread.foresight import NOTHING, Foreseen, Foresight
from steelthread.thread.prepare import Ident, Prepared
from steelthread.thread.purchases import OF_ORDERS, Purchases, Seen
from steelthread.thread.recent import Recent
from steelthread.thread.space import Space
from steelthread.thread.terms import WAITS, Known, changed_at, terms_of, waiting
from steelthread.thread.told import Told, as_told
from steelthread.thread.types import LANE as OUTCOMES
from steelthread.vault import unseal

Connection = psycopg.Connection[Any]
READER = "thread"
_MOST_DEVICES = 100_000
MOST = 4000
"""How many events one transaction takes."""
_MANY = 300
"""After so many events at once the next ones are prepared ahead."""
_KEPT = msgspec.json.Decoder(Message).decode
_STATE = msgspec.msgpack.Decoder(PartyState).decode
_PACK = msgspec.msgpack.Encoder(order="sorted").encode
_UNPACK = msgspec.msgpack.Decoder().decode
_JSON = msgspec.json.Encoder(order="sorted").encode
_CLEAR = msgspec.json.Decoder().decode
_STATE_PLACE = 6
"""Where the registers stand in the envelope of a live party's record."""


class Step(msgspec.Struct):
    """What one step did."""

    read: int
    last: int
    """Number of the last event on the lane that was dealt with."""


class LiveThread:
    """Folds received events in, one step after another."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._sources: dict[int, Known] = {}
        self._teller = Teller(space)
        self._purchases = Purchases(space, self._teller)
        self._ahead: Ahead | None = None
        self._next: tuple[int, list[Told]] = (0, [])
        """Events that are at hand already, and the number after which they come."""
        self._foresight = Foresight()
        self._foreseen = NOTHING
        """What was asked of the present events before their step."""
        self._written: set[bytes] = set()
        """Key hashes of the records that this step looked at, and may have written."""
        self._fence = Fence(space)
        self._recent = Recent()
        self._devices: dict[tuple[int, bytes, frozenset[str]], None] = {}
        """What was told of devices, by source and day, and by events that named what: the same need not be written again."""
        self.troubled: set[int] = set()
        """Numbers of the sources whose contract or file cannot be read."""

    @contextmanager
    def hastened(self) -> Iterator[None]:
        """Prepare the events of the next step while one is under way: by a process more, where one can be had."""
        self._ahead = ahead = Ahead.forked(self._space, self._teller) if Ahead.is_possible() else None
        try:
            yield
        finally:
            self._ahead, self._next = None, (0, [])
            self._foresight.close()
            if ahead is not None:
                ahead.close()

    @property
    def is_lame(self) -> bool:
        """Whether the process that prepares events has died; the thread does it all by itself then."""
        return self._ahead is not None and self._ahead.is_gone

    def step(self, conn: Connection, most: int = MOST) -> Step:
        """Take up to `most` events from the log, do all that is to be done with them, and commit."""
        log = self._space.log
        position = log.position(conn, READER, LANE)
        taken = self._taken(conn, position, most)
        if not taken:
            conn.rollback()
            return Step(0, position)
        facts: list[AnyFact] = []
        duplicates, blocked = self._fold(conn, taken, facts)
        self._look_ahead(conn, taken, most)
        facts.append(Folded(taken[0].number, taken[-1].number, duplicates, blocked))
        log.append(conn, OUTCOMES, facts)
        log.advance(conn, READER, LANE, taken[-1].number)
        turn = log.turn(conn, OUTCOMES)
        conn.commit()
        self._recent.end(turn)
        return Step(len(taken), taken[-1].number)

    def _taken(self, conn: Connection, position: int, most: int) -> list[Told]:
        """Return the next events, those first that were prepared; when there are many, begin to prepare those after them."""
        (after, taken), self._next = self._next, (0, [])
        self._foreseen = self._foresight.take()
        if after != position or most != MOST:
            taken, self._foreseen = [], NOTHING
        if len(taken) >= _MANY:
            return taken
        if self._ahead:
            more = self._ahead.take(taken[-1].number if taken else position)
            taken = [*taken, *more[: most - len(taken)]]
        if len(taken) < most:
            after = taken[-1].number if taken else position
            taken += self._teller.told(self._space.log.read(conn, LANE, after, most - len(taken)))
        if self._ahead and len(taken) >= _MANY and most == MOST:
            self._ahead.begin(taken[-1].number, most)
        return taken

    def _look_ahead(self, conn: Connection, taken: Sequence[Told], most: int) -> None:
        """Have the next events at hand, and those after them begun, while PostgreSQL still writes what this step gave."""
        if self._ahead is None or len(taken) < _MANY or most != MOST:
            return
        after = taken[-1].number
        ahead = self._ahead.take(after)
        self._next = (after, ahead)
        self._ahead.begin(ahead[-1].number if ahead else after, most)
        if isinstance(conn, WriteBehind) and conn.asked is not None and len(ahead) >= _MANY:
            self._foresight.ask(conn.asked, ahead, taken, self._written)

    def set_aside(self, conn: Connection, error: Exception) -> Step:
        """Keep the next event as a reject: it cannot be folded in, and must not hold up the others."""
        log = self._space.log
        position = log.position(conn, READER, LANE)
        (one,) = log.read(conn, LANE, position, 1)
        if isinstance(one.fact, Received):
            live = self._source(conn, one.fact.source)
            reason = f"cannot be folded in ({type(error).__name__}); please report this"
            cells = [_shown(one.fact.message)]
            self._reject(conn, live, [Reject(0, "", reason, True, ["message"], cells)])
        log.append(conn, OUTCOMES, [Folded(one.number, one.number, [], [one.number])])
        log.advance(conn, READER, LANE, one.number)
        conn.commit()
        return Step(1, one.number)

    # -- one batch ---------------------------------------------------------------------------------------------------

    def _fold(self, conn: Connection, taken: Sequence[Told], facts: list[AnyFact]) -> tuple[list[int], list[int]]:
        """Fold in what is new; return the numbers of what came before, and of what the fence or contracts keep out.

        What is to be told of it goes to the end of `facts`.
        """
        self._written = set()
        grouped, duplicates = self._new(conn, taken)
        count_live(conn, {"duplicates": len(duplicates)})
        blocked: list[int] = []
        asked = conn.asked if isinstance(conn, WriteBehind) else None
        alone = self._recent.begin(self._space.log.turn(conn, OUTCOMES))
        foreseen = self._foreseen if alone else NOTHING
        for number, events in sorted(grouped.items()):
            live = self._source(conn, number)
            let_in = self._past_the_fence(conn, live, events)
            blocked += {one.number for one in events}.difference(one.number for one in let_in)
            if live.terms.problem:
                self._reject(conn, live, [waiting(one.message) for one in let_in], counted=False)
                blocked += [one.number for one in let_in]
                continue
            admission = admit(conn, self._space, number, live.plan, let_in)
            blocked += admission.blocked
            self._reject(conn, live, admission.rejects)
            self._of_source(conn, live, admission.admitted, self._recent, asked, foreseen, facts)
            asked, foreseen = None, NOTHING  # of what this source gave the next one has to know
            intake.note_words(conn, number, intake.words_of((one.words, one.received) for one in let_in))
        return duplicates, sorted(blocked)

    def _new(self, conn: Connection, taken: Sequence[Told]) -> tuple[dict[int, list[Told]], list[int]]:
        """Tell what is new, by source, from what came before: by the client's id in the whole space, or in its source."""
        named: dict[bytes, Told] = {}
        duplicates = [one.number for one in taken if named.setdefault(one.name, one) is not one]
        at = moment(max(one.received for one in taken))
        came = messages_before(conn, named.keys() - self._foreseen.names).union(self._foreseen.came)
        keep_messages(conn, named.keys() - came, at)
        new: dict[int, list[Told]] = defaultdict(list)
        for name, one in named.items():
            if name in came:
                duplicates.append(one.number)
            else:
                new[one.source].append(one)
        return new, sorted(duplicates)

    def again(self, conn: Connection, grouped: Mapping[int, list[Message]]) -> None:
        """Fold events in that were folded in before: what they give under the present mapping takes the place of it."""
        for number, messages in sorted(grouped.items()):
            live = self._readable(conn, number)
            told = self._past_the_fence(conn, live, [as_told(number, message) for message in messages])
            self._of_source(conn, live, admitted(self._space, live.plan, told), again=True)

    def unblock(self, conn: Connection, number: int, messages: list[Message]) -> int:
        """Judge events that a contract blocked by the present one; return how many it lets in. The others wait again."""
        live = self._readable(conn, number)
        told = self._past_the_fence(conn, live, [as_told(number, message) for message in messages])
        admission = admit(conn, self._space, number, live.plan, told, counted=False)
        self._reject(conn, live, admission.rejects, counted=False)
        self._of_source(conn, live, admission.admitted)
        return len(admission.admitted)

    def issues(self, conn: Connection, number: int, message: Message) -> set[str]:
        """Return the properties of an event that are set aside under the present mapping."""
        live = self._readable(conn, number)
        if message.mapped:
            aside: list[Reject] = []
            self._mapped(live, message, aside)
            return {one.column for one in aside}
        known, words = self._teller.known(message, live.namespace), self._teller.words
        return {
            issue.column
            for row in (words.event(message, known), *words.goods.of(message, known))
            for issue in row.issues
        }

    def _past_the_fence(self, conn: Connection, live: Known, told: list[Told]) -> list[Told]:
        """Return the events that may be kept at all: nothing of whoever was erased, not even as a reject."""
        self._space.log.lock(conn, OUTCOMES)
        return self._fence.events(conn, live.name, live.namespace, told)

    def _of_source(
        self, conn: Connection, live: Known, events: list[Told], recent: Recent | None = None,
        asked: Connection | None = None, foreseen: Foreseen = NOTHING, facts: list[AnyFact] | None = None, *,
        again: bool = False,
    ) -> None:  # fmt: skip
        if not events:
            return
        as_of = moment(max(one.received for one in events))
        load = msgspec.structs.replace(live.load, as_of=as_of)
        batch = Batch(self._space, conn, live.facts, load, None, recent, asked, facts)
        batch.looked_up(foreseen.hashes, foreseen.records)
        told: dict[tuple[str, str], list[Told]] = defaultdict(list)
        bought: dict[tuple[str, str], list[Told]] = defaultdict(list)
        seen: Seen = defaultdict(list)
        prepared: list[Prepared] = []
        devices: list[Prepared] = []
        rejects: list[Reject] = []
        for one in events:
            if one.is_mapped:
                prepared += self._mapped(live, one.message, rejects)
                continue
            if one.changed != live.terms.changed:
                self._teller.prepare(one, live)
            for party in one.parties:
                (bought if party[0] in GOODS else told)[party].append(one)
            self._purchases.note(live, one, seen)
            goods = bool(one.parties) and one.parties[0][0] in GOODS
            if one.prepared or goods:
                rejects += one.rejects
                prepared += [each for each in one.prepared if each.entity not in OF_ORDERS] if goods else one.prepared
                devices += self._device(live, one)
        mended = self._parties(conn, live, batch, told, prepared, rejects)
        if bought or seen:
            kept, marks = self._purchases.fold(conn, live, batch, bought, seen)
            prepared, mended = prepared + kept, mended | marks
        batch.walls = walls_of(events)
        if again:
            mended |= {one.row_digest for one in prepared}
        prepared += devices  # each takes its place by its day, on a replay too
        if prepared:
            mark = self._fence.mark(live.name, live.namespace)
            admitted_so = (one for one in events if mark and one.admitted == mark)
            let_in = {each.key_hash for one in admitted_so for each in one.prepared if each.entity not in OF_ORDERS}
            batch.write(prepared, mended, self._fence, let_in)
            self._written.update(one.key_hash for one in prepared)
        self._reject(conn, live, rejects, counted=not again)

    def _mapped(self, live: Known, message: Message, rejects: list[Reject]) -> list[Prepared]:
        """Map an event by its source's mapping, as a row of a file is mapped."""
        if live.mapping is None:
            rejects.append(_refused(message, "its source has no mapping any more"))
            return []
        try:
            row = live.mapping.map(message.properties)
        except intake.RowRejected as error:
            rejects.append(_refused(message, error.reason, error.column))
            return []
        row.observed_at = row.observed_at or message.timestamp
        rejects += set_aside(row, message)
        return live.preparer.row(row, self._space.vault.digest(message.key.encode())) if row.records else []

    def _device(self, live: Known, one: Told) -> list[Prepared]:
        """Prepare the device of an event, unless the same was told of it on that day."""
        if not one.device:
            return []
        kinds = frozenset(kind for kind, _, _ in one.identifiers)
        said = (live.facts.source_id, one.device, kinds)
        if said in self._devices:
            return []
        while len(self._devices) >= _MOST_DEVICES:
            del self._devices[next(iter(self._devices))]
        self._devices[said] = None
        row = intake.device_record(one.message)
        if row is None:
            return []
        own = row.records[0].identifiers
        row.records[0].identifiers = [each for each in own if each[0] in kinds]
        if any(self._space.rules.is_visitors(kind) and kind not in kinds for kind, _, _ in own):
            return []  # a visitor's, of whom this customer's events tell nothing
        return self._teller.row(live, row, f"device {row.records[0].key}")

    # -- parties -----------------------------------------------------------------------------------------------------

    def _parties(
        self,
        conn: Connection,
        live: Known,
        batch: Batch,
        told: dict[tuple[str, str], list[Told]],
        prepared: list[Prepared],
        rejects: list[Reject],
    ) -> frozenset[bytes]:
        """Add the records of the parties that messages tell of; return what they take the place of."""
        vault = self._space.vault
        names = {live.key_hash(vault, party): party for party in told}
        stored = intake.records_by_hash(conn, list(names)) if names else {}
        batch.looked_up(names, stored)
        keys = vault.keys({row.subject for row in stored.values()})
        for name, party in names.items():
            row = stored.get(name)
            state = PartyState()
            if row is not None and row.subject in keys:
                envelope = _UNPACK(unseal(keys[row.subject], row.sealed, row.key_hash))
                state = _STATE(envelope[_STATE_PLACE]) if len(envelope) > _STATE_PLACE else state
            state.keep([one for one in state.identifiers if one[0] != "user_id" or one[1] == live.namespace])
            for event in told[party]:
                state.tell(event.message, event.identifiers if party[0] == "Individual" else [])
            state.keep(self._space.rules.untied(state.identifiers, lambda one: one[0]))
            mapped, times = self._teller.words.party(*party, state)
            fresh = {trait for event in told[party] for trait in (*event.message.traits, *event.message.once)}
            rejects += [
                Reject(0, issue.column, issue.reason, False, ["trait"], [issue.value])
                for issue in mapped.issues
                if issue.column.partition(".")[0] in fresh
            ]
            prepared.append(self._party(live, mapped, state, times))
            batch.seen_since(name, moment(state.first))
        return frozenset(row.row_digest for row in stored.values())

    def _party(self, live: Known, row: MappedRow, state: PartyState, times: dict[str, int]) -> Prepared:
        """Prepare a party's record with its registers in the envelope, and the times of its attributes in the clear."""
        (one,) = self._teller.row(live, row, "")
        one.idents = dated(self._fence, live.name, one.idents, state)
        one.plain = _PACK([*_UNPACK(one.plain), _PACK(state)])
        one.digest = self._space.vault.digest(one.plain)
        one.row_digest = one.digest
        earlier = {name: at for name, at in times.items() if at != state.last}
        if earlier:
            one.clear = _JSON({**_CLEAR(one.clear), "t": earlier})
        return one

    def _reject(self, conn: Connection, live: Known, rejects: list[Reject], *, counted: bool = True) -> None:
        intake.keep_rejects(conn, self._space.vault, live.facts.source_id, live.load.load_id, "live", rejects)
        if counted:
            count_live(conn, {"rejected": len(rejects)})

    # -- sources -----------------------------------------------------------------------------------------------------

    def _source(self, conn: Connection, number: int) -> Known:
        """Return a source as its files are now; while they cannot be read, as they were, or as one whose events wait."""
        known = self._sources.get(number)
        if known is not None and known.terms.changed == changed_at(self._space, known.name):
            return known
        name = known.name if known else intake.source_names(conn)[number][0]
        terms = terms_of(self._space, name)
        if known is None or known.terms.problem or not terms.problem:
            known = self._sources[number] = Known(self._space, conn, number, name, terms)
        else:  # being edited: go on by what it said before
            known.terms, known.trouble = msgspec.structs.replace(known.terms, changed=terms.changed), terms.problem
        if terms.problem:
            self.troubled.add(number)
            alert(self._space, conn, (number, name), terms.trouble, "", terms.problem)
        return known

    def _readable(self, conn: Connection, number: int) -> Known:
        live = self._source(conn, number)
        if live.terms.problem:
            raise Unavailable(live.terms.problem)
        return live

    def mend(self, conn: Connection) -> int:
        """Fold in what waits of sources whose files can be read again, and commit; return how many sources were mended."""
        mended = [number for number in sorted(self.troubled) if not self._source(conn, number).trouble]
        for number in mended:
            after = 0
            self._space.log.lock(conn, OUTCOMES)
            while found := intake.waiting_rejects(conn, self._space.vault, number, after, MOST, WAITS):
                after = found[-1].reject_id
                intake.settle_rejects(conn, [one.reject_id for one in found])
                self.unblock(conn, number, [_KEPT(one.cells[0]) for one in found])
            end_troubles(conn, number)
        conn.commit()
        self.troubled.difference_update(mended)
        return len(mended)

    def forget_sources(self) -> None:
        """Know nothing of sources any more: a rollback took back what was written of them."""
        self._sources.clear()
        self._devices.clear()
        self._purchases.forget()


def dated(fence: Fence, source: str, idents: Sequence[Ident], state: PartyState) -> list[Ident]:
    """Return the identifiers of a live party's record, each with the time at which it was told first."""
    firsts: dict[bytes, int] = {}
    for told in state.identifiers:
        for _, name, _, _ in fence.hashed([told], source):
            firsts[name] = min(state.since(told), firsts.get(name, state.last))
    return [msgspec.structs.replace(one, first=firsts.get(one.hash, 0)) for one in idents]


def walls_of(events: Sequence[Told]) -> list[Ident]:
    """Return the logins that events of orders tell of: such an order may be another's, whose event was the latest."""
    return [
        msgspec.structs.replace(ident, first=each.changed_at or one.received)
        for one in events
        if one.parties and one.parties[0][0] in GOODS
        for each in one.prepared
        if each.entity == ORDER
        for ident in each.idents
        if ident.name == "user_id" and ident.exclusive == ident.kind
    ]


def _refused(message: Message, reason: str, column: str = "") -> Reject:
    return Reject(0, column, reason, True, ["message"], [_JSON(message).decode()])


def _shown(message: bytes) -> str:
    """Return an event as text, as far as it can be read: nothing may stop the next ones."""
    try:
        return _JSON(_UNPACK(message)).decode()
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return "an event that cannot be read"
