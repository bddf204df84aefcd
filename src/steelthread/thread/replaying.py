"""Replay: what is kept runs through the present mapping and rules again.

Live events that are still on the log are mapped from how they came. Of every kept record the columns that nobody had mapped
are mapped as the mapping says now, and the identifiers are taken anew
under `identity.yaml` as it is now: kinds, normalising, namespaces, blocked values, composite rules. Nothing counts twice:
a record that comes out the same is left alone (`kept.py`). At the end of a replay of everything the constraints are asked
anew: limits, the name guard, what is generic. Each page is a transaction; what was cut off may be run again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from steelthread import intake
from steelthread.intake import (
    Decoded,
    Message,
    Waiting,
)
from steelthread.kit import Invalid, NotFound, microseconds
from steelthread.log import Numbered
from steelthread.model import Folded, Received
from steelthread.thread.admission import BLOCKED
from steelthread.thread.ahead import LANE
from steelthread.thread.kept import ALWAYS, KeptRecords, Span, ranked_otherwise
from steelthread.thread.live import LiveThread
from steelthread.thread.restating import restate
from steelthread.thread.space import Space
from steelthread.thread.types import LANE as OUTCOMES

Connection = psycopg.Connection[Any]
_PAGE = 1000
_MESSAGE = msgspec.msgpack.Decoder(Message).decode
_KEPT = msgspec.json.Decoder(Message).decode
_JSON = msgspec.json.Decoder().decode
_ENCODE = msgspec.msgpack.Encoder().encode


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
    """Run what was received or loaded in a time range through the present mapping and rules.

    NotFound for no such source, Invalid for a range in which nothing lies.
    """
    done = Replayed()
    start, end = since or ALWAYS[0], until or ALWAYS[1]
    if start >= end:
        raise Invalid("Nothing lies in this range: `since` is not before `until`.")
    with space.writer() as conn:
        names = {name: number for number, (name, _) in intake.source_names(conn).items()}
        if source and source not in names:
            raise NotFound(f"There is no source {source}; see: steelthread source list")
        wanted = [names[source]] if source else sorted(names.values())
        ranked = ranked_otherwise(space, conn)
        _events(space, conn, (start, end), set(wanted), done, progress)
        for number in wanted:
            _records(KeptRecords(space, conn, number, ranked, mapping=True), conn, (start, end), done, progress)
        if not (since or until or source):
            restate(space, conn, conn.commit)
    return done


def _records(
    kept: KeptRecords, conn: Connection, span: Span, done: Replayed, progress: Callable[[Replayed], None] | None
) -> None:
    for count, changed in kept.pages(span):
        kept.write(changed)
        conn.commit()
        done.records += count
        done.changed += len(changed)
        if progress:
            progress(done)


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
