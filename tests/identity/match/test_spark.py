"""Spark on `local[2]` gives what DuckDB gives, from the same model; it leaves nothing behind, and says what it lacks."""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from tests.identity.match.test_organisations import firms
from tests.identity.match.test_parity import CLEAN, made, splinks
from tests.thread.test_resolving import _without_network

from steelthread.identity import by_spark
from steelthread.identity.match import ORGANISATIONS, blocking, decode
from steelthread.identity.match.engine import Engine
from steelthread.identity.match.resolve import resolve
from steelthread.kit import Invalid, Unavailable

spark = pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None or shutil.which("java") is None,
    reason="pyspark or Java is not installed (make spark; apt-get install openjdk-17-jre-headless)",
)


@pytest.fixture(autouse=True)
def quick_start(monkeypatch):
    """Have Java compile in haste: a test ends before more pays."""
    monkeypatch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")


def judged(engine, model, pairs):
    engine.add_pairs("asked", *pairs)
    return engine.judge(model, "asked")


def sorted_pairs(found):
    left, right, weight = found
    order = np.lexsort((right, left))
    return left[order], right[order], weight[order]


@spark
def test_spark_gives_the_same_pairs_from_the_same_model(tmp_path, monkeypatch):
    """The same candidates, levels, waterfalls and walls; no name lies on the disk meanwhile."""
    find_by_keys(monkeypatch)
    records, others = people(152), made(40, seed=6) + CLEAN
    interrupt, seen = signal.getsignal(signal.SIGINT), Seen(tmp_path)
    with seen, by_spark("local[2]", "1g", tmp_path / "a b") as spark_engine:
        here, there = Engine(records), spark_engine(records)
        assert 2000 < here.block() == there.block() < 160 * 159 // 2
        model = decode(here.learn().encode())
        mine, its = sorted_pairs(here.candidates(model, -1000.0)), sorted_pairs(there.candidates(model, -1000.0))
        assert len(mine[0]) == here.pairs
        assert [column.tolist() for column in mine[:2]] == [column.tolist() for column in its[:2]]
        assert abs(mine[2] - its[2]).max() < 1e-6
        pairs = np.triu_indices(len(others), 1)
        here, there = Engine(others, model.frequencies), spark_engine(others, model.frequencies)
        mine, its = judged(here, model, pairs), judged(there, model, pairs)
        assert abs(mine.steps - its.steps).max() < 1e-6
        assert (mine.levels == its.levels).all()
        assert (mine.wall == its.wall).all()
        assert (mine.wall > 0).any()
    assert seen.most > 0
    assert signal.getsignal(signal.SIGINT) is interrupt
    assert not list((tmp_path / "a b").iterdir())
    assert not [one for one in children() if "java" in one]


def find_by_keys(monkeypatch):
    """Have pairs found by keys, of which some are too common."""
    monkeypatch.setattr(blocking, "FEW", 100)
    monkeypatch.setattr(blocking, "_SPARE", 3000)


@spark
@pytest.mark.soak
def test_spark_learns_the_same_model(tmp_path, monkeypatch):
    find_by_keys(monkeypatch)
    records = people(152)
    with by_spark("local[2]", "1g", tmp_path) as spark_engine:
        here, there = Engine(records), spark_engine(records)
        assert here.block() == there.block()
        model, learned = here.learn(), there.learn()
    for mine, its in zip(model.comparisons, learned.comparisons, strict=True):
        assert [level.m for level in its.levels] == pytest.approx([level.m for level in mine.levels])
        assert [level.u for level in its.levels] == pytest.approx([level.u for level in mine.levels])
    assert learned.prior == pytest.approx(model.prior)


@spark
@pytest.mark.soak
def test_splink_itself_weighs_alike_on_spark(tmp_path):
    records = made(148) + CLEAN
    with by_spark("local[2]", "1g", tmp_path) as spark_engine:
        here, there = Engine(records), spark_engine(records)
        here.block()
        model, pairs = here.learn(), np.triu_indices(len(records), 1)
        mine = judged(here, model, pairs)
        there.add_pairs("every", *pairs)
        weights = splinks(there, model, "every")
    assert [(a, b) for a, b, _ in weights] == list(zip(mine.left, mine.right, strict=True))
    assert max(abs(weight - said) for (_, _, weight), said in zip(weights, mine.weight, strict=True)) < 1e-6


@spark
@pytest.mark.soak
def test_spark_weighs_organisations_alike_after_people_on_the_same_ground(tmp_path):
    records, _ = firms(count=15)
    with by_spark("local[2]", "1g", tmp_path) as spark_engine:
        assert resolve(people(20), engine_of=spark_engine).model.party == "people"
        mine, its = resolve(records, party=ORGANISATIONS), resolve(records, engine_of=spark_engine, party=ORGANISATIONS)
    assert its.pairs == mine.pairs
    assert its.clusters() == mine.clusters()
    assert its.judged.left.tolist() == mine.judged.left.tolist()
    assert abs(its.judged.steps - mine.judged.steps).max() < 1e-6


