"""The access package of a person (GDPR Art. 15 and 20): everything that is stored, for which purpose, from where.

Complete by construction: it goes through the same holders as erasure. `data.json` has every row of every table, with
what is sealed opened; `portable.json` what the person gave or did; `index.html` is for reading.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from steelthread.kit import Conflict, NotFound, iso, now
from steelthread.privacy import EVERYTHING, Entry, Purpose, load_purposes
from steelthread.profiles import Opener, View
from steelthread.rights.auditing import Auditor
from steelthread.rights.holders import HOLDERS, Reach
from steelthread.rights.people import Person, clusters_of, find_person, shared_with_others
from steelthread.rights.seeking import Sought, find_sealed
from steelthread.rights.tables import Tables
from steelthread.rights.third_persons import HIDDEN, ThirdPersons
from steelthread.thread import Space
from steelthread.vault import unseal

Connection = psycopg.Connection[Any]
_JSON = msgspec.json.Encoder(order="sorted", enc_hook=str).encode
_INFERRED = (
    "profiles.profile",
    "profiles.tally",
    "identity.link",
    "identity.cluster",
    "identity.membership",
    "identity.alias",
)
"""Tables of what was concluded, not told or seen."""


class Accessed(msgspec.Struct, rename="camel"):
    """What was written."""

    folder: str
    files: list[str]
    values: int
    rows: int


def access(space: Space, ref: str, folder: Path, actor: str) -> Accessed:
    """Write the access package of whoever a reference names into a new folder."""
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} holds something already: name a new folder.")
    purposes = list(load_purposes(space.project.folder / "purposes.yaml"))
    auditor = Auditor(space)
    with space.database.connect() as conn:
        auditor.note(conn, Entry("read", actor, "access", auditor.tokens(conn, [ref]), "access"))
        conn.commit()
        conn.execute("set transaction isolation level repeatable read")
        person = find_person(space, conn, ref)
        profile = space.reader(conn).profile(ref)
        opener = Opener(conn, space.vault, adaptation=space.model.adaptation)
        views = opener.open(person.rows)
        others = ThirdPersons(person, views, [space.project.settings.controller.contact])
        values = [_told(view, purposes, others) for view in views]
        reach = _reach(space, conn, person)
        stores: list[dict[str, Any]] = [
            {
                "store": one.table, "what": one.what, "rows": one.rows(conn, reach),
                "kind": "inferred" if one.table in _INFERRED else "told or observed",
            }
            for one in HOLDERS
            if one.by
        ]  # fmt: skip
        tables = _own_tables(space, conn, person, purposes)
        digests = {row.row_digest for row in person.rows if row.is_party and row.row_digest}
        for store in stores:
            _open(space, str(store["store"]), store["rows"])
            for row in store["rows"] if store["store"] == "intake.reject" else ():
                if row["row_digest"] in digests:
                    others.own(row.get("opened"))
        conn.rollback()
    values, stores = others.clean(values), others.clean(stores)
    content: dict[str, Any] = {
        "madeAt": iso(now()), "profile": others.clean(profile), "purposes": [_purpose(one) for one in purposes],
        "records": values, "stores": stores, "tables": others.clean(tables), "rights": _RIGHTS,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    portable = [
        {"source": one["source"], "entity": one["entity"], "key": one["key"], "values": _plain(one)} for one in values
    ]
    _write(folder / "data.json", _JSON(content))
    _write(folder / "portable.json", _JSON({"records": portable}))
    _write(folder / "index.html", _page(content).encode())
    count = sum(len(one["values"]) for one in values)
    return Accessed(
        str(folder), ["index.html", "data.json", "portable.json"], count, sum(len(one["rows"]) for one in stores)
    )


def _own_tables(space: Space, conn: Connection, person: Person, purposes: Sequence[Purpose]) -> list[dict[str, Any]]:
    """Return the person's rows in the company's own tables, with what each column holds and what they are for."""
    own = _own_nodes(conn, person)
    names = {person.nodes[node] for node in own} | {row.key_hash for row in person.rows}
    names |= {one.bytes for one in person.individuals}
    found = []
    for table, rows in Tables(space).rows_of(names):
        config = table.config
        uses = [one for one in purposes if one.name == config.purpose]
        told = [{name: HIDDEN if name in config.others else value for name, value in row.items()} for row in rows]
        found.append({
            "table": config.name, "what": config.what, "kind": config.kind, "columns": config.columns, "rows": told,
            "purpose": config.purpose, "legalBasis": [one.legal_basis for one in uses],
            "recipients": sorted({recipient for one in uses for recipient in one.recipients}),
            "retention": sorted({one.retention for one in uses if one.retention}) or ["until you ask, or the business ends"],
        })  # fmt: skip
    return found


def _reach(space: Space, conn: Connection, person: Person) -> Reach:
    """Return what of the tables is this person's; what others assert too is left out, and what is refused with it."""
    own = _own_nodes(conn, person)
    alone = {person.nodes[node] for node in own}
    digests = [row.row_digest for row in person.rows if row.row_digest]
    found = find_sealed(space, conn, [Sought([value for name, value in person.values if name in alone], digests)])
    return person.reach(own, list(clusters_of(conn, person.nodes)), list(found.rejects), list(found.samples))


def _own_nodes(conn: Connection, person: Person) -> set[int]:
    """Return the identifiers and records that nobody else has."""
    return person.nodes.keys() - shared_with_others(conn, person.nodes, [row.record_id for row in person.rows])


