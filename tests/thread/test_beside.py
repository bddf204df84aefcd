"""The mapper in a process of its own: its errors are the loader's, its death stops the load, and loading goes on after."""

import contextlib
import errno
import io
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from steelthread.app import load_file, verify_space
from steelthread.kit import DISK_FULL, Invalid, NotFound, Unavailable
from steelthread.thread import beside
from steelthread.thread import load as loading

MAPPING = "name: crm\nkey: id\nentities:\n  - entity: Individual\n    attributes: {lastName: last}\n"


@pytest.fixture
def crm(space, monkeypatch):
    monkeypatch.setattr(loading, "_LARGE", 0)
    space.project.settings.load.batch_rows = 50
    (space.project.sources / "crm.yaml").write_text(MAPPING)
    path = space.project.folder / "crm.csv"
    path.write_text("id,last\n" + "".join(f"{number},L{number:0400}\n" for number in range(1_000)))
    return path


def children():
    mine = os.getpid()
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
            command = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(words[1]) == mine and words[0] != "Z" and b"steelthread.thread.beside" in command:
            found.append(int(stat.parent.name))
    return found


def test_an_error_of_the_child_is_the_loads(space, crm):
    whole = crm.read_bytes()
    place = whole.index(b"\n900,") + 5  # beyond what is looked at to find the encoding
    crm.write_bytes(whole[:place] + b"\xff\xfe" + whole[place:])
    with pytest.raises(Invalid, match=r"(?s)crm\.csv: after line \d+ a byte is not utf-8.*encoding"):
        load_file(space, "crm", crm)
    assert children() == []
    crm.write_bytes(whole)
    assert load_file(space, "crm", crm).rejected == 0
    assert verify_space(space)["same"]


def test_a_child_that_said_why_and_went_is_heard(space, crm):
    left = beside.MapperBeside(space.project, "nobody", crm, 0)
    with left as mapper, pytest.raises(NotFound, match="no source nobody"):
        _ask_until_it_goes(mapper)


def _ask_until_it_goes(mapper):
    while True:
        mapper.want([], set())
        time.sleep(0.01)


def test_a_child_that_is_killed_stops_the_load_which_goes_on_the_next_time(space, crm):
    rows = []

    def kill(progress):
        rows.append(progress.rows)
        for child in children():
            os.kill(child, signal.SIGKILL)

    with pytest.raises(Unavailable, match=r"process that maps rows has ended.*load again"):
        load_file(space, "crm", crm, progress=kill)
    assert children() == []
    assert 0 < rows[-1] < 1_000, "what was committed stays"
    result = load_file(space, "crm", crm)
    assert (result.read, result.accepted, result.rejected) == (1_000, 1_000, 0)
    assert verify_space(space)["same"]


def test_frames_that_are_cut_off_are_no_frames(tmp_path):
    path = tmp_path / "frames"
    with path.open("wb") as stream:
        beside.write_frame(stream, b"whole")
        beside.write_frame(stream, b"cut off")
    path.write_bytes(path.read_bytes()[:-2])
    with path.open("rb") as stream:
        assert [beside.read_frame(stream), beside.read_frame(stream)] == [b"whole", b""]


def test_a_frame_is_written_whole_on_a_stream_that_takes_parts():
    class Parts:
        taken = b""

        def write(self, content):
            self.taken += content[:1000]
            return min(len(content), 1000)

        def flush(self):
            pass

    stream = Parts()
    beside.write_frame(stream, bytes(range(256)) * 50)
    assert beside.read_frame(io.BytesIO(stream.taken)) == bytes(range(256)) * 50


def test_a_mapper_that_is_stopped_and_goes_on_loses_nothing(space, crm):
    crm.write_text("id,last\n" + "".join(f"{number},L{number:0400}\n" for number in range(20_000)))
    space.project.settings.load.batch_rows = 5_000
    stops = []

    done = threading.Event()

    def keep_stopping():
        while not done.wait(0.002):
            for child in children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGSTOP)
                    os.kill(child, signal.SIGCONT)
                    stops.append(child)

    stopper = threading.Thread(target=keep_stopping)
    stopper.start()
    try:
        result = load_file(space, "crm", crm)
    finally:
        done.set()
        stopper.join()
    assert stops
    assert (result.read, result.accepted) == (20_000, 20_000)


def test_a_child_that_meets_a_full_disk_says_so(monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(beside, "_mapper", full)
    requests, answers = io.BytesIO(), io.BytesIO()
    beside.write_frame(requests, beside._ENCODE(beside.Start("", "", "", 0, 1)))
    requests.seek(0)
    beside.serve(requests, answers)
    answers.seek(0)
    assert beside._ANSWER.decode(beside.read_frame(answers)) == beside.Failed("Unavailable", DISK_FULL)
