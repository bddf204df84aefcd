"""`plan` and `apply`: what a changed identity.yaml or a new model would do, and doing it."""

from typing import Annotated, Any

from cyclopts import Parameter

from steelthread.cli.shell import DEFAULT, Common, app, emit, note, out, parties_in
from steelthread.thread import apply as put_into_force
from steelthread.thread import plan as what_if


@app.command
def plan(*, new_model: Annotated[bool, Parameter(negative="")] = False, common: Common = DEFAULT) -> None:
    """Say who would merge and who would split under identity.yaml as it is now; change nothing.

    Kinds of identifiers, composite keys and blocked values are looked for in the kept records, too. A purpose that shows
    people in part gets the same without names.

    Parameters
    ----------
    new_model
        With a model learned anew, instead of the one in force; without either only rules count.
    """
    with common.reading("plan") as space:
        names = common.mask(space).whole
        told = what_if(space, new_model=new_model, names=names)
        whose = parties_in(space)
    if common.json:
        emit(told)
        return
    out.print(
        f"{whose}: {told.individuals_before:,} now, {told.individuals_after:,} after "
        f"({told.merged:,} merge into others, {told.split:,} split off); consolidation "
        f"{told.consolidation_before:.1%} now, {told.consolidation_after:.1%} after."
    )
    out.print(f"Records with other identifiers: {told.records_changed:,}.")
    out.print(f"Links: {told.links_added:,} added, {told.links_closed:,} closed{_under(told.model)}.")
    for case in told.cases:
        whose_records = "" if case.party == "individual" else f" of {case.party}s"
        out.print(f"\n{case.change}, {case.records:,} records{whose_records}", style="bold")
        for part in case.parts:
            out.print(f"  {part['individualId']}  {part['records']:,} records", markup=False)
            for one in part.get("shown", ()):
                out.print(f"    {one['record']}  {_line(one['values'])}", markup=False)
    if told.cases and not names:
        note("Names are shown for a purpose whose fields are all (*); name one with --for.")
    if told.merged or told.split or told.links_added or told.links_closed:
        out.print(f"\nTo do it: steelthread apply{' --new-model' if new_model else ''}", style="dim")


@app.command
def apply(*, new_model: Annotated[bool, Parameter(negative="")] = False, common: Common = DEFAULT) -> None:
    """Put identity.yaml as it is now into force for everybody; see first with `plan`.

    Parameters
    ----------
    new_model
        With a model learned anew, instead of the one in force.
    """
    with common.acting("apply") as space:
        done = put_into_force(space, new_model=new_model)
        whose = parties_in(space)
    if common.json:
        emit(done)
        return
    out.print(
        f"{whose}: {done.individuals_before:,} before, {done.individuals_after:,} after "
        f"({done.merged:,} merged into others, {done.split:,} split off) in {done.seconds:.1f} s."
    )


def _under(model: str) -> str:
    return f", under model {model}" if model else "; there is no model, so only rules count"


def _line(values: dict[str, Any]) -> str:
    return ", ".join(" ".join(value) if isinstance(value, list) else str(value) for value in values.values())
