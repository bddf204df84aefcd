"""`serve`: the HTTP API, the collector of live events, and the worker that folds them in."""

import errno
import gc
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

import psycopg
import structlog

from steelthread.activation import Deliverer, webhooks
from steelthread.cli.shell import DEFAULT, Common, app, err
from steelthread.identity import count_models
from steelthread.intake import live_sources
from steelthread.kit import Conflict, Invalid, Project, SteelthreadError, come_soon
from steelthread.rights import (
    Controller,
    Mails,
    Processor,
    RequestDesk,
    SqlAccess,
    Tables,
    carry_on,
    collect_questions,
    embedded_log,
    replay_erasures,
    run_daily,
)
from steelthread.thread import Matcher, Space, Worker, matches_by_itself

Connection = psycopg.Connection[Any]
Part = Literal["all", "collector", "worker", "matcher", "api", "sender"]
_LOOK_SECONDS = 1.0
_DUE_SECONDS = 3600.0
_FOLLOW_SECONDS = 60.0
_GARBAGE = (20_000, 20, 20)
"""After how many new objects garbage is looked for: what events leave behind goes by itself, and what is remembered of
people stays, so that looking through all of it more often costs as much as the events."""
_TURN_SECONDS = 0.0005
"""For how long a thread that answers may have to wait for another of this process: reading an event takes milliseconds."""
_LOG = structlog.get_logger()
_BESIDE = "STEELTHREAD_WORKER_BESIDE"
"""Tells a part in a process of its own the number of the server with which it goes."""


@app.command
def serve(*, host: str = "", port: int = 0, only: Part = "all", common: Common = DEFAULT) -> None:
    """Serve until stopped: HTTP API, collector of live events, worker that folds them in, sender of webhooks.

    Where `[matching] new_records` says so, a matcher compares new records with all others by itself.

    Parameters
    ----------
    host
        Address to listen on; the setting by default.
    port
        Port to listen on; the setting by default.
    only
        One part alone, when the parts run on several machines or in several processes.
    """
    project = common.open()
    if only == "worker":
        with common.space() as space:
            replay_erasures(space)
            space.database.give_way(project.settings.live.niceness)
            Worker(space, int(os.environ.get(_BESIDE, "0"))).run()
        return
    if only == "matcher":
        _match(common)
        return
    if only == "sender":
        with common.space() as space:
            space.forget_with_others()
            _send(Deliverer(space), int(os.environ.get(_BESIDE, "0")))
        return
    run(common, host or project.settings.server.host, port or project.settings.server.port, only)


def _match(common: Common) -> None:
    """Compare new records until told to stop."""
    with common.space() as space:
        if not matches_by_itself(space.project):
            raise Invalid(
                '[matching] new_records in steelthread.toml is "command": say "stream" or "interval" there first.'
            )
        replay_erasures(space)
        space.forget_with_others()
        space.database.give_way(space.project.settings.live.niceness)
        Matcher(space, int(os.environ.get(_BESIDE, "0"))).run()


