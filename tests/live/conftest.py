"""A real server with its worker, on loopback, over a space of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from steelthread.app import add_live_source, create_key


class Served:
    """A running server: how to ask it, where its worker is."""

    def __init__(self, space, port, process, write_key):
        self.space, self.port, self.process, self.write_key = space, port, process, write_key
        self.host = f"http://127.0.0.1:{port}"
        self._key = create_key(space, ["profiles:read"])

    def get(self, path, **query):
        url = f"{self.host}{path}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self._key}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def profile(self, ref):
        return self.get("/api/profiles/" + urllib.parse.quote(ref, safe=""), wait=20)

    def status(self):
        return self.get("/api/status")

    def post(self, path, body, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.host + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def workers(self):
        """Return the numbers of the server's worker processes."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
                command = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == self.process.pid and b"worker" in command:
                found.append(int(process.name))
        return found


@pytest.fixture
def served(space):
    write_key = add_live_source(space, "web")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "steelthread",
        "serve",
        "--port",
        str(port),
        "--project",
        str(space.project.folder),
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "SHOP_SECRET": "s3cret"})
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield Served(space, port, process, write_key)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
