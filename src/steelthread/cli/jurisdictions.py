"""`jurisdiction list|check`."""

import sys

from cyclopts import App

from steelthread.cli.shell import DEFAULT, Common, app, emit, out
from steelthread.privacy import load_jurisdictions, run_cases

jurisdiction = App(name="jurisdiction", help="What the laws of places demand.")
app.command(jurisdiction)


@jurisdiction.command(name="list")
def jurisdiction_list(*, common: Common = DEFAULT) -> None:
    """List the packs with their editions."""
    packs = load_jurisdictions(common.open().folder).packs.values()
    if common.json:
        emit(list(packs))
        return
    for pack in packs:
        out.print(f"{pack.name}: {pack.title}", style="bold", markup=False)
        for edition in pack.editions:
            out.print(f"  since {edition.since}: rights {', '.join(sorted(edition.rights))}", markup=False)
            out.print(f"    {'; '.join(edition.sources)}", style="dim", markup=False)


@jurisdiction.command(name="check")
def jurisdiction_check(*, common: Common = DEFAULT) -> None:
    """Run the cases of all packs, the project's own too; exit code 1 when a law answers otherwise than it should."""
    cases = list(run_cases(load_jurisdictions(common.open().folder)))
    wrong = [one for one in cases if not one.good]
    if common.json:
        emit({"cases": len(cases), "wrong": wrong})
    else:
        for one in wrong:
            out.print(f"{one.pack} {one.number}: {one.found}, but should be {one.expected}", markup=False)
        out.print(f"{len(cases)} cases, {len(wrong)} wrong")
    if wrong:
        sys.exit(1)
