"""The proof of erasures: one scan of everything for all that were erased together, and a certificate for each of them."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from steelthread import __version__, privacy
from steelthread.kit import iso, now
from steelthread.privacy import Entry
from steelthread.rights.auditing import Auditor
from steelthread.rights.certificates import certify_all
from steelthread.rights.removing import Removed
from steelthread.rights.tables import Tables
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_SHORTEST = 6
"""Letters of the shortest identifier that the scan looks for: shorter ones stand in any binary file."""


class Proven(msgspec.Struct, rename="camel"):
    """What is told of an erasure: it names nobody."""

    request_id: UUID
    form: str
    subjects: list[str]
    """What the audit log calls the person."""
    erased_at: str
    stores: list[dict[str, Any]]
    rows: int
    keys_destroyed: int
    tombstones: int
    kept_shared: int
    destinations: list[dict[str, Any]] = []


class Scanned(msgspec.Struct):
    """What a scan found: where it looked, and the hits, each with the place of its value in the list that was looked for."""

    stores: list[dict[str, Any]]
    hits: list[dict[str, Any]]

    def of(self, places: Collection[int]) -> list[dict[str, Any]]:
        """Return the hits of these values."""
        return [hit for hit in self.hits if hit["needle"] in places]

    def told(self, hits: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return where was looked, with how many of these hits there were in each."""
        counts = Counter(hit.get("store") or ("database" if hit["format"] == "sql" else "dataFolder") for hit in hits)
        return [{**one, "hits": counts[one["store"]]} for one in self.stores]


def proven(space: Space, gone: Removed, at: datetime, form: str) -> Proven:
    """Return what is told of what went of a person."""
    token = Auditor(space).audit.token
    stores = gone.told()
    return Proven(
        gone.request_id, form, [token(one.bytes) for one in gone.person.individuals], iso(at) or "", stores,
        sum(one["rows"] for one in stores), gone.keys, len(gone.tokens), gone.shared,
    )  # fmt: skip


def scan(space: Space, conn: Connection, values: Sequence[str], own: Collection[str] | None = None) -> Scanned:
    """Look for identifiers, in every form, in all that we wrote: tables and files, both at once.

    In the company's own tables values lie open: there only those count that are nobody else's (`own`, all by default).
    """
    looked = [value if len(value) >= _SHORTEST else "" for value in values]
    folders = Tables(space).folders
    found = privacy.scan_everything(conn, space.project.data, looked, derived=True, more=folders)
    stores: list[dict[str, Any]] = [
        {"store": "database", "method": "sql", "count": found.tables},
        {"store": "dataFolder", "method": "raw and decoded, derived forms", "count": found.files},
    ]
    hits = [dict(hit) for hit in privacy.told(found.hits)]
    if folders:
        stores.append({"store": "lake", "method": "raw and decoded, derived forms", "count": found.more_files})
        hits += [
            {**hit, "store": "lake"}
            for hit in privacy.told(found.more_hits)
            if own is None or values[hit["needle"]] in own
        ]
    return Scanned(stores, hits)


def prove(
    space: Space, conn: Connection, done: Sequence[Proven], scans: Sequence[list[dict[str, Any]]], actor: str
) -> list[dict[str, Any]]:
    """Sign and anchor a certificate for each erasure, and finish it, in the caller's transaction."""
    auditor = Auditor(space)
    rows = conn.execute(
        "select request_id, subjects from privacy.erasure where request_id = any(%s)",
        ([one.request_id for one in done],),
    ).fetchall()
    subjects: dict[UUID, list[int]] = dict(rows)
    there = space.vault.keys([subject for own in subjects.values() for subject in own])
    final, moment = iso(_final(space, conn)), now()
    entries, bodies = [], []
    for one, scanned in zip(done, scans, strict=True):
        left = sum(subject in there for subject in subjects.get(one.request_id, ()))
        content = {"request": str(one.request_id), "rows": one.rows}
        entries.append(Entry("erasure", actor, one.form, details=content))
        bodies.append({
            **msgspec.to_builtins(one), "keysLeft": left, "scan": scanned,
            "closed": not one.destinations and not any(store.get("pending") for store in one.stores),
            "finalAfter": final, "tool": f"steelthread {__version__}",
        })  # fmt: skip
    auditor.note(conn, *entries)
    certificates = certify_all(auditor, conn, bodies, "erase", actor)
    conn.cursor().executemany(
        "update privacy.erasure set finished_at = %s, subjects = '{}', told = %s, certificate = %s where request_id = %s",
        [
            (moment, Jsonb({"rows": one.rows, "keysDestroyed": one.keys_destroyed}), Jsonb(certificate), one.request_id)
            for one, certificate in zip(done, certificates, strict=True)
        ],
    )
    return certificates


def _final(space: Space, conn: Connection) -> datetime:
    """Return when the last received event that could be of these people, sealed under its hour's key, has gone."""
    row = conn.execute("select max(period) from log.partition where lane = 'received'").fetchone()
    kept = timedelta(hours=space.project.settings.live.received_hours + 2)
    return row[0] + kept if row and row[0] else now()
