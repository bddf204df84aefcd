"""Who may send events: write keys, and what the files of live sources say; both remembered for some seconds."""

import time
from pathlib import Path
from typing import Any

import psycopg
import structlog
from psycopg_pool import ConnectionPool, PoolTimeout
from starlette.concurrency import run_in_threadpool

from steelthread import intake
from steelthread.intake import LiveFile, LiveSource
from steelthread.kit import SteelthreadError, Unavailable
from steelthread.model import Model

_REMEMBERED = 5.0
_LOG = structlog.get_logger()


class Doorkeeper:
    """Tells which source a write key lets events into; remembers it for some seconds."""

    def __init__(self, pool: "ConnectionPool[psycopg.Connection[Any]]") -> None:
        self._pool = pool
        self._known: dict[bytes, tuple[float, LiveSource | None]] = {}

    async def source(self, key: str) -> LiveSource | None:
        """Return the source of a key, None for a key that lets nothing in; Unavailable without a database."""
        digest = intake.key_digest(key)
        at, source = self._known.get(digest, (-1e9, None))
        if time.monotonic() - at > _REMEMBERED:
            source = await run_in_threadpool(self._look_up, digest)
            if len(self._known) > 10_000:
                self._known.clear()
            if source is not None:  # a key that is made in this moment must work at once
                self._known[digest] = (time.monotonic(), source)
            else:
                self._known.pop(digest, None)
        return source

    def _look_up(self, digest: bytes) -> LiveSource | None:
        try:
            with self._pool.connection(timeout=5) as conn:
                return intake.source_of_key(conn, digest)
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise Unavailable(f"The database does not answer ({type(error).__name__}): send it again.") from None


class SourceFiles:
    """The files of live sources, read again when they change."""

    def __init__(self, folder: Path, model: Model) -> None:
        self._folder = folder
        self._model = model
        self._known: dict[str, tuple[float, LiveFile]] = {}

    def of(self, name: str) -> LiveFile:
        """Return what a source's file says; its `problem` when it cannot be read."""
        at, file = self._known.get(name, (-1e9, None))
        if file is None or time.monotonic() - at > _REMEMBERED:
            try:
                file = intake.load_live(self._folder, name, self._model)[0]
            except SteelthreadError as error:
                _LOG.warning("a live source's file cannot be read", source=name, reason=str(error))
                file = LiveFile(name=name, problem=str(error))
            self._known[name] = (time.monotonic(), file)
        return file
