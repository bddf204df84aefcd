"""`retention run` and `hold ...`."""

from datetime import datetime
from uuid import UUID

from cyclopts import App

from steelthread.cli.shell import DEFAULT, Common, actor, app, emit, out
from steelthread.kit import Invalid
from steelthread.rights import Holds, Retention

retention = App(name="retention", help="What is kept for how long.")
hold = App(name="hold", help="Legal holds: what must not go.")
app.command(retention)
app.command(hold)


@retention.command(name="run")
def retention_run(*, dry_run: bool = False, at: datetime | None = None, common: Common = DEFAULT) -> None:
    """Delete what is kept long enough by retention.yaml, and report what went.

    Parameters
    ----------
    dry_run
        Say what would go, and change nothing.
    at
        With --dry-run: what would go on that day.
    """
    if at is not None and not dry_run:
        raise Invalid("--at goes with --dry-run: nothing is deleted before its time.")
    with common.space() as space:
        told = Retention(space, at.astimezone() if at else None).run(f"operator {actor()}", dry_run=dry_run)
    if common.json:
        emit(told)
        return
    verb = "would go" if dry_run else "went"
    for what, count in told.due.items():
        out.print(f"{count:>10,}  {what} {verb}")
    for table, count in told.stores.items():
        out.print(f"{count:>10,}  rows of {table}", style="dim", markup=False)
    out.print(f"{told.on_hold:>10,}  people on legal hold stay")


@hold.command(name="place")
def hold_place(ref: str, /, *, authority: str, until: datetime, common: Common = DEFAULT) -> None:
    """Keep whatever is stored of a person: erasure and retention pass them by until then.

    Parameters
    ----------
    ref
        Any of the person's identifiers or records, or the universal ID.
    authority
        Who wants it kept, and on what ground; no name of a person.
    until
        When it ends.
    """
    with common.space() as space, space.database.connect() as conn:
        placed = Holds(space).place(conn, ref, authority, until.astimezone(), f"operator {actor()}")
        conn.commit()
    if common.json:
        emit(placed)
    else:
        out.print(f"{placed.hold_id} holds until {placed.until:%Y-%m-%d}", markup=False)


@hold.command(name="lift")
def hold_lift(number: UUID, /, *, common: Common = DEFAULT) -> None:
    """End a hold before its time.

    Parameters
    ----------
    number
        As `hold list` shows it.
    """
    with common.space() as space, space.database.connect() as conn:
        Holds(space).lift(conn, number, f"operator {actor()}")
        conn.commit()
    if common.json:
        emit({"lifted": number})
    else:
        out.print("Lifted.")


@hold.command(name="list")
def hold_list(*, common: Common = DEFAULT) -> None:
    """List the holds in force; whom they are about is not shown."""
    with common.space() as space, space.database.connect() as conn:
        found = Holds(space).all(conn)
    if common.json:
        emit(found)
        return
    for one in found:
        out.print(f"{one.hold_id}  until {one.until:%Y-%m-%d}  {one.authority}", markup=False)
