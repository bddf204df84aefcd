"""Erasure of a person over the whole graph, proved.

In this order: tombstones, out of the graph, rows deleted (one transaction, with the identity lane locked, so that
nothing comes in between), data keys destroyed, the company's own tables rewritten, needle scan, certificate, anchored in
the audit log. A crash in between is carried on by the next erasure, `serve` or `restore`.
"""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from steelthread import privacy
from steelthread.kit import now, uuid7
from steelthread.privacy import Line, Tombstones
from steelthread.rights.holds import check_holds
from steelthread.rights.opendsr.configuration import load_opendsr
from steelthread.rights.opendsr.notices import Notices, standing
from steelthread.rights.people import find_person, gather_all
from steelthread.rights.proving import Proven, prove, proven, scan
from steelthread.rights.remainder import keep_counts
from steelthread.rights.removing import Removed, remove
from steelthread.rights.tables import Swept, Tables, lines_of
from steelthread.thread import Space, lock_identity

Connection = psycopg.Connection[Any]
_AT_ONCE = 250
"""People taken away in one transaction, when a restored backup is made to forget them again."""


class Erased(msgspec.Struct, rename="camel"):
    """What an erasure did, or with a dry run would do."""

    request_id: UUID
    dry_run: bool
    stores: list[dict[str, Any]]
    keys_destroyed: int
    rows: int
    tombstones: int
    kept_shared: int
    """Identifiers that another living person asserts: they stay, with that person."""
    seconds: float = 0.0
    certificate: dict[str, Any] | None = None
    hits: list[dict[str, Any]] = []
    form: Literal["erase", "anonymise"] = "erase"
    destinations: list[dict[str, Any]] = []
    """Who else was told, and how that stands: none has settled it yet."""


def erase(space: Space, ref: str, actor: str, *, dry_run: bool = False, anonymise: bool = False) -> Erased:
    """Erase whoever a reference names; with `dry_run` say what would go, and change nothing.

    `anonymise` is the second form: all the same goes, and what the person came to stays in counts by month of nobody.
    """
    began = time.monotonic()
    form: Literal["erase", "anonymise"] = "anonymise" if anonymise else "erase"
    finish_erasures(space)
    with space.database.connect() as conn:
        lock_identity(space, conn)
        person = find_person(space, conn, ref)
        check_holds(conn, person)
        if anonymise:
            keep_counts(conn, person)
        at = now()
        (gone,) = remove(space, conn, [person], [uuid7()], at)
        told = proven(space, gone, at, form)
        done = Erased(
            gone.request_id,
            dry_run,
            told.stores,
            told.keys_destroyed,
            told.rows,
            told.tombstones,
            told.kept_shared,
            form=form,
        )
        if dry_run:
            conn.rollback()
            _add_tables(told, done, Tables(space).preview(gone.tokens), gone)
        else:
            told.destinations = done.destinations = tell_destinations(space, conn, [gone])[0]
            write_lines(space, [gone], form)
            conn.commit()
            space.vault.shred(gone.subjects)
            _prove(space, conn, gone, told, done, actor)
    done.seconds = round(time.monotonic() - began, 3)
    return done


def _prove(space: Space, conn: Connection, gone: Removed, told: Proven, done: Erased, actor: str) -> None:
    _add_tables(told, done, Tables(space).sweep(conn), gone)
    scanned = scan(space, conn, [value for _, value in gone.person.values], {value for _, value in gone.identifiers})
    done.hits = scanned.hits
    (done.certificate,) = prove(space, conn, [told], [scanned.told(scanned.hits)], actor)
    conn.commit()


def _add_tables(told: Proven, done: Erased, swept: Sequence[Swept], gone: Removed) -> None:
    """Say also what went of the company's own tables."""
    told.stores = done.stores = [*told.stores, *lines_of(swept, gone.tokens)]
    told.rows = done.rows = sum(one["rows"] for one in told.stores)


def expire(space: Space, conn: Connection, individual: UUID, stores: Counter[str]) -> list[int]:
    """Delete a person who is kept no longer, in the caller's transaction; return the data keys to destroy after it.

    No tombstone: who comes again as a customer is let in.
    """
    person = find_person(space, conn, f"individual:{individual}")
    (gone,) = remove(space, conn, [person], [uuid7()], now(), remembers=False)
    stores.update(gone.stores)
    return gone.subjects


def tell_destinations(space: Space, conn: Connection, gone: Sequence[Removed]) -> list[list[dict[str, Any]]]:
    """Have the destinations told, in the caller's transaction: also those that are away learn of it one day."""
    configuration = load_opendsr(space.project.folder)
    if not configuration.destinations:
        return [[] for _ in gone]
    told = [(one.request_id, one.identifiers) for one in gone]
    made = Notices(space).make_all(conn, configuration, told, now())
    return [[{"destination": name, **state} for name, state in standing(notices).items()] for notices in made]


