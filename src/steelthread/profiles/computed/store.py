"""Computed traits in PostgreSQL: kept as events come, counted anew where events went, filled over history."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from steelthread.profiles.computed import state as states
from steelthread.profiles.computed.definition import (
    NUMERIC,
    Reader,
    Trait,
    Values,
    number_of,
    read_told,
    summand,
    takes_part,
    text_of,
    told,
)
from steelthread.profiles.computed.state import One, State
from steelthread.store import Byteas, Int8s, write
from steelthread.vault import Vault, unseal

Connection = psycopg.Connection[Any]
Key = tuple[int, int, int]
"""(owner, trait, bucket)."""
_JSON = msgspec.json.Decoder().decode
_UNPACK = msgspec.msgpack.Decoder().decode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OWNERS = 200
"""Owners filled in one transaction."""
_PAGE = 5000
_LISTED = 100
"""Values that a unique list shows."""
_NOTHING: Mapping[str, Any] = {"count": 0, "sum": 0, "unique_count": 0, "unique_list": ()}


class Defined(msgspec.Struct):
    """A trait in force."""

    trait_id: int
    name: str
    trait: Trait
    filled: int | None


class Filling(msgspec.Struct, rename="camel"):
    """How far a trait is filled over history."""

    name: str
    function: str
    filled: bool
    owners: int
    owners_done: int


class Happened(msgspec.Struct):
    """An event as traits look at it."""

    owner: int
    record: int
    key_hash: bytes
    entity: str
    at: datetime
    values: Values


def defined(conn: Connection) -> list[Defined]:
    """Return the traits in force."""
    rows = conn.execute(
        "select trait_id, name, told, filled from profiles.trait_definition order by trait_id"
    ).fetchall()
    return [Defined(number, name, read_told(content), filled) for number, name, content, filled in rows]


def define(conn: Connection, traits: Mapping[str, Trait]) -> bool:
    """Have these traits in force, and no others; return whether anything changed. Call it under the lane's lock."""
    known = {one.name: one for one in defined(conn)}
    gone = [one.trait_id for name, one in known.items() if name not in traits or told(traits[name]) != told(one.trait)]
    new = [name for name in traits if name not in known or known[name].trait_id in gone]
    if gone:
        conn.execute("delete from profiles.trait where trait_id = any(%s)", (gone,))
        conn.execute("delete from profiles.trait_definition where trait_id = any(%s)", (gone,))
    for name in new:
        conn.execute(
            "insert into profiles.trait_definition (name, told, owners) "
            "values (%s, %s, (select count(distinct owner) from profiles.event))",
            (name, Jsonb(told(traits[name]))),
        )
    return bool(gone or new)


def filling(conn: Connection) -> list[Filling]:
    """Return how far each trait is filled."""
    rows = conn.execute(
        "select name, told->>'function', filled is null, owners, owners_done from profiles.trait_definition order by name"
    )
    return [Filling(*row) for row in rows]


