"""Lineage: from a source's column by the canonical attribute and the profile to whoever may receive it; as OpenLineage too."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

import msgspec
import psycopg

from steelthread import __version__, intake
from steelthread.intake import Source, Words, columns_of, homes_of
from steelthread.kit import iso
from steelthread.privacy import EVERYTHING, load_purposes
from steelthread.rights.processing import Delivered
from steelthread.rights.sql import SqlAccess
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_SPEC = "https://openlineage.io/spec"
_PRODUCER = f"pkg:generic/steelthread@{__version__}"
"""The program as a package URL (purl): no address of anybody, and it says the version."""
_RUNS = UUID("6d0c0c0e-3d0a-5b5f-9c8e-0d7f6a0b1c2d")
"""Name space of the ids of runs: the same load has the same id in every export."""


class Edge(msgspec.Struct, rename="camel"):
    """A step of a value: from where to where, and how."""

    source: str
    target: str
    how: str


def lineage(space: Space, conn: Connection, delivered: Sequence[Delivered]) -> list[Edge]:
    """Return every step from a source's column by the canonical attribute and the profile to whoever may receive it."""
    folder = space.project.folder
    found: list[Edge] = []
    for name in intake.list_sources(folder):
        if intake.is_live(folder, name):
            source = intake.load_live(folder, name, space.model)[1]
        else:
            source = intake.load_source(folder, name, space.model)
        found += _mapped(name, source) if source else []
    found += _live(space, conn)
    for place in sorted({one.target for one in found if one.how == "mapped"}):
        found.append(Edge(place, f"profile.{place.partition('.')[2]}", "folded"))
    for name, told in conn.execute("select name, told from profiles.trait_definition order by 1"):
        over = ".".join(filter(None, (told.get("entity") or told.get("event"), told.get("attribute"))))
        found.append(Edge(over, f"profile.traits.{name}", str(told.get("function", "computed"))))
    shown = {one.target for one in found if one.target.startswith("profile.")}
    for receiver, purpose in _receivers(space, conn):
        fields = load_purposes(folder / "purposes.yaml").get(purpose).fields
        for target in sorted(shown):
            field = target.split(".")[1]
            if EVERYTHING in fields or field in fields:
                found.append(Edge(target, receiver, f"read for {purpose}"))
    found += [Edge("profile.individualId", f"{one.what} {one.name}", "told of changes") for one in delivered]
    return found


def _mapped(name: str, source: Source) -> list[Edge]:
    """Return the steps that a source's file says."""
    found = []
    for entity in source.entities:
        for attribute, mapped in entity.attributes.items():
            place = f"{entity.entity}.{attribute}"
            found += [Edge(f"{name}:{column}", place, "mapped") for column in columns_of(mapped)]
    return found + [Edge(f"{name}:{one.column}", f"identifier.{one.kind}", "identifies") for one in source.identifiers]


def _live(space: Space, conn: Connection) -> list[Edge]:
    """Return the steps of what live sources sent so far: properties of events, by the words of SDKs."""
    folder, words = space.project.folder, Words(space.model, space.project.settings.project.country)
    found = []
    for number, (name, _) in sorted(intake.source_names(conn).items(), key=lambda one: one[1]):
        if name in intake.list_sources(folder) and (
            not intake.is_live(folder, name) or intake.load_live(folder, name, space.model)[0].mapped
        ):
            continue
        events: dict[str, list[str]] = {}
        for one in intake.list_seen(conn, number):
            events.setdefault(one["event"], []).append(one["property"])
        for event, properties in events.items():
            found += [
                Edge(f"{name}:{home.event}.{home.property}", f"{home.entity}.{home.attribute}", "mapped")
                for home in homes_of(words, event, properties)
            ]
        if events:
            found += [Edge(f"{name}:userId", "identifier.user_id", "identifies")]
            found += [Edge(f"{name}:anonymousId", "identifier.anonymous_id", "identifies")]
    return found


def _receivers(space: Space, conn: Connection) -> list[tuple[str, str]]:
    """Return (who, purpose) of keys and SQL roles in force."""
    purposes = load_purposes(space.project.folder / "purposes.yaml")
    rows = conn.execute("select key_id, name, purposes from api.key where revoked_at is null order by 1").fetchall()
    keys = [
        (f"key {number}{f' {name}' if name else ''}", one)
        for number, name, mine in rows
        for one in mine
        if one in purposes
    ]
    return keys + [(one["role"], one["purpose"]) for one in SqlAccess(space).roles(conn) if one["purpose"] in purposes]


def through(edges: Sequence[Edge], name: str) -> list[Edge]:
    """Return the steps that lead to something, and those that lead from it."""
    kept: list[Edge] = []
    for begin, end in (("source", "target"), ("target", "source")):
        front, seen = {name}, {name}
        while front:
            steps = [one for one in edges if getattr(one, begin) in front]
            kept += [one for one in steps if one not in kept]
            front = {getattr(one, end) for one in steps} - seen
            seen |= front
    return [one for one in edges if one in kept]


def openlineage(space: Space, conn: Connection) -> list[dict[str, Any]]:
    """Return each load as an event of OpenLineage (RunEvent, 2-0-2) with the lineage of columns (facet, 1-2-0)."""
    project = space.project.settings.project.name
    edges = lineage(space, conn, [])
    rows = conn.execute(
        "select l.load_id, s.name, l.started_at, l.finished_at from intake.load l join intake.source s using (source_id) order by 1"
    ).fetchall()
    events = []
    for number, name, started, finished in rows:
        mine = [one for one in edges if one.source.startswith(f"{name}:")]
        columns = sorted({one.source.partition(":")[2] for one in mine})
        event = {
            "eventType": "COMPLETE" if finished else "START", "eventTime": iso(finished or started), "producer": _PRODUCER,
            "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": str(uuid5(_RUNS, f"{project}/{number}"))},
            "job": {"namespace": f"steelthread://{project}", "name": f"load.{name}"},
            "inputs": [{
                "namespace": f"steelthread://{project}", "name": f"sources/{name}",
                "facets": {"schema": {**_facet("SchemaDatasetFacet", "1-1-1"), "fields": [{"name": one} for one in columns]}},
            }],
            "outputs": [{
                "namespace": f"steelthread://{project}", "name": "profiles",
                "facets": {"columnLineage": {**_facet("ColumnLineageDatasetFacet", "1-2-0"), "fields": _fields(mine, project, name)}},
            }],
        }  # fmt: skip
        events.append(event)
    return events


def _facet(name: str, version: str) -> dict[str, str]:
    return {"_producer": _PRODUCER, "_schemaURL": f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}"}


def _fields(edges: Sequence[Edge], project: str, name: str) -> dict[str, Any]:
    """Return output field -> the columns it is made of."""
    found: dict[str, Any] = {}
    for one in edges:
        field = {
            "namespace": f"steelthread://{project}", "name": f"sources/{name}", "field": one.source.partition(":")[2],
            "transformations": [{
                "type": "DIRECT" if one.how == "mapped" else "INDIRECT",
                "subtype": "TRANSFORMATION" if one.how == "mapped" else "JOIN",
                "description": one.how, "masking": one.how != "mapped",
            }],
        }  # fmt: skip
        found.setdefault(one.target, {"inputFields": []})["inputFields"].append(field)
    return dict(sorted(found.items()))
