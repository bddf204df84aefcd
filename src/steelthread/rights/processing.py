"""The record of processing (GDPR Art. 30), made from what really ran, and where that differs from what was declared.

What ran: loads and live events by source, purposes that were asked for in the audit log and by whom, webhooks that
delivered, destinations of OpenDSR, roles for SQL. What was declared: `purposes.yaml` with bases, recipients and retention, the files of the sources.
"""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
import psycopg

from steelthread import intake
from steelthread.intake import label_of
from steelthread.kit import SteelthreadError, iso
from steelthread.privacy import load_purposes, load_retention
from steelthread.rights.opendsr.configuration import load_opendsr
from steelthread.rights.sql import SqlAccess
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
RECIPIENT = "recipient"
"""Attribute of a key that says for whom it reads: `key create --attribute recipient="Mail House Ltd"`."""
_OWN = ("", "access")
_ASKED = """
select body ->> 'purpose', body ->> 'actor', count(*), min(at), max(at)
from (select at, convert_from(body, 'UTF8')::jsonb as body from privacy.audit) one
where body ->> 'kind' in ('read', 'decision', 'delivery') and body ->> 'what' <> 'refused' and coalesce(body ->> 'purpose', '') <> ''
group by 1, 2 order by 1, 2
"""


class Delivered(msgspec.Struct):
    """Somebody outside to whom data went, as the rooms above know it."""

    name: str
    what: str
    count: int
    purpose: str = ""
    """What it is told for, where it is told for one: that purpose must name it as a recipient, else any."""


class Processing(msgspec.Struct, rename="camel"):
    """The record."""

    controller: dict[str, str]
    activities: list[dict[str, Any]]
    """By purpose: what was declared, who asked how often, from when to when."""
    sources: list[dict[str, Any]]
    """Which data categories come from where, how much came, and when."""
    recipients: list[dict[str, Any]]
    retention: list[dict[str, str]]
    security: list[str]
    alarms: list[str]
    """Where what ran differs from what was declared."""


def record_of_processing(space: Space, conn: Connection, delivered: Sequence[Delivered]) -> Processing:
    """Make the record from what ran, with alarms where it differs from what was declared."""
    purposes = load_purposes(space.project.folder / "purposes.yaml")
    alarms: list[str] = []
    asked = conn.execute(_ASKED).fetchall()
    keys = dict(conn.execute("select 'key ' || key_id, attributes ->> %s from api.key", (RECIPIENT,)).fetchall())
    activities = []
    for purpose in purposes:
        mine = [row for row in asked if row[0] == purpose.name]
        activities.append(
            {
                "purpose": purpose.name, "description": purpose.description, "legalBasis": purpose.legal_basis,
                "effect": purpose.effect, "declaredRecipients": purpose.recipients, "retention": purpose.retention,
                "fields": list(purpose.fields), "asked": sum(row[2] for row in mine),
                "by": sorted({row[1] for row in mine}),
                "first": iso(min((row[3] for row in mine), default=None)), "last": iso(max((row[4] for row in mine), default=None)),
            }
        )  # fmt: skip
    delivered = [*delivered, *_opendsr(space, conn)]
    declared = {("", name) for purpose in purposes for name in purpose.recipients}
    declared |= {(purpose.name, name) for purpose in purposes for name in purpose.recipients}
    for name, actor, count, _, _ in asked:
        found = purposes.find(name)
        if found is None and name not in _OWN:
            alarms.append(f"{actor} asked {count} times for {name}, which purposes.yaml does not name")
        elif found is not None and keys.get(actor) and keys[actor] not in found.recipients:
            alarms.append(
                f"{actor} reads for {name} on behalf of {keys[actor]}, whom the purpose does not name as a recipient"
            )
    recipients = [
        {"name": one.name, "what": one.what, "count": one.count, "declared": (one.purpose, one.name) in declared}
        for one in delivered
    ]
    alarms += [
        f"{one.what} {one.name} was delivered to {one.count} times, and {one.purpose or 'no purpose'} "
        f"{'does not name' if one.purpose else 'names'} it as a recipient"
        for one in delivered
        if one.count and (one.purpose, one.name) not in declared
    ]
    for role in SqlAccess(space).roles(conn):
        recipients.append({"name": role["role"], "what": "SQL", "count": None, "declared": role["purpose"] in purposes})
        if role["purpose"] not in purposes:
            alarms.append(f"{role['role']} reads by SQL for {role['purpose']}, which purposes.yaml does not name")
    sources, more = _sources(space, conn)
    return Processing(
        controller={name: value for name, value in msgspec.to_builtins(space.project.settings.controller).items() if value},
        activities=activities, sources=sources, recipients=recipients, retention=_retention(space),
        security=_security(space), alarms=[*alarms, *more],
    )  # fmt: skip


