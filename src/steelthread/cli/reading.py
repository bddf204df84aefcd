"""`profile`, `search`, `export`."""

import csv
import sys
from pathlib import Path
from typing import Any, Literal

from cyclopts import App
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from steelthread.cli.shell import DEFAULT, Common, app, cell, emit, note, out
from steelthread.kit import Forbidden, Invalid, now
from steelthread.profiles import Wanted, export_profiles, households, shown_entry
from steelthread.rights import Mask

export = App(name="export", help="Take data out.")
app.command(export)


@app.command
def profile(ref: str, /, *, common: Common = DEFAULT) -> None:
    """Show one customer's 360.

    Parameters
    ----------
    ref
        individual:UUID, KIND:VALUE (email:ann@example.com) or record:SOURCE/ENTITY/KEY.
    """
    with common.reading("profile", ref) as space, space.database.connect() as conn:
        reader, mask = space.reader(conn), common.mask(space)
        whole = {**reader.profile(ref), "household": reader.share(ref), "linked": reader.linked(ref)}
        content = mask.profile(whole)
        found = [] if common.json else [shown_entry(one) for one in reader.timeline(ref, Wanted(limit=10))]
        timeline = mask.timeline(found)
        reasons = [] if common.json or not mask.shows("records") else _reasons(reader, whole, mask)
    if common.json:
        emit(content)
        return
    draw(content, timeline, reasons)


def _reasons(reader: Any, content: dict[str, Any], mask: Mask) -> list[str]:
    records = [f"record:{one['source']}/{one['entity']}/{one['key']}" for one in content["records"][:6]]
    told: list[str] = []
    for other in records[1:]:
        for step in mask.explanation(reader.explain(records[0], other))["path"]:
            line = f"{step['from']}  --  {step['to']}   {step['reason']}"
            if line not in told:
                told.append(line)
    return told


def draw(content: dict[str, Any], timeline: list[dict[str, Any]], reasons: list[str]) -> None:
    """Draw a profile for people."""
    name = _name(content)
    home = content.get("household")
    lives = f"household of {home['size']}, {home['role']} (shares {', '.join(home['via'])})" if home else ""
    aliases = f"formerly {', '.join(content['aliases'])}" if content.get("aliases") else ""
    counts = "   ".join(f"{count:,} {what}" for what, count in content.get("counts", {}).items())
    totals = "   ".join(f"{one['entity']} {one['amount']} {one['currency'] or ''}" for one in content.get("totals", ()))
    lines = (
        content["individualId"],
        aliases,
        f"{content['firstSeen']} to {content['lastSeen']}",
        counts,
        totals,
        lives,
    )
    out.print(
        Panel(
            Text.assemble((name, "bold"), "\n" + "\n".join(line for line in lines if line)),
            title=_party(content),
            title_align="left",
        )
    )
    _table("attributes", ("attribute", "value", "source", "observed", "rule", "others"), [
        (name, one["value"], one["source"], (one["observedAt"] or "")[:10], one["rule"],
         len({str(other["value"]) for other in one["alternatives"]} - {str(one["value"])}) or "")
        for name, one in content["attributes"].items()
    ])  # fmt: skip
    _table("traits", ("trait", "value", "function", "over"), [
        (name, _trait(one["value"]), one["function"], one["over"] + (" (filling)" if one.get("filling") else ""))
        for name, one in content.get("traits", {}).items()
    ])  # fmt: skip
    _table("contact points", ("kind", "value", "state", "sources", "last seen"), [
        (one["kind"], one["value"], one["state"], ", ".join(one["sources"]), (one["lastSeen"] or "")[:10])
        for one in content["contactPoints"]
    ])  # fmt: skip
    _table("identifiers", ("kind", "value", "sources", "first seen", "last seen"), [
        (one["kind"], one["value"], ", ".join(one["sources"]), one["firstSeen"][:10], one["lastSeen"][:10])
        for one in content["identifiers"]
    ])  # fmt: skip
    _table("records", ("source", "entity", "key"), [
        (one["source"], one["entity"], one["key"]) for one in content.get("records", ())
    ])  # fmt: skip
    _table("timeline", ("when", "what", "source", "key", "amount", "lines"), [
        (one["at"][:16].replace("T", " "), one["entity"], one.get("source", ""), one.get("key", ""),
         f"{one['amount']} {one['currency'] or ''}" if one.get("amount") else "", one.get("lines") or "")
        for one in timeline
    ])  # fmt: skip
    if reasons:
        out.print("[bold]why these records are one[/bold]")
        for reason in reasons:
            out.print("  " + reason, markup=False)


