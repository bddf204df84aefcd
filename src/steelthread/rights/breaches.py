"""The breach kit (GDPR Art. 33 and 34): whose data, which fields, since when, for a source, a key or operator, a time.

By the audit log for what somebody read, by the records for what a source held. People come as universal IDs, with whom the
letters can be written; the report itself names nobody.
"""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread import intake
from steelthread.intake import label_of
from steelthread.kit import Invalid, NotFound, iso, now
from steelthread.privacy import EVERYTHING, Audit, load_purposes
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_NOTICE = timedelta(hours=72)
"""From when it was known until the authority is told (Art. 33(1))."""
_HIGH = (
    "user.financial",
    "user.government_id",
    "user.authorization",
    "user.health",
    "user.biometric",
    "user.criminal",
    "user.location.precise",
)
_EVERYBODY = ("export profiles", "export households", "clusters", "changes", "tail", "search", "sql")
"""What shows people whom the audit log does not name one by one."""


class Breach(msgspec.Struct, rename="camel"):
    """What is known of it."""

    what: str
    since: str | None
    until: str | None
    known_at: str
    notify_authority_by: str
    people: list[UUID]
    gone: int
    """People of the audit log who are nobody any more: they were erased."""
    fields: list[str]
    categories: dict[str, int]
    """Data category -> how many of the fields are of it."""
    high_risk: list[str]
    """Categories for which people are to be told as well (Art. 34); what nobody labelled counts among them."""
    reads: dict[str, int]
    """What was read how often, by the audit log."""
    remarks: list[str]


def breach(
    space: Space,
    conn: Connection,
    *,
    source: str = "",
    actor: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    known_at: datetime | None = None,
) -> Breach:
    """Say what a breach of a source, or by a key (`key 3`) or operator (`operator ann`), or in a time reached."""
    if bool(source) == bool(actor) and not since:
        raise Invalid("Say what was breached: --source, --key or --operator, or a time.")
    begin, end = since or datetime.min.replace(tzinfo=now().tzinfo), until or now()
    if source:
        people, fields, first, last, remarks = _of_source(space, conn, source, begin, end)
        gone, reads = 0, Counter[str]()
    else:
        people, fields, first, last, remarks, gone, reads = _of_reads(space, conn, actor, begin, end)
    labels = Counter(label_of(one) or "unlabelled" for one in fields)
    known = known_at or now()
    return Breach(
        what=f"source {source}" if source else actor or "everybody", since=iso(first), until=iso(last), known_at=str(iso(known)),
        notify_authority_by=str(iso(known + _NOTICE)), people=people, gone=gone, fields=sorted(fields),
        categories=dict(sorted(labels.items())), high_risk=[one for one in sorted(labels) if one.startswith(_HIGH) or one == "unlabelled"],
        reads=dict(reads.most_common()), remarks=remarks,
    )  # fmt: skip


def _of_source(space: Space, conn: Connection, name: str, begin: datetime, end: datetime) -> Any:
    """Return (people, fields, first, last, remarks) of what a source brought in a time."""
    numbers = {known: number for number, (known, _) in intake.source_names(conn).items()}
    if name not in numbers:
        raise NotFound(f"There is no source {name} in the database.")
    rows = conn.execute(
        "select distinct c.individual_id from intake.record r left join profiles.event e using (record_id) join identity.node n "
        "on n.node_id = case when r.is_party then r.record_id else e.owner end join identity.cluster c using (cluster_id) "
        "where r.source_id = %s and r.loaded_at between %s and %s order by 1",
        (numbers[name], begin, end),
    ).fetchall()
    times = conn.execute(
        "select min(loaded_at), max(as_of) from intake.record where source_id = %s and loaded_at between %s and %s",
        (numbers[name], begin, end),
    ).fetchone()
    fields: set[str] = set()
    remarks = ["columns without a home in the model were kept too, sealed: see the source itself"]
    if name in intake.list_sources(space.project.folder) and not intake.is_live(space.project.folder, name):
        mapped = intake.load_source(space.project.folder, name, space.model)
        fields = {attribute for entity in mapped.entities for attribute in entity.attributes}
    else:
        remarks.append("it is live, or its file is gone: its fields are those of the events it sent (source contract)")
    first, last = times or (None, None)
    return [one for (one,) in rows], fields, first, last, remarks


def _of_reads(space: Space, conn: Connection, actor: str, begin: datetime, end: datetime) -> Any:
    """Return what somebody read in a time, or everybody when nobody is named."""
    reads: Counter[str] = Counter()
    tokens: set[str] = set()
    purposes: set[str] = set()
    moments: list[datetime] = []
    everybody = False
    with conn.cursor(name="breach") as cursor:
        cursor.execute("select at, body from privacy.audit where at between %s and %s order by number", (begin, end))
        for at, body in cursor:
            told = json.loads(bytes(body))
            if (
                told["kind"] != "read"
                or (actor and told["actor"] != actor)
                or told.get("details", {}).get("allow") is False
            ):
                continue
            reads[told["what"]] += 1
            tokens |= set(told.get("subjects", ()))
            purposes |= {told.get("purpose", "")} - {""}
            everybody = everybody or (told["what"] in _EVERYBODY and not told.get("subjects"))
            moments.append(at)
    audit, people = Audit(space.vault), []
    for (individual,) in conn.execute("select individual_id from identity.cluster where evidence > 0 order by 1"):
        token = audit.token(individual.bytes)
        if everybody or token in tokens:
            people.append(individual)
            tokens.discard(token)
    remarks = ["somebody read over everybody: all people count"] if everybody else []
    first, last = min(moments, default=None), max(moments, default=None)
    return people, _shown(space, sorted(purposes)), first, last, remarks, len(tokens), reads


def _shown(space: Space, purposes: Sequence[str]) -> set[str]:
    """Return the attributes that are mapped anywhere and that these purposes show."""
    known = load_purposes(space.project.folder / "purposes.yaml")
    shown = {field for name in purposes if (one := known.find(name)) for field in one.fields}
    shown |= {EVERYTHING} if any(known.find(name) is None for name in purposes) else set()
    folder, mapped = space.project.folder, set()
    for name in intake.list_sources(folder):
        if not intake.is_live(folder, name):
            source = intake.load_source(folder, name, space.model)
            mapped |= {attribute for entity in source.entities for attribute in entity.attributes}
    return mapped if EVERYTHING in shown else mapped & shown
