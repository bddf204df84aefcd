"""Erasing many people at once: what costs the same for one and for thousands is done once.

In this order: people are taken away, some hundred in a transaction; refused rows are looked through once; the keyring
gives each shard one new generation; the company's own tables are rewritten once; everything is searched once, for all identifiers of all of them; each person gets a
certificate. Every step is written down when it is done, so a batch that was cut off goes on where it was.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from steelthread.kit import Conflict, NotFound, now, uuid7
from steelthread.rights.erasure import tell_destinations, write_lines
from steelthread.rights.listed import Others, State, as_the_first, gone_in, named_before, people_of
from steelthread.rights.people import Person
from steelthread.rights.proving import Proven, Scanned, prove, proven, scan
from steelthread.rights.remainder import keep_counts
from steelthread.rights.removing import Removed, remove, sought
from steelthread.rights.seeking import Sought, find_sealed
from steelthread.rights.tables import Tables, lines_of
from steelthread.thread import Space, lock_identity
from steelthread.vault import seal, unseal

Connection = psycopg.Connection[Any]
AT_ONCE = 250
"""People in one transaction: the stream of events waits that long."""
_PAGE = 2000
_PUT_IN_ORDER = "select gin_clean_pending_list('profiles.event_nodes_idx')"
"""What came since the index was last vacuumed stands in a list, through which every question for a node's events goes."""
_CONTEXT = b"erasure batch"
_LOCK = 0x57EE1E7A5E
_PACK = msgspec.msgpack.Encoder().encode
_WHOM = msgspec.msgpack.Decoder(str).decode


class BatchErased(msgspec.Struct, rename="camel"):
    """What a batch did, or with a dry run would do."""

    batch_id: UUID
    dry_run: bool
    people: int
    """How many were erased."""
    states: dict[str, int]
    """How many references came to what: done, unknown, held, invalid, same (as another one of the list)."""
    stores: list[dict[str, Any]]
    rows: int
    keys_destroyed: int
    hits: list[dict[str, Any]] = []
    not_erased: list[dict[str, Any]] = []
    """Places in the list (from 1) of those who were not erased, and why."""
    seconds: float = 0.0
    certificates: str = ""
    """The folder in which they are."""


class _Left(msgspec.Struct):
    """What is kept of a person until the batch ends, sealed."""

    values: list[str]
    sought: Sought


class _Item(msgspec.Struct):
    number: int
    request_id: UUID | None
    sealed: bytes
    told: dict[str, Any]


def erase_batch(
    space: Space, refs: Sequence[str], actor: str, *, dry_run: bool = False, anonymise: bool = False,
    cases: Sequence[UUID | None] = (),
) -> BatchErased:  # fmt: skip
    """Erase whoever these references name; `cases` are the requests of the rights desk that this grants, one for each."""
    if dry_run:
        return _rehearse(space, refs, anonymise=anonymise)
    ((subject, key),) = space.vault.new_subjects(1)
    batch = uuid7()
    with space.database.connect() as conn:
        form = "anonymise" if anonymise else "erase"
        conn.execute(
            "insert into privacy.erasure_batch (batch_id, at, actor, form, subject) values (%s, %s, %s, %s, %s)",
            (batch, now(), actor, form, subject),
        )
        told = list(cases) or [None] * len(refs)
        conn.cursor().executemany(
            "insert into privacy.erasure_item (batch_id, number, state, case_id, sealed) values (%s, %s, 'waiting', %s, %s)",
            [
                (batch, number, case, seal(key, _PACK(ref), _CONTEXT))
                for number, (ref, case) in enumerate(zip(refs, told, strict=True), 1)
            ],
        )
        conn.commit()
    return go_on(space, batch)


def unfinished_batches(conn: Connection) -> list[UUID]:
    """Return the batches that were cut off, or run just now, oldest first."""
    rows = conn.execute("select batch_id from privacy.erasure_batch where finished_at is null order by 1")
    return [batch for (batch,) in rows]


def go_on(space: Space, batch: UUID) -> BatchErased:
    """Carry a batch to its end from wherever it is; Conflict when another process is at it."""
    began = time.monotonic()
    with space.database.connect() as conn, _alone(conn):
        row = conn.execute(
            "select actor, form, subject, finished_at from privacy.erasure_batch where batch_id = %s", (batch,)
        ).fetchone()
        if row is None:
            raise NotFound("There is no batch of erasures of this number.")
        if row[3] is None:
            _Run(space, conn, batch, *row[:3]).finish()
        told = batch_told(conn, batch)
    told.seconds = round(time.monotonic() - began, 3)
    return told


