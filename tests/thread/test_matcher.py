"""The matcher: what comes bit by bit ends as a whole run would have it, and a run beside it is heeded."""

import random
import threading
import time

import pytest
from tests.thread.test_resolving import groups, rows, told

from steelthread.app import verify_space
from steelthread.identity import model_in_force
from steelthread.kit import Invalid, Settings
from steelthread.kit.settings import open_project
from steelthread.thread import Matcher, resolve_all, resolve_new

__all__ = ["told"]


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 21))])
def test_bit_by_bit_in_any_order_is_what_a_whole_run_gives(space, told, seed):
    chance = random.Random(seed)
    every = rows(people=60)
    told(every[:80])
    resolve_all(space)
    rest = every[80:]
    chance.shuffle(rest)
    loaded = every[:80]
    while rest:
        size = chance.choice((1, 3, 9, 20))
        loaded, rest = [*loaded, *rest[:size]], rest[size:]
        told(loaded)
        while resolve_new(space, 5).records:
            pass
    live = groups(space)
    assert verify_space(space)["same"]
    whole = resolve_all(space, keep_model=True)
    assert (whole.merged, whole.split) == (0, 0)
    assert groups(space) == live


def test_a_turn_takes_so_many_and_says_whether_more_wait(space, told, monkeypatch):
    every = rows(people=40)
    told(every[:60])
    resolve_all(space)
    told(every)
    matcher = Matcher(space)
    monkeypatch.setattr("steelthread.thread.matcher.AT_ONCE", 15)
    turns = 1
    while matcher.turn():
        turns += 1
    assert turns == -(-(len(every) - 60) // 15)
    assert not matcher.turn()
    with space.database.connect() as conn:
        assert conn.execute("select count(*) from identity.unjudged").fetchone() == (0,)


def test_before_there_is_a_model_nothing_is_compared(space, told):
    told(rows(people=5))
    assert not Matcher(space).turn()
    with space.database.connect() as conn:
        assert model_in_force(conn) is None


def test_a_model_that_comes_meanwhile_stays_in_force(space, told, monkeypatch):
    """A run over all records that ends while newcomers are compared: they are compared anew, by its model."""
    every = rows(people=80)
    told(every[:100])
    former = resolve_all(space).model
    told(every)
    lock = space.log.lock
    later = []

    def late(conn, lane):
        if not later:
            later.append("")
            later.append(resolve_all(space).model)
        lock(conn, lane)

    monkeypatch.setattr(space.log, "lock", late)
    done = resolve_new(space)
    assert later[1] != former
    assert done.model == later[1]
    with space.database.connect() as conn:
        assert model_in_force(conn).version == later[1]
    live = groups(space)
    whole = resolve_all(space, keep_model=True)
    assert (whole.merged, whole.split) == (0, 0)
    assert groups(space) == live


def test_it_listens_and_takes_what_comes(space, told):
    """`stream` compares as soon as something is there, and `interval` waits for its time."""
    every = rows(people=60)
    told(every[:100])
    resolve_all(space)
    space.project.settings.matching.new_records = "stream"
    matcher = Matcher(space)
    running = threading.Thread(target=matcher._listen)
    running.start()
    try:
        told(every)
        deadline = time.monotonic() + 30
        while unjudged(space):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        matcher.stop()
        running.join()
    live = groups(space)
    resolve_all(space, keep_model=True)
    assert groups(space) == live


def test_by_interval_it_waits(space, told):
    told(rows(people=30)[:50])
    resolve_all(space)
    settings = space.project.settings.matching
    settings.new_records, settings.interval_minutes = "interval", 0.03
    matcher = Matcher(space)
    running = threading.Thread(target=matcher._listen)
    began = time.monotonic()
    running.start()
    try:
        time.sleep(0.6)  # its first look is over
        told(rows(people=30))
        while unjudged(space):
            assert time.monotonic() < began + 30
            time.sleep(0.02)
    finally:
        matcher.stop()
        running.join()
    assert time.monotonic() - began > 1.8


def unjudged(space):
    with space.database.connect() as conn:
        return conn.execute("select count(*) from identity.unjudged").fetchone()[0]


def test_an_interval_is_a_time(space):
    path = space.project.folder / "steelthread.toml"
    path.write_text(path.read_text() + "\n[matching]\nnew_records = 'interval'\ninterval_minutes = 0\n")
    with pytest.raises(Invalid, match=r"interval_minutes"):
        open_project(space.project.folder)
    assert Settings().matching.new_records == "command"
