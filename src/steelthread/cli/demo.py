"""`demo`: the made-up retailer, loaded, scored, drawn and served."""

import shlex
import time
from pathlib import Path
from typing import Any

import psycopg
from rich.table import Table

from steelthread.app import cluster_rows, create_project, load_file
from steelthread.cli.reading import draw
from steelthread.cli.serving import run
from steelthread.cli.shell import Common, app, emit, note, out
from steelthread.demo import DemoCompany, generate, score
from steelthread.kit import FILE
from steelthread.profiles import Wanted, shown_entry
from steelthread.thread import Space


@app.command
def demo(
    folder: Path = Path("demo"),
    /,
    *,
    customers: int = 2000,
    seed: int = 7,
    serve: bool = False,
    json: bool = False,
) -> None:
    """Make up a retailer, load all its systems, and measure the result against the truth.

    Parameters
    ----------
    folder
        Project folder to make or to use again.
    customers
        How many people there really are.
    seed
        The same seed makes the same company.
    serve
        Start the server at the end.
    json
        Print one line of JSON on stdout.
    """
    if not (folder / FILE).exists():
        create_project(folder, "demo", "GB")
    began = time.monotonic()
    company = generate(folder, customers=customers, seed=seed)
    note(f"Made up {customers:,} customers in {time.monotonic() - began:.1f} s: {folder}/data, the truth in truth.csv")
    common = Common(project=folder, json=json)
    with common.space() as space:
        rows = _load_all(space, company, json=json)
        with space.database.connect() as conn:
            told = score(cluster_rows(space, conn), company.truth)
            best = _telling(conn)
            reader = space.reader(conn)
            content, timeline = (
                reader.profile(best),
                [shown_entry(one) for one in reader.timeline(best, Wanted(limit=10))],
            )
    seconds = time.monotonic() - began
    if json:
        emit({"rows": rows, "seconds": round(seconds, 1), "score": told, "profile": content["individualId"]})
    else:
        draw(content, timeline, [])
        out.print(
            f"\n{told.records:,} records -> {told.individuals:,} individuals ({told.people:,} people in truth), "
            f"consolidation {told.consolidation_rate:.1%}, precision {told.precision:.4f}, recall {told.recall:.4f}, "
            f"merges through shared family keys {told.family_merges:,}; {seconds:.1f} s"
        )
        out.print(
            f"Look further: steelthread profile individual:{content['individualId']} --project {shlex.quote(str(folder))}"
        )
    if serve:
        run(common, *_address(common))


def _address(common: Common) -> tuple[str, int]:
    server = common.open().settings.server
    return server.host, server.port


def _load_all(space: Space, company: DemoCompany, *, json: bool) -> int:
    table = Table()
    for column in ("source", "file", "rows", "new", "updated", "unchanged", "rejected", "set aside", "seconds"):
        table.add_column(column)
    rows = 0
    for name, path in company.loads:
        result = load_file(space, name, path)
        rows += result.read
        cells = (result.read, result.accepted, result.updated, result.unchanged, result.rejected, result.set_aside)
        table.add_row(name, Path(path).name, *(f"{cell:,}" for cell in cells), f"{result.seconds:.1f}")
    if not json:
        out.print(table)
    return rows


def _telling(conn: psycopg.Connection[Any]) -> str:
    """Return a customer with many records and orders, for the picture."""
    row = (
        conn.execute(
            "select individual_id from profiles.profile where records between 3 and 6 and body->'events' ? 'SalesOrder' "
            "order by records desc, body::text limit 1"
        ).fetchone()
        or conn.execute("select individual_id from profiles.profile limit 1").fetchone()
    )
    assert row is not None
    return f"individual:{row[0]}"
