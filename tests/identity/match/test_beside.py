"""Work on two cores comes out as on one, whoever does it and whoever does not come back."""

import os
import threading

import numpy as np
import pytest

from steelthread.identity.match import beside


@pytest.fixture
def alone(monkeypatch):
    """Let it fork: threads of other tests take no part in it."""
    monkeypatch.setattr(beside, "can_fork", lambda: True)


def squares(size):
    found = beside.shared((size,), np.int64)
    asked = beside.shared((size,), np.int64)

    def work(part):
        found[part] = np.arange(size)[part] ** 2
        asked[part] += os.getpid()

    beside.in_portions(size, work, 10)
    return found, asked


@pytest.mark.parametrize("size", [0, 1, 10, 11, 30, 95])
def test_every_portion_is_done_once(size, alone):
    found, asked = squares(size)
    assert found.tolist() == [one**2 for one in range(size)]
    assert len(set(asked.tolist())) == (0 if size == 0 else 2 if size > 20 else 1)


def test_threads_share_the_work_where_there_are_some():
    ready = threading.Event()
    one = threading.Thread(target=ready.wait)
    one.start()
    found, asked = squares(95)
    ready.set()
    one.join()
    assert found.tolist() == [one**2 for one in range(95)]
    assert set(asked.tolist()) == {os.getpid()}


def test_what_a_fork_does_not_come_back_from_is_done_here(alone):
    here = os.getpid()
    found = beside.shared((95,), np.int64)

    def work(part):
        if os.getpid() != here and part.start > 40:
            os._exit(9)
        found[part] = np.arange(95)[part] + 1

    beside.in_portions(95, work, 10)
    assert found.tolist() == list(range(1, 96))


def test_an_error_here_ends_the_fork(alone, monkeypatch):
    here, fork, forks = os.getpid(), os.fork, []

    def forked():
        forks.append(fork())
        return forks[-1]

    monkeypatch.setattr(os, "fork", forked)

    def work(part):
        if os.getpid() == here and part.start > 20:
            raise ValueError("a fault")
        if os.getpid() != here:
            threading.Event().wait(60)

    with pytest.raises(ValueError, match="a fault"):
        beside.in_portions(95, work, 10)
    with pytest.raises(ProcessLookupError):
        os.kill(forks[0], 0)


def test_a_fork_tells_what_it_found_while_something_else_is_done_here():
    told, here = beside.told_beside(lambda: b"x" * 1_000_000 + str(os.getpid()).encode(), os.getpid)
    assert here == os.getpid()
    assert told[:1_000_000] == b"x" * 1_000_000
    assert int(told[1_000_000:]) != here


def test_what_a_fork_does_not_tell_is_found_here():
    here = os.getpid()

    def work():
        if os.getpid() != here:
            os._exit(9)
        return b"found"

    assert beside.told_beside(work, lambda: 7) == (b"found", 7)


def test_a_fork_ends_with_who_waits_for_it(monkeypatch):
    fork, forks = os.fork, []
    monkeypatch.setattr(os, "fork", lambda: forks.append(fork()) or forks[-1])

    def fails():
        raise RuntimeError("here")

    with pytest.raises(RuntimeError, match="here"):
        beside.told_beside(lambda: b"x" * 1_000_000, fails)
    with pytest.raises(ProcessLookupError):
        os.kill(forks[0], 0)


def page_of(page):
    return f"{page} by {os.getpid()}".encode()


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 12])
def test_pages_come_in_order_and_a_fork_makes_every_other_one(count, alone):
    told = [one.decode().split(" by ") for one in beside.pages_beside(range(count), page_of)]
    assert [int(page) for page, _ in told] == [*range(count)]
    assert {int(process) for _, process in told[::2]} <= {os.getpid()}
    others = {int(process) for _, process in told[1::2]}
    assert (os.getpid() in others, len(others)) == ((False, 1) if count >= 4 else (count > 1, min(count // 2, 1)))


@pytest.mark.parametrize("fails", [1, 5, 9])
def test_pages_that_a_fork_does_not_come_back_from_are_made_here(fails, alone):
    here, large = os.getpid(), b"x" * 200_000

    def work(page):
        if page == fails and os.getpid() != here:
            os._exit(9)
        return large + str(page).encode()

    assert [*beside.pages_beside(range(12), work)] == [large + str(page).encode() for page in range(12)]


def test_a_fork_that_makes_pages_ends_with_who_takes_them(monkeypatch, alone):
    fork, forks = os.fork, []
    monkeypatch.setattr(os, "fork", lambda: forks.append(fork()) or forks[-1])
    pages = beside.pages_beside(range(100), lambda _: b"x" * 1_000_000)
    next(pages)
    pages.close()
    with pytest.raises(ProcessLookupError):
        os.kill(forks[0], 0)


def test_a_fork_answers_what_it_is_asked_and_its_end_is_no_answer():
    def work(question):
        if question == b"die":
            os._exit(9)
        return question.upper() * 100_000 + str(os.getpid()).encode()

    fork = beside.Answering(work)
    for question in (b"one", b"other"):
        fork.ask(question)
        answer = fork.answer()
        assert answer.startswith(question.upper() * 100_000)
        assert not answer.endswith(str(os.getpid()).encode())
    assert not fork.is_ready()
    fork.ask(b"die")
    assert fork.answer() is None
    fork.ask(b"one")
    fork.close()
