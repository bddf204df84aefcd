"""Replay: what is kept runs through the present mapping and rules again.

Live events that are still on the log are mapped from how they came. Of every kept record the columns that nobody had mapped
are mapped as the mapping says now, and the identifiers are taken anew
under `identity.yaml` as it is now: kinds, normalising, namespaces, blocked values, composite rules. Nothing counts twice:
a record that comes out the same is left alone, one that differs takes the place of its former self, and what it no longer
asserts is taken back. Each page is a transaction; what was cut off may be run again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg

from steelthread import intake
from steelthread.identity import Identifiers
from steelthread.intake import (
    ORDER,
    Decoded,
    MappedPart,
    MappedRecord,
    MappedRow,
    Message,
    PartyState,
    RecordRow,
    Source,
    Waiting,
)
from steelthread.kit import NotFound, microseconds
from steelthread.log import Numbered
from steelthread.model import Folded, Received
from steelthread.profiles import Opener, View
from steelthread.thread.admission import BLOCKED
from steelthread.thread.ahead import LANE, is_uncounted, walled
from steelthread.thread.batch import LANE as OUTCOMES
from steelthread.thread.batch import Batch
from steelthread.thread.fence import Fence
from steelthread.thread.live import LiveThread, dated
from steelthread.thread.prepare import Prepared, Preparer
from steelthread.thread.space import Space
from steelthread.thread.types import SourceFacts
from steelthread.vault import unseal

Connection = psycopg.Connection[Any]
_PAGE = 1000
_REGISTERS = 6
"""Where the registers of a live party stand in its envelope."""
_STATE = msgspec.msgpack.Decoder(PartyState).decode
_MESSAGE = msgspec.msgpack.Decoder(Message).decode
_KEPT = msgspec.json.Decoder(Message).decode
_JSON = msgspec.json.Decoder().decode
_WRITE = msgspec.json.Encoder(order="sorted").encode
_UNPACK = msgspec.msgpack.Decoder().decode
_PACK = msgspec.msgpack.Encoder(order="sorted").encode
_ENCODE = msgspec.msgpack.Encoder().encode
_DERIVED = ("email_provider", "account_name")
_ALWAYS = datetime(1, 1, 1, tzinfo=UTC)
_EVER = datetime(9999, 1, 1, tzinfo=UTC)


class Replayed(msgspec.Struct, rename="camel"):
    """What a replay did."""

    events: int = 0
    """Live events mapped from how they came."""
    records: int = 0
    """Kept records that were gone through."""
    changed: int = 0
    """Records that came out otherwise."""


def replay(
    space: Space,
    since: datetime | None = None,
    until: datetime | None = None,
    source: str = "",
    progress: Callable[[Replayed], None] | None = None,
) -> Replayed:
    """Run what was received or loaded in a time range through the present mapping and rules; NotFound for no such source."""
    done = Replayed()
    with space.writer() as conn:
        names = {name: number for number, (name, _) in intake.source_names(conn).items()}
        if source and source not in names:
            raise NotFound(f"There is no source {source}; see: steelthread source list")
        wanted = [names[source]] if source else sorted(names.values())
        start, end = since or _ALWAYS, until or _EVER
        _events(space, conn, (start, end), set(wanted), done, progress)
        for number in wanted:
            _Records(space, conn, number).run((start, end), done, progress)
    return done


def _events(
    space: Space,
    conn: Connection,
    span: tuple[datetime, datetime],
    sources: set[int],
    done: Replayed,
    progress: Callable[[Replayed], None] | None,
) -> None:
    thread = LiveThread(space)
    after = space.log.before(conn, OUTCOMES, span[0])
    while facts := space.log.read(conn, OUTCOMES, after, _PAGE):
        after = facts[-1].number
        for one in facts:
            if isinstance(one.fact, Folded) and span[0] <= one.at < span[1]:
                messages = _messages(space, conn, one.fact, sources)
                thread.again(conn, messages)
                conn.commit()
                done.events += sum(map(len, messages.values()))
                if progress:
                    progress(done)
        conn.commit()
        if facts[-1].at >= span[1]:
            return


def _messages(space: Space, conn: Connection, fact: Folded, sources: set[int]) -> dict[int, list[Message]]:
    """Return what a commit folded in, by source, as far as the log still has it."""
    left_out = {*fact.duplicates, *fact.refused}
    grouped: dict[int, list[Message]] = defaultdict(list)
    taken: Sequence[Numbered] = space.log.read(conn, LANE, fact.first - 1, fact.last - fact.first + 1)
    for one in taken:
        known = isinstance(one.fact, Received) and one.number <= fact.last and one.number not in left_out
        if known and isinstance(one.fact, Received) and one.fact.source in sources:
            grouped[one.fact.source].append(_MESSAGE(one.fact.message))
    return grouped


def kept_events(space: Space, conn: Connection, source: int, most: int = 50_000) -> Iterator[Message]:
    """Yield the live events of a source among the last `most` received, as far as the log still has them."""
    last = space.log.head(conn, LANE)
    after = max(0, last - most)
    while after < last and (taken := space.log.read(conn, LANE, after, _PAGE)):
        after = taken[-1].number
        for one in taken:
            if isinstance(one.fact, Received) and one.fact.source == source:
                yield _MESSAGE(one.fact.message)


class _Records:
    """Takes the identifiers of the records of one source anew."""

    def __init__(self, space: Space, conn: Connection, number: int) -> None:
        self._space, self._conn = space, conn
        self.name, _ = intake.source_names(conn)[number]
        row = conn.execute("select subject, is_unique from intake.source where source_id = %s", (number,)).fetchone()
        assert row is not None
        self._facts = SourceFacts(number, row[0], row[1])
        folder, country = space.project.folder, space.project.settings.project.country
        self._live = intake.is_live(folder, self.name)
        self._namespace = intake.load_live(folder, self.name, space.model)[0].user_namespace if self._live else ""
        mapping = intake.load_live(folder, self.name, space.model)[1] if self._live else None
        if not self._live:
            mapping = intake.load_source(folder, self.name, space.model)
            country = mapping.country or country
        self._anew = intake.Anew(mapping, space.model, country) if mapping else None
        source = Source(name=self.name, entities=[], key="")
        self._preparer = Preparer(
            source, space.model, space.vault, Identifiers(space.rules, space.model, self.name, country)
        )
        self._opener = Opener(conn, space.vault, adaptation=space.model.adaptation)
        self._fence = Fence(space)

    def run(self, span: tuple[datetime, datetime], done: Replayed, progress: Callable[[Replayed], None] | None) -> None:
        """Go through the records that were loaded in a time range."""
        last = 0
        while page := self._page(last, span):
            last = page[-1].record_id
            changed = self._changed(page)
            self._write(changed)
            self._conn.commit()
            done.records += len(page)
            done.changed += len(changed)
            if progress:
                progress(done)

    def _page(self, after: int, span: tuple[datetime, datetime]) -> list[RecordRow]:
        rows = self._conn.execute(
            "select record_id from intake.record where source_id = %s and record_id > %s and closed_at is null "
            "and as_of >= %s and as_of < %s order by record_id limit %s",
            (self._facts.source_id, after, *span, _PAGE),
        ).fetchall()
        return sorted(intake.records_by_id(self._conn, [record for (record,) in rows]), key=lambda row: row.record_id)

    def _changed(self, page: Sequence[RecordRow]) -> list[tuple[RecordRow, Prepared]]:
        views = {view.record_id: view for view in self._opener.open(page)}
        keys = self._space.vault.keys({row.subject for row in page})
        above = self._above([row.record_id for row in page if not row.is_party])
        changed = []
        for row in page:
            if row.record_id in views:
                envelope = _UNPACK(unseal(keys[row.subject], row.sealed, row.key_hash))
                one, otherwise = self._prepared(row, views[row.record_id], envelope)
                if otherwise or _told(_UNPACK(one.plain)) != _told(envelope):
                    one.party, one.parent = above.get(row.record_id, (None, None))
                    changed.append((row, one))
        return changed

    def _prepared(self, row: RecordRow, view: View, envelope: list[Any]) -> tuple[Prepared, bool]:
        """Prepare a record under the present rules and mapping; say whether the mapping makes something else of it."""
        parts = [MappedPart(entity, values) for entity, values in view.parts]
        record = MappedRecord(view.entity, view.key, view.values, parts, self._identifiers(view))
        changed = microseconds(row.changed_at) if row.changed_at else None
        mapped = self._anew.map(record, view.extras) if self._anew and len(envelope) <= _REGISTERS else None
        record, extras = mapped or (record, view.extras)
        (one,) = self._preparer.row(MappedRow([record], changed, [], extras), row.row_digest)
        if view.times:
            one.clear = _WRITE({**_JSON(one.clear), "t": view.times})
        if self._live:
            one.idents = [walled(ident) for ident in one.idents]
            if view.entity != ORDER or len(envelope) > _REGISTERS:
                one.uncounted = is_uncounted(record, counts_bots=self._space.project.settings.live.count_bots)
            if len(envelope) > _REGISTERS:  # registers go with their record, as the live thread keeps them
                one.plain = _PACK([*_UNPACK(one.plain), envelope[_REGISTERS]])
                one.digest = self._space.vault.digest(one.plain)
                if row.is_party:
                    one.idents = dated(self._fence, self.name, one.idents, _STATE(envelope[_REGISTERS]))
                    one.row_digest = one.digest
        return one, mapped is not None

    def _identifiers(self, view: View) -> list[tuple[str, str, str]]:
        """Return the identifiers that a record was given; those that follow from others are found anew."""
        found = []
        for kind, shown in view.identifiers:
            if kind in _DERIVED or kind.startswith("rule."):
                continue
            namespace, slash, value = shown.partition("/") if self._space.rules.kind(kind).scoped else ("", "/", shown)
            if not slash:
                namespace, value = "", shown
            found.append((kind, self._namespace if self._live and kind == "user_id" else namespace, value))
        return found

    def _above(self, records: Sequence[int]) -> dict[int, tuple[bytes | None, bytes | None]]:
        """Return the names of the person's record and of the record above, of events that name them."""
        rows = self._conn.execute(
            "select e.record_id, n.hash, coalesce(r.key_hash, a.parent) from profiles.event e "
            "left join identity.node n on n.node_id = e.nodes[1] and n.kind = 0 "
            "left join intake.record r on r.record_id = e.parent_id "
            "left join profiles.awaiting a on a.record_id = e.record_id where e.record_id = any(%s)",
            (list(records),),
        ).fetchall()
        return {record: (party and bytes(party), above and bytes(above)) for record, party, above in rows}

    def _write(self, changed: Sequence[tuple[RecordRow, Prepared]]) -> None:
        by_load: dict[int, list[tuple[RecordRow, Prepared]]] = defaultdict(list)
        for row, one in changed:
            by_load[row.load_id].append((row, one))
        for pairs in by_load.values():
            as_of = max(row.as_of for row, _ in pairs)
            edition = intake.editions(self._conn, [pairs[0][0].load_id])[pairs[0][0].load_id]
            load = intake.begin_replay(self._conn, self._facts.source_id, as_of, edition)
            batch = Batch(
                self._space, self._conn, self._facts, load, intake.Witness(self._conn, self._facts.source_id, load)
            )
            batch.write([one for _, one in pairs], frozenset(row.row_digest for row, _ in pairs))


