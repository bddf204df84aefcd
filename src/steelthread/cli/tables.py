"""`tables ...`: the company's own Delta tables that hold people, and whom to take out of them."""

import sys

import msgspec
from cyclopts import App

from steelthread.cli.shell import DEFAULT, Common, app, cell, emit, out
from steelthread.kit import Unavailable
from steelthread.rights import Tables

tables = App(name="tables", help="Delta tables of your own that hold people (lake.yaml).")
app.command(tables)


@tables.command(name="list")
def list_tables(*, common: Common = DEFAULT) -> None:
    """List the tables: rows, files, columns; exit code 1 when one cannot be read, or has a column that lake.yaml does not tell."""
    told, bad = [], False
    with common.space() as space:
        for table in Tables(space).tables:
            one = {"table": table.config.name, "purpose": table.config.purpose}
            try:
                told.append({**one, **msgspec.to_builtins(table.describe()), "undescribed": table.undescribed()})
                bad |= bool(told[-1]["undescribed"])
            except Unavailable as error:
                told.append({**one, "error": str(error)})
                bad = True
    if common.json:
        emit({"tables": told})
    else:
        for one in told:
            line = (
                one.get("error")
                or f"{one['table']}: {one['rows']:,} rows in {one['files']:,} files, for {one['purpose']}"
            )
            out.print(cell(line), soft_wrap=True)
            if one.get("undescribed"):
                out.print(cell(f"  lake.yaml does not say what these columns hold: {', '.join(one['undescribed'])}"))
        out.print(f"{len(told)} tables")
    if bad:
        sys.exit(1)


@tables.command
def sweep(*, common: Common = DEFAULT) -> None:
    """Take everybody who was ever erased out of the tables: a pipeline may have brought somebody back.

    Each file with such rows is rewritten once, and the past of the table is destroyed. Exit code 1 when a table has still to
    wait. `serve` does it daily, with retention.
    """
    with common.acting("tables sweep") as space, space.database.connect() as conn:
        done = Tables(space).sweep(conn, everybody=True)
    told = [{"table": one.table, **one.told(one.rows)} for one in done]
    if common.json:
        emit({"tables": told})
    else:
        for one in done:
            said = (
                one.pending
                or f"{one.table}: {one.rows:,} rows out of {one.files:,} files, {one.removed:,} files destroyed"
            )
            out.print(cell(said), soft_wrap=True)
        out.print(f"{len(done)} tables")
    if any(one.pending for one in done):
        sys.exit(1)
