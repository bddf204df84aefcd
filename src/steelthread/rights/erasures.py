"""Looking at erasures that were done: what went, and the certificates again. Nothing of it names anybody."""

from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread.kit import iso
from steelthread.rights.batches import batch_told

Connection = psycopg.Connection[Any]
_LATEST = 50


def list_erasures(conn: Connection, limit: int = _LATEST) -> list[dict[str, Any]]:
    """Return the latest erasures of single people, and batches, newest first."""
    rows = conn.execute(
        "select at, request_id, told, finished_at is not null from privacy.erasure e where not exists "
        "(select from privacy.erasure_item i where i.request_id = e.request_id) order by at desc limit %s",
        (limit,),
    ).fetchall()
    batches = conn.execute("select batch_id from privacy.erasure_batch order by at desc limit %s", (limit,)).fetchall()
    found = [_alone(*row) for row in rows] + [_batch(conn, batch) for (batch,) in batches]
    return sorted(found, key=lambda one: str(one["at"]), reverse=True)[:limit]


def show_erasure(conn: Connection, number: UUID) -> dict[str, Any] | None:
    """Return an erasure with its certificate, or a batch; None for an unknown number."""
    row = conn.execute(
        "select at, request_id, told, finished_at is not null, certificate from privacy.erasure where request_id = %s",
        (number,),
    ).fetchone()
    if row is not None:
        return {**_alone(*row[:4]), "certificate": row[4]}
    known = conn.execute("select from privacy.erasure_batch where batch_id = %s", (number,)).fetchone()
    if known is None:
        return None
    return {**_batch(conn, number), **msgspec.to_builtins(batch_told(conn, number))}


def _alone(at: Any, request: UUID, told: dict[str, Any], finished: Any) -> dict[str, Any]:
    state = "finished" if finished else "cut off: it is carried on by the next erasure"
    return {"at": iso(at), "id": str(request), "form": "erasure", "rows": told.get("rows", 0), "state": state}


def _batch(conn: Connection, batch: UUID) -> dict[str, Any]:
    row = conn.execute(
        "select b.at, b.form, b.finished_at is not null, count(*) filter (where i.state in ('removed', 'done')) "
        "from privacy.erasure_batch b left join privacy.erasure_item i using (batch_id) where batch_id = %s "
        "group by b.at, b.form, b.finished_at",
        (batch,),
    ).fetchone()
    assert row is not None
    state = "finished" if row[2] else "under way, or cut off: steelthread erase --carry-on"
    return {"at": iso(row[0]), "id": str(batch), "form": f"batch, {row[1]}", "people": row[3], "state": state}