def _told(envelope: list[Any]) -> tuple[list[Any], list[str]]:
    """Return the identifiers of a record, and whether it tells of a visitor who is kept apart."""
    return sorted(envelope[3]), envelope[5][2:]


# -- live rejects ------------------------------------------------------------------------------------------------------


def replay_live_rejects(space: Space, source: str) -> int:
    """Take the refused events of a live source again, and those of which a value was set aside; return how many went.

    An event that can be taken now goes to the log as if it had just come, with the time at which it was received.
    """
    closed = after = 0
    thread = LiveThread(space)
    with space.writer() as conn:
        numbers = {name: number for number, (name, _) in intake.source_names(conn).items()}
        number = numbers[source]
        while waiting := intake.waiting_rejects(conn, space.vault, number, after, _PAGE):
            after = waiting[-1].reject_id
            taken, settled = _taken(thread, conn, number, waiting)
            space.log.append(conn, LANE, [Received(number, _ENCODE(one)) for one in taken], hours=1)
            intake.settle_rejects(conn, settled)
            closed += len(settled) + _unblocked(thread, conn, number, waiting)
            conn.commit()
    return closed


def _unblocked(thread: LiveThread, conn: Connection, number: int, waiting: Sequence[Waiting]) -> int:
    """Let in what a contract blocked and the present one allows; it came once and was told apart already."""
    blocked = [one for one in waiting if one.columns == BLOCKED]
    intake.settle_rejects(conn, [one.reject_id for one in blocked])
    return thread.unblock(conn, number, [_KEPT(one.cells[0]) for one in blocked])


