"""`classify`: what the columns of a source hold of people."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from steelthread.app import files_of
from steelthread.cli.shell import DEFAULT, Common, app, cell, emit, out
from steelthread.intake import Classified, classify, detect, list_sources, load_source, open_rows
from steelthread.kit import NotFound, Project
from steelthread.model import load_model

_ROWS = 1000


@app.command(name="classify")
def classify_command(source: str, /, *, common: Common = DEFAULT) -> None:
    """Say of every column which personal data it holds, how sure that is, and whether the mapping protects it enough.

    Parameters
    ----------
    source
        A source of the project, or a file that is none yet.
    """
    found = classified(common.open(), source)
    if common.json:
        emit(found)
        return
    draw_classes(found, out)


def draw_classes(found: list[Classified], console: Console) -> None:
    """Draw what columns hold."""
    table = Table()
    for column in ("column", "label", "treated as", "sure", "why", "maps to"):
        table.add_column(column, overflow="fold")
    for one in found:
        row = (one.column, one.label or "unlabelled", one.privacy, one.confidence, "; ".join(one.why), one.attribute)
        table.add_row(*(cell(value) for value in row))
    console.print(table)
    for one in found:
        if one.warning:
            console.print(f"{one.column}: {one.warning}", markup=False)


def classified(project: Project, source: str, file: Path | None = None) -> list[Classified]:
    """Say what the columns of a source, of a file of it, or of a file that is no source yet hold."""
    model = load_model(project.folder / "model", special=project.settings.project.special_attributes)
    known = source in list_sources(project.folder)
    mapping = load_source(project.folder, source, model) if known else None
    if mapping is None and not Path(source).exists():
        raise NotFound(f"{source} is neither a source of the project nor a file.")
    path = files_of(project, mapping, file)[0] if mapping else Path(source)
    rows = open_rows(path, detect(path, mapping.format if mapping else None), batch=_ROWS)
    first = next(iter(rows), None)
    rows.close()
    return classify(rows.columns, first.rows if first else [], mapping, model)