@contextmanager
def _alone(conn: Connection) -> Iterator[None]:
    """One process at a time carries batches on."""
    free = conn.execute("select pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
    conn.commit()
    if not free or not free[0]:
        raise Conflict("A batch of erasures is under way already: wait until it ends.")
    try:
        yield
    finally:
        conn.rollback()
        conn.execute("select pg_advisory_unlock(%s)", (_LOCK,))
        conn.commit()


def batch_told(conn: Connection, batch: UUID) -> BatchErased:
    """Return what a batch did."""
    states: Counter[str] = Counter()
    stores: Counter[str] = Counter()
    told = BatchErased(batch, dry_run=False, people=0, states={}, stores=[], rows=0, keys_destroyed=0)
    rows = conn.execute(
        "select number, state, told from privacy.erasure_item where batch_id = %s order by number", (batch,)
    )
    for number, state, content in rows:
        states[state] += 1
        if state == "done":
            stores.update({one["store"]: one["rows"] for one in content["stores"]})
            told.rows += content["rows"]
            told.keys_destroyed += content["keysDestroyed"]
        elif state != "waiting":
            told.not_erased.append({"number": number, "state": state, **content})
    told.people, told.states = states["done"], dict(sorted(states.items()))
    told.stores = [{"store": table, "method": "delete", "rows": count} for table, count in stores.items()]
    row = conn.execute("select scanned from privacy.erasure_batch where batch_id = %s", (batch,)).fetchone()
    told.hits = row[0]["hits"] if row and row[0] else []
    return told


def write_certificates(conn: Connection, batch: UUID, folder: Path) -> int:
    """Write each person's certificate into a new folder, named by its erasure; and which place in the list has which."""
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} holds something already: name a new folder.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    count = 0
    with (folder / "index.jsonl").open("w") as index, conn.cursor("certificates") as cursor:
        cursor.execute(
            "select i.number, i.state, i.request_id, e.certificate from privacy.erasure_item i left join privacy.erasure e "
            "using (request_id) where batch_id = %s order by number",
            (batch,),
        )
        for number, state, request, certificate in cursor:
            line = {"number": number, "state": state, "requestId": str(request) if request else None}
            index.write(json.dumps(line) + "\n")
            if state == "done":
                (folder / f"{request}.json").write_bytes(msgspec.json.encode(certificate))
                count += 1
    return count


def _rehearse(space: Space, refs: Sequence[str], *, anonymise: bool) -> BatchErased:
    """Say what a batch would do, and change nothing."""
    began = time.monotonic()
    states: Counter[str] = Counter()
    stores: Counter[str] = Counter()
    told = BatchErased(uuid7(), dry_run=True, people=0, states={}, stores=[], rows=0, keys_destroyed=0)
    seen: dict[int, int] = {}
    others: Others = {}
    left = list(enumerate(refs, 1))
    with space.writer() as conn:
        while left:
            lock_identity(space, conn)
            people, more = people_of(space, conn, left[:AT_ONCE], seen)
            left = [one for one in left[:AT_ONCE] if one[0] not in {*people, *more}] + left[AT_ONCE:]
            if anonymise:
                for person in people.values():
                    keep_counts(conn, person)
            gone = remove(space, conn, list(people.values()), [uuid7() for _ in people], now())
            conn.rollback()
            others |= more
            states["done"] += len(gone)
            told.keys_destroyed += sum(one.keys for one in gone)
            for one in gone:
                stores.update({store["store"]: store["rows"] for store in one.told()})
    others = as_the_first(others)
    states.update(state for state, _ in others.values())
    told.not_erased = [{"number": number, "state": state, **why} for number, (state, why) in sorted(others.items())]
    told.people, told.states, told.rows = states["done"], dict(sorted(states.items())), stores.total()
    told.stores = [{"store": table, "method": "delete", "rows": count} for table, count in stores.items()]
    told.seconds = round(time.monotonic() - began, 3)
    return told


