"""A served worker: the process that prepares its next events, and how it gives way to readers."""

import os
import signal
from pathlib import Path

import pytest
from tests.live.conftest import children, until


def forks(served):
    """Return the processes beside the worker."""
    return [one for worker in served.workers() for one in children(worker)]


def tracks(first, count):
    return [
        {"type": "track", "event": "Clicked", "userId": f"u{one % 10}", "messageId": f"m{one}"}
        for one in range(first, first + count)
    ]


def send(served, first, count):
    for start in range(first, first + count, 500):
        body = {"batch": tracks(start, 500), "writeKey": served.write_key}
        assert served.post("/v1/batch", body)[0] == 200


def clicks(served):
    return [served.profile(f"user_id:u{one}")["counts"]["CustomEngagement"] for one in range(10)]


def test_a_served_worker_has_a_process_that_prepares_its_next_events(served):
    (worker,), (fork,) = until(served.workers), until(lambda: forks(served))
    send(served, 0, 3000)
    assert clicks(served) == [300] * 10
    os.kill(fork, signal.SIGKILL)
    send(served, 3000, 3000)
    assert clicks(served) == [600] * 10, "nobody waits for a process that is gone"
    assert until(lambda: forks(served), lambda found: found and found != [fork]), "another takes its place"
    assert served.workers() == [worker], "the worker is the same"
    send(served, 6000, 3000)
    assert clicks(served) == [900] * 10
    os.kill(worker, signal.SIGKILL)
    assert until(served.workers, lambda found: found and found != [worker])
    until(lambda: forks(served))
    assert children(worker) == [], "what was beside it goes with it"


def niceness(process):
    return os.getpriority(os.PRIO_PROCESS, process)


@pytest.mark.parametrize("by", [5, 0])
def test_a_served_worker_gives_way_to_readers(served, monkeypatch, by):
    served.process.send_signal(signal.SIGINT)
    served.process.wait(timeout=60)
    monkeypatch.setenv("STEELTHREAD_LIVE_NICENESS", str(by))
    served.start()
    (fork,) = until(lambda: forks(served))
    assert niceness(fork) == niceness(*served.workers()) == niceness(served.process.pid) + by
    with served.space.database.connect() as conn:
        usual = niceness(conn.info.backend_pid)
        backends = {
            one for (one,) in conn.execute("select pid from pg_stat_activity where application_name = 'steelthread'")
        }
    assert backends
    if served.space.database.embedded:
        assert {niceness(one) for one in backends} == {usual, usual + by}


def slices(process):
    """Return the slices that the threads of a process have of the processor, in nanoseconds."""
    lines = [line for one in Path(f"/proc/{process}/task").glob("*/sched") for line in one.read_text().splitlines()]
    return {int(line.split()[-1]) for line in lines if line.startswith("se.slice")}


@pytest.mark.skipif(
    not Path("/proc/self/sched").exists() or tuple(map(int, os.uname().release.split(".")[:2])) < (6, 12),
    reason="this kernel gives no slices of one's own, or does not tell of them",
)
def test_those_who_answer_come_soon_and_the_worker_does_not(served):
    send(served, 0, 500)
    assert clicks(served) == [50] * 10
    first, soon = 100_000, 300_000
    own = slices(served.process.pid)
    assert {first} < own, "what nobody waits for was begun before"
    assert not {first, soon} & slices(*until(served.workers))
    with served.space.database.connect() as conn:
        rows = conn.execute("select pid from pg_stat_activity where application_name = 'steelthread'").fetchall()
    if served.space.database.embedded:
        assert {first, soon} < {one for (pid,) in rows for one in slices(pid)}
