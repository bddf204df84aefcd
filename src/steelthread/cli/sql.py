"""`sql grant|list|revoke|refresh`: SQL for analysts, for one purpose each."""

from pathlib import Path

from cyclopts import App
from rich.table import Table

from steelthread.cli.shell import DEFAULT, Common, actor, app, cell, emit, note, out
from steelthread.kit import Misused
from steelthread.rights import SqlAccess, collect_questions, embedded_log

sql = App(name="sql", help="SQL for analysts: the people who allow a purpose, the fields that it shows.")
app.command(sql)


@sql.command(name="grant")
def sql_grant(purpose: str, /, *, name: str = "analyst", days: int = 90, common: Common = DEFAULT) -> None:
    """Make a role of PostgreSQL for somebody who asks for one purpose, and print how to connect; the password is shown once.

    Parameters
    ----------
    purpose
        A purpose of purposes.yaml.
    name
        Who it is for: small letters, digits and _.
    days
        For how long.
    """
    with common.space() as space:
        told = SqlAccess(space).grant(purpose, name, f"operator {actor()}", days)
    if common.json:
        emit(told)
        return
    out.print(told["dsn"], markup=False, soft_wrap=True)
    note(f"{told['role']} reads for {told['purpose']} until {told['until'][:10]}: people, addresses, events.")


@sql.command(name="list")
def sql_list(*, common: Common = DEFAULT) -> None:
    """List the roles, and whether their views are those of the present purposes."""
    with common.space() as space, space.database.connect() as conn:
        found = SqlAccess(space).roles(conn)
    if common.json:
        emit(found)
        return
    table = Table()
    for column in ("role", "purpose", "until", "views"):
        table.add_column(column, overflow="fold")
    for one in found:
        state = "stale: steelthread sql refresh" if one["stale"] else "as purposes.yaml says"
        table.add_row(*(cell(value) for value in (one["role"], one["purpose"], (one["until"] or "")[:10], state)))
    out.print(table if found else "Nobody reads by SQL.")


@sql.command(name="revoke")
def sql_revoke(role: str, /, *, common: Common = DEFAULT) -> None:
    """Take a role away, at once.

    Parameters
    ----------
    role
        As `sql list` shows it.
    """
    with common.space() as space:
        SqlAccess(space).revoke(role, f"operator {actor()}")
    if common.json:
        emit({"revoked": role})
    else:
        out.print(f"{role} is gone.", markup=False)


@sql.command(name="refresh")
def sql_refresh(*, common: Common = DEFAULT) -> None:
    """Make the views anew by the purposes, laws and model of now; `serve` does so when it starts."""
    with common.space() as space:
        count = SqlAccess(space).refresh()
    if common.json:
        emit({"purposes": count})
    else:
        out.print(f"Made the views of {count} purposes anew.")


@sql.command(name="collect")
def sql_collect(log: Path | None = None, /, *, common: Common = DEFAULT) -> None:
    """Take what analysts asked from the server's log into the audit log; `serve` does so every minute for the embedded server.

    Parameters
    ----------
    log
        The log of a server of your own; of the embedded one by default.
    """
    with common.space() as space:
        path = log or embedded_log(space)
        if path is None:
            raise Misused("Name the log of the database's server: steelthread sql collect LOG")
        count = collect_questions(space, path)
    if common.json:
        emit({"questions": count})
    else:
        out.print(f"{count:,} questions of analysts are in the audit log now.")