class _Run:
    """A batch on its way."""

    def __init__(self, space: Space, conn: Connection, batch: UUID, actor: str, form: str, subject: int) -> None:
        self._space, self._conn, self._batch = space, conn, batch
        self._actor, self._form, self._subject = actor, form, subject
        self._key = space.vault.key(subject)

    def finish(self) -> None:
        """Do all that is left to do."""
        self._tell_apart()
        self._remove()
        self._once("swept", self._sweep)
        self._shred()
        self._rewrite()
        self._once("scanned is not null", self._scan)
        self._certify()
        self._conn.execute("update privacy.erasure_batch set finished_at = now() where batch_id = %s", (self._batch,))
        self._conn.execute("update privacy.erasure_item set sealed = null where batch_id = %s", (self._batch,))
        self._conn.commit()
        self._space.vault.shred([self._subject])

    def _once(self, done: str, step: Callable[[], None]) -> None:
        row = self._conn.execute(
            f"select {done} from privacy.erasure_batch where batch_id = %s", (self._batch,)
        ).fetchone()
        if row is not None and not row[0]:
            step()

    def _items(self, conn: Connection, state: State, after: int, limit: int) -> list[_Item]:
        rows = conn.execute(
            "select number, request_id, sealed, told from privacy.erasure_item where batch_id = %s and state = %s "
            "and number > %s order by number limit %s",
            (self._batch, state, after, limit),
        )
        return [_Item(*row) for row in rows]

    # -- the steps -----------------------------------------------------------------------------------------------

    def _tell_apart(self) -> None:
        """Note who is named twice before anybody goes: later, nobody, or another one, would answer to the second name."""
        seen: dict[int, int] = {}
        same: list[tuple[int, int]] = []
        after = 0
        while items := self._items(self._conn, "waiting", after, _PAGE):
            after = items[-1].number
            same += named_before(self._space, self._conn, self._refs(items), seen)
        self._conn.cursor().executemany(
            "update privacy.erasure_item set state = 'same', sealed = null, told = %s where batch_id = %s and number = %s",
            [(Jsonb({"as": first}), self._batch, number) for number, first in same],
        )
        self._conn.commit()

    def _refs(self, items: Sequence[_Item]) -> list[tuple[int, str]]:
        return [(one.number, _WHOM(unseal(self._key, one.sealed, _CONTEXT))) for one in items]

    def _remove(self) -> None:
        """Take people away, some hundred in a transaction."""
        with self._space.writer() as conn:
            while items := self._items(conn, "waiting", 0, AT_ONCE):
                conn.execute(_PUT_IN_ORDER)
                lock_identity(self._space, conn)
                refs = self._refs(items)
                people, others = people_of(self._space, conn, refs, {})
                unknown = [(number, ref) for number, ref in refs if others.get(number, ("",))[0] == "unknown"]
                others |= gone_in(self._space, conn, self._batch, unknown) if unknown else {}
                gone = self._take_away(conn, list(people.values())) if people else []
                self._note(conn, people, gone, others)
                write_lines(self._space, gone, self._form)
                conn.commit()

    def _take_away(self, conn: Connection, people: list[Person]) -> list[Removed]:
        if self._form == "anonymise":
            for person in people:
                keep_counts(conn, person)
        return remove(self._space, conn, people, [uuid7() for _ in people], now(), sealed=False)

    def _note(
        self,
        conn: Connection,
        people: dict[int, Person],
        gone: list[Removed],
        others: Others,
    ) -> None:
        """Write down what became of each, with what is still to be looked for of those who went."""
        destinations = tell_destinations(self._space, conn, gone)
        at = now()
        rows: list[tuple[Any, ...]] = []
        for number, one, told in zip(people, gone, destinations, strict=True):
            left = _Left([value for _, value in one.person.values], sought(one))
            content = proven(self._space, one, at, self._form)
            content.destinations = told
            sealed = seal(self._key, _PACK(left), _CONTEXT)
            rows.append(("removed", one.request_id, sealed, Jsonb(msgspec.to_builtins(content)), self._batch, number))
        rows += [(state, None, None, Jsonb(why), self._batch, number) for number, (state, why) in others.items()]
        conn.cursor().executemany(
            "update privacy.erasure_item set state = %s, request_id = %s, sealed = %s, told = %s where batch_id = %s and number = %s",
            rows,
        )
        conn.cursor().executemany(
            "update privacy.erasure_item set state = 'held', told = %s where batch_id = %s and state = 'same' and told -> 'as' = %s",
            [(Jsonb(why), self._batch, Jsonb(number)) for number, (state, why) in others.items() if state == "held"],
        )

    def _left(self) -> Iterator[tuple[_Item, _Left]]:
        after = 0
        while items := self._items(self._conn, "removed", after, _PAGE):
            after = items[-1].number
            for one in items:
                yield one, msgspec.msgpack.decode(unseal(self._key, one.sealed, _CONTEXT), type=_Left)

    def _sweep(self) -> None:
        """Look once through what lies sealed without a name; what is of somebody who went goes, too."""
        left = list(self._left())
        found = find_sealed(self._space, self._conn, [one.sought for _, one in left])
        subjects: dict[int, set[int]] = {}
        counts: dict[int, Counter[str]] = {}
        for place, subject in found.rejects.values():
            subjects.setdefault(place, set()).add(subject)
            counts.setdefault(place, Counter())["intake.reject"] += 1
        for subject, place in found.samples.items():
            subjects.setdefault(place, set()).add(subject)
            counts.setdefault(place, Counter())["intake.violation"] += 1
        self._conn.execute("delete from intake.reject where reject_id = any(%s)", (list(found.rejects),))
        self._conn.execute("delete from intake.violation where subject = any(%s)", (list(found.samples),))
        for place, own in subjects.items():
            item = left[place][0]
            told = msgspec.convert(item.told, Proven)
            told.stores = [{**one, "rows": one["rows"] + counts[place][one["store"]]} for one in told.stores]
            told.rows += counts[place].total()
            told.keys_destroyed += len(own)
            self._conn.execute(
                "update privacy.erasure set subjects = subjects || %s where request_id = %s",
                (sorted(own), item.request_id),
            )
            self._conn.execute(
                "update privacy.erasure_item set told = %s where batch_id = %s and number = %s",
                (Jsonb(msgspec.to_builtins(told)), self._batch, item.number),
            )
        self._conn.execute("update privacy.erasure_batch set swept = true where batch_id = %s", (self._batch,))
        self._conn.commit()

    def _shred(self) -> None:
        """Destroy all data keys: each shard of the keyring is written once."""
        rows = self._conn.execute(
            "select subjects from privacy.erasure_item join privacy.erasure using (request_id) where batch_id = %s",
            (self._batch,),
        ).fetchall()
        self._conn.commit()
        subjects = {subject for (some,) in rows for subject in some}
        if subjects:
            self._space.vault.shred(subjects)

    def _rewrite(self) -> None:
        """Take all of them out of the company's own tables: each file is written anew once."""
        swept = Tables(self._space).sweep(self._conn)
        for item, _ in self._left() if swept else ():
            rows = self._conn.execute("select token from privacy.tombstone where request_id = %s", (item.request_id,))
            told = msgspec.convert(item.told, Proven)
            lines = lines_of(swept, [bytes(token) for (token,) in rows])
            told.stores += lines
            told.rows += sum(one["rows"] for one in lines)
            self._conn.execute(
                "update privacy.erasure_item set told = %s where batch_id = %s and number = %s",
                (Jsonb(msgspec.to_builtins(told)), self._batch, item.number),
            )
        self._conn.commit()

    def _scan(self) -> None:
        """Search everything once, for whatever anybody of the batch was known by."""
        whose: dict[str, list[int]] = {}
        own: set[str] = set()
        for item, left in self._left():
            own.update(left.sought.values)
            for value in left.values:
                whose.setdefault(value, []).append(item.number)
        scanned = scan(self._space, self._conn, list(whose), own)
        numbers = list(whose.values())
        hits = [{**hit, "numbers": numbers[hit["needle"]]} for hit in scanned.hits]
        self._conn.execute(
            "update privacy.erasure_batch set scanned = %s where batch_id = %s",
            (Jsonb({"stores": scanned.stores, "hits": hits}), self._batch),
        )
        self._conn.commit()

    def _certify(self) -> None:
        """Sign, anchor and finish, some thousand in a transaction."""
        row = self._conn.execute(
            "select scanned from privacy.erasure_batch where batch_id = %s", (self._batch,)
        ).fetchone()
        assert row is not None
        scanned = Scanned(row[0]["stores"], row[0]["hits"])
        while items := self._items(self._conn, "removed", 0, _PAGE):
            done = [msgspec.convert(one.told, Proven) for one in items]
            own = [[hit for hit in scanned.hits if one.number in hit["numbers"]] for one in items]
            prove(self._space, self._conn, done, [scanned.told(hits) for hits in own], self._actor)
            self._conn.execute(
                "update privacy.erasure_item set state = 'done', sealed = null where batch_id = %s and number = any(%s)",
                (self._batch, [one.number for one in items]),
            )
            self._conn.commit()
