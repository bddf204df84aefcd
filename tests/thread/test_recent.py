"""What the live thread knows from its last transaction holds only as long as nobody else had the identity lane."""

import random

import msgspec
import psycopg
import pytest
from tests.thread.test_live import message
from tests.thread.test_traits import define, traits

from steelthread import intake
from steelthread.identity import evidence
from steelthread.kit import forget_remembered
from steelthread.model import Received
from steelthread.thread import LiveThread, verify
from steelthread.thread.decide import decide_undecided

_STATE = (
    "select n.hash, n.evidence, n.degree, n.generic, c.evidence, p.body::text, p.first_seen, p.last_seen, p.records "
    "from identity.node n join identity.cluster c using (cluster_id) left join profiles.profile p using (individual_id) "
    "order by 1"
)


class Folding:
    """A live thread that goes on and on, as a worker's does."""

    def __init__(self, space, *, anew=False):
        self.space, self.thread, self._anew = space, LiveThread(space), anew

    def __call__(self, messages, conn):
        number, _, _ = intake.source_row(
            conn, self.space.vault, "web", 0, self.space.vault.digest(b"live"), unique=False
        )
        self.space.log.append(conn, "received", [Received(number, msgspec.msgpack.encode(one)) for one in messages], 1)
        conn.commit()
        if self._anew:
            self.thread = LiveThread(self.space)
        self.thread.step(conn)


@pytest.fixture
def fold(space):
    folding = Folding(space)
    with space.writer() as conn:
        yield lambda messages: folding(messages, conn), folding.thread


def state(space):
    with space.database.connect() as conn:
        return conn.execute(_STATE).fetchall()


def viewed(at, **said):
    return message("track", at, event="Product Viewed", properties={"product_id": "p"}, **said)


def test_whom_the_last_transaction_told_of_is_not_read_again(fold, asked, space):
    step, _ = fold
    step([message("identify", 1, user_id="u1", traits={"firstName": "Ann"})])
    step([viewed(2, user_id="u1")])
    asked.clear()
    step([viewed(3, user_id="u1")])
    assert not asked, "neither node nor cluster"
    assert verify(space)["same"]


def test_nothing_is_known_after_anybody_else_had_the_lane(fold, asked, space):
    step, _ = fold
    step([message("identify", 1, user_id="u1", traits={"firstName": "Ann"})])
    step([message("identify", 1, anonymous_id="a2", traits={"firstName": "Ann"})])
    step([viewed(2, user_id="u1"), viewed(2, anonymous_id="a2")])
    with space.database.connect() as conn:
        records = [node for (node,) in conn.execute("select node_id from identity.node where kind = 0 order by 1")]
    decide_undecided(space, *records, "same", "they are one", "somebody")
    asked.clear()
    step([viewed(3, user_id="u1"), viewed(3, anonymous_id="a2")])
    assert asked
    assert verify(space)["same"]
    assert len({body for *_, body, _, _, _ in state(space)}) == 1


def test_nothing_is_known_after_an_error(fold, space, monkeypatch):
    step, thread = fold
    step([message("identify", 1, user_id="u1", traits={"firstName": "Ann"})])
    step([viewed(2, user_id="u1")])
    before = state(space)
    advance = space.log.advance

    def fail(conn, *rest):
        advance(conn, *rest)
        conn.execute("select 1 / 0")

    monkeypatch.setattr(space.log, "advance", fail)
    with pytest.raises(psycopg.errors.DivisionByZero):
        step([viewed(-50, user_id="u1")])
    monkeypatch.setattr(space.log, "advance", advance)
    assert thread._recent.sums, "what it took in is still there, and must not count"
    with space.writer() as conn:
        thread.step(conn)
    assert verify(space)["same"]
    assert '"count": 2' in state(space)[0][5]
    assert state(space) != before


def test_nothing_is_known_after_somebody_was_erased(fold):
    step, thread = fold
    step([message("identify", 1, user_id="u1", traits={"firstName": "Ann"})])
    step([viewed(2, user_id="u1")])
    assert thread._recent.sums
    forget_remembered()
    assert not thread._recent.sums
    assert not thread._recent._nodes
    assert not thread._recent._clusters


def test_which_traits_and_model_are_in_force_is_asked_again_after_anybody_else_had_the_lane(fold, space, monkeypatch):
    step, _ = fold
    asked = []
    monkeypatch.setattr(evidence, "threshold_in_force", lambda _: asked.append("model"))
    step([message("identify", 1, user_id="u1", traits={"firstName": "Ann"})])
    step([viewed(2, user_id="u1")])
    assert asked == ["model"], "nobody can have had another put in force"
    define(space, {"views": {"function": "count", "event": "Product Viewed"}})
    step([viewed(3, user_id="u1")])
    assert traits(space) == {"views": 2}, "the one before, counted when it was defined, and this one"
    assert asked == ["model", "model"]
    define(space, {})
    step([viewed(4, user_id="u1")])
    with space.database.connect() as conn:
        assert conn.execute("select count(*) from profiles.trait").fetchone() == (0,)


class Forgotten(dict):
    """Sums of which each is forgotten, by another thread, as soon as it was looked for."""

    def __contains__(self, one):
        found = super().__contains__(one)
        self.pop(one, None)
        return found

    def get(self, one, default=None):
        return self.pop(one, default)


def test_what_is_forgotten_while_a_step_is_under_way_is_read_again(fold, space):
    step, thread = fold
    step([message("identify", 1, user_id="u1", traits={"firstName": "Ann"})])
    step([viewed(2, user_id="u1")])
    thread._recent.sums = Forgotten(thread._recent.sums)
    step([viewed(3, user_id="u1")])
    step([viewed(4, user_id="u1")])
    assert '"count": 3' in state(space)[0][5]
    assert verify(space)["same"]


@pytest.mark.parametrize("seed", range(4))
def test_a_thread_that_goes_on_gives_what_one_gives_that_knows_nothing(space, other_space, seed):
    chance = random.Random(seed)
    batches = []
    for at in range(12):
        batch = []
        for _ in range(chance.randrange(1, 6)):
            who, moment = chance.randrange(4), at * 60 + chance.randrange(-300, 60)
            kind = chance.random()
            named = {"user_id": f"u{who}"} if chance.random() < 0.6 else {"anonymous_id": f"a{who}"}
            if kind < 0.15:
                batch.append(message("identify", moment, user_id=f"u{who}", anonymous_id=f"a{chance.randrange(4)}",
                                     traits={"firstName": chance.choice(["Ann", "Bob"])}))  # fmt: skip
            elif kind < 0.3:
                said = {"order_id": f"o{chance.randrange(6)}", "total": chance.randrange(9), "currency": "GBP",
                        "products": [{"product_id": "p", "price": 3}] * chance.randrange(3)}  # fmt: skip
                batch.append(message("track", moment, event="Order Completed", properties=said, **named))
            else:
                batch.append(viewed(moment, **named))
        batches.append(batch)
    bodies = []
    for one, anew in ((space, False), (other_space, True)):
        folding = Folding(one, anew=anew)
        with one.writer() as conn:
            for batch in batches:
                folding(batch, conn)
        assert verify(one)["same"]
        bodies.append(
            sorted(msgspec.json.encode([_without_numbers(row[5]), row[1:5], str(row[6:])]) for row in state(one))
        )
    assert bodies[0] == bodies[1]


def _without_numbers(body):
    told = msgspec.json.decode(body or "null")
    for value in (told or {}).get("attributes", {}).values():
        value.pop("record", None)
    return told