def known_of(space: Space, conn: Connection, ref: str, purposes: Sequence[Purpose]) -> list[dict[str, Any]]:
    """Return the records of whoever a reference names, each value with where it is from and what it is for.

    Nothing of third persons; nothing at all when nobody answers.
    """
    try:
        person = find_person(space, conn, ref)
    except NotFound:
        return []
    views = Opener(conn, space.vault, adaptation=space.model.adaptation).open(person.rows)
    others = ThirdPersons(person, views, [space.project.settings.controller.contact])
    return [others.clean(_told(view, purposes, others)) for view in views]


_RIGHTS = (
    "You may have this corrected (GDPR Art. 16), erased (Art. 17), restricted (Art. 18), handed over (Art. 20), object "
    "(Art. 21), take back any consent, and complain to a supervisory authority (Art. 77)."
)


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _open(space: Space, table: str, rows: list[dict[str, Any]]) -> None:
    """Open the sealed rows that are no records: what was refused, samples of broken contracts, what was asked for."""
    context = {
        "intake.reject": b"reject",
        "intake.violation": b"violation",
        "privacy.requester": b"requester",
        "privacy.letter": b"letter",
        "privacy.mail": b"mail",
    }.get(table)
    if context is None:
        return
    keys = space.vault.keys({row["subject"] for row in rows if row["subject"] is not None})
    for row in rows:
        if row["subject"] in keys and row["sealed"]:
            row["opened"] = msgspec.msgpack.decode(unseal(keys[row["subject"]], row["sealed"], context))


def _told(view: View, purposes: Sequence[Purpose], others: ThirdPersons) -> dict[str, Any]:
    """Return a record with, of each value, where it is from and what it is for."""
    told = list(view.values.items())
    told += [(f"{entity}.{name}", value) for entity, part in view.parts for name, value in part.items()]
    told += [(f"unmapped.{name}", value) for name, value in view.extras.items()]
    values = [_value(name, others.value(view, name, value), view, purposes) for name, value in told]
    identifiers = [{"kind": kind, "value": value} for kind, value in view.identifiers]
    return {
        "source": view.source, "entity": view.entity, "key": view.key, "observedAt": iso(view.observed_at),
        "firstObservedAt": iso(view.first_observed_at), "values": values, "identifiers": identifiers,
    }  # fmt: skip


def _value(name: str, value: Any, view: View, purposes: Sequence[Purpose]) -> dict[str, Any]:
    last = name.rpartition(".")[2]
    uses = [one for one in purposes if EVERYTHING in one.fields or last in one.fields]
    return {
        "attribute": name, "value": value, "source": view.source, "kind": "told or observed",
        "purposes": [{"purpose": one.name, "legalBasis": one.legal_basis} for one in uses],
        "recipients": sorted({recipient for one in uses for recipient in one.recipients}),
        "retention": sorted({one.retention for one in uses if one.retention}) or ["until you ask, or the business ends"],
    }  # fmt: skip


def _purpose(one: Purpose) -> dict[str, Any]:
    return {
        "purpose": one.name, "description": one.description, "legalBasis": one.legal_basis, "recipients": one.recipients,
        "retention": one.retention, "effect": one.effect, "canOptOut": one.heeds,
    }  # fmt: skip


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {one["attribute"]: one["value"] for one in record["values"]}


_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 0 0 2rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ccc; vertical-align: top; overflow-wrap: anywhere }
caption { text-align: left; font-weight: bold }
"""


def _page(content: dict[str, Any]) -> str:
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>What is known about you</title><style>{_STYLE}</style><main>",
        f"<h1>What is known about you</h1><p>Made on {escape(content['madeAt'][:10])}. {escape(content['rights'])}</p>",
        "<h2>What it is used for</h2>",
        _table("Purposes", ("Purpose", "What it covers", "Legal basis", "Recipients", "Kept for"), [
            (one["purpose"], one["description"], one["legalBasis"], ", ".join(one["recipients"]) or "nobody", one["retention"])
            for one in content["purposes"]
        ]),
        "<h2>Your data</h2>",
    ]  # fmt: skip
    parts += [_record(record) for record in content["records"]]
    parts += [_own_table(one) for one in content["tables"] if one["rows"]]
    parts.append("<h2>Where it is stored</h2>")
    parts.append(
        _table("Tables", ("Table", "What", "Kind", "Rows"), [
            (one["store"], one["what"], one["kind"], len(one["rows"])) for one in content["stores"]
        ])
    )  # fmt: skip
    return "".join(parts) + "</main></html>"


def _record(record: dict[str, Any]) -> str:
    rows = [
        (
            one["attribute"], one["value"],
            ", ".join(f"{use['purpose']} ({use['legalBasis']})" for use in one["purposes"]) or "nothing",
            ", ".join(one["recipients"]) or "nobody", ", ".join(one["retention"]),
        )
        for one in record["values"]
    ]  # fmt: skip
    caption = f"{record['entity']} from {record['source']}, first seen {(record['firstObservedAt'] or '')[:10]}"
    return _table(caption, ("What", "Value", "Used for", "Recipients", "Kept for"), rows)


def _own_table(table: dict[str, Any]) -> str:
    """Return the rows of a table of the company's own, under what its columns hold."""
    names = list(table["rows"][0])
    bases = ", ".join(table["legalBasis"]) or "no legal basis is told"
    caption = (
        f"{table['what']}. Used for {table['purpose']} ({bases}), given to "
        f"{', '.join(table['recipients']) or 'nobody'}, kept: {', '.join(table['retention'])}"
    )
    head = [table["columns"].get(name, name) for name in names]
    return _table(caption, head, [[row[name] for name in names] for row in table["rows"]])


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
