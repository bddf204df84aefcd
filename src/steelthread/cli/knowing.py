"""`processing`, `lineage`, `breach`: what is done with the data, where it goes, and whose was in the wrong hands."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import psycopg
from cyclopts import Parameter
from rich.table import Table

from steelthread.activation import list_webhooks
from steelthread.cli.shell import DEFAULT, Common, app, cell, emit, note, out
from steelthread.rights import Delivered, breach, lineage, openlineage, record_of_processing, through


def _delivered(conn: psycopg.Connection[Any]) -> list[Delivered]:
    return [Delivered(one.name, "webhook", one.delivered, one.purpose) for one in list_webhooks(conn)]


@app.command
def processing(*, check: bool = False, common: Common = DEFAULT) -> None:
    """Show the record of processing (GDPR Art. 30), made from what really ran, and where that differs from purposes.yaml.

    Parameters
    ----------
    check
        Exit with 1 when it differs.
    """
    with common.space() as space, space.database.connect() as conn:
        told = record_of_processing(space, conn, _delivered(conn))
    if common.json:
        emit(told)
    else:
        _drawn(
            "purposes", told.activities, ("purpose", "legalBasis", "asked", "by", "first", "last", "declaredRecipients")
        )
        _drawn("sources", told.sources, ("source", "categories", "accepted", "kept", "first", "last"))
        _drawn("recipients", told.recipients, ("name", "what", "count", "declared"))
        for one in told.alarms:
            out.print(f"ALARM: {one}", markup=False, style="bold red")
    if check and told.alarms:
        sys.exit(1)


def _drawn(title: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell(_text(row[column])) for column in columns))
    out.print(table)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


@app.command(name="lineage")
def lineage_command(
    name: str = "",
    /,
    *,
    events: Annotated[Path | None, Parameter(name="--openlineage")] = None,
    common: Common = DEFAULT,
) -> None:
    """Show how values go: from a source's column by the canonical attribute and the profile to whoever may receive them.

    Parameters
    ----------
    name
        What is asked about, such as crm:email, Individual.birthDate or profile.birthDate; everything by default.
    events
        Write the loads as events of OpenLineage, one JSON document a line, into this file.
    """
    with common.space() as space, space.database.connect() as conn:
        found = lineage(space, conn, _delivered(conn))
        told = openlineage(space, conn) if events else []
    if events:
        events.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in told))
        note(f"{len(told)} events in {events}")
    steps = through(found, name) if name else found
    if common.json:
        emit(steps)
        return
    for one in steps:
        out.print(f"{one.source} -> {one.target}   {one.how}", markup=False)


@app.command(name="breach")
def breach_command(
    *,
    source: str = "",
    key: int = 0,
    operator: str = "",
    analyst: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    known: datetime | None = None,
    output: Path | None = None,
    common: Common = DEFAULT,
) -> None:
    """Say whose data was reached by a breach, which fields, since when: for the authority within 72 hours, and the people.

    Parameters
    ----------
    source
        What this source brought.
    key
        What the API key of this number read.
    operator
        What this operator read.
    analyst
        What was read by SQL under this role, as `sql list` shows it.
    since
        From when on; with neither source, key nor operator, what anybody read.
    until
        Until when; now by default.
    known
        When it became known; now by default.
    output
        Write the universal IDs of the people into this file, one a line.
    """
    named = {"key": str(key or ""), "operator": operator, "analyst": analyst}
    actor = next((f"{kind} {name}" for kind, name in named.items() if name), "")
    times = [one and one.astimezone() for one in (since, until, known)]
    with common.acting("breach", source=source, by=actor) as space, space.database.connect() as conn:
        told = breach(space, conn, source=source, actor=actor, since=times[0], until=times[1], known_at=times[2])
    if output:
        output.write_text("".join(f"{one}\n" for one in told.people), "ascii")
    if common.json:
        emit(told)
        return
    out.print(
        f"{told.what}: {len(told.people):,} people, from {told.since} to {told.until}; {told.gone} more were erased since"
    )
    for name, value in (("fields", told.fields), ("categories", list(told.categories)), ("high risk", told.high_risk)):
        out.print(f"{name}: {', '.join(value) or 'none'}", markup=False)
    for what, count in told.reads.items():
        out.print(f"{count:>8,}  {what}", markup=False)
    for one in told.remarks:
        out.print(one, markup=False, style="dim")
    out.print(f"Tell the authority by {told.notify_authority_by} (GDPR Art. 33).", style="bold")
