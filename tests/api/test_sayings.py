"""Statements of many calls with one commit: each has its own answer, and what one cannot have kept costs no neighbour."""

import asyncio
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from steelthread.api.sayings import Kept, Sayings
from steelthread.kit import Conflict, Invalid, NotFound, Overloaded, Unavailable
from steelthread.rights import Consents, Saying, erase

CRM = "customer_id,first_name,email\n" + "".join(f"{n},Ann,ann{n}@example.com\n" for n in range(40))


@pytest.fixture
def desk(space, load):
    load("crm", CRM)
    return Sayings(Consents(space), space.database.pool())


def saying(number, **more):
    return Saying(**{"ref": f"email:ann{number}@example.com", "purpose": "marketing", "said": "withdrawn", **more})


def answers(desk, sayings):
    async def together():
        return await asyncio.gather(*(desk.say(one) for one in sayings), return_exceptions=True)

    return asyncio.run(together())


def rows(space):
    with space.database.connect() as conn:
        return conn.execute("select count(*), count(distinct xmin::text) from privacy.consent_event").fetchone()


def test_calls_of_the_same_moment_share_a_commit(space, desk):
    found = answers(desk, [saying(n) for n in range(40)])
    assert all(isinstance(one, Kept) for one in found)
    count, commits = rows(space)
    assert count == 40
    assert commits < 5
    with space.database.connect() as conn:
        reader = space.reader(conn)
        assert [one.individual for one in found] == [reader.cluster(f"email:ann{n}@example.com")[1] for n in range(40)]
        assert not any(Consents(space).decide(conn, f"email:ann{n}@example.com", "marketing").allow for n in range(40))


def test_each_has_its_own_answer(space, desk):
    erase(space, "email:ann7@example.com", "me")
    told = [
        saying(1), saying(2, purpose="nonsense"), saying(7), saying(3, occurred_at=datetime(2999, 1, 1, tzinfo=UTC)),
        saying(0, ref="individual:0190a3c8-5f2e-7c1d-8e4b-2f6a9d0c1b7e"), saying(4, source="a\0b"), saying(5),
        saying(7, returns=True, said="given"), saying(0, ref="email:new@example.com"),
    ]  # fmt: skip
    found = answers(desk, told)
    kept = [place for place, one in enumerate(found) if isinstance(one, Kept)]
    assert kept == [0, 6, 7, 8]
    assert isinstance(found[1], Invalid)
    assert isinstance(found[2], Conflict)
    assert isinstance(found[3], Invalid)
    assert isinstance(found[4], NotFound)
    assert isinstance(found[5], psycopg.DataError), "the API answers 400: a character that no text may hold"
    assert found[8].individual is None, "kept before the person is known"
    assert rows(space)[0] == 4


def test_a_client_that_has_gone_costs_nobody_an_answer(desk):
    async def calls():
        others = [asyncio.ensure_future(desk.say(saying(n))) for n in range(3)]
        await asyncio.sleep(0)
        others[1].cancel()
        return await asyncio.gather(*others, return_exceptions=True)

    first, gone, last = asyncio.run(calls())
    assert isinstance(first, Kept)
    assert isinstance(gone, asyncio.CancelledError)
    assert isinstance(last, Kept)


def test_without_a_database_all_are_told_to_come_again(space):
    pool = ConnectionPool(space.database.conninfo, min_size=1, open=True)
    desk = Sayings(Consents(space), pool)
    pool.close()
    found = answers(desk, [saying(n) for n in range(3)])
    assert all(isinstance(one, Unavailable) and "say it again" in str(one) for one in found)


def test_too_many_are_asked_to_wait(desk, monkeypatch):
    monkeypatch.setattr("steelthread.api.sayings._WAITING", 2)
    found = answers(desk, [saying(n) for n in range(4)])
    assert [type(one) for one in found] == [Kept, Kept, Overloaded, Overloaded]


def test_a_defect_leaves_nobody_waiting(space, desk, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(Sayings, "_each", lambda *_: 1 / 0)
        found = answers(desk, [saying(n) for n in range(3)])
    assert [type(one) for one in found] == [ZeroDivisionError] * 3
    assert all(isinstance(one, Kept) for one in answers(desk, [saying(n) for n in range(3)]))
    assert rows(space)[0] == 3