def _party(content: dict[str, Any]) -> str:
    """Return what a profile is of: its identifiers tell, or its records."""
    kinds = [one["kind"] for one in content["identifiers"]]
    entities = {one["entity"] for one in content.get("records", ())}
    firm = any(kind.startswith("account_") for kind in kinds) or not entities.isdisjoint(("Account", "Organization"))
    return "organisation" if firm else "individual"


def _trait(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    out.print(table)


@app.command
def household(ref: str, /, *, common: Common = DEFAULT) -> None:
    """Show who shares a home with a customer, in which role, and by what.

    Parameters
    ----------
    ref
        individual:UUID, KIND:VALUE (email:ann@example.com) or record:SOURCE/ENTITY/KEY.
    """
    with common.reading("household", ref) as space, space.database.connect() as conn:
        reader = space.reader(conn)
        mask = common.mask(space)
        if not mask.shows("household"):
            raise Forbidden(
                "The purpose does not show households: its fields do not name household. Read --for another."
            )
        home = reader.household(ref)
        names = {} if common.json or home is None else {
            one.individual_id: _name(mask.profile(reader.profile(f"individual:{one.individual_id}"))) for one in home.members
        }  # fmt: skip
    if common.json:
        emit(home)
        return
    if home is None:
        note("Nobody else shares an address with this surname, nor a contact or device that was refused as a key.")
        return
    _table(f"household {home.household_id}", ("individual", "name", "role", "shares", "records"), [
        (one.individual_id, names[one.individual_id], one.role, ", ".join(one.via), one.records) for one in home.members
    ])  # fmt: skip


_WHOLE_NAMES = ("personName", "businessName", "legalName", "name")


def _name(content: dict[str, Any]) -> str:
    values = {name: one["value"] for name, one in content["attributes"].items()}
    name = " ".join(str(values[part]) for part in ("firstName", "lastName") if values.get(part))
    return name or str(next((values[one] for one in _WHOLE_NAMES if values.get(one)), "Unknown"))


@export.command(name="households")
def export_households(*, common: Common = DEFAULT) -> None:
    """Export every household as CSV, one row for each member: household_id, individual_id, role, via, records."""
    count = 0
    with common.reading("export households", whole=True) as space, space.database.connect() as conn:
        conn.execute("set transaction isolation level repeatable read, read only")
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("household_id", "individual_id", "role", "via", "records"))
        for home in households(conn, space.vault, now().date()):
            count += 1
            for one in home.members:
                writer.writerow((home.household_id, one.individual_id, one.role, "|".join(one.via), one.records))
    note(f"{count:,} households")


@app.command
def search(name: str, /, *, limit: int = 20, common: Common = DEFAULT) -> None:
    """Find people by whole words of their names.

    Parameters
    ----------
    name
        One or several whole words; all must occur.
    limit
        How many people at most.
    """
    with common.reading("search") as space, space.database.connect() as conn:
        mask = common.mask(space)
        found = [mask.profile(one) for one in space.reader(conn).search(name, limit)]
    if common.json:
        emit(found)
        return
    _table("people", ("individual", "name", "records", "last seen"), [
        (one["individualId"], " ".join(str(one["attributes"][part]["value"]) for part in ("firstName", "lastName")
         if part in one["attributes"]), one.get("counts", {}).get("records", ""), (one["lastSeen"] or "")[:10])
        for one in found
    ])  # fmt: skip


@export.command(name="profiles")
def export_profiles_command(
    *,
    format: Literal["csv", "parquet", "jsonl"] = "csv",
    output: Path | None = None,
    common: Common = DEFAULT,  # the interface's word
) -> None:
    """Export every profile, one row each.

    Parameters
    ----------
    format
        csv, parquet or jsonl.
    output
        File to write; stdout by default (parquet needs a file).
    """
    if common.json and output is None:
        raise Invalid("The profiles go to stdout: leave --json out, or name a file with --output.")
    with common.reading("export profiles") as space, space.database.connect() as conn:
        mask = common.mask(space)
        shown = None if mask.whole else mask.profile
        count = export_profiles(conn, space.reader(conn), format, output, sys.stdout, shown)
    if common.json:
        emit({"profiles": count, "format": format, "output": str(output)})
    note(f"{count:,} profiles")
