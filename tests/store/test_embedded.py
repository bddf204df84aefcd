"""The embedded server where people run it: blanks and depth in the path, two projects, two starters, power cuts."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from steelthread.app import create_project
from steelthread.kit import Unavailable, open_project
from steelthread.store import open_database


def _project(folder, idle=1):
    create_project(folder, "p", "GB")
    (folder / "steelthread.toml").write_text(f"[project]\ncountry = 'GB'\n[database]\nidle_seconds = {idle}\n")
    return open_project(folder)


def _postmaster(project):
    return int((project.data / "pg" / "postmaster.pid").read_text().split()[0])


def _children(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _stat(pid):
    """Return (state, parent) of a process; a zombie when it has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
    except OSError:
        return ["Z", "0"]


def test_a_long_path_with_blanks_below_a_closed_home(tmp_path):
    home = tmp_path / "home of somebody"
    folder = home / ("a rather long folder name " * 4).strip() / ("and another one " * 6).strip() / "project"
    folder.parent.mkdir(parents=True)
    home.chmod(0o700)
    database = open_database(_project(folder))
    with database.connect() as conn:
        assert conn.execute("select count(*) from intake.record").fetchone() == (0,)
    database.close()


def test_two_projects_at_once_do_not_meet(tmp_path):
    one, other = open_database(_project(tmp_path / "one")), open_database(_project(tmp_path / "other"))
    with one.connect() as conn:
        conn.execute("create table mine (a int)")
        conn.commit()
    with other.connect() as conn:
        assert conn.execute("select to_regclass('mine')").fetchone() == (None,)
    one.close()
    other.close()


def test_several_commands_at_once_start_one_server(tmp_path):
    project = _project(tmp_path / "p")
    command = [sys.executable, "-m", "steelthread", "status", "--json", "--project", str(project.folder)]
    starters = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    for starter in starters:
        answer, errors = starter.communicate(timeout=60)
        assert starter.returncode == 0, errors.decode()
        assert b'"records":0' in answer.replace(b" ", b"")


@pytest.mark.parametrize("when", ["at rest", "in a transaction"])
def test_what_was_committed_stands_after_a_power_cut(tmp_path, when):
    project = _project(tmp_path / "p", idle=600)
    database = open_database(project)
    conn = database.connect()
    conn.execute("create table facts (a int)")
    conn.execute("insert into facts select generate_series(1, 1000)")
    conn.commit()
    if when == "in a transaction":
        conn.execute("insert into facts select generate_series(1, 100000)")
    server = _postmaster(project)
    supervisor = int(_stat(server)[1])
    for pid in (supervisor, server, *_children(server)):
        os.kill(pid, signal.SIGKILL)
    while _stat(server)[0] != "Z":
        time.sleep(0.05)
    with pytest.raises(psycopg.OperationalError):
        conn.execute("select 1")
    database.close()
    (project.folder / "steelthread.toml").write_text("[database]\nidle_seconds = 1\n")
    again = open_database(open_project(project.folder))
    with again.connect() as fresh:
        assert fresh.execute("select count(*) from facts").fetchone() == (1000,)
    again.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_a_server_that_ends_while_it_is_needed_is_started_again(tmp_path, how):
    project = _project(tmp_path / "p")
    database = open_database(project)
    former = _postmaster(project)
    os.kill(former, how)
    while _stat(former)[0] != "Z":
        time.sleep(0.05)
    deadline = time.monotonic() + 30
    while True:
        try:
            with database.connect() as conn:
                assert conn.execute("select count(*) from intake.record").fetchone() == (0,)
            break
        except Unavailable:
            assert time.monotonic() < deadline, "nobody started it"
            time.sleep(0.2)
    assert _postmaster(project) != former
    database.close()
    while (project.data / "pg" / "postmaster.pid").exists():
        assert time.monotonic() < deadline + 30, "it stops as ever when nobody needs it"
        time.sleep(0.1)


def test_the_server_stops_when_nobody_needs_it(tmp_path):
    project = _project(tmp_path / "p")
    database = open_database(project)
    server = _postmaster(project)
    database.close()
    deadline = time.monotonic() + 20
    while (project.data / "pg" / "postmaster.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not (project.data / "pg" / "postmaster.pid").exists(), server


NICE = """
import os, sys
from pathlib import Path
from steelthread.kit import open_project
from steelthread.store import open_database
database = open_database(open_project(Path(sys.argv[1])))
said = lambda process: os.getpriority(os.PRIO_PROCESS, process)
with database.connect() as before:
    database.give_way(4)
    with database.connect() as after, database.writer() as writer:
        print(*(said(one.info.backend_pid) for one in (before, after, writer)), said(0))
database.close()
"""


def test_what_the_server_does_for_a_process_that_gives_way_gives_way_too(tmp_path):
    project = _project(tmp_path / "p")
    told = subprocess.run([sys.executable, "-c", NICE, str(project.folder)], capture_output=True, text=True, check=True)
    before, after, writer, own = map(int, told.stdout.split())
    assert after == writer == before + 4
    assert own == os.getpriority(os.PRIO_PROCESS, 0) + 4


def test_pages_are_read_by_who_asks_and_a_quarter_of_the_memory_holds_them(tmp_path):
    database = open_database(_project(tmp_path / "p"))
    with database.connect() as conn:
        shown = conn.execute("show io_method").fetchone()
        held = conn.execute("select setting::bigint * 8192 from pg_settings where name = 'shared_buffers'").fetchone()
    database.close()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert shown == ("sync",)
    assert held[0] >= min(8 << 30, max(128 << 20, memory // 4 - (1 << 20)))
