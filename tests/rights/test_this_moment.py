"""What happens at the very moment of an erasure: whoever is being told of a person, or speaks for one, comes before or after."""

import threading
import time
from uuid import uuid4

import pytest
from tests.rights.test_batches import fill, refs

from steelthread import privacy
from steelthread.activation import Aim, add_webhook, sendings
from steelthread.activation.queries import Due
from steelthread.activation.sending import Changed, Sender
from steelthread.intake import SHARED_NAMESPACE, Message
from steelthread.kit import Conflict, now
from steelthread.privacy import Tombstones
from steelthread.rights import Consents, DoubleOptIn, Saying, erase, erase_batch, removing
from steelthread.thread.arrived import GPC, Arrived
from steelthread.thread.fence import Fence
from steelthread.thread.signals import Signals

AIM = Aim("marketing", "email")
(WHO,) = refs([1])
WAITS = (
    "select 1 from pg_locks where locktype = 'advisory' and not granted and database = "
    "(select oid from pg_database where datname = current_database())"
)
"""Whether anybody waits for a lock that another one has."""


class Erasing:
    """An erasure in another thread."""

    def __init__(self, space, work):
        self._work, self._space = work, space
        self.error = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            self._work()
        except Exception as error:  # noqa: BLE001  # it is looked at
            self.error = error

    def waits(self, conn):
        """Return once it waits for a lock of ours; fail when it ends before."""
        until = time.monotonic() + 60
        while time.monotonic() < until and self._thread.is_alive():
            if conn.execute(WAITS).fetchone():
                return True
            time.sleep(0.02)
        return False

    def ends(self):
        self._thread.join(60)
        assert not self._thread.is_alive()
        assert self.error is None


FORMS = {
    "one": lambda space: lambda: erase(space, WHO, "me"),
    "batch": lambda space: lambda: erase_batch(space, [WHO], "me"),
}


@pytest.fixture
def people(space, load):
    fill(space, load, 4)
    with space.database.connect() as conn:
        Consents(space).say(conn, Saying(ref=WHO, purpose="marketing", said="given"))
        conn.commit()
        return space.reader(conn).cluster(WHO)[1]


def due(space, person, body):
    with space.database.connect() as conn:
        add_webhook(conn, space.vault, space.log, "shop", "http://127.0.0.1:9/", ["profile.changed"], AIM)
        (number,) = conn.execute("select webhook_id from activation.webhook").fetchone()
        conn.commit()
    return Due(1, number, str(uuid4()), body, 0, "shop", AIM)


@pytest.mark.parametrize("form", ["one", "batch"])
def test_whoever_is_being_told_of_is_erased_after_that(space, people, form):
    one = due(space, people, b'[{"type": "profile.changed", "subject": "%s"}]' % str(people).encode())
    sender = Sender(space)
    with space.database.connect() as conn, space.database.connect() as other:
        letter = sender._letter(conn, one)
        assert letter.told == {people}
        conn.commit()
        assert privacy.try_hold(conn, letter.nodes())  # as `hold` begins: it has asked, and not yet written the log
        erasing = Erasing(space, FORMS[form](space))
        assert erasing.waits(other), "the erasure would end before the log tells of the person"
        sender.hold(conn, one, letter)
        assert [line.individual_id for line in sendings(other, "", people, 9)] == [people]
        other.rollback()
        privacy.let_go(conn)
        conn.commit()
        erasing.ends()
        assert sendings(other, "", None, 9) == [], "nothing tells of the person any more"


def test_nobody_is_told_of_a_person_who_is_being_erased(space, people, monkeypatch):
    one = due(space, people, b'[{"type": "profile.changed", "subject": "%s"}]' % str(people).encode())
    sender, found = Sender(space), []
    take_out = removing.take_out

    def meanwhile(*args):
        with space.database.connect() as conn:
            letter = sender._letter(conn, one)
            conn.commit()
            with pytest.raises(Changed):
                sender.hold(conn, one, letter)
            found.append(letter.told)
            conn.rollback()
            privacy.let_go(conn)
            conn.commit()
        return take_out(*args)

    monkeypatch.setattr(removing, "take_out", meanwhile)
    erase(space, WHO, "me")
    assert found == [{people}]
    with space.database.connect() as conn:
        assert sender._letter(conn, one).events == []
        assert sendings(conn, "", None, 9) == []


