"""Prometheus metrics (text exposition format 0.0.4): counts and times, never a personal value, so they need no key.

Labels are route templates, methods, status codes, and the project's own names of webhooks and traits.
"""

import time
from collections.abc import Iterable, MutableMapping
from typing import Any

import psycopg
from anyio import to_thread
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Histogram, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as MetricCollector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from steelthread.activation import list_webhooks
from steelthread.intake import open_alerts
from steelthread.profiles import filling
from steelthread.thread import Space, live_status

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Standing(MetricCollector):
    """How the space stands, asked of the database at each scrape."""

    def __init__(self, api: FastAPI, space: Space) -> None:
        self._api, self._space = api, space

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of this moment; `steelthread_up` alone while the database is away."""
        up = GaugeMetricFamily("steelthread_up", "Whether the database answers.")
        try:
            with self._api.state.pool.connection(timeout=2) as conn:
                found = [*self._live(conn), self._alerts(conn), *self._webhooks(conn), *self._traits(conn)]
        except psycopg.Error:
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [up, *found]

    def _live(self, conn: psycopg.Connection[Any]) -> Iterable[Metric]:
        status = live_status(self._space, conn)
        for name, value, help_ in (
            ("accepted", status.accepted, "Live events that were acknowledged."),
            ("folded", status.folded, "Live events that were folded in."),
            ("rejected", status.rejected, "Live events that were refused, and values that were set aside."),
            ("duplicates", status.duplicates, "Live events that had come before."),
        ):
            yield CounterMetricFamily(f"steelthread_events_{name}", help_, value=value)
        yield GaugeMetricFamily(
            "steelthread_fold_lag_seconds", "Age of the oldest event that is not folded in.", value=status.lag_seconds
        )

    def _alerts(self, conn: psycopg.Connection[Any]) -> Metric:
        standing = GaugeMetricFamily(
            "steelthread_alerts", "Alerts that stand: see `steelthread alerts`.", labels=["kind"]
        )
        for kind, total in sorted(open_alerts(conn).items()):
            standing.add_metric([kind], total)
        return standing

    def _webhooks(self, conn: psycopg.Connection[Any]) -> Iterable[Metric]:
        waiting = GaugeMetricFamily("steelthread_webhook_waiting", "Deliveries that wait.", labels=["webhook"])
        dead = GaugeMetricFamily("steelthread_webhook_dead", "Deliveries that were given up.", labels=["webhook"])
        done = CounterMetricFamily("steelthread_webhook_delivered", "Deliveries that arrived.", labels=["webhook"])
        for one in list_webhooks(conn):
            waiting.add_metric([one.name], one.waiting)
            dead.add_metric([one.name], one.dead)
            done.add_metric([one.name], one.delivered)
        return [waiting, dead, done]

    def _traits(self, conn: psycopg.Connection[Any]) -> Iterable[Metric]:
        owners = GaugeMetricFamily("steelthread_trait_owners", "Owners of events when filling began.", labels=["trait"])
        done = GaugeMetricFamily("steelthread_trait_owners_done", "Owners filled so far.", labels=["trait"])
        for one in filling(conn):
            owners.add_metric([one.name], one.owners)
            done.add_metric([one.name], one.owners_done)
        return [owners, done]


class Measured:
    """Times every call until its answer begins, by the template of its route: a path itself may name a person."""

    def __init__(self, app: ASGIApp, api: FastAPI, seconds: Histogram) -> None:
        self._app, self._api, self._seconds = app, api, seconds
        self._paths: dict[int, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = time.perf_counter() - began
                method = scope["method"] if scope["method"] in ("GET", "POST", "OPTIONS", "HEAD") else "other"
                self._seconds.labels(method, self._route(scope), str(message["status"])).observe(took)
            await send(message)

        await self._app(scope, receive, told)

    def _route(self, scope: MutableMapping[str, Any]) -> str:
        """Return the template of the route that took a call, `none` when none did."""
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return "none"
        if not self._paths:
            self._paths = {id(one.endpoint): one.path for one in self._api.routes if isinstance(one, Route)}
        return self._paths.get(id(endpoint), "other")


def metrics(api: FastAPI, space: Space) -> None:
    """Add `/metrics`, and measure every call."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(_Standing(api, space))
    seconds = Histogram(
        "steelthread_http_seconds", "Seconds until an answer begins.", ["method", "route", "status"],
        registry=registry, buckets=_BUCKETS,
    )  # fmt: skip
    api.add_middleware(Measured, api=api, seconds=seconds)

    async def take(_: Request) -> Response:
        body = await to_thread.run_sync(generate_latest, registry)
        return Response(body, headers={"Content-Type": _TYPE})

    api.router.routes.append(Route("/metrics", take, methods=["GET"]))
