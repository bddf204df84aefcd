"""The HTTP API of one space."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
import psycopg
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, FastAPI, Query, Response

from steelthread import __version__
from steelthread.api.collect import Collect, Doorkeeper
from steelthread.api.keys import KeyCache, needs
from steelthread.api.matching import add_matching
from steelthread.api.problems import install
from steelthread.intake import list_rejects, list_sources
from steelthread.kit import Invalid
from steelthread.profiles import Reader
from steelthread.thread import Collector, LiveStatus, Space, live_status

_ENCODE = msgspec.json.Encoder().encode
_READERS = 4
"""Profiles read at once: more threads than that hinder each other, and answer later."""
_OBJECT: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}


def create_api(space: Space, *, collects: bool = True, reads: bool = True) -> FastAPI:
    """Build the ASGI application over an open space: the collector of live events, the reading API, or both."""
    api = FastAPI(
        title="Steelthread",
        version=__version__,
        summary="One profile per customer under one universal ID.",
    )
    install(api)
    pool = space.database.pool()
    api.state.pool = pool
    api.state.key_cache = KeyCache(lambda hashed: _scopes(pool, hashed), time.monotonic)
    if collects:
        api.router.routes.extend(Collect(Collector(space, pool), Doorkeeper(pool)).routes())
    if reads:
        _records(api, space)
        _profiles(api, space)
        add_matching(api, space)
    _health(api, space)
    return api


def _scopes(pool: Any, hashed: bytes) -> list[str] | None:
    with pool.connection() as conn:
        row = conn.execute(
            "select scopes from api.key where secret_hash = %s and revoked_at is null", (hashed,)
        ).fetchone()
    return None if row is None else list(row[0])


@contextmanager
def _reader(api: FastAPI, space: Space) -> Iterator[Reader]:
    with api.state.pool.connection() as conn:
        yield space.reader(conn)


def _json(content: Any) -> Response:
    return Response(_ENCODE(content), media_type="application/json")


def _profiles(api: FastAPI, space: Space) -> None:
    allowed = [Depends(needs("profiles:read"))]

    @api.get("/api/profiles/{ref:path}/timeline", tags=["profiles"], dependencies=allowed, responses=_OBJECT)
    def timeline(ref: str, limit: Annotated[int, Query(ge=1, le=500)] = 50, cursor: str = "") -> Response:
        """What happened, newest first; `next` is the cursor of the next page."""
        with _reader(api, space) as reader:
            entries = reader.timeline(ref, limit, _cursor(cursor))
        following = entries[-1]["cursor"] if len(entries) == limit else None
        return _json({"entries": entries, "next": following})

    readers = CapacityLimiter(_READERS)

    @api.get("/api/profiles/{ref:path}", tags=["profiles"], dependencies=allowed, responses=_OBJECT)
    async def profile(ref: str, wait: Annotated[float, Query(ge=0, le=30)] = 0) -> Response:
        """The 360 of a reference: `individual:UUID`, `KIND:VALUE` or `record:SOURCE/ENTITY/KEY`, percent-encoded.

        With `wait`, the answer comes as soon as all events acknowledged before the call are folded in, or after so many
        seconds.
        """
        if wait:
            await _folded(api, space, wait)
        return await to_thread.run_sync(_profile, api, space, ref, limiter=readers)

    @api.get("/api/individuals/{individual}", tags=["profiles"], dependencies=allowed, responses=_OBJECT)
    def resolve(individual: UUID, as_of: datetime | None = None) -> Response:
        """What a universal ID, present or former, stands for; `individualId` is the present one."""
        with _reader(api, space) as reader:
            return _json(reader.resolve(individual, as_of))

    @api.get("/api/explain", tags=["profiles"], dependencies=allowed, responses=_OBJECT)
    def explain(a: str, b: str) -> Response:
        """Whether two references are one person, and by which links."""
        with _reader(api, space) as reader:
            return _json(reader.explain(a, b))

    @api.get("/api/search", tags=["profiles"], dependencies=allowed, responses=_OBJECT)
    def search(name: str, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Response:
        """People by whole words of their names."""
        with _reader(api, space) as reader:
            return _json({"profiles": reader.search(name, limit)})


def _profile(api: FastAPI, space: Space, ref: str) -> Response:
    with _reader(api, space) as reader:
        return _json(reader.profile(ref))


async def _folded(api: FastAPI, space: Space, wait: float) -> None:
    """Wait until what was accepted so far is folded in."""
    deadline = time.monotonic() + wait
    accepted = (await to_thread.run_sync(_live_status, api, space)).accepted
    while (await to_thread.run_sync(_live_status, api, space)).folded < accepted and time.monotonic() < deadline:  # noqa: ASYNC110  # another process moves it
        await asyncio.sleep(0.01)


def _live_status(api: FastAPI, space: Space) -> LiveStatus:
    with api.state.pool.connection() as conn:
        return live_status(space, conn)


def _cursor(text: str) -> tuple[datetime, int] | None:
    if not text:
        return None
    moment, _, record = text.partition("~")
    try:
        return datetime.fromisoformat(moment), int(record)
    except ValueError:
        raise Invalid("cursor is not one that this API gave: leave it out for the first page.") from None


def _records(api: FastAPI, space: Space) -> None:
    @api.get(
        "/api/profiles/{ref:path}/records",
        tags=["records"],
        dependencies=[Depends(needs("records:read"))],
        responses=_OBJECT,
    )
    def records(ref: str) -> Response:
        """The source records of a reference, in full."""
        with _reader(api, space) as reader:
            return _json({"records": reader.records(ref)})

    @api.get("/api/rejects", tags=["records"], dependencies=[Depends(needs("rejects:read"))], responses=_OBJECT)
    def rejects(source: str = "", limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """Rows refused and values set aside, with their reasons."""
        with api.state.pool.connection() as conn:
            return _json({"rejects": list_rejects(conn, source, limit)})

    @api.get("/api/sources", tags=["sources"], dependencies=[Depends(needs("sources:read"))], responses=_OBJECT)
    def sources() -> Response:
        """The sources of the project."""
        return _json({"sources": list_sources(space.project.folder)})

    @api.get("/api/model", tags=["model"], dependencies=[Depends(needs("model:read"))], responses=_OBJECT)
    def entities() -> Response:
        """The entities of the canonical model."""
        listed = [
            {"entity": one.name, "label": one.label, "area": one.area, "category": one.category}
            for one in space.model.entities.values()
        ]
        return _json({"entities": listed})

    @api.get("/api/model/{entity}", tags=["model"], dependencies=[Depends(needs("model:read"))], responses=_OBJECT)
    def entity(entity: str) -> Response:
        """An entity with its attributes."""
        return _json(msgspec.to_builtins(_plain(space, entity)))


def _plain(space: Space, name: str) -> dict[str, Any]:
    one = space.model.entity(name)
    return {
        "entity": one.name, "label": one.label, "area": one.area, "category": one.category,
        "description": one.description, "attributes": list(one.attributes.values()),
    }  # fmt: skip


def _health(api: FastAPI, space: Space) -> None:
    @api.get("/api/status", tags=["operation"], responses=_OBJECT)
    def status() -> Response:
        """How far live events have come: counts only, so it needs no key."""
        return _json(_live_status(api, space))

    @api.get("/health", tags=["operation"], responses=_OBJECT)
    def health() -> Response:
        """Whether the database answers."""
        try:
            with api.state.pool.connection(timeout=2) as conn:
                conn.execute("select 1")
        except psycopg.Error:
            return Response(_ENCODE({"status": "unavailable", "version": __version__}), 503)
        return _json({"status": "ok", "version": __version__, "project": space.project.settings.project.name})