def _taken(
    thread: LiveThread, conn: Connection, number: int, waiting: Sequence[Waiting]
) -> tuple[list[Message], list[int]]:
    """Return the events to take again, and the rejects that are settled; values set aside are mapped at once."""
    taken, settled = [], []
    for one in waiting:
        if one.columns != ["message"]:
            continue  # a trait: the next identify tells it again
        if one.is_row:
            decoded = _decoded(one)
            if decoded.messages and not decoded.refusals:
                taken += decoded.messages
                settled.append(one.reject_id)
        else:
            message = _KEPT(one.cells[0])
            if one.column not in thread.issues(conn, number, message):
                thread.again(conn, {number: [message]})
                settled.append(one.reject_id)
    return taken, settled


def _decoded(one: Waiting) -> Decoded:
    """Read a refused event: one that was accepted but could not be folded in, or one that the door refused."""
    try:
        return Decoded([_KEPT(one.cells[0])], [])
    except msgspec.MsgspecError:
        pass
    received = microseconds(one.at or one.as_of)
    try:
        raw = _JSON(one.cells[0])
    except msgspec.DecodeError:
        return Decoded([], [])  # it was too long to be kept whole
    if not isinstance(raw, dict):
        return Decoded([], [])
    if "specversion" in raw:
        return intake.decode_cloudevents({"batch": [raw]}, received)
    if "e" in raw and "type" not in raw:
        return intake.decode_snowplow(raw, received)
    return intake.decode_posthog(raw, received) if "distinct_id" in raw else intake.decode_segment(raw, received)
