"""Law 3, live: kill -9 of collector, worker and PostgreSQL under load; every acknowledged event is counted exactly once."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from steelthread.app import add_live_source, create_key, create_project
from steelthread.kit import open_project
from steelthread.thread import Space

SENDERS, PEOPLE = 6, 20


class Service:
    """`steelthread serve` as a supervisor keeps it: started again when it has died."""

    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        self.stopping = False
        self.process = None
        self._thread = threading.Thread(target=self._keep)
        self._thread.start()

    def _keep(self):
        command = [
            sys.executable,
            "-m",
            "steelthread",
            "serve",
            "--port",
            str(self.port),
            "--project",
            str(self.folder),
        ]
        while not self.stopping:
            self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            self.process.wait()

    def stop(self):
        self.stopping = True
        self.process.send_signal(signal.SIGINT)
        self._thread.join(timeout=60)

    def victims(self, kind):
        if kind == "collector":
            return [self.process.pid] if self.process else []
        if kind == "postmaster":
            try:
                return [int((self.folder / ".steelthread" / "pg" / "postmaster.pid").read_text().split()[0])]
            except (OSError, ValueError, IndexError):
                return []
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes()
                if kind == "worker" and b"worker" in command.split(b"\0") and str(self.folder).encode() in command:
                    found.append(int(process.name))
                if kind == "backend" and command.startswith(b"postgres: ") and b"steelthread" in command:
                    found += [int(process.name)] if (process / "cwd").readlink().is_relative_to(self.folder) else []
            except OSError:
                continue
        return found


class Sender(threading.Thread):
    """Sends as an SDK does: the same batch again until it is acknowledged."""

    def __init__(self, number, host, key, ended):
        super().__init__()
        self._number, self._host, self._key, self._ended = number, host, key, ended
        self.acknowledged = dict.fromkeys(range(PEOPLE), 0)
        self.failed, self.answers = 0, set()

    def run(self):
        chance, batch = random.Random(self._number), 0
        while not self._ended.is_set():
            people = [chance.randrange(PEOPLE) for _ in range(chance.randrange(1, 8))]
            events = [
                {
                    "type": "track",
                    "event": "Clicked",
                    "userId": f"u{one}",
                    "messageId": f"{self._number}-{batch}-{place}",
                }
                for place, one in enumerate(people)
            ]
            body = json.dumps({"batch": events, "writeKey": self._key}).encode()
            while not self._sent(body):
                self.failed += 1
                time.sleep(0.1)
            for one in people:
                self.acknowledged[one] += 1
            batch += 1

    def _sent(self, body):
        try:
            with urllib.request.urlopen(urllib.request.Request(self._host + "/v1/batch", body), timeout=20) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            self.answers.add(error.code)
            return False
        except OSError:
            return False


def get(port, path, key=""):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def check(folder, kills, seed):
    create_project(folder, "kill", "GB")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Space(open_project(folder)) as space:
        write_key, read_key = add_live_source(space, "web"), create_key(space, ["profiles:read"])
    chance, ended = random.Random(seed), threading.Event()
    service = Service(folder, port)
    senders = [Sender(number, f"http://127.0.0.1:{port}", write_key, ended) for number in range(SENDERS)]
    killed = dict.fromkeys(("collector", "worker", "postmaster", "backend"), 0)
    try:
        for sender in senders:
            sender.start()
        before = -1
        while sum(killed.values()) < kills:
            now = sum(sum(sender.acknowledged.values()) for sender in senders)
            if now > before:  # it is under load again
                time.sleep(chance.uniform(0, 1))
                kind = sorted(killed)[sum(killed.values()) % 4]
                victims = service.victims(kind)
                with contextlib.suppress(ProcessLookupError):  # it has just ended by itself: the next one
                    if victims:
                        os.kill(chance.choice(victims), signal.SIGKILL)
                        killed[kind] += 1
                        before = now + 50
            time.sleep(0.05)
        time.sleep(1)
        ended.set()
        for sender in senders:
            sender.join(timeout=120)
            assert not sender.is_alive()
        deadline = time.monotonic() + 60
        while (status := get(port, "/api/status"))["folded"] < status["accepted"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert status["rejected"] == 0
        for person in range(PEOPLE):
            counts = get(port, f"/api/profiles/user_id:u{person}?purpose=operations", read_key)["counts"]
            assert counts["CustomEngagement"] == sum(sender.acknowledged[person] for sender in senders), (
                person,
                killed,
            )
        answers = set().union(*(sender.answers for sender in senders))
        assert all(code == 429 or code >= 500 for code in answers), "nothing that makes an SDK drop events"
        assert sum(sender.failed for sender in senders) > 0
    finally:
        ended.set()
        service.stop()
    until = time.monotonic() + 20  # it looks after its server between two steps
    while service.victims("worker") and time.monotonic() < until:
        time.sleep(0.1)
    assert not service.victims("worker"), "the worker goes with its server"


@pytest.mark.timeout(600)
def test_kill_9_of_collector_worker_and_postgresql_loses_nothing_and_counts_nothing_twice(tmp_path):
    check(tmp_path / "project", 10, 1)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_kill_9_of_collector_worker_and_postgresql_loses_nothing_and_counts_nothing_twice_soak(tmp_path):
    check(tmp_path / "project", 100, 2)