def left(space):
    with space.database.connect() as conn:
        return conn.execute(
            "select (select count(*) from privacy.consent_event), (select count(*) from privacy.consent_state)"
        ).fetchone()


def test_a_word_that_came_first_goes_with_the_person(space, people):
    before = left(space)
    with space.database.connect() as conn, space.database.connect() as other:
        Consents(space).say(conn, Saying(ref=WHO, purpose="marketing", said="withdrawn"))
        erasing = Erasing(space, FORMS["one"](space))
        assert erasing.waits(other)
        conn.commit()
        erasing.ends()
    assert left(space) < before


@pytest.fixture
def asked():
    """Words in other threads, while somebody is being erased."""
    running = []
    yield running
    for one in running:
        one.join(60)


def test_a_word_that_comes_while_a_person_goes_leaves_nothing(space, people, monkeypatch, asked):
    """It is said in the middle of the erasure, waits for its end, and finds that the person was erased."""
    errors = []
    take_out = removing.take_out

    def say():
        with space.database.connect() as conn:
            try:
                Consents(space).say(conn, Saying(ref=WHO, purpose="marketing", said="withdrawn"))
            except Conflict as error:
                errors.append(str(error))

    def meanwhile(*args):
        with space.database.connect() as conn:
            begin(space, conn, asked, say)
        return take_out(*args)

    monkeypatch.setattr(removing, "take_out", meanwhile)
    erase(space, WHO, "me")
    asked[0].join(60)
    assert errors == ["Whoever this was has been erased: only a person who comes back by own will is kept (returns)."]
    assert said_of(space, WHO) == 0


def begin(space, conn, asked, work):
    """Start work in another thread, and return once it waits for a lock."""
    asked.append(threading.Thread(target=work))
    asked[-1].start()
    until = time.monotonic() + 30
    while not conn.execute(WAITS).fetchone():
        assert time.monotonic() < until
        assert asked[-1].is_alive(), "it does not wait for the end of the erasure"
        time.sleep(0.02)


def said_of(space, ref):
    with space.database.connect() as conn:
        names = space.reader(conn).hashes(ref)
        rows = "select count(*) from privacy.consent_event where node_hash = any(%s)"
        return conn.execute(rows, (names,)).fetchone()[0]


def test_a_signal_of_a_browser_waits_for_the_end_of_an_erasure(space, asked):
    message = Message("m1", "page", 1_780_000_000_000_000, 1_780_000_000_000_000, user_id="kim", context={GPC: True})
    sent = Arrived.of(1, "web", message)
    sent.named = Fence(space).named(message, "web", SHARED_NAMESPACE)
    ((_, name, _, _),) = sent.named
    stones = Tombstones(space.vault)

    def heed():
        with space.database.connect() as conn:
            Signals(space).heed(conn, [sent])
            conn.commit()

    with space.database.connect() as conn, space.database.connect() as other:
        privacy.lock_nodes(conn, [name])  # as an erasure has it
        stones.set(conn, uuid4(), now(), [stones.token(name)])
        begin(space, other, asked, heed)
        conn.commit()
        asked[0].join(60)
        assert other.execute("select count(*) from privacy.consent_event").fetchone() == (0,)


def test_a_second_yes_waits_for_the_end_of_an_erasure(space, people, asked):
    (space.project.folder / "purposes.yaml").write_text("purposes:\n  news: {doubleOptIn: true}\n")
    consents, errors = Consents(space), []
    desk = DoubleOptIn(space, consents)
    with space.database.connect() as conn:
        given = consents.say(conn, Saying(ref=WHO, purpose="news", said="given"))
        token = desk.token(given)
        conn.commit()

    def confirm():
        with space.database.connect() as conn:
            try:
                desk.confirm(conn, token)
            except Conflict as error:
                errors.append(str(error))

    with space.database.connect() as conn, space.database.connect() as other:
        privacy.lock_nodes(conn, [given.node])
        privacy.forget_consent(conn, [given.node])
        begin(space, other, asked, confirm)
        conn.commit()
    asked[0].join(60)
    assert errors == ["What this link would confirm is not there any more."]
    assert said_of(space, WHO) == 0
