"""A disk that is full: the load stops with a word that says what to do, and goes on when there is room."""

import json
import os
import subprocess
import sys
import time

import pytest
from tests import commands


def mount(*words):
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or not mount("-t", "tmpfs", "-o", "size=130m", "tmpfs", str(folder)):
        pytest.skip("a small file system is made by root only")
    yield folder
    for _ in range(100):  # the embedded server leaves it some seconds after its last client
        if subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.2)
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_load_on_a_full_disk_says_so_and_goes_on_when_there_is_room(small, tmp_path, monkeypatch):
    monkeypatch.setenv("STEELTHREAD_DATABASE_IDLE_SECONDS", "1")
    project, file, rows = small / "p", tmp_path / "people.csv", 20_000
    lines = (f"{n},First{n % 997},Last{n % 4999},p{n}@mail.example,+4479{n:08d},Leeds\n" for n in range(rows))
    file.write_text("customer_id,first_name,last_name,email,phone,city\n" + "".join(lines))

    def run(*words):
        command = [sys.executable, "-m", "steelthread", *words, "--project", str(project)]
        return commands.run(command, text=True)

    assert subprocess.run([sys.executable, "-m", "steelthread", "init", str(project)], check=False).returncode == 0
    assert run("source", "new", "people", str(file)).returncode == 0
    assert run("status").returncode == 0
    room = os.statvfs(small)
    (small / "others").write_bytes(bytes(room.f_bavail * room.f_frsize - 20_000_000))  # who else keeps files there
    stopped = run("load", "people", "--json")
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert "disk" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert "@mail.example" not in stopped.stderr
    assert mount("-o", "remount,size=900m", str(small))
    done = json.loads(run("load", "people", "--json").stdout)
    assert done["read"] == done["accepted"] == rows
    status = json.loads(run("status", "--json").stdout)
    assert (status["records"], status["individuals"]) == (rows, rows)
    assert run("verify").returncode == 0
