"""Law 3: kill -9 of the loader at random moments, then resume: nothing lost, nothing twice."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from steelthread.app import cluster_rows, load_file, verify_space

ROWS = 24_000
"""Enough for the mapper to be a process of its own."""
MAPPING = """name: people
file: people.csv
key: id
snapshot: true
entities:
  - entity: Individual
    attributes: {firstName: first, lastName: last}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
"""


def _write(folder, edition):
    """A file whose rows differ from edition to edition in every third row; every eleventh is gone in odd editions."""
    with (folder / "people.csv").open("w") as stream:
        stream.write("id,first,last,email,filler\n")
        for number in range(ROWS):
            if edition % 2 and number % 11 == 0:
                continue
            last = f"Last{number % 991}" + (f"v{edition}" if number % 3 == 0 else "")
            stream.write(f"{number},First{number % 499},{last},p{number % (ROWS // 2)}@mail.example,{'x' * 50}\n")


def _start(folder):
    command = [sys.executable, "-m", "steelthread", "load", "people", "--project", str(folder), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def _mappers(folder):
    """Return the mapper processes that still run for this project."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            mine = f"STEELTHREAD_TEST={folder}".encode() in (process / "environ").read_bytes()
        except OSError:
            continue
        if mine and b"steelthread.thread.beside" in command:
            found.append(process.name)
    return found


def _state(space):
    with space.database.connect() as conn:
        clusters = sorted((key, individual) for _, _, key, individual in cluster_rows(space, conn))
        counts = conn.execute(
            "select (select count(*) from intake.record), (select count(*) from intake.record where closed_at is null), "
            "(select count(*) from identity.node), (select count(*) from identity.link where closed_at is null), "
            "(select sum(asserted) from identity.link where closed_at is null), "
            "(select count(*) from profiles.profile), (select sum(evidence) from identity.cluster)"
        ).fetchone()
    groups = {}
    for key, individual in clusters:
        groups.setdefault(individual, []).append(key)
    return counts, sorted(groups.values())


def check(space, other, kills, seed, monkeypatch):
    chance = random.Random(seed)
    folder = space.project.folder
    settings = (folder / "steelthread.toml").read_text()
    (folder / "steelthread.toml").write_text(settings + "[load]\nbatch_rows = 400\n")
    (folder / "sources" / "people.yaml").write_text(MAPPING)
    (other.project.folder / "sources" / "people.yaml").write_text(MAPPING)
    monkeypatch.setenv("STEELTHREAD_TEST", str(folder))
    edition = done = 0
    while done < kills:
        _write(folder, edition)
        while True:
            loader = _start(folder)
            try:
                loader.wait(timeout=chance.uniform(1, 6) if done < kills else None)
            except subprocess.TimeoutExpired:
                loader.send_signal(signal.SIGKILL)
                loader.communicate()
                done += 1
                continue
            answer, errors = loader.communicate()
            assert loader.returncode == 0, errors.decode()
            result = json.loads(answer)
            break
        rows = ROWS - (len(range(0, ROWS, 11)) if edition % 2 else 0)
        assert (
            result["read"] == rows == result["accepted"] + result["unchanged"] + result["updated"] + result["rejected"]
        )
        load_file(other, "people", folder / "people.csv")
        edition += 1
    assert _state(space) == _state(other)
    assert verify_space(space)["same"]
    deadline = time.monotonic() + 10
    while _mappers(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _mappers(folder), "the mapper goes with its loader"


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_a_killed_loader_loses_nothing_and_does_nothing_twice(space, other_space, monkeypatch):
    check(space, other_space, 6, 1, monkeypatch)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_a_killed_loader_loses_nothing_and_does_nothing_twice_soak(space, other_space, monkeypatch):
    check(space, other_space, 60, 2, monkeypatch)
