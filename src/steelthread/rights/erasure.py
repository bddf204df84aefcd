"""Erasure of a person over the whole graph, proved.

In this order: tombstones, out of the graph, rows deleted (one transaction, with the identity lane locked, so that
nothing comes in between), data keys destroyed, needle scan, certificate, anchored in the audit log. A crash in between
is carried on by the next erasure, `serve` or `restore`.
"""

import time
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from steelthread import __version__, privacy
from steelthread.kit import iso, now, uuid7
from steelthread.privacy import Entry, Line, Needles, Tombstones
from steelthread.profiles import Opener
from steelthread.rights.auditing import Auditor
from steelthread.rights.certificates import certify
from steelthread.rights.holders import HOLDERS
from steelthread.rights.holds import check_holds
from steelthread.rights.opendsr.configuration import load_opendsr
from steelthread.rights.opendsr.notices import Notices, standing
from steelthread.rights.people import (
    Person,
    clusters_of,
    find_person,
    find_rejects,
    find_samples,
    gather,
    requesters_of,
    shared_nodes,
)
from steelthread.rights.remainder import keep_counts
from steelthread.thread import Space, lock_identity, take_out, tell_erased

Connection = psycopg.Connection[Any]
_SHORTEST = 6
"""Letters of the shortest identifier that the scan looks for: shorter ones stand in any binary file."""


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


class _Gone(msgspec.Struct):
    erased: Erased
    person: Person
    subjects: list[int]
    tokens: list[bytes]
    values: frozenset[str]
    """Identifiers that were this person's alone."""


def erase(space: Space, ref: str, actor: str, *, dry_run: bool = False, anonymise: bool = False) -> Erased:
    """Erase whoever a reference names; with `dry_run` say what would go, and change nothing.

    `anonymise` is the second form: all the same goes, and what the person came to stays in counts by month of nobody.
    """
    began = time.monotonic()
    finish_erasures(space)
    with space.database.connect() as conn:
        lock_identity(space, conn)
        person = find_person(space, conn, ref)
        check_holds(conn, person)
        if anonymise:
            keep_counts(conn, person)
        gone = _remove(space, conn, person, uuid7(), now())
        gone.erased.form = "anonymise" if anonymise else "erase"
        if dry_run:
            conn.rollback()
            gone.erased.dry_run = True
            gone.erased.seconds = round(time.monotonic() - began, 3)
            return gone.erased
        _notify(space, conn, gone)
        _commit(space, conn, gone)
        space.vault.shred(gone.subjects)
        _prove(space, conn, gone, actor)
    gone.erased.seconds = round(time.monotonic() - began, 3)
    return gone.erased


def expire(space: Space, conn: Connection, individual: UUID, stores: Counter[str]) -> list[int]:
    """Delete a person who is kept no longer, in the caller's transaction; return the data keys to destroy after it.

    No tombstone: who comes again as a customer is let in.
    """
    person = find_person(space, conn, f"individual:{individual}")
    gone = _remove(space, conn, person, uuid7(), now(), remembers=False)
    for store in gone.erased.stores:
        stores[str(store["store"])] += int(str(store["rows"]))
    return gone.subjects