def _send(deliverer: Deliverer, server: int) -> None:
    """Deliver until told to stop, or until the server with which it goes has ended."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    deliverer.start()
    while not stopping.wait(_LOOK_SECONDS) and (not server or os.getppid() == server):
        pass
    deliverer.stop()


def _beside(space: Space) -> "list[Beside]":
    """Return what runs in processes of its own beside the server."""
    beside = [Beside(space, "worker", live_sources), Beside(space, "sender", webhooks)]
    if matches_by_itself(space.project):
        beside.append(Beside(space, "matcher", count_models))
    return beside


def run(common: Common, host: str, port: int, only: Part = "all") -> None:
    """Serve until stopped; Conflict or Invalid, before anything begins, where nobody can listen."""
    _free(host, port)
    import uvicorn  # noqa: PLC0415  # with FastAPI half of the start of every other command

    from steelthread.api import create_api  # noqa: PLC0415

    with common.space() as space:
        replay_erasures(space)  # the gate of a restored backup
        space.forget_with_others()
        SqlAccess(space).refresh_stale()
        err.print(f"Steelthread at http://{host}:{port}/docs", highlight=False)
        beside = _beside(space) if only == "all" else []
        clock = RequestClock(space) if only in ("all", "api") else None
        come_soon(first=True)  # this thread and those that answer; what works by itself has begun before
        sys.setswitchinterval(_TURN_SECONDS)
        try:
            api = create_api(space, collects=only != "api", reads=only != "collector")
            gc.collect()
            gc.freeze()  # model, rules and code stay: no request waits while they are looked through for garbage
            gc.set_threshold(*_GARBAGE)
            uvicorn.run(api, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
            if only != "collector":
                api.state.desk.queue.flush()
        finally:
            if clock:
                clock.stop()
            for one in beside:
                one.stop()


def _free(host: str, port: int) -> None:
    if not 0 < port < 65_536:
        raise Invalid(f"A port is a number from 1 to 65535, not {port}: say another with --port.")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Conflict(
                    f"Port {port} of {host} is taken: something listens there already, another `steelthread serve` "
                    "perhaps. Say another with --port."
                ) from None
            raise Invalid(
                f"{host}, port {port}, cannot be listened on ({error.strerror}): say another with --host or --port."
            ) from None


class RequestClock:
    """Looks every hour which requests of people are due: each level is noted in the case file, and said in the log.

    Once a day it runs what retention.yaml says. Every minute it does what OpenDSR wants (requests of controllers, erasures at
    destinations), sends mails, takes analysts' questions into the audit log, and carries on batches of erasures that were cut
    off.
    """

    def __init__(self, space: Space) -> None:
        self._desk = RequestDesk(space)
        self._processor, self._controller = Processor(space), Controller(space, self._desk.settled)
        self._space, self._database = space, space.database
        self._log, self._mails = embedded_log(space), Mails(space)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="request-clock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        looked = -math.inf
        while True:
            try:
                if time.monotonic() - looked >= _DUE_SECONDS:
                    self._look()
                    looked = time.monotonic()
                if self._log is not None:
                    collect_questions(self._space, self._log)
                self._mails.send()
                self._processor.work()
                self._controller.follow()
                carry_on(self._space, self._desk, "steelthread")
                self._sweep()
            except (SteelthreadError, psycopg.Error) as error:
                _LOG.warning("the clock of requests waits", error=type(error).__name__)
            if self._stopping.wait(_FOLLOW_SECONDS):
                return

    def _sweep(self) -> None:
        """Take out of the company's own tables whom a kill, or a table that could not be reached, left in."""
        with self._database.connect() as conn:
            for one in Tables(self._space).sweep(conn):
                _LOG.info("table rewritten", table=one.table, rows=one.rows, files=one.files, pending=bool(one.pending))

    def _look(self) -> None:
        kept = run_daily(self._space, "serve")
        if kept is not None:
            _LOG.info("retention ran", **kept.due)
        with self._database.connect() as conn:
            due = self._desk.escalate(conn)
            conn.commit()
        if due:
            _LOG.warning("requests of people are due", **Counter(one["level"] for one in due))


class Beside:
    """One part in a process of its own beside the server, as soon as it has work; one that dies is replaced."""

    def __init__(
        self, space: Space, only: Literal["worker", "sender", "matcher"], count: Callable[[Connection], int]
    ) -> None:
        self._space, self._only, self._count = space, only, count
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._keep, name=f"{only}-beside", daemon=True)
        self._watch.start()

    def stop(self) -> None:
        """Stop it after its present step."""
        self._stopping.set()
        self._watch.join()

    def _keep(self) -> None:
        process: subprocess.Popen[bytes] | None = None
        while not self._stopping.wait(_LOOK_SECONDS):
            if process is not None and process.poll() is None:
                continue
            try:
                if process is not None or self._wanted():
                    process = _start(self._space.project, self._only)
            except (SteelthreadError, psycopg.Error):
                continue  # no database at this moment
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait()

    def _wanted(self) -> bool:
        with self._space.database.connect() as conn:
            return self._count(conn) > 0


def _start(project: Project, only: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "steelthread", "serve", "--only", only, "--project", str(project.folder)]
    environment = {**os.environ, _BESIDE: str(os.getpid())}
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment, start_new_session=True)
