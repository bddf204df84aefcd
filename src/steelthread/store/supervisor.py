"""`python -m steelthread.store.supervisor PROJECT`: runs PostgreSQL, and stops it when nobody uses it any more."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from steelthread.kit import open_project
from steelthread.store.embedded import SETTINGS, Embedded, binaries
from steelthread.store.privileges import drop

_RESTART_SECONDS = 30.0
"""How long a killed server is tried to be started again: its processes may need a moment to go."""
_STARTED_SECONDS = 5.0
"""A server that ends by itself before has not started, and would not the next time."""


def main(folder: Path) -> int:
    """Run the server until its last client has been away long enough; one that is killed, or ends by itself, is started again."""
    project = open_project(folder)
    server = Embedded(project)
    running = [_run(server)]
    told = []

    def stop(*_: object) -> None:
        told.append(True)
        running[0].send_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, stop)
    lock = os.open(server.run / "clients.lock", os.O_RDWR | os.O_CREAT, 0o600)
    while True:
        began = time.monotonic()
        ended = _watch(server, running[0], lock, project.settings.database.idle_seconds)
        if ended is None:
            return 0
        failed = ended > 0 and time.monotonic() - began < _STARTED_SECONDS
        if told or failed or _alone(lock):
            return ended
        again = _again(server)
        if again is None:
            return 1
        running[0] = again


def _run(server: Embedded) -> "subprocess.Popen[bytes]":
    command = [str(binaries() / "postgres"), "-D", str(server.folder), "-k", str(server.sockets)]
    for name, value in SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    log = os.open(server.project.logs / "postgresql.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=drop, cwd="/")  # noqa: PLW1509  # one thread here
    finally:
        os.close(log)


def _again(server: Embedded) -> "subprocess.Popen[bytes] | None":
    """Start the server again after it was killed; None when it does not start."""
    starter = os.open(server.run / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(starter, fcntl.LOCK_EX)
    try:
        deadline = time.monotonic() + _RESTART_SECONDS
        while time.monotonic() < deadline:
            server.forget_dead_server()
            postgres = _run(server)
            time.sleep(0.5)
            if postgres.poll() is None:
                return postgres
        return None
    finally:
        os.close(starter)


def _watch(server: Embedded, postgres: "subprocess.Popen[bytes]", lock: int, idle_seconds: float) -> int | None:
    """Wait for the end of the server, and bring it about when nobody uses it; return how it ended, None when it was brought about."""
    alone_since: float | None = None
    while postgres.poll() is None:
        time.sleep(0.5)
        if not _alone(lock):
            alone_since = None
        elif alone_since is None:
            alone_since = time.monotonic()
        elif time.monotonic() - alone_since > idle_seconds:
            _stop(server, postgres, lock)
            return None
    return postgres.returncode


def _alone(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(lock, fcntl.LOCK_UN)
    return True


def _stop(server: Embedded, postgres: subprocess.Popen[bytes], lock: int) -> None:
    """Stop fast; a client that comes meanwhile waits for the start lock and starts the server again."""
    starter = os.open(server.run / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(starter, fcntl.LOCK_EX)
    try:
        if _alone(lock):
            postgres.send_signal(signal.SIGINT)
        postgres.wait()
    finally:
        os.close(starter)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
