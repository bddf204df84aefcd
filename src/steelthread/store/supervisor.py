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


def main(folder: Path) -> int:
    """Run the server until its last client has been away long enough."""
    project = open_project(folder)
    server = Embedded(project)
    command = [str(binaries() / "postgres"), "-D", str(server.folder), "-k", str(server.sockets)]
    for name, value in SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    log = os.open(project.logs / "postgresql.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    postgres = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=drop, cwd="/")  # noqa: PLW1509  # one thread here
    signal.signal(signal.SIGTERM, lambda *_: postgres.send_signal(signal.SIGINT))
    lock = os.open(server.run / "clients.lock", os.O_RDWR | os.O_CREAT, 0o600)
    alone_since: float | None = None
    while postgres.poll() is None:
        time.sleep(0.5)
        if not _alone(lock):
            alone_since = None
        elif alone_since is None:
            alone_since = time.monotonic()
        elif time.monotonic() - alone_since > project.settings.database.idle_seconds:
            return _stop(server, postgres, lock)
    return postgres.returncode


def _alone(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(lock, fcntl.LOCK_UN)
    return True


def _stop(server: Embedded, postgres: subprocess.Popen[bytes], lock: int) -> int:
    """Stop fast; a client that comes meanwhile waits for the start lock and starts the server again."""
    starter = os.open(server.run / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(starter, fcntl.LOCK_EX)
    try:
        if _alone(lock):
            postgres.send_signal(signal.SIGINT)
        postgres.wait()
    finally:
        os.close(starter)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