def children():
    """Return the commands of processes that this one started and that still run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if (folder / "stat").read_text().rpartition(")")[2].split()[1] == str(os.getpid()):
                found.append((folder / "cmdline").read_text())
    return found


SCRIPT = """
import fcntl, json, socket, struct, sys
from pathlib import Path
from steelthread.identity import by_spark
from steelthread.identity.match import resolve

with socket.socket() as one:  # a machine without a network still has itself
    flags = fcntl.ioctl(one, 0x8913, struct.pack("16sh22x", b"lo", 0))
    fcntl.ioctl(one, 0x8914, flags[:16] + struct.pack("h", struct.unpack("16sh", flags[:18])[1] | 1) + flags[18:])
records = json.load(sys.stdin)
with by_spark("local[2]", "1g", Path(sys.argv[1])) as engine_of:
    found = resolve(records, engine_of=engine_of)
print(found.pairs, len(set(found.clusters())))
"""
NEEDLE = b"uastenfloss"


def people(count):
    """Return records of which most have a surname that is looked for on the disk."""
    return [
        one | {"lastName": f"Quastenflosser{number % 7}", "emailAddress": f"quastenfloss{number % 90}@mail.example"}
        if number % 4
        else one
        for number, one in enumerate(made(count))
    ] + CLEAN


def started(folder, records):
    process = subprocess.Popen(
        [*_without_network(), sys.executable, "-c", SCRIPT, str(folder / "of it")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(folder), "HOME": str(folder)}, cwd=folder,
    )  # fmt: skip
    process.stdin.write(json.dumps(records))
    process.stdin.close()
    process.stdin = None  # else communicate() would flush it
    return process


def looked(folder):
    """Return how many bytes of blocks and shuffles lie on the disk; none of all files may hold the needle."""
    size = 0
    found = [Path(root) / name for root, _, names in os.walk(folder) for name in names]  # folders may go meanwhile
    for path in found:
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            continue
        assert NEEDLE not in content, path
        size += len(content) if "blockmgr" in str(path) else 0
    return size


class Seen(threading.Thread):
    """Looks again and again at what lies in a folder."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.most, self.wrong, self.done = folder, 0, None, threading.Event()

    def run(self):
        while not self.done.wait(0.2):
            try:
                self.most = max(self.most, looked(self.folder))
            except AssertionError as error:
                self.wrong = error

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()
        assert self.wrong is None


@spark
@pytest.mark.soak
def test_no_personal_value_is_left_on_the_disk_and_nothing_is_fetched(tmp_path):
    """Run without a network: what lies on the disk meanwhile is ciphertext, also after kill -9; at the end nothing lies there."""
    records = people(1100)
    killed = started(tmp_path, records)
    deadline = time.monotonic() + 120
    while not looked(tmp_path):
        assert killed.poll() is None, killed.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert looked(tmp_path) > 0
    with Seen(tmp_path) as seen:
        whole = started(tmp_path, records)
        said, wrong = whole.communicate()
    assert whole.returncode == 0, wrong
    assert seen.most > 100_000
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    here = resolve(records, engine_of=Engine)
    assert said.split() == [str(here.pairs), str(len(set(here.clusters())))]
    assert "uastenfloss" not in wrong


def started_by_spark(folder, memory="1g"):
    with by_spark("local[2]", memory, folder):
        raise AssertionError("it started")


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.delitem(sys.modules, "steelthread.identity.match.spark", raising=False)
    with pytest.raises(Unavailable, match=r"pip install 'steelthread\[spark\]'"):
        started_by_spark(tmp_path)


@spark
def test_without_java_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(Unavailable, match=r"JAVA_HOME is .* openjdk-17-jre-headless"):
        started_by_spark(tmp_path)
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="none on the path"):
        started_by_spark(tmp_path)
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    old.chmod(0o755)
    with pytest.raises(Unavailable, match="is Java 11"):
        started_by_spark(tmp_path)


@spark
def test_a_wrong_start_says_why(tmp_path):
    with pytest.raises(Unavailable, match=r"Spark did not start: .*(Error|Exception)"):
        started_by_spark(tmp_path, memory="10m")
    assert not list(tmp_path.iterdir())


@spark
def test_a_cluster_whose_wires_are_open_is_refused():
    from pyspark import SparkConf  # noqa: PLC0415  # it may not be there

    from steelthread.identity.match.spark import need_encrypted_wires  # noqa: PLC0415

    conf = SparkConf(loadDefaults=False)
    with pytest.raises(Invalid, match=r"spark\.network\.crypto\.enabled"):
        need_encrypted_wires(conf)
    need_encrypted_wires(conf.set("spark.network.crypto.enabled", "true"))
    assert conf.get("spark.network.crypto.enabled") == "true"
