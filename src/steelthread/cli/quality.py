"""`quality`: how good the people and organisations are."""

from pathlib import Path
from typing import Any

from rich.table import Table

from steelthread.cli.shell import DEFAULT, Common, app, drawn_into, emit, out
from steelthread.thread import counted_in, doubted_in, quality_picture
from steelthread.thread import quality as report


@app.command
def quality(*, picture: Path | None = None, common: Common = DEFAULT) -> None:
    """Report consolidation, sizes, what each rule contributes, weakest bridges, suspects, and drift since the last run.

    Parameters
    ----------
    picture
        File to draw it into, too (SVG).
    """
    with common.space() as space:
        told = report(space)
    if picture is not None:
        drawn_into(picture, quality_picture(told))
    if common.json:
        emit(told)
        return
    out.print(
        f"{told['records']:,} records, {counted_in(told)}, consolidation {told['consolidationRate']:.1%}; "
        f"{told['inDoubt']:,} pairs and {doubted_in(told)} in doubt (steelthread review)"
    )
    most = max((one["individuals"] for one in told["sizes"]), default=1)
    for one in told["sizes"]:
        bar = "#" * max(1, round(40 * one["individuals"] / most))
        out.print(f"  {one['records']:>5} records  {one['individuals']:>9,}  {bar}", markup=False)
    table = Table("rule", "links", "refused", "records", "joins alone", box=None)
    for one in told["rules"]:
        table.add_row(one["rule"], *(f"{one[word]:,}" for word in ("links", "refused", "records", "alone")))
    out.print(table)
    for one in told["weakestBridges"][:5]:
        out.print(
            f"  weak: {one['id']}  mean {one['mean']:+.2f} (needs {one['threshold']:+.2f}), {one['records']:,} records"
        )
    for one in told["suspects"][:5]:
        out.print(
            f"  suspect {one['party']}: {one['individualId']}  {one['records']:,} records, {one['birthDates']} birth dates, "
            f"{one['firstNames']} first names, {_held(one['bridge'])}"
        )
    if told["drift"]:
        drift = told["drift"]
        out.print(
            f"Since the run before: {drift['merged']:,} merged, {drift['split']:,} split, "
            f"{drift['linksAdded']:,} links added, {drift['linksClosed']:,} closed"
        )


def _held(bridge: dict[str, Any] | None) -> str:
    """Return what holds a person or an organisation together who may be several."""
    if bridge is None:
        return "no bridge"
    small, large = bridge["parts"]
    return f"{bridge['rule']} alone holds {small:,} and {large:,} together"
