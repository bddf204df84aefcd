"""`audit ...`."""

import sys
from pathlib import Path

import msgspec
from cyclopts import App

from steelthread.cli.shell import DEFAULT, Common, app, emit, out
from steelthread.privacy import Audit

audit = App(name="audit", help="The audit log: who did what with personal data.")
app.command(audit)


@audit.command(name="verify")
def audit_verify(*, common: Common = DEFAULT) -> None:
    """Check every entry of the audit log, and that it grew out of what was seen before; name the first bad entry."""
    with common.space() as space, space.database.connect() as conn:
        found = Audit(space.vault).verify(conn, space.project.data)
    if common.json:
        emit(found)
    elif found.good:
        out.print(f"Good: {found.entries:,} entries, root {found.root}", markup=False)
    else:
        out.print(f"BAD from entry {found.first_bad} on: {found.why}", markup=False)
    if not found.good:
        sys.exit(1)


@audit.command(name="head")
def audit_head(*, common: Common = DEFAULT) -> None:
    """Print the signed head of the log: publish it, or keep it elsewhere."""
    with common.space() as space, space.database.connect() as conn:
        emit(Audit(space.vault).head(conn))


@audit.command(name="export")
def audit_export(file: Path, /, *, common: Common = DEFAULT) -> None:
    """Write the log for `checker.py`, which checks it without Steelthread.

    Parameters
    ----------
    file
        The file to write.
    """
    with common.space() as space, space.database.connect() as conn:
        count = Audit(space.vault).export(conn, file)
    if common.json:
        emit({"file": str(file), "entries": count})
    else:
        out.print(f"{count:,} entries in {file}", markup=False)


@audit.command(name="list")
def audit_list(*, limit: int = 50, common: Common = DEFAULT) -> None:
    """Show the latest entries, newest last.

    Parameters
    ----------
    limit
        How many.
    """
    with common.space() as space, space.database.connect() as conn:
        rows = conn.execute("select body from privacy.audit order by number desc limit %s", (limit,)).fetchall()
    entries = [msgspec.json.decode(bytes(body)) for (body,) in reversed(rows)]
    if common.json:
        emit(entries)
        return
    for one in entries:
        what = f"{one['n']:>6}  {one['at'][:19]}  {one['kind']:13}  {one.get('actor', '')}: {one.get('what', '')}"
        out.print(what + (f" for {one['purpose']}" if "purpose" in one else ""), markup=False)