def _opendsr(space: Space, conn: Connection) -> list[Delivered]:
    """Return the processors of opendsr.yaml, and those that were told of erasures and stand there no more."""
    rows = conn.execute(
        "select destination, count(*) from privacy.destination_notice where state <> 'waiting' group by 1"
    ).fetchall()
    told = {name: int(count) for name, count in rows}
    names = sorted({*told, *load_opendsr(space.project.folder).destinations})
    return [Delivered(name, "OpenDSR destination", told.get(name, 0)) for name in names]


def _sources(space: Space, conn: Connection) -> tuple[list[dict[str, Any]], list[str]]:
    rows = conn.execute(
        "select s.name, count(l.load_id), coalesce(sum(l.accepted), 0)::bigint, min(l.started_at), max(l.started_at), "
        "(select count(*) from intake.record r where r.source_id = s.source_id and r.closed_at is null) "
        "from intake.source s left join intake.load l using (source_id) group by s.source_id, s.name order by 1"
    ).fetchall()
    files, told, alarms = set(intake.list_sources(space.project.folder)), [], []
    covered = [one for one in load_purposes(space.project.folder / "purposes.yaml") if "sensitive" in one.covers]
    for name, loads, accepted, first, last, kept in rows:
        categories, special, problem = _categories(space, name)
        told.append(
            {
                "source": name, "categories": categories, "loads": loads, "accepted": accepted, "kept": kept,
                "first": iso(first), "last": iso(last),
            }
        )  # fmt: skip
        if name not in files:
            alarms.append(f"records came from {name}, and sources/{name}.yaml is not there")
        if problem:
            alarms.append(f"sources/{name}.yaml cannot be read: what it brings is not in this record")
        alarms += _collecting(space, name, files)
        if special and not covered:
            alarms.append(f"{name} brings {', '.join(special)}, and no purpose covers what is sensitive")
    return told, alarms


def _collecting(space: Space, name: str, files: Collection[str]) -> list[str]:
    """Return what is wrong with what a live source collects for."""
    folder = space.project.folder
    if name not in files or not intake.is_live(folder, name):
        return []
    try:
        file = intake.load_live(folder, name, space.model)[0]
    except SteelthreadError:
        return [f"sources/{name}.yaml cannot be read: what it collects for is not in this record"]
    none = [] if file.purpose else [f"{name} collects live events for no purpose (sources/{name}.yaml: purpose)"]
    known = load_purposes(folder / "purposes.yaml")
    return none + [
        f"{name} collects for {one}, which purposes.yaml does not name"
        for one in (file.purpose, file.link_purpose, file.ip_purpose)
        if one and one not in known
    ]


def _categories(space: Space, name: str) -> tuple[list[str], list[str], bool]:
    """Return (data categories, special attributes, whether the file cannot be read) of a source."""
    folder = space.project.folder
    if name not in intake.list_sources(folder) or intake.is_live(folder, name):
        return [], [], False
    try:
        source = intake.load_source(folder, name, space.model)
    except SteelthreadError:
        return [], [], True
    labels, special = set(), set()
    for entity in source.entities:
        known = space.model.entity(entity.entity).attributes
        for attribute in entity.attributes.keys() & known.keys():
            labels.add(label_of(known[attribute]) or "unlabelled")
            special |= {attribute} if known[attribute].privacy == "special" else set()
    return sorted(labels), sorted(special), False


def _retention(space: Space) -> list[dict[str, str]]:
    folder = space.project.folder
    rules = load_retention(folder / "retention.yaml", load_purposes(folder / "purposes.yaml"))
    return [{"of": one.of, "keep": one.keep, "after": one.after, "purpose": one.purpose} for one in rules]


def _security(space: Space) -> list[str]:
    """Return the measures of Art. 32(1) that hold by how it is built."""
    settings = space.project.settings
    return [
        "what identifies is sealed under a key per person (AES-256-GCM), kept outside the database",
        "access by key, role, purpose and field (docs/access.md); reading is in an audit log that shows changes",
        f"events as they came go after {settings.live.received_hours} hours",
        "erasure is proved by a search of all stores and a signed certificate",
    ]