def _remove(
    space: Space, conn: Connection, person: Person, request: UUID, at: datetime, *, remembers: bool = True
) -> _Gone:
    """Set the tombstones and delete the rows, in the caller's transaction."""
    before = {
        one.table: one.count(conn, person.reach(person.nodes))
        for one in HOLDERS
        if one.table.startswith("profiles.") and one.by
    }
    take_out(space, conn, person.rows, at)
    shared = shared_nodes(conn, person.nodes)
    nodes = person.nodes.keys() - shared
    _rename_shared(conn, person, shared)
    stones = Tombstones(space.vault)
    names = [*(person.nodes[node] for node in nodes), *(row.key_hash for row in person.rows)]
    names += [one.bytes for one in person.individuals]
    tokens = [stones.token(name) for name in names] if remembers else []
    stones.set(conn, request, at, tokens)
    values = [value for name, value in person.values if name not in {person.nodes[node] for node in shared}]
    rejects = find_rejects(space, conn, person.rows, values)
    samples = find_samples(space, conn, values)
    reach = person.reach(nodes, clusters_of(conn, nodes), list(rejects), samples)
    requests = requesters_of(conn, reach.hashes)
    stores = [
        {"store": one.table, "method": "delete", "rows": max(one.erase(conn, reach), before.get(one.table, 0))}
        for one in HOLDERS
        if one.by
    ]
    common = {subject for (subject,) in conn.execute("select subject from intake.source")}
    subjects = sorted({*(row.subject for row in person.rows), *rejects.values(), *samples, *requests} - common)
    if person.individuals:
        tell_erased(space, conn, person.individuals)
    conn.execute(
        "insert into privacy.erasure (request_id, at, subjects) values (%s, %s, %s) on conflict (request_id) do update "
        "set subjects = excluded.subjects, finished_at = null",
        (request, at, subjects),
    )
    rows = sum(int(str(store["rows"])) for store in stores)
    there = len(space.vault.keys(subjects))
    erased = Erased(request, False, stores, there, rows, len(tokens), len(shared))
    own = {person.nodes[node] for node in nodes}
    return _Gone(erased, person, subjects, tokens, frozenset(value for name, value in person.values if name in own))


def _notify(space: Space, conn: Connection, gone: _Gone) -> None:
    """Have the destinations told, in the caller's transaction: also those that are away learn of it one day."""
    configuration = load_opendsr(space.project.folder)
    if configuration.destinations:
        views = Opener(conn, space.vault, adaptation=space.model.adaptation).open(gone.person.rows)
        own = [(kind, value) for view in views for kind, value in view.identifiers if value in gone.values]
        made = Notices(space).make(conn, configuration, gone.erased.request_id, own, now())
        gone.erased.destinations = [{"destination": name, **one} for name, one in standing(made).items()]


def _rename_shared(conn: Connection, person: Person, shared: Collection[int]) -> None:
    """An identifier that stays with somebody else gives up the universal ID that was the erased person's."""
    for node in sorted(shared):
        birth = person.births[node]
        if birth in person.individuals:
            fresh = uuid7()
            conn.execute("update identity.node set birth = %s where node_id = %s", (fresh, node))
            conn.execute("update identity.cluster set individual_id = %s where individual_id = %s", (fresh, birth))
            conn.execute("update profiles.profile set individual_id = %s where individual_id = %s", (fresh, birth))


def _commit(space: Space, conn: Connection, gone: _Gone) -> None:
    """Write the journal, then commit: a tombstone too many does less harm than one too few."""
    tokens = [token.hex() for token in gone.tokens]
    privacy.write_journal(
        space.project.data, Line(gone.erased.request_id, now(), tokens, anonymised=gone.erased.form == "anonymise")
    )
    conn.commit()


def finish_erasures(space: Space) -> int:
    """Carry on erasures that were cut off: destroy the data keys that they left; return how many there were."""
    with space.database.connect() as conn:
        rows = conn.execute("select request_id, subjects from privacy.erasure where finished_at is null").fetchall()
        for request, subjects in rows:
            space.vault.shred(subjects)
            _finish(conn, request, {"carriedOn": True})
        conn.commit()
    return len(rows)


def _finish(conn: Connection, request: UUID, told: dict[str, Any]) -> None:
    conn.execute(
        "update privacy.erasure set finished_at = %s, subjects = '{}', told = %s where request_id = %s",
        (now(), Jsonb(told), request),
    )


# -- proof -----------------------------------------------------------------------------------------------------------


