"""The HTTP API of one space."""

import time
from typing import Annotated, Any

import msgspec
import psycopg
from fastapi import Depends, FastAPI, Query, Response
from fastapi_offline import FastAPIOffline

from steelthread import __version__
from steelthread.api.asyncapi import asyncapi
from steelthread.api.collect import Collect
from steelthread.api.context import context
from steelthread.api.desk import Desk, Reading, for_purpose
from steelthread.api.doorkeeper import Doorkeeper, SourceFiles
from steelthread.api.folded import status_now
from steelthread.api.glass import add_glass
from steelthread.api.keys import Caller, KeyCache, find_caller, needs
from steelthread.api.matching import add_matching
from steelthread.api.metrics import metrics
from steelthread.api.opendsr import add_opendsr
from steelthread.api.preferences import add_preferences
from steelthread.api.privacy import add_privacy
from steelthread.api.problems import install
from steelthread.api.profiles import profiles
from steelthread.api.reading import OBJECT, answer, reading
from steelthread.api.requests import add_requests
from steelthread.api.segment import segment_profiles
from steelthread.api.streams import changes_head, streams
from steelthread.intake import Surroundings, list_alerts, list_rejects, list_sources
from steelthread.privacy import Access, load_purposes
from steelthread.profiles import filling
from steelthread.thread import Collector, Heard, Space

_READERS = 6
"""Connections for whoever looks people up."""
_KEEPERS = 3
"""Connections of the collector, which commits one batch after another, and looks meanwhile how far folding has come."""
_MOST_ASKED = ("/v1/batch", "/v1/track", "/v1/page", "/v1/identify", "/api/decisions", "/api/context", "/api/consents")


def create_api(space: Space, *, collects: bool = True, reads: bool = True) -> FastAPI:
    """Build the ASGI application over an open space: the collector of live events, the reading API, or both."""
    api = FastAPIOffline(
        redoc_url=None,
        title="Steelthread",
        version=__version__,
        summary="One profile per customer under one universal ID.",
    )
    install(api)
    pool = space.database.pool()
    api.state.pool = pool
    api.state.readers = space.database.pool(_READERS, by_key=True, first=True) if reads else pool
    purposes = load_purposes(space.project.folder / "purposes.yaml")
    api.state.access = Access(space.project.folder, purposes, space.model)
    api.state.key_cache = KeyCache(lambda hashed: _caller(pool, hashed), time.monotonic)
    collector = Collector(space, space.database.pool(_KEEPERS, by_key=True))
    files = SourceFiles(space.project.folder, space.model)
    if collects:
        collect = Collect(collector, Doorkeeper(pool), files, _surroundings(space))
        api.router.routes.extend(collect.routes())
    if reads:
        api.state.desk = Desk(space, pool, api.state.access)
        heard = api.state.heard = Heard(space)
        api.router.add_event_handler("shutdown", heard.stop)
        changes_head(api, space)
        streams(api, space, heard)
        _records(api, space)
        profiles(api, space)
        segment_profiles(api, space)
        context(api, space, collector, files, _surroundings(space))
        add_matching(api, space)
        add_privacy(api, space)
        add_requests(api, space)
        add_preferences(api, space)
        add_opendsr(api, space)
        add_glass(api, space)
    _health(api, space)
    asyncapi(api)
    metrics(api, space)
    api.router.routes.sort(key=lambda route: _rank(getattr(route, "path", "")))
    return api


def _rank(path: str) -> int:
    """Return the place of a route: they are tried one by one, and of 160 the last would wait for all others."""
    if path in _MOST_ASKED:
        return _MOST_ASKED.index(path)
    return len(_MOST_ASKED) + (not path.startswith("/api/profiles/"))


def _surroundings(space: Space) -> Surroundings:
    live = space.project.settings.live
    database = space.project.folder / live.country_database if live.country_database else None
    return Surroundings(database, live.country_header)


def _caller(pool: Any, hashed: bytes) -> Caller | None:
    with pool.connection() as conn:
        return find_caller(conn, hashed)


def _records(api: FastAPI, space: Space) -> None:
    @api.get(
        "/api/profiles/{ref:path}/records",
        tags=["records"],
        responses=OBJECT,
    )
    def records(granted: Annotated[Reading, for_purpose("records:read")], ref: str) -> Response:
        """The source records of a reference, as far as they are shown for the purpose."""
        with reading(api, space, granted, "records", ref) as reader:
            return answer({"records": granted.mask.records(reader.records(ref))})

    @api.get("/api/rejects", tags=["records"], dependencies=[Depends(needs("rejects:read"))], responses=OBJECT)
    def rejects(
        source: str = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        cursor: Annotated[int | None, Query(ge=1, lt=1 << 63)] = None,
    ) -> Response:
        """Rows refused and values set aside, with their reasons, newest first; `next` is the cursor of the next page."""
        with api.state.pool.connection() as conn:
            listed = list_rejects(conn, source, limit, cursor)
        return answer({"rejects": listed, "next": listed[-1]["id"] if len(listed) == limit else None})

    @api.get("/api/alerts", tags=["operation"], dependencies=[Depends(needs("changes:read"))], responses=OBJECT)
    def alerts(ended: bool = False, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:  # noqa: FBT001, FBT002  # a query parameter
        """What somebody should look at: unusual volumes, contracts and files of sources that cannot be read."""
        with api.state.pool.connection() as conn:
            return answer({"alerts": list_alerts(conn, ended=ended, limit=limit)})

    @api.get("/api/traits", tags=["profiles"], dependencies=[Depends(needs("profiles:read"))], responses=OBJECT)
    def traits() -> Response:
        """The computed traits, and how far each is filled over history."""
        with api.state.pool.connection() as conn:
            return answer({"traits": filling(conn)})

    @api.get("/api/sources", tags=["sources"], dependencies=[Depends(needs("sources:read"))], responses=OBJECT)
    def sources() -> Response:
        """The sources of the project."""
        return answer({"sources": list_sources(space.project.folder)})

    @api.get("/api/model", tags=["model"], dependencies=[Depends(needs("model:read"))], responses=OBJECT)
    def entities() -> Response:
        """The entities of the canonical model."""
        listed = [
            {"entity": one.name, "label": one.label, "area": one.area, "category": one.category}
            for one in space.model.entities.values()
        ]
        return answer({"entities": listed})

    @api.get("/api/model/{entity}", tags=["model"], dependencies=[Depends(needs("model:read"))], responses=OBJECT)
    def entity(entity: str) -> Response:
        """An entity with its attributes."""
        return answer(msgspec.to_builtins(_plain(space, entity)))


def _plain(space: Space, name: str) -> dict[str, Any]:
    one = space.model.entity(name)
    return {
        "entity": one.name, "label": one.label, "area": one.area, "category": one.category,
        "description": one.description, "attributes": list(one.attributes.values()),
    }  # fmt: skip


def _health(api: FastAPI, space: Space) -> None:
    @api.get("/api/status", tags=["operation"], responses=OBJECT)
    def status() -> Response:
        """How far live events have come: counts only, so it needs no key."""
        return answer(status_now(api, space))

    @api.get("/health", tags=["operation"], responses=OBJECT)
    def health() -> Response:
        """Whether the database answers."""
        try:
            with api.state.pool.connection(timeout=2) as conn:
                conn.execute("select 1")
        except psycopg.Error:
            return answer({"status": "unavailable", "version": __version__}, 503)
        return answer({"status": "ok", "version": __version__, "project": space.project.settings.project.name})
