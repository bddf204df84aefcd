"""What live sources send, counted: events and properties by name, violations, volumes by hour. PostgreSQL; no values."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import psycopg

from steelthread.intake.contracts.judging import Violation, event_name, said
from steelthread.intake.live import Message, moment
from steelthread.store import carry_out
from steelthread.vault import Vault, seal, unseal

Connection = psycopg.Connection[Any]
_LONGEST = 200
_MOST_PROPERTIES = 300
_JSON = msgspec.json.Encoder().encode
_PACK = msgspec.msgpack.Encoder().encode
_UNPACK = msgspec.msgpack.Decoder(Message).decode


Shape = tuple[str, tuple[tuple[str, str], ...]]
"""What an event is called, and each of its properties with its kind; the first is the event itself, without a name."""


class Word(NamedTuple):
    """An event (empty property) or a property of it, as a batch has it."""

    types: frozenset[str]
    total: int
    first: int
    last: int


def shape_of(message: Message) -> Shape:
    """Return the words of an event. Most events of a source have one of few shapes, by which they are counted."""
    named = _within(message) if message.mapped else said(message).items()
    kinds = {"": "event"}
    for each, value in islice(named, _MOST_PROPERTIES):
        kinds[str(each)[:_LONGEST]] = _kind(value)
    return event_name(message)[:_LONGEST], tuple(kinds.items())


def words_of(events: Iterable[tuple[Shape, int]]) -> dict[tuple[str, str], Word]:
    """Return the events and properties of a batch, by name; of each event its shape is told, and when it was received."""
    received: dict[Shape, list[int]] = defaultdict(list)
    for shape, at in events:
        received[shape].append(at)
    found: dict[tuple[str, str], Word] = {}
    for (name, kinds), times in received.items():
        total, first, last = len(times), min(times), max(times)
        for each, kind in kinds:
            known = found.get((name, each)) or Word(frozenset(), 0, first, last)
            found[name, each] = Word(
                known.types | {kind}, known.total + total, min(first, known.first), max(last, known.last)
            )
    return dict(sorted(found.items(), key=_by_word))


def _by_word(item: tuple[tuple[str, str], Any]) -> tuple[str, str]:
    return item[0]


def _within(message: Message) -> Iterator[tuple[str, Any]]:
    """Yield what a document says that a mapping reads: what stands within objects by its path."""
    left: list[tuple[str, Any]] = [("", said(message))]
    while left:
        path, value = left.pop()
        if isinstance(value, dict) and (value or not path):
            left += [(f"{path}.{name}" if path else name, one) for name, one in reversed(value.items())]
        else:
            yield path, value


def _kind(value: Any) -> str:
    if value is True or value is False:
        return "boolean"
    if isinstance(value, str):
        return "timestamp" if len(value) >= 16 and value[4:5] == "-" and value[10:11] in ("T", " ") else "string"
    kinds = {int: "integer", float: "number", list: "array", dict: "object"}
    return kinds.get(type(value), "null")


def note_words(conn: Connection, source: int, words: Mapping[tuple[str, str], Word], *, most: int = 5000) -> None:
    """Count events and properties; of a source that makes up names without end, no more than `most` are kept."""
    carry_out(conn, lambda conn: _note_words(conn, source, words, most))


def _note_words(conn: Connection, source: int, words: Mapping[tuple[str, str], Word], most: int) -> None:
    row = conn.execute("select count(*) from intake.seen_word where source_id = %s", (source,)).fetchone()
    full = row is not None and row[0] >= most
    with conn.cursor() as cursor:
        cursor.executemany(
            "update intake.seen_word set total = total + %s, first_at = least(first_at, %s), last_at = greatest(last_at, %s), "
            "types = (select array_agg(distinct one order by one) from unnest(types || %s::text[]) one) "
            "where source_id = %s and event = %s and property = %s"
            if full
            else "insert into intake.seen_word as s (total, first_at, last_at, types, source_id, event, property) "
            "values (%s, %s, %s, %s, %s, %s, %s) on conflict (source_id, event, property) do update set "
            "total = s.total + excluded.total, first_at = least(s.first_at, excluded.first_at), "
            "last_at = greatest(s.last_at, excluded.last_at), "
            "types = (select array_agg(distinct one order by one) from unnest(s.types || excluded.types) one)",
            [
                (word.total, moment(word.first), moment(word.last), sorted(word.types), source, *name)
                for name, word in words.items()
            ],
        )
        cursor.executemany(
            "insert into intake.volume as v values (%s, %s, date_trunc('hour', %s::timestamptz, 'UTC'), %s) "
            "on conflict (source_id, event, hour) do update set total = v.total + excluded.total",
            [(source, event, moment(word.last), word.total) for (event, name), word in words.items() if not name],
        )


def keep_violations(conn: Connection, vault: Vault, source: int, found: Sequence[tuple[Violation, Message]]) -> None:
    """Count violations; the first event of each is kept as its sample, sealed."""
    counted: dict[Violation, list[Message]] = {}
    for violation, message in found:
        counted.setdefault(violation, []).append(message)
    if not counted:
        return
    known = {
        Violation(*row)
        for row in conn.execute(
            "select event, property, reason, action from intake.violation where source_id = %s", (source,)
        ).fetchall()
    }
    subjects = iter(vault.new_subjects(sum(one not in known for one in counted)))
    for one, messages in sorted(counted.items(), key=lambda item: msgspec.structs.astuple(item[0])):
        first, last = min(each.received for each in messages), max(each.received for each in messages)
        names = (source, *(str(part)[:_LONGEST] for part in (one.event, one.property)), one.reason, one.action)
        if one in known:
            conn.execute(
                "update intake.violation set total = total + %s, first_at = least(first_at, %s), "
                "last_at = greatest(last_at, %s) "
                "where (source_id, event, property, reason, action) = (%s, %s, %s, %s, %s)",
                (len(messages), moment(first), moment(last), *names),
            )
            continue
        subject, key = next(subjects)
        sample = min(messages, key=lambda each: (each.received, each.id))
        conn.execute(
            "insert into intake.violation as v values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "on conflict (source_id, event, property, reason, action) do update set total = v.total + excluded.total, "
            "first_at = least(v.first_at, excluded.first_at), last_at = greatest(v.last_at, excluded.last_at)",
            (*names, len(messages), moment(first), moment(last), subject, seal(key, _PACK(sample), b"violation")),
        )


def list_violations(conn: Connection, vault: Vault, source: int) -> list[dict[str, Any]]:
    """List violations, newest first, each with the first event that had it."""
    rows = conn.execute(
        "select event, property, reason, action, total, first_at, last_at, subject, sealed from intake.violation "
        "where source_id = %s order by last_at desc, event, property",
        (source,),
    ).fetchall()
    keys = vault.keys({row[7] for row in rows})
    names = ("event", "property", "reason", "action", "total", "first", "last")
    return [
        dict(zip(names, row[:7], strict=True)) | {"sample": said(_UNPACK(unseal(keys[row[7]], row[8], b"violation")))}
        for row in rows
        if row[7] in keys
    ]


def violation_samples(conn: Connection, vault: Vault) -> Iterator[tuple[int, str]]:
    """Yield (subject, content as JSON) of every sample, opened."""
    rows = conn.execute("select subject, sealed from intake.violation order by subject").fetchall()
    keys = vault.keys({subject for subject, _ in rows})
    for subject, sealed in rows:
        if subject in keys:
            yield subject, _JSON(_UNPACK(unseal(keys[subject], sealed, b"violation"))).decode()


def list_seen(conn: Connection, source: int) -> list[dict[str, Any]]:
    """List every event and property that a source sent, with its types, how often, first and last time."""
    rows = conn.execute(
        "select event, property, types, total, first_at, last_at from intake.seen_word where source_id = %s "
        "order by event, property",
        (source,),
    ).fetchall()
    names = ("event", "property", "types", "total", "first", "last")
    return [dict(zip(names, row, strict=True)) for row in rows]


def volume_alerts(conn: Connection, source: int, at: datetime) -> list[dict[str, Any]]:
    """List events whose last whole hour has three times as many, or a third, of what the day before had by the hour.

    Nothing is said of an event with fewer than 20 an hour, or seen for less than six hours.
    """
    rows = conn.execute(
        """
        with last as (
            select date_trunc('hour', %(at)s::timestamptz, 'UTC') - interval '1 hour' as at
        ), usual as (
            select event, last.at - min(hour) as span, coalesce(sum(total) filter (where hour = last.at), 0) as now,
                coalesce(sum(total) filter (where hour < last.at), 0)
                    / greatest(1, extract(epoch from last.at - min(hour)) / 3600) as mean
            from intake.volume, last
            where source_id = %(source)s and hour >= last.at - interval '24 hours' and hour <= last.at
            group by event, last.at
        )
        select event, case when now > mean then 'jump' else 'drop' end, now::int8, round(mean, 1)::float8 from usual
        where span >= interval '6 hours' and greatest(now, mean) >= 20 and (now > 3 * mean or now * 3 < mean)
        order by event
        """,
        {"source": source, "at": at},
    ).fetchall()
    return [dict(zip(("event", "alert", "lastHour", "usual"), row, strict=True)) for row in rows]


def forget_volume(conn: Connection, before: datetime) -> None:
    """Let go of volumes older than a moment."""
    conn.execute("delete from intake.volume where hour < %s", (before,))
