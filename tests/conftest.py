"""Real PostgreSQL for every test: the embedded server, and Debian's for some, with `--servers both` for all; a fresh database each."""

import collections
import contextlib
import functools
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql

from steelthread.app import create_project, draft_source, load_file
from steelthread.kit import open_project
from steelthread.store import migrate, open_database
from steelthread.store.privileges import drop, unprivileged
from steelthread.thread import Space

_NUMBERS = itertools.count(1)


_EACH = 6
"""Of the tests of a file one of so many runs on Debian's server, too."""


def pytest_addoption(parser):
    what = "some: all tests on the embedded PostgreSQL, a sixth on Debian's as well; both: all on each (make soak)"
    parser.addoption("--servers", choices=["some", "both"], default="some", help=what)


def pytest_collection_modifyitems(config, items):
    """Leave most tests out on the second server, the same ones each time; those of `store`, and what is asked for by name, run."""
    asked = config.getoption("--servers") == "both" or "debian" in " ".join([config.getoption("-k"), *config.args])
    if asked:
        return
    seen = collections.Counter()
    left, chosen = [], []
    for item in items:
        on = item.callspec.params.get("server") if hasattr(item, "callspec") else None
        if on == "debian" and item.path.parent.name != "store":
            seen[item.path] += 1
            if seen[item.path] % _EACH != 1:
                left.append(item)
                continue
        chosen.append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = chosen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Where `.ci/run` has installed everything, a test that skips because something is not installed is a failure."""
    report = yield
    if report.skipped and os.environ.get("ALL_IS_INSTALLED") and "installed" in str(report.longrepr):
        report.outcome = "failed"
    return report


class Server(NamedTuple):
    """A running PostgreSQL: how to connect, where its data and its log are."""

    conninfo: str
    data: Path
    logs: Path


def _hash_once(conninfo):
    """Have a server hash its password once, not 4096 times, where it can: a test opens thirty connections, of 4 ms each."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        if conn.info.server_version >= 160_000:
            parts = psycopg.conninfo.conninfo_to_dict(conninfo)
            conn.execute("set scram_iterations = 1")
            conn.execute(
                sql.SQL("alter role {} password {}").format(
                    sql.Identifier(parts["user"]), sql.Literal(parts["password"])
                )
            )


@contextlib.contextmanager
def _embedded(folder):
    create_project(folder, "server")
    (folder / "steelthread.toml").write_text("[database]\nidle_seconds = 2\n")
    project = open_project(folder)
    database = open_database(project)
    with psycopg.connect(
        database.conninfo, autocommit=True
    ) as conn:  # what survives a power cut has servers of its own
        conn.execute("alter system set fsync = off")
        conn.execute("select pg_reload_conf()")
    _hash_once(database.conninfo)
    try:
        yield Server(database.conninfo, project.data, project.logs)
    finally:
        database.close()


@contextlib.contextmanager
def _debian(*, jit):
    """Debian's own server, as its package makes one: as an ordinary user, on loopback.

    It compiles what it takes for large questions, and asks that of small ones in new tables: tests take four times as long.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if not found:
        pytest.skip("Debian's package postgresql is not installed (.ci/run installs it)")
    folder = Path(tempfile.mkdtemp(prefix="steelthread-debian-"))
    user = unprivileged()
    if user:
        os.chown(folder, *user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data, log = folder / "data", folder / "log"
    how = {"preexec_fn": drop, "cwd": "/", "stdin": subprocess.DEVNULL}
    (folder / "password").write_text("debian")
    initdb = [found[-1].with_name("initdb"), "-D", data, "-U", "steelthread", "-A", "scram-sha-256", "-E", "UTF8"]
    subprocess.run([*initdb, f"--pwfile={folder / 'password'}"], check=True, capture_output=True, **how)
    log.mkdir()
    with (log / "postgresql.log").open("w") as stream:
        options = [
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=off",
            "-c",
            f"jit={'on' if jit else 'off'}",
            "-c",
            "log_line_prefix=%m [%p] %u ",
        ]
        process = subprocess.Popen([found[-1], "-D", data, "-p", str(port), *options], stderr=stream, **how)
    conninfo = f"host=127.0.0.1 port={port} user=steelthread password=debian dbname=postgres"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(conninfo).close()
                break
            except psycopg.OperationalError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
        _hash_once(conninfo)
        yield Server(conninfo, data, log)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        shutil.rmtree(folder)


@pytest.fixture(scope="session", params=["embedded", "debian"])
def server(request, tmp_path_factory):
    jit = request.config.getoption("--servers") == "both"
    how = (
        _debian(jit=jit) if request.param == "debian" else _embedded(tmp_path_factory.mktemp("server") / "with blanks")
    )
    with how as running:
        yield running


@functools.cache
def _template(server):
    """Migrate one database of a server, of which each test gets a copy: no test waits for twenty migrations again."""
    name = f"template_{os.getpid()}"
    with psycopg.connect(server.conninfo, autocommit=True) as conn:
        conn.execute(f"create database {name}")
    with psycopg.connect(psycopg.conninfo.make_conninfo(server.conninfo, dbname=name)) as conn:
        migrate(conn)
    return name


@contextlib.contextmanager
def _fresh_space(server, folder):
    name = f"space_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(server.conninfo, autocommit=True) as conn:
        conn.execute(f"create database {name} template {_template(server)}")
    create_project(folder, "test", "GB")
    url = psycopg.conninfo.make_conninfo(server.conninfo, dbname=name)
    (folder / "steelthread.toml").write_text(f"[project]\ncountry = 'GB'\n[database]\nurl = \"{url}\"\n")
    with Space(open_project(folder)) as opened:
        yield opened
    with psycopg.connect(server.conninfo, autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def fresh_space():
    """Give what opens a space of a server, for fixtures that several tests share: (server, folder) -> a context."""
    return _fresh_space


@pytest.fixture
def space(server, tmp_path):
    with _fresh_space(server, tmp_path / "project") as opened:
        yield opened


@pytest.fixture
def other_space(server, tmp_path):
    with _fresh_space(server, tmp_path / "other") as opened:
        yield opened


@pytest.fixture
def load(space):
    def load_text(name: str, text: str, **how):
        path = space.project.folder / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        if not (Path(space.project.sources) / f"{name}.yaml").exists():
            draft_source(space.project, name, path)
        return load_file(space, name, path, **how)

    return load_text
