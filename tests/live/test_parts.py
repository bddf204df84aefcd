"""The parts of `serve` apart, and several of each, over one database."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from steelthread.app import add_live_source, create_key

EVENTS, PEOPLE = 1200, 12


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Parts:
    """Processes of `serve --only`."""

    def __init__(self, space):
        self._folder = str(space.project.folder)
        self.running = []

    def start(self, part, *words):
        command = [sys.executable, "-m", "steelthread", "serve", "--only", part, "--project", self._folder, *words]
        self.running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        return self.running[-1]

    def door(self, part):
        """Start a part that answers; return its port."""
        port = free_port()
        process = self.start(part, "--port", str(port))
        deadline = time.monotonic() + 60
        while ask(port, "/health")[0] != 200:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return port

    def stop(self):
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.running:
            process.wait(timeout=60)


def ask(port, path, body=None, key=""):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, {}
    except OSError:
        return 0, {}


@pytest.fixture
def parts(space):
    running = Parts(space)
    yield running
    running.stop()


def test_two_collectors_and_two_workers_share_the_work_and_count_each_event_once(space, parts):
    key, read = add_live_source(space, "web"), create_key(space, ["profiles:read"])
    first, second, api = parts.door("collector"), parts.door("collector"), parts.door("api")
    workers = [parts.start("worker"), parts.start("worker")]

    def send(port, numbers):
        for start in range(0, len(numbers), 20):
            batch = [
                {"type": "track", "event": "Clicked", "userId": f"u{one % PEOPLE}", "messageId": f"m{one}"}
                for one in numbers[start : start + 20]
            ]
            assert ask(port, "/v1/batch", json.dumps({"batch": batch, "writeKey": key}).encode())[0] == 200
            if start == 200 and port == first:
                os.kill(workers[0].pid, signal.SIGKILL)  # the other one goes on

    both = list(range(EVENTS))  # each event comes by both doors
    senders = [threading.Thread(target=send, args=(port, both)) for port in (first, second)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(timeout=60)
    for person in range(PEOPLE):
        status, profile = ask(api, f"/api/profiles/user_id:u{person}?purpose=operations&wait=30", key=read)
        assert (status, profile["counts"]["CustomEngagement"]) == (200, EVENTS // PEOPLE)
    status = ask(api, "/api/status")[1]
    assert (status["accepted"], status["folded"], status["duplicates"]) == (2 * EVENTS, 2 * EVENTS, EVENTS)
    assert ask(first, "/api/profiles/user_id:u1?purpose=operations", key=read)[0] == 404, "a collector reads nothing"
    assert ask(api, "/v1/batch", b"{}")[0] in (404, 405), "and the API takes nothing"