class Computed:
    """Keeps the traits of owners on one connection, within the caller's transaction and under the lane's lock."""

    def __init__(self, conn: Connection, vault: Vault, traits: Sequence[Defined] | None = None) -> None:
        """`traits` are those in force, where the caller knows them already."""
        self._conn = conn
        self._vault = vault
        self.traits = defined(conn) if traits is None else traits

    def __bool__(self) -> bool:
        return bool(self.traits)

    def add(self, events: Iterable[Happened]) -> None:
        """Add events that came, none of which was there before."""
        sums = self._sums(events, self.traits, lambda one, owner: one.filled is None or owner <= one.filled)
        if not sums:
            return
        keys = sorted(sums)
        rows = self._conn.execute(
            "select owner, trait_id, bucket, state from profiles.trait join unnest(%s::int8[], %s::int4[], %s::int8[]) "
            "as k (owner, trait_id, bucket) using (owner, trait_id, bucket)",
            tuple(list(column) for column in zip(*keys, strict=True)),
        ).fetchall()
        for owner, number, bucket, kept in rows:
            sums[(owner, number, bucket)].append(states.unpacked(bytes(kept)))
        self._write(sums)

    def count_anew(self, owners: Collection[int], traits: Sequence[Defined] | None = None) -> None:
        """Count the traits of owners anew from their events, as these stand now."""
        wanted = self.traits if traits is None else traits
        if not owners or not wanted:
            return
        self._conn.execute(
            "delete from profiles.trait where owner = any(%s) and trait_id = any(%s)",
            (Int8s(sorted(owners)), [one.trait_id for one in wanted]),
        )
        self._write(self._sums(self._events(owners, wanted), wanted, lambda _one, _owner: True))

    def fill(self) -> int:
        """Fill the traits that are new over the next owners; return how many owners were filled, 0 when all is done."""
        waiting = [one for one in self.traits if one.filled is not None]
        if not waiting:
            return 0
        start = min(one.filled or 0 for one in waiting)
        wanted = [one for one in waiting if one.filled == start]
        rows = self._conn.execute(
            "select distinct owner from profiles.event where owner > %s order by owner limit %s", (start, _OWNERS)
        ).fetchall()
        owners = [owner for (owner,) in rows]
        self.count_anew(owners, wanted)
        for one in wanted:
            one.filled = owners[-1] if owners else None
        self._conn.execute(
            "update profiles.trait_definition set filled = %s, owners_done = owners_done + %s where trait_id = any(%s)",
            (owners[-1] if owners else None, len(owners), [one.trait_id for one in wanted]),
        )
        return len(owners) or self.fill()

    def differing(self) -> int:
        """Return how many sums differ from what the events give; the caller rolls back."""
        filled = [one for one in self.traits if one.filled is None]
        query = "select owner, trait_id, bucket, state from profiles.trait where trait_id = any(%s)"
        numbers = [one.trait_id for one in filled]
        before = {row[:3]: bytes(row[3]) for row in self._conn.execute(query, (numbers,))}
        owners = [
            owner
            for (owner,) in self._conn.execute("select distinct owner from profiles.event where owner is not null")
        ]
        stray = {key[0] for key in before} - set(owners)
        for start in range(0, len(owners), _PAGE):
            self.count_anew(owners[start : start + _PAGE], filled)
        self.count_anew(stray, filled)
        after = {row[:3]: bytes(row[3]) for row in self._conn.execute(query, (numbers,))}
        return sum(before.get(key) != after.get(key) for key in before.keys() | after.keys())

    # -- from events to sums -------------------------------------------------------------------------------------------

    def _sums(
        self, events: Iterable[Happened], traits: Sequence[Defined], counts: Callable[[Defined, int], bool]
    ) -> dict[Key, list[State]]:
        sums: dict[Key, list[State]] = defaultdict(list)
        for event in events:
            reader = Reader(event.entity, event.values)
            for one in traits:
                if counts(one, event.owner) and takes_part(one.trait, reader):
                    given = self._one(one.trait, event, reader)
                    if given is not None:
                        key = (event.owner, one.trait_id, one.trait.bucket(event.at))
                        sums[key].append(states.of(one.trait.function, given))
        return sums

    def _one(self, trait: Trait, event: Happened, reader: Reader) -> One | None:
        value = reader.value(trait.attribute) if trait.attribute else None
        number = number_of(value) if trait.function in NUMERIC else None
        if trait.function in NUMERIC and number is None:
            return None
        counted = trait.function in ("most_frequent", "unique_list", "unique_count")
        token = self._vault.token("trait|" + text_of(value)) if counted else 0
        number = None if number is None else summand(number)
        return One((event.at - _EPOCH) // _MICROSECOND, event.key_hash[:8], event.record, number, token)

    def _events(self, owners: Collection[int], traits: Sequence[Defined]) -> Iterable[Happened]:
        """Yield the events of owners, and what hangs below them, opened."""
        entities = sorted({one.trait.entity for one in traits})
        rows = self._conn.execute(
            """
            select o.owner, o.record_id, r.key_hash, n.name, o.at, convert_to(r.clear::text, 'UTF8'),
                r.subject, r.sealed
            from (
                select owner, record_id, at from profiles.event where owner = any(%(owners)s) and not uncounted
                union all
                select p.owner, c.record_id, coalesce(p.at, c.at) from profiles.event p join profiles.event c on c.parent_id = p.record_id
                where p.owner = any(%(owners)s) and c.owner is null
            ) o join intake.record r using (record_id)
            join intake.entity n on n.entity_id = r.entity_id
            where o.at is not null and (%(all)s or n.name = any(%(entities)s))
            """,
            {"owners": Int8s(sorted(owners)), "all": "" in entities, "entities": entities},
        ).fetchall()
        keys = self._vault.keys({row[6] for row in rows})
        for owner, record, key_hash, entity, at, clear, subject, sealed in rows:
            if subject in keys:
                direct = _UNPACK(unseal(keys[subject], sealed, key_hash))[1]
                yield Happened(owner, record, bytes(key_hash), entity, at, {**_JSON(clear)["v"], **direct})

    def _write(self, sums: Mapping[Key, list[State]]) -> None:
        if not sums:
            return
        keys = sorted(sums)
        columns = [list(column) for column in zip(*keys, strict=True)]
        packed = [states.packed(states.added(sums[key])) for key in keys]
        write(
            self._conn,
            "insert into profiles.trait (owner, trait_id, bucket, state) "
            "select * from unnest(%s::int8[], %s::int4[], %s::int8[], %s::bytea[]) "
            "on conflict (owner, trait_id, bucket) do update set state = excluded.state",
            (Int8s(columns[0]), columns[1], Int8s(columns[2]), Byteas(packed)),
        )


def read(
    conn: Connection,
    traits: Sequence[Defined],
    nodes: Sequence[int],
    at: datetime,
    open_values: Callable[[Sequence[int]], dict[int, tuple[str, Values]]],
) -> dict[str, dict[str, Any]]:
    """Return the traits of a person at a moment, by name; `open_values` opens records: number -> (entity, values)."""
    if not traits:
        return {}
    spans = [one.trait.span(at) for one in traits]
    rows = conn.execute(
        "select t.trait_id, t.state from unnest(%s::int4[], %s::int8[], %s::int8[]) as w (trait_id, low, high) "
        "join profiles.trait t on t.trait_id = w.trait_id and t.owner = any(%s) and t.bucket between w.low and w.high",
        ([one.trait_id for one in traits], [low for low, _ in spans], [high for _, high in spans], list(nodes)),
    ).fetchall()
    found: dict[int, list[State]] = defaultdict(list)
    for number, kept in rows:
        found[number].append(states.unpacked(bytes(kept)))
    sums = {one.trait_id: states.added(found[one.trait_id]) for one in traits}
    shown = {
        one.trait_id: states.records(one.trait.function, sums[one.trait_id], _LISTED)
        for one in traits
        if _by_record(one)
    }
    wanted = sorted({record for records in shown.values() for record in records})
    opened = open_values(wanted) if wanted else {}
    return {one.name: _told(one, sums[one.trait_id], shown.get(one.trait_id, []), opened) for one in traits}


def _by_record(one: Defined) -> bool:
    return one.trait.function in ("first", "last", "most_frequent", "unique_list")


def _told(one: Defined, state: State, shown: Sequence[int], opened: Mapping[int, tuple[str, Values]]) -> dict[str, Any]:
    value: Any = _NOTHING.get(one.trait.function)
    if _by_record(one):
        values = [Reader(*opened[record]).value(one.trait.attribute) for record in shown if record in opened]
        if one.trait.function == "unique_list":
            value = sorted(values, key=text_of)
        elif values:
            value = values[0]
    elif state.count:
        value = states.numeric(one.trait.function, state)
    content = {"value": value, "function": one.trait.function}
    over = one.trait.window or one.trait.period
    content["over"] = over or "lifetime"
    if one.trait.time_zone:
        content["timeZone"] = one.trait.time_zone
    if one.filled is not None:
        content["filling"] = True
    return content


def forget_old(conn: Connection, at: datetime) -> int:
    """Let go of what no window looks at any more; return how much went."""
    gone = 0
    for one in defined(conn):
        low, _ = one.trait.span(at)
        if one.trait.unit:
            gone += conn.execute(
                "delete from profiles.trait where trait_id = %s and bucket < %s", (one.trait_id, low)
            ).rowcount
    return gone
