"""A real server with its worker, on loopback, over a space of its own."""

import base64
import contextlib
import http.client
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from steelthread.app import add_live_source, create_key


class Served:
    """A running server: how to ask it, where its worker is."""

    def __init__(self, space, port, write_key):
        self.space, self.port, self.write_key = space, port, write_key
        self.host = f"http://127.0.0.1:{port}"
        self._killing, self._killed = threading.Lock(), 0.0
        self._key = create_key(space, ["profiles:read", "changes:read", "events:read", "events:write"])

    def start(self):
        """Start the server and its worker; return when it answers."""
        folder = str(self.space.project.folder)
        command = [sys.executable, "-m", "steelthread", "serve", "--port", str(self.port), "--project", folder]
        environment = {**os.environ, "SHOP_SECRET": "s3cret"}
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.host}/health", timeout=2).close()
                break
            except OSError:
                assert self.process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def kill(self):
        """Kill the server in the middle of whatever it does, and start another in its place; who asks within a second shares it."""
        asked = time.monotonic()
        with self._killing:
            if self._killed > asked:
                return
            time.sleep(1)
            self._killed = time.monotonic()
            self.process.kill()
            self.process.wait(timeout=60)
            self.start()

    def wait(self):
        """Wait while the server is killed and started."""
        with self._killing:
            pass

    def get(self, path, **query):
        url = f"{self.host}{path}?{urllib.parse.urlencode({'purpose': 'operations', **query})}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self._key}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    @contextlib.contextmanager
    def stream(self, path, **headers):
        """Open a stream of server-sent events; yields an iterator of (id, type, content)."""
        said = {"Authorization": f"Bearer {self._key}", "Accept": "text/event-stream", **headers}
        request = urllib.request.Request(self.host + path, headers=said)
        with urllib.request.urlopen(request, timeout=20) as answer:
            yield _events(answer)

    def fetch(self, path, **headers):
        with urllib.request.urlopen(urllib.request.Request(self.host + path, headers=headers), timeout=30) as answer:
            return answer.status, answer.headers, answer.read()

    def profile(self, ref):
        return self.get("/api/profiles/" + urllib.parse.quote(ref, safe=""), wait=20)

    def timeline(self, ref):
        return self.get(f"/api/profiles/{urllib.parse.quote(ref, safe='')}/timeline", limit=500)["entries"]

    def account(self, ref, group):
        """Return what the Profile API of Segment tells of a group: who is linked to it by `ref`, and the account's traits."""
        links = self._segment("users", ref, "links")["data"]
        linked = {one["id"] for link in links for one in link["external_ids"] if link["to_collection"] == "accounts"}
        return group in linked, self._segment("accounts", f"group_id:{group}", "traits")["traits"]

    def _segment(self, collection, ref, part):
        basic = base64.b64encode(f"{self._key}:operations".encode()).decode()
        path = f"/v1/spaces/default/collections/{collection}/profiles/{urllib.parse.quote(ref, safe='')}/{part}"
        return json.loads(self.fetch(path, Authorization=f"Basic {basic}")[2])

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
        return children(self.process.pid)


def children(parent, part=b"worker"):
    """Return the numbers of a process's children that are of a part of `serve`, or forks of one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state, above = (process / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if int(above) == parent and state != "Z" and part in command:
            found.append(int(process.name))
    return found


def until(found, wanted=bool):
    """Return what is found as soon as it is what is wanted."""
    deadline = time.monotonic() + 60
    while not wanted(one := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return one


def _events(answer):
    said = {}
    for line in answer:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name in ("id", "event", "data"):
            said[name] = value
        elif not name and "data" in said:
            yield said.get("id", ""), said["event"], json.loads(said["data"])
            said = {}


@contextlib.contextmanager
def _serving(space):
    write_key = add_live_source(space, "web")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = Served(space, port, write_key)
    running.start()
    try:
        yield running
    finally:
        running.process.send_signal(signal.SIGINT)
        running.process.wait(timeout=60)


@pytest.fixture
def served(space):
    with _serving(space) as running:
        yield running


@pytest.fixture(scope="module")
def shared(server, fresh_space, tmp_path_factory):
    """One server for tests that change nothing which another of them reads."""
    with fresh_space(server, tmp_path_factory.mktemp("shared") / "project") as space, _serving(space) as running:
        yield running


class Faulty:
    """A proxy before the server that does to calls with a body what can happen to them, one fault after another.

    A number is answered in place of the server; `cut` closes the connection before the server hears of the call, `lost`
    after it has taken it, `kill` too, and the server is killed with -9 and takes some seconds to be back.
    """

    def __init__(self, served, faults):
        self.left, self.seen, self._served = list(faults), [], served
        self._lock = threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_call(self):
                proxy.answer(self)

            do_GET = do_POST = do_OPTIONS = handle_call  # noqa: N815  # the library's names

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, call):
        body = call.rfile.read(int(call.headers.get("content-length", 0)))
        path = call.path.partition("?")[0]
        counts = call.command == "POST" and path.rstrip("/") not in ("/flags", "/decide", "/v1/m")
        with self._lock:
            fault = self.left.pop(0) if counts and self.left else None
            if counts:
                self.seen.append((path, fault))
        if fault == "cut":
            call.close_connection = True
            return
        if isinstance(fault, int):
            headers = {"Retry-After": "1"} if fault == 429 else {}
            origin = call.headers.get("origin")
            headers |= (
                {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"} if origin else {}
            )
            self.reply(call, fault, headers, b"")
            return
        try:
            answer, content = self._ask(call, body)
        except (OSError, http.client.HTTPException):  # the server is not there, or goes: so it looks to the client
            self._put_back(fault)
            call.close_connection = True
            return
        if fault in ("lost", "kill") and answer.status != 200:  # nothing was taken that could be lost
            self._put_back(fault)
            fault = None
        if fault == "kill":
            self._served.kill()
        if fault in ("lost", "kill"):
            call.close_connection = True
            return
        left = ("content-length", "transfer-encoding", "connection", "date", "server")
        self.reply(
            call,
            answer.status,
            {name: value for name, value in answer.getheaders() if name.lower() not in left},
            content,
        )

    def _ask(self, call, body):
        """Return the server's answer to a call and its content.

        An SDK that gets no settings stays silent until the visitor loads the page again: what a page reads, and its leave
        to read, wait until the server is there.
        """
        for last in (True,) if call.command == "POST" else (False, True):
            connection = http.client.HTTPConnection("127.0.0.1", self._served.port, timeout=30)
            try:
                with contextlib.closing(connection):
                    connection.request(call.command, call.path, body, dict(call.headers))
                    answer = connection.getresponse()
                    return answer, answer.read()
            except (OSError, http.client.HTTPException):
                if last:
                    raise
                self._served.wait()
        raise AssertionError

    def _put_back(self, fault):
        """Keep a fault for the next call: it cannot happen to this one."""
        with self._lock:
            if fault is not None:
                self.left.insert(0, fault)

    def reply(self, call, status, headers, content):
        call.send_response(status)
        for name, value in headers.items():
            call.send_header(name, value)
        if status != 204:
            call.send_header("Content-Length", str(len(content)))
        call.end_headers()
        call.wfile.write(content)


@pytest.fixture
def faulty(served):
    proxies = []

    def start(*faults):
        proxies.append(Faulty(served, faults))
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.server.shutdown()
        proxy.server.server_close()
