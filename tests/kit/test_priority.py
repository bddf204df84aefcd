"""Giving way to other processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from steelthread.kit import come_soon, give_way, priority


@pytest.fixture(params=[False, True], ids=["in our session", "in its own"])
def sleeper(request):
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=request.param
    )
    yield process
    process.communicate(b"\n", timeout=20)


def share(process):
    """Return the niceness of a process's session, where the kernel has such a thing."""
    path = Path(f"/proc/{process}/autogroup")
    group = path.read_text().split() if path.exists() and os.access(path, os.W_OK) else []
    return int(group[-1]) if group else None


@pytest.mark.parametrize("group", ["", "\n"])
def test_a_kernel_that_does_not_share_among_sessions_says_nothing(sleeper, group, tmp_path, monkeypatch):
    (tmp_path / "autogroup").write_text(group)
    monkeypatch.setattr(os, "getsid", lambda process: process)
    monkeypatch.setattr(priority, "Path", lambda path: tmp_path / Path(path).name)
    before = os.getpriority(os.PRIO_PROCESS, sleeper.pid)
    give_way(3, sleeper.pid)
    assert os.getpriority(os.PRIO_PROCESS, sleeper.pid) == before + 3
    assert (tmp_path / "autogroup").read_text() == group


def test_a_process_gives_way_and_its_session_where_it_leads_one(sleeper):
    before, ours = os.getpriority(os.PRIO_PROCESS, sleeper.pid), share(os.getpid())
    give_way(0, sleeper.pid)
    assert os.getpriority(os.PRIO_PROCESS, sleeper.pid) == before
    give_way(3, sleeper.pid)
    assert os.getpriority(os.PRIO_PROCESS, sleeper.pid) == before + 3
    assert share(os.getpid()) == ours, "a session that others lead stays as it is"
    if os.getsid(sleeper.pid) == sleeper.pid and share(sleeper.pid) is not None:
        assert share(sleeper.pid) == 3


def test_a_process_that_is_gone_or_somebody_elses_is_left_alone(sleeper):
    sleeper.stdin.write(b"\n")
    sleeper.stdin.flush()
    sleeper.wait(timeout=20)
    give_way(5, sleeper.pid)
    assert sleeper.poll() == 0


def slice_of(process):
    """Return the slice that a thread has of the processor, in nanoseconds, where the kernel tells."""
    path = Path(f"/proc/{process}/sched")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split()[-1]) for line in lines if line.startswith("se.slice")), None)


@pytest.mark.parametrize(("first", "short"), [(False, 300_000), (True, 100_000)], ids=["soon", "first"])
def test_whoever_is_waited_for_asks_for_a_short_slice(sleeper, first, short):
    usual = slice_of(sleeper.pid)
    before = os.getpriority(os.PRIO_PROCESS, sleeper.pid)
    come_soon(sleeper.pid, first=first)
    assert os.getpriority(os.PRIO_PROCESS, sleeper.pid) == before
    assert slice_of(sleeper.pid) in (usual, short), "a kernel before 6.12 leaves it as it is"
    if usual is not None and tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 12):
        assert slice_of(sleeper.pid) == short


def test_a_machine_without_such_a_call_does_nothing(sleeper, monkeypatch):
    usual = slice_of(sleeper.pid)
    monkeypatch.setattr(priority, "_SCHED_SETATTR", {})
    come_soon(sleeper.pid)
    assert slice_of(sleeper.pid) == usual


def test_who_is_gone_cannot_come_soon(sleeper):
    sleeper.stdin.write(b"\n")
    sleeper.stdin.flush()
    sleeper.wait(timeout=20)
    come_soon(sleeper.pid)
    assert sleeper.poll() == 0
