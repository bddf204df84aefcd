"""Events prepared beside a step are what the step would have made of them; a process beside that dies loses nothing."""

import itertools
import multiprocessing
import threading

import msgspec
import pytest

from steelthread import intake
from steelthread.app import add_live_source
from steelthread.intake import Message
from steelthread.model import Received
from steelthread.thread import LiveThread, live, live_status, verify
from steelthread.thread.ahead import Ahead, Beside, Teller
from steelthread.thread.foresight import Foresight
from steelthread.thread.terms import preparer_of, terms_of

T0 = 1_790_000_000_000_000


class Reading:
    def __init__(self, space, name):
        self.terms = terms_of(space, name)
        self.namespace = self.terms.namespace
        self.preparer = preparer_of(space, name, None)


def event(number):
    who = {"user_id": f"u{number % 40}"} if number % 2 else {"anonymous_id": f"a{number % 40}"}
    kind = ("page", "track", "identify")[number % 3]
    agent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15"
    more = {"event": "Order Completed", "properties": {"order_id": f"o{number}", "total": "12.50", "currency": "EUR",
            "products": [{"product_id": "p1", "price": 12.5}]}} if number % 6 == 1 else {}  # fmt: skip
    return Message(id=f"m{number}", type=kind, timestamp=T0 + number, received=T0 + number,
                   traits={"email": "ann@mail.example"} if kind == "identify" else {}, context={"userAgent": agent}, **who, **more)  # fmt: skip


@pytest.fixture
def received(space):
    """Put events on the log; return the number of the source."""
    add_live_source(space, "web")

    def put(count, events=None):
        with space.database.connect() as conn:
            number = next(number for number, (name, _) in intake.source_names(conn).items() if name == "web")
            facts = [Received(number, msgspec.msgpack.encode(one)) for one in events or map(event, range(count))]
            space.log.append(conn, "received", facts, hours=1)
            conn.commit()
        return number

    return put


@pytest.fixture
def ahead(space):
    """What a worker has, with the other end in a thread."""
    here, there = multiprocessing.Pipe()

    def run():
        with pytest.raises((EOFError, OSError)):
            Beside(space, Teller(space), there).run()
        there.close()

    thread = threading.Thread(target=run)
    thread.start()
    made = Ahead(here)
    yield made
    made.close()
    thread.join(timeout=20)
    assert not thread.is_alive()


def taken(ahead, after, count):
    """Ask until so many events were prepared."""
    found = []
    while len(found) < count:
        ahead.begin(found[-1].number if found else after, count)
        found += ahead.take(found[-1].number if found else after)
    return found


def test_what_is_prepared_beside_is_what_a_step_prepares(space, received, ahead):
    number = received(1300)
    found = taken(ahead, 0, 1300)
    assert [one.number for one in found] == list(range(1, 1301))
    assert {one.source for one in found} == {number}
    teller, reading = Teller(space), Reading(space, "web")
    with space.database.connect() as conn:
        own = teller.told(space.log.read(conn, "received", 0, 1300))
    for one, other in zip(found, own, strict=True):
        teller.prepare(other, reading)
        assert all(each.sealed for each in one.prepared if each.has_direct)
        for each in one.prepared:
            each.subject, each.sealed = 0, b""
        assert one.message == other.message
        assert one.words == other.words == intake.shape_of(one.message)
        one.place = -1
        assert one == other
    assert any(one.prepared and one.prepared[0].amount for one in found)


def test_what_was_prepared_of_other_events_is_not_taken(received, ahead):
    received(900)
    ahead.begin(0, 100)
    assert ahead.take(100) == []
    assert not ahead.is_gone
    assert [one.number for one in taken(ahead, 100, 50)] == list(range(101, 151))


def test_nobody_waits_for_a_process_that_is_gone(ahead):
    ahead.begin(0, 100)
    assert ahead.take(0) == []
    ahead.close()
    ahead.begin(0, 100)
    assert ahead.take(0) == []
    assert ahead.is_gone


def test_what_is_at_hand_is_folded_in_once_whatever_becomes_of_a_step(space, received, ahead, monkeypatch):
    received(2600)
    monkeypatch.setattr(live, "MOST", 600)
    thread, steps = LiveThread(space), []
    thread._ahead = ahead
    with space.writer() as conn:
        for number in itertools.count():
            if number in (1, 3):
                with monkeypatch.context() as patch:
                    patch.setattr(space.log, "advance", lambda *_: 1 / 0)
                    with pytest.raises(ZeroDivisionError):
                        thread.step(conn, 600)
                conn.rollback()
                thread.forget_sources()
                again = (600, 37, 1) if number == 1 else (37, 1)  # as a worker looks for what is wrong
                steps += [thread.step(conn, most).read for most in again]
                continue
            steps.append(thread.step(conn, 600).read)
            if steps[-1] == 0:
                break
    assert sum(steps) == 2600
    assert max(steps) == 600
    with space.database.connect() as conn:
        status = live_status(space, conn)
        (counted,) = conn.execute("select sum(count) from profiles.tally").fetchone()
    assert counted == sum(number % 3 < 2 for number in range(2600)), "each page and track once"
    assert (status.folded, status.rejected, status.duplicates) == (2600, 0, 0)
    assert verify(space)["same"]


def order(number, total, at=0):
    """Return an event of an order that others tell of, too."""
    told = {"order_id": f"o{number}", "total": total, "currency": "EUR"}
    return Message(id=f"again{number}-{at}", type="track", timestamp=T0 + 10_000 + at, received=T0 + 10_000 + at,
                   user_id=f"u{number % 40}", event="Order Updated", properties=told)  # fmt: skip


@pytest.mark.parametrize("meddles", [False, True], ids=["alone", "somebody else between"])
def test_what_was_asked_of_events_ahead_holds_what_the_steps_before_wrote(space, received, ahead, monkeypatch, meddles):
    """Messages that came in the step before or in one before that, and orders told of in the step before, are known."""
    first = [event(number) for number in range(600)]
    second = [*first[550:], *(order(number, "7.00") for number in range(1, 550, 6)), *map(event, range(600, 1100))][
        :600
    ]
    third = [
        *first[:50],
        *second[100:150],
        *(order(number, "9.00", 1) for number in range(1, 550, 6)),
        *map(event, range(2000, 2600)),
    ]
    received(0, [*first, *second, *third[:600]])
    monkeypatch.setattr(live, "MOST", 600)
    asked, own = [], Foresight.take
    monkeypatch.setattr(Foresight, "take", lambda self: asked.append(own(self)) or asked[-1])
    thread = LiveThread(space)
    thread._ahead = ahead
    with space.writer() as conn:
        for _ in range(3):
            assert thread.step(conn, 600).read == 600
            if meddles:
                with space.database.connect() as other:
                    space.log.lock(other, "identity")
                    other.commit()
    assert [len(one.names) > 500 for one in asked] == [False, True, True], "they were asked ahead"
    assert 50 <= len(asked[1].came) < len(asked[2].came)
    with space.database.connect() as conn:
        status = live_status(space, conn)
        amounts = conn.execute(
            "select amount::float8, count(*) from profiles.event join intake.entity using (entity_id) "
            "where name = 'SalesOrder' group by 1"
        ).fetchall()
    once = {one.id: one for one in [*first, *second, *third[:600]]}
    assert status.duplicates == 1800 - len(once) == 50 + 50 + 50
    completed = sum(one.event == "Order Completed" for one in once.values())
    assert dict(amounts) == {9.0: 92, 12.5: completed - 92}, "each order once, as it was told of last"
    assert verify(space)["same"]