def _prove(space: Space, conn: Connection, gone: _Gone, actor: str) -> None:
    """Scan, sign, anchor."""
    auditor = Auditor(space)
    erased, person = gone.erased, gone.person
    left = len(space.vault.keys(gone.subjects))
    scanned, erased.hits = _scan(space, conn, [value for _, value in person.values])
    body = {
        "requestId": str(erased.request_id), "form": erased.form, "subjects": [auditor.audit.token(one.bytes) for one in person.individuals],
        "erasedAt": iso(now()), "stores": erased.stores, "rows": erased.rows, "keysDestroyed": erased.keys_destroyed,
        "keysLeft": left, "tombstones": erased.tombstones, "keptShared": erased.kept_shared, "scan": scanned,
        "destinations": erased.destinations, "closed": not erased.destinations,
        "finalAfter": iso(_final(space, conn)), "tool": f"steelthread {__version__}",
    }  # fmt: skip
    auditor.note(
        conn, Entry("erasure", actor, erased.form, details={"request": str(erased.request_id), "rows": erased.rows})
    )
    erased.certificate = certify(auditor, conn, body, "erase", actor)
    _finish(conn, erased.request_id, {"rows": erased.rows, "keysDestroyed": erased.keys_destroyed})
    conn.commit()


def _scan(space: Space, conn: Connection, values: Sequence[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Look for every identifier, in every form, in all that we wrote: tables and files."""
    needles = Needles([value for value in values if len(value) >= _SHORTEST], derived=True)
    tables, found = privacy.scan_database(conn, needles)
    files, more = privacy.scan_files([space.project.data], needles)
    scanned: list[dict[str, Any]] = [
        {"store": "database", "method": "sql", "count": tables, "hits": len(found)},
        {"store": "dataFolder", "method": "raw and decoded, derived forms", "count": files, "hits": len(more)},
    ]
    return scanned, privacy.told([*found, *more])  # type: ignore[return-value]  # built-ins of a struct


def _final(space: Space, conn: Connection) -> datetime:
    """Return when the last received event that could be of the person, sealed under its hour's key, has gone."""
    row = conn.execute("select max(period) from log.partition where lane = 'received'").fetchone()
    kept = timedelta(hours=space.project.settings.live.received_hours + 2)
    return row[0] + kept if row and row[0] else now()


# -- restored backups ------------------------------------------------------------------------------------------------


def replay_erasures(space: Space) -> int:
    """Erase again what the journal says was erased and the database does not know: it was restored. Return how many.

    The gate of a restored backup: it serves nobody before.
    """
    finish_erasures(space)
    with space.database.connect() as conn:
        known = {request for (request,) in conn.execute("select request_id from privacy.erasure")}
        missing = [line for line in privacy.read_journal(space.project.data) if line.request_id not in known]
        for line in missing:
            lock_identity(space, conn)
            if line.lifted:
                tokens = [bytes.fromhex(token) for token in line.tokens]
                conn.execute("delete from privacy.tombstone where token = any(%s)", (tokens,))
                conn.execute(
                    "insert into privacy.erasure (request_id, at, finished_at) values (%s, %s, %s) on conflict do nothing",
                    (line.request_id, line.at, now()),
                )
                conn.commit()
            else:
                _erase_again(space, conn, line)
    return len(missing)


def _erase_again(space: Space, conn: Connection, line: Line) -> None:
    stones = Tombstones(space.vault)
    tokens = {bytes.fromhex(token) for token in line.tokens}
    nodes = [
        node for node, name in conn.execute("select node_id, hash from identity.node") if stones.token(name) in tokens
    ]
    records = [
        one
        for one, name in conn.execute("select record_id, key_hash from intake.record")
        if stones.token(name) in tokens
    ]
    person = gather(space, conn, nodes, records)
    if line.anonymised:
        keep_counts(conn, person)
    gone = _remove(space, conn, person, line.request_id, line.at)
    stones.set(conn, line.request_id, line.at, tokens)
    conn.commit()
    space.vault.shred(gone.subjects)
    _finish(conn, line.request_id, {"rows": gone.erased.rows, "again": True})
    conn.commit()
