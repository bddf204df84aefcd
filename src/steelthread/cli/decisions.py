"""`link`, `unlink`, `explain`, `resolve`, `clusters`."""

import csv
import sys
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from cyclopts import Parameter

from steelthread.app import cluster_rows
from steelthread.cli.shell import DEFAULT, Common, actor, app, emit, out
from steelthread.kit import Invalid
from steelthread.thread import id_changes
from steelthread.thread import link as say_same
from steelthread.thread import unlink as say_never


@app.command
def link(a: str, b: str, /, *, reason: str, common: Common = DEFAULT) -> None:
    """Say that two references are one person.

    Parameters
    ----------
    a
        individual:UUID, KIND:VALUE or record:SOURCE/ENTITY/KEY.
    b
        The other one.
    reason
        Why; kept with the link.
    """
    with common.space() as space:
        told = say_same(space, a, b, reason, actor())
    if common.json:
        emit(told)
    elif told["same"]:
        out.print("Linked: one person now.")
    else:
        out.print(
            f"Kept, but it does not join them: {told['refused'] or 'another constraint forbids it'}.", markup=False
        )


@app.command
def unlink(a: str, b: str, /, *, reason: str, common: Common = DEFAULT) -> None:
    """Take a link back; where no person made one, say that the two are never the same.

    Parameters
    ----------
    a
        individual:UUID, KIND:VALUE or record:SOURCE/ENTITY/KEY.
    b
        The other one.
    reason
        Why; kept with the decision.
    """
    with common.space() as space:
        told = say_never(space, a, b, reason, actor())
    if common.json:
        emit(told)
    elif told["same"]:
        out.print("The link by hand is gone, but rules still join them. Unlink again to forbid that.")
    else:
        out.print("Unlinked: two persons now.")


@app.command
def explain(a: str, b: str, /, *, common: Common = DEFAULT) -> None:
    """Say whether two references are one person, and by which links.

    Parameters
    ----------
    a
        individual:UUID, KIND:VALUE or record:SOURCE/ENTITY/KEY.
    b
        The other one.
    """
    with common.reading() as space, space.database.connect() as conn:
        told = space.reader(conn).explain(a, b)
    if common.json:
        emit(told)
        return
    out.print("One person." if told["same"] else "Two persons.", style="bold")
    for step in told["path"]:
        out.print(
            f"  {step['from']}  --  {step['to']}   {step['reason']} ({step['actor']}, {step['at']})", markup=False
        )
    for step in told["refused"]:
        out.print(f"  refused: {step['from']}  --  {step['to']}   {step['rule']}: {step['reason']}", markup=False)


@app.command
def resolve(
    individual: UUID,
    /,
    *,
    as_of: Annotated[datetime | None, Parameter(name="--as-of")] = None,
    common: Common = DEFAULT,
) -> None:
    """Say which individual a universal ID, present or former, stands for.

    Parameters
    ----------
    individual
        The universal ID.
    as_of
        At which moment; now by default.
    """
    with common.reading() as space, space.database.connect() as conn:
        told = space.reader(conn).resolve(individual, as_of)
    if common.json:
        emit(told)
    else:
        out.print(f"{told['individualId']} ({told['status']})")


@app.command
def changes(*, after: int = 0, limit: int = 1000, common: Common = DEFAULT) -> None:
    """Print which universal IDs were created, merged and parted, in order; go on from `next` the next time.

    Parameters
    ----------
    after
        The `next` of the former call; from the beginning by default.
    limit
        At most so many facts of the log.
    """
    with common.reading() as space:
        told = id_changes(space, after, limit)
    if common.json:
        emit(told)
        return
    for one in told["changes"]:
        if one["change"] == "created":
            out.print(f"{one['number']}  created {len(one['individuals']):,}", markup=False)
        elif one["change"] == "merged":
            out.print(f"{one['number']}  merged  {', '.join(one['gone'])} into {one['into']}", markup=False)
        else:
            out.print(f"{one['number']}  split   {one['part']} from {one['source']}", markup=False)
    out.print(f"next: {told['next']}", markup=False)


@app.command
def clusters(*, format: Literal["csv"] = "csv", common: Common = DEFAULT) -> None:  # the interface's word
    """Print source,entity,key,individual_id of every record that maps an Individual or Account.

    Parameters
    ----------
    format
        Form of the output.
    """
    if common.json:
        raise Invalid("clusters prints CSV: leave --json out.")
    with common.reading() as space, space.database.connect() as conn:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("source", "entity", "key", "individual_id"))
        writer.writerows(cluster_rows(space, conn))
