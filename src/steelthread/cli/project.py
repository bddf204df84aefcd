"""`init` and `status`."""

import shlex
from pathlib import Path
from typing import Literal

from rich.table import Table

from steelthread.app import create_project, status_of
from steelthread.cli.shell import DEFAULT, Common, app, emit, out


@app.command
def init(
    folder: Path,
    /,
    *,
    name: str = "",
    country: str = "",
    template: Literal["company", "people"] = "company",
    common: Common = DEFAULT,
) -> None:
    """Make a project folder.

    Parameters
    ----------
    folder
        Folder to make; it may exist, but not hold a project.
    name
        Name of the project; the folder's name by default.
    country
        Default country of phone numbers without a prefix (two letters).
    template
        company: all its systems; people: files of people only, to find out who is who.
    """
    made = create_project(folder, name or folder.resolve().name, country, template)
    if common.json:
        emit({"folder": str(made)})
        return
    out.print(f"Made {made}", highlight=False)
    where = shlex.quote(str(folder))
    out.print(f"Next: steelthread source new NAME FILE --project {where}", style="dim", highlight=False)
    if template == "people":
        for line in ("load NAME", "resolve", "review", "clusters > clusters.csv"):
            out.print(f"      steelthread {line} --project {where}", style="dim", highlight=False)


@app.command
def status(*, common: Common = DEFAULT) -> None:
    """Show where everything is, and how much there is."""
    with common.space() as space:
        content = status_of(space)
    if common.json:
        emit(content)
        return
    table = Table(show_header=False, box=None)
    for key, value in content.items():
        table.add_row(key, f"{value:,}" if isinstance(value, int) else str(value))
    out.print(table)