def write_lines(space: Space, gone: Sequence[Removed], form: str) -> None:
    """Write the journal, before the commit: a tombstone too many does less harm than one too few."""
    at = now()
    lines = [
        Line(one.request_id, at, [token.hex() for token in one.tokens], anonymised=form == "anonymise") for one in gone
    ]
    privacy.write_journal(space.project.data, *lines)


def finish_erasures(space: Space) -> int:
    """Carry on erasures that were cut off: destroy the data keys that they left; return how many there were.

    Those of a batch are not finished by it: the batch goes on, and proves them.
    """
    with space.database.connect() as conn:
        rows = conn.execute(
            "select e.request_id, e.subjects, exists (select from privacy.erasure_item i where i.request_id = e.request_id) "
            "from privacy.erasure e where e.finished_at is null"
        ).fetchall()
        subjects = {subject for _, some, _ in rows for subject in some}
        if subjects:
            space.vault.shred(subjects)
        alone = [request for request, _, in_batch in rows if not in_batch]
        for request in alone:
            _finish(conn, request, {"carriedOn": True})
        conn.commit()
    return len(alone)


def _finish(conn: Connection, request: UUID, told: dict[str, Any]) -> None:
    conn.execute(
        "update privacy.erasure set finished_at = %s, subjects = '{}', told = %s where request_id = %s",
        (now(), Jsonb(told), request),
    )


# -- restored backups ------------------------------------------------------------------------------------------------


def replay_erasures(space: Space) -> int:
    """Erase again what the journal says was erased and the database does not know: it was restored. Return how many.

    The gate of a restored backup: it serves nobody before.
    """
    finish_erasures(space)
    with space.database.connect() as conn:
        known = {request for (request,) in conn.execute("select request_id from privacy.erasure")}
        missing = [line for line in privacy.read_journal(space.project.data) if line.request_id not in known]
        lines: list[Line] = []
        for line in missing:
            if line.lifted:
                _erase_again(space, conn, lines)  # in the order in which it was: who was let in again is let in again
                lines = []
                _lift_again(space, conn, line)
            else:
                lines.append(line)
        _erase_again(space, conn, lines)
    return len(missing)


def _lift_again(space: Space, conn: Connection, line: Line) -> None:
    lock_identity(space, conn)
    tokens = [bytes.fromhex(token) for token in line.tokens]
    conn.execute("delete from privacy.tombstone where token = any(%s)", (tokens,))
    conn.execute(
        "insert into privacy.erasure (request_id, at, finished_at) values (%s, %s, %s) on conflict do nothing",
        (line.request_id, line.at, now()),
    )
    conn.commit()


def _erase_again(space: Space, conn: Connection, lines: Sequence[Line]) -> None:
    """Take away whoever these lines name: all names are gone through once for all of them."""
    if not lines:
        return
    of = {bytes.fromhex(token): number for number, line in enumerate(lines) for token in line.tokens}
    nodes = _those(space, conn, "node_id, hash from identity.node", of, len(lines))
    records = _those(space, conn, "record_id, key_hash from intake.record", of, len(lines))
    tables = Tables(space)
    for start in range(0, len(lines), _AT_ONCE):
        part = lines[start : start + _AT_ONCE]
        lock_identity(space, conn)
        people = gather_all(space, conn, nodes[start : start + _AT_ONCE], records[start : start + _AT_ONCE])
        for line, person in zip(part, people, strict=True):
            if line.anonymised:
                keep_counts(conn, person)
        gone = remove(space, conn, people, [line.request_id for line in part], part[-1].at)
        stones = {line.request_id: [bytes.fromhex(token) for token in line.tokens] for line in part}
        Tombstones(space.vault).set_all(conn, part[-1].at, stones)
        for request, tokens in stones.items():
            tables.leave(conn, request, part[-1].at, tokens)
        conn.commit()
        space.vault.shred({subject for one in gone for subject in one.subjects})
        for one in gone:
            _finish(conn, one.request_id, {"rows": one.stores.total(), "again": True})
        conn.commit()


def _those(space: Space, conn: Connection, what: str, of: dict[bytes, int], count: int) -> list[list[int]]:
    """Return for each line the rows of a table that one of its tombstones names."""
    stones = Tombstones(space.vault)
    found: list[list[int]] = [[] for _ in range(count)]
    with conn.cursor("names", binary=True) as cursor:
        for number, name in cursor.execute(f"select {what}"):
            line = of.get(stones.token(name))
            if line is not None:
                found[line].append(number)
    return found
