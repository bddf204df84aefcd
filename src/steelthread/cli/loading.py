"""`source ...`, `load`, `rejects`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from steelthread.app import add_live_source, add_write_key, draft_source, load_file, preview_source, replay_rejects
from steelthread.cli.classifying import classified, draw_classes
from steelthread.cli.shell import DEFAULT, Common, app, cell, emit, err, note, out, table_of
from steelthread.intake import Format, list_rejects, list_sources
from steelthread.kit import NotFound
from steelthread.thread import Progress as Step

source = App(name="source", help="Sources: which files there are and how they map to the canonical model.")
app.command(source)


@source.command(name="new")
def source_new(
    name: str,
    file: Path,
    /,
    *,
    sheet: str = "",
    member: str = "",
    root: str = "",
    force: bool = False,
    common: Common = DEFAULT,
) -> None:
    """Draft sources/NAME.yaml by looking at a file; it loads unedited. Says too what each column holds of people.

    Parameters
    ----------
    name
        Name of the source: letters, digits, _ and -.
    file
        The file to look at: CSV, TSV, JSON, JSON Lines, Parquet or Excel, also .gz and .zip.
    sheet
        Which sheet of a workbook; the first by default.
    member
        Which file of a .zip that has several.
    root
        Where the list of rows stands in a JSON document, such as result.items.
    force
        Overwrite a mapping that is there.
    """
    hint = Format(sheet=sheet, member=member, root=root)
    project = common.open()
    path, text = draft_source(project, name, file, force=force, hint=hint)
    found = classified(project, name, file)
    if common.json:
        classes = [
            {"column": one.column, "label": one.label, "privacy": one.privacy, "warning": one.warning} for one in found
        ]
        emit({"source": name, "mapping": str(path), "columns": classes})
        return
    out.print(text, markup=False)
    draw_classes(found, err)
    note(f"Written to {path}. Check the guesses, then: steelthread source preview {name}")


@source.command(name="add")
def source_add(name: str, /, *, kind: Literal["live"], purpose: str = "", common: Common = DEFAULT) -> None:
    """Make a source that receives live events, and its first write key: SDKs send to it over HTTP.

    Parameters
    ----------
    name
        Name of the source: letters, digits, _ and -.
    kind
        live.
    purpose
        What its events are collected for: those of whoever does not allow it are dropped; by default nobody is asked.
    """
    with common.space() as space:
        secret = add_live_source(space, name, purpose)
    if common.json:
        emit({"name": name, "writeKey": secret})
        return
    out.print(secret, markup=False)
    note("Give this write key to the SDK, with this server as its host; it is not shown again. See docs/live.md.")
    if not purpose:
        note(f"Its events are kept whatever people say of consent, unless sources/{name}.yaml says a purpose.")


@source.command(name="key")
def source_key(name: str, /, *, revoke: str = "", common: Common = DEFAULT) -> None:
    """Make one more write key of a live source, or revoke one: both work in between.

    Parameters
    ----------
    name
        Name of the source.
    revoke
        The write key to revoke.
    """
    with common.space() as space:
        secret = add_write_key(space, name, revoke)
    if common.json:
        emit({"name": name, "writeKey": secret or None})
    elif secret:
        out.print(secret, markup=False)
    else:
        note("Revoked; servers forget it within seconds.")


@source.command(name="list")
def source_list(*, common: Common = DEFAULT) -> None:
    """List the sources of the project."""
    project = common.open()
    sources = list_sources(project.folder)
    if common.json:
        emit([{"source": one} for one in sources])
        return
    for one in sources:
        out.print(one, markup=False)


@source.command(name="preview")
def source_preview(name: str, /, *, rows: int = 5, common: Common = DEFAULT) -> None:
    """Show source rows beside what they map to; nothing is stored.

    Parameters
    ----------
    name
        Name of the source.
    rows
        How many rows to show.
    """
    content = preview_source(common.purposeful(), name, rows)
    if common.json:
        emit(content)
        return
    for row in content["rows"]:
        table = Table(title=f"line {row['line']}", title_justify="left")
        table.add_column("in the file")
        table.add_column("in the canonical model")
        left = "\n".join(f"{column} = {value}" for column, value in row["cells"].items() if value)
        table.add_row(cell(left), cell("\n".join(row["mapped"])))
        out.print(table)
    for warning in content["warnings"]:
        note(warning)
    if content["unmapped"]:
        note("Not mapped, kept sealed as they are: " + ", ".join(content["unmapped"]))


@app.command
def load(
    name: str,
    file: Path | None = None,
    /,
    *,
    as_of: Annotated[datetime | None, Parameter(name="--as-of")] = None,
    allow_empty: bool = False,
    common: Common = DEFAULT,
) -> None:
    """Load a source: map, resolve, fold. The same file again changes nothing; a load that was cut off goes on.

    Parameters
    ----------
    name
        Name of the source (sources/NAME.yaml).
    file
        File to load in place of the one that the mapping names.
    as_of
        The time of which the file speaks; now by default.
    allow_empty
        A snapshot without a row closes everybody that it has shown before; without this word it is refused.
    """
    with common.space() as space, _bar(common) as bar:
        task = bar.add_task(name, total=None, rows=0, rejected=0)

        def show(step: Step) -> None:
            bar.update(task, completed=step.position, total=step.total or None, rows=step.rows, rejected=step.rejected)

        result = load_file(space, name, file, as_of=as_of, progress=show, allow_empty=allow_empty)
    for warning in result.warnings:
        note(warning)
    if result.unmapped:
        note("Not mapped, kept sealed as they are: " + ", ".join(result.unmapped))
    if result.rejected or result.set_aside:
        note(f"{result.rejected} rows rejected, {result.set_aside} values set aside: steelthread rejects {name}")
    if common.json:
        emit(result)
        return
    rate = result.read / result.seconds if result.seconds else 0.0
    out.print(
        f"{result.source}: {result.read:,} rows: {result.accepted:,} new, {result.updated:,} updated, "
        f"{result.unchanged:,} unchanged, {result.closed:,} closed, {result.rejected:,} rejected; "
        f"individuals +{result.individuals['created']:,}, merged {result.individuals['merged']:,} "
        f"({result.seconds:.1f} s, {rate:,.0f} rows/s)"
    )


def _bar(common: Common) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[rejected]:,} rejected"),
        TimeRemainingColumn(),
        console=err,
        disable=common.json or not err.is_terminal,
        transient=True,
    )


@app.command
def rejects(name: str = "", /, *, replay: bool = False, limit: int = 50, common: Common = DEFAULT) -> None:
    """Show what was refused or set aside, with file, line, column and reason; `--replay` tries it again.

    Parameters
    ----------
    name
        Only this source.
    replay
        Map and load the refused rows again, after the mapping was mended.
    limit
        How many to show.
    """
    with common.space() as space:
        if replay:
            emit_or_print = replay_rejects(space, name)
            if common.json:
                emit(emit_or_print)
            else:
                out.print(f"{emit_or_print['replayed']} rows loaded, {emit_or_print['left']} still refused")
            return
        with space.database.connect() as conn:
            rows = list_rejects(conn, name, limit)
        if not rows and name and name not in list_sources(space.project.folder):
            raise NotFound(f"There is no source {name}. See: steelthread source list")
    if common.json:
        emit(rows)
        return
    table = table_of("source", "file", "line", "column", "what", "reason")
    for row in rows:
        what = "row rejected" if row["row"] else "value set aside"
        table.add_row(*map(cell, (row["source"], row["file"], row["line"], row["column"], what, row["reason"])))
    out.print(table)
