"""Giving way to other processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from steelthread.kit import give_way, priority


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
