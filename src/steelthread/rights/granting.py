"""Granting requests for erasure together: those of which nothing is still to be shown go in one batch, and each is answered."""

from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread.kit import Conflict
from steelthread.rights.batches import BatchErased, erase_batch, go_on, unfinished_batches
from steelthread.rights.cases import OPEN
from steelthread.rights.requests import RequestDesk
from steelthread.thread import Space

Connection = psycopg.Connection[Any]


class Granted(msgspec.Struct, rename="camel"):
    """What became of the open requests for erasure."""

    batch: BatchErased | None
    closed: int
    waiting: int
    """Those that wait for destinations."""
    held: int
    """Those that wait for the end of a legal hold."""
    lacking: int
    """Those of which something is still to be shown: who asks must prove it first."""


def erase_requested(space: Space, desk: RequestDesk, actor: str) -> Granted:
    """Grant all open requests for erasure that may be granted."""
    refs, cases, lacking = [], [], 0
    with space.database.connect() as conn:
        rows = conn.execute(
            "select request_id from privacy.request r where kind = 'erasure' and state = any(%s) and not exists "
            "(select from privacy.erasure_item i where i.case_id = r.request_id and i.state in ('waiting', 'removed', 'done')) "
            "order by due_on, request_id",
            (list(OPEN),),
        ).fetchall()
        for (request,) in rows:
            case = desk.cases.get(conn, request, lock=True)
            if desk.waits(conn, request):
                continue
            if desk.lacks(conn, case):
                lacking += 1
                continue
            refs.append(desk.grant(conn, case, actor).ref)
            cases.append(request)
        conn.commit()
    batch = erase_batch(space, refs, actor, cases=cases) if refs else None
    closed, waiting, held = conclude_batches(space, desk, actor)
    return Granted(batch, closed, waiting, held, lacking)


def carry_on(space: Space, desk: RequestDesk, actor: str) -> list[BatchErased]:
    """Carry all batches that were cut off to their ends, and answer who asked; one that runs elsewhere is left to it."""
    with space.database.connect() as conn:
        batches = unfinished_batches(conn)
    done = []
    for batch in batches:
        try:
            done.append(go_on(space, batch))
        except Conflict:
            break
    conclude_batches(space, desk, actor)
    return done


def conclude_batches(space: Space, desk: RequestDesk, actor: str) -> tuple[int, int, int]:
    """Answer who asked for what batches did; return how many requests were closed, wait for destinations, are on hold."""
    closed = waiting = held = 0
    with space.database.connect() as conn:
        rows = conn.execute(
            "select i.state, i.case_id, i.told from privacy.erasure_item i join privacy.request r on r.request_id = i.case_id "
            "where i.state not in ('waiting', 'removed') and r.state = any(%s) order by i.batch_id, i.number",
            (list(OPEN),),
        ).fetchall()
    for state, request, told in rows:
        with space.database.connect() as conn:
            if desk.cases.get(conn, request, lock=True).state not in OPEN or desk.waits(conn, request):
                continue  # answered meanwhile, or waiting
            if state == "held":
                held += _hold(conn, desk, request, actor)
                continue
            result = {"erasure": told["requestId"], "rows": told["rows"]} if state == "done" else {"held": False}
            waits = desk.conclude(conn, request, result, actor)
            conn.commit()
        waiting, closed = waiting + bool(waits), closed + (not waits)
    return closed, waiting, held


def _hold(conn: Connection, desk: RequestDesk, request: UUID, actor: str) -> bool:
    """Have who may not be erased yet restricted, once; return whether it was done now."""
    if any(one.what == "waits for a legal hold" for one in desk.cases.steps(conn, request)):
        return False
    case, requester = desk.cases.get(conn, request), desk.cases.requester(conn, request)
    conn.rollback()
    if requester is None:
        return False
    desk.hold(case, requester, actor)
    return True
