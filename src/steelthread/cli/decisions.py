"""`link`, `unlink`, `explain`, `resolve`, `clusters`."""

import csv
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from cyclopts import Parameter
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from steelthread.app import cluster_rows
from steelthread.cli.shell import DEFAULT, Common, actor, app, drawn_into, emit, err, out, parties_in
from steelthread.identity import single, verdict
from steelthread.kit import Invalid
from steelthread.thread import explanation_picture, id_changes, resolve_all, resolve_new, said_of
from steelthread.thread import link as say_same
from steelthread.thread import unlink as say_never


def _said(_: Any, reason: str) -> None:
    if not reason.strip():
        raise ValueError("say why: it is kept with the decision")


Reason = Annotated[str, Parameter(validator=_said)]


@app.command
def link(a: str, b: str, /, *, reason: Reason, common: Common = DEFAULT) -> None:
    """Say that two references are one person or organisation.

    Parameters
    ----------
    a
        individual:UUID, KIND:VALUE or record:SOURCE/ENTITY/KEY.
    b
        The other one.
    reason
        Why; kept with the link.
    """
    with common.acting("link", a, b) as space:
        told = say_same(space, a, b, reason, actor())
    if common.json:
        emit(told)
    elif told["same"]:
        out.print(f"Linked: {_now(told)}.")
    else:
        out.print(
            f"Kept, but it does not join them: {told['refused'] or 'another constraint forbids it'}.", markup=False
        )


@app.command
def unlink(a: str, b: str, /, *, reason: Reason, common: Common = DEFAULT) -> None:
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
    with common.acting("unlink", a, b) as space:
        told = say_never(space, a, b, reason, actor())
    if common.json:
        emit(told)
    elif told["same"]:
        out.print("The link by hand is gone, but rules still join them. Unlink again to forbid that.")
    else:
        out.print(f"Unlinked: {_now(told)}.")


def _now(told: dict[str, Any]) -> str:
    """Return what two references are now: one person, two organisations."""
    said = verdict(same=told["same"], parties=told["parties"])
    return f"{said[0].lower()}{said[1:]} now"


@app.command
def explain(a: str, b: str, /, *, picture: Path | None = None, common: Common = DEFAULT) -> None:
    """Say whether two references are one person or organisation, and by which links.

    Parameters
    ----------
    a
        individual:UUID, KIND:VALUE or record:SOURCE/ENTITY/KEY.
    b
        The other one.
    picture
        File to draw it into, too (SVG).
    """
    with common.reading("explain", a, b) as space, space.database.connect() as conn:
        told = common.mask(space).explanation(space.reader(conn).explain(a, b))
    if picture is not None:
        drawn_into(picture, explanation_picture(told, a, b))
    if common.json:
        emit(told)
        return
    out.print(f"{verdict(same=told['same'], parties=told['parties'])}.", style="bold")
    party = single(told["parties"][0])
    for step in told["path"]:
        out.print(
            f"  {step['from']}  --  {step['to']}   {step['reason']} ({step['actor']}, {step['at']})", markup=False
        )
        if step["kind"] == "model":
            waterfall(step["evidence"], party)
    for step in told["refused"]:
        out.print(f"  refused: {step['from']}  --  {step['to']}   {step['rule']}: {step['reason']}", markup=False)
    if told["nearest"]:
        near = told["nearest"]
        out.print(f"  nearest: {near['from']}  --  {near['to']}", markup=False)
        waterfall(near["evidence"], party)


def waterfall(evidence: dict[str, Any], party: str) -> None:
    """Draw the weight of a person or an organisation: in words, then strongest answers first, each with a bar."""
    out.print(f"      {said_of(evidence)}", markup=False)
    answers = evidence["waterfall"]
    for one in [*answers[:1], *sorted(answers[1:], key=lambda one: -abs(one["weight"]))]:
        bar = ("+" if one["weight"] >= 0 else "-") * min(30, max(1, round(abs(one["weight"]))))
        out.print(f"      {one['weight']:+7.2f}  {one['answer']:<44} {bar}", markup=False)
    total = f"      {evidence['weight']:+7.2f}  in sum, under model {evidence['model']}"
    out.print(f"{total}; the mean of {party}'s pairs needs {evidence['threshold']:+.2f}", markup=False)
    if evidence["wall"]:
        out.print(f"      a wall: {evidence['wall']}", markup=False)


@app.command
def resolve(
    individual: UUID | None = None,
    /,
    *,
    as_of: Annotated[datetime | None, Parameter(name="--as-of")] = None,
    incremental: Annotated[bool, Parameter(negative="")] = False,
    keep_model: Annotated[bool, Parameter(negative="")] = False,
    engine: Literal["duckdb", "spark"] = "duckdb",
    common: Common = DEFAULT,
) -> None:
    """Find who is who by evidence in sum; with a universal ID, say which individual it stands for.

    Parameters
    ----------
    individual
        A universal ID, present or former, to look up.
    as_of
        With a universal ID: at which moment; now by default.
    incremental
        Keep the model in force, and look at new and changed records only.
    keep_model
        Look at all records, but under the model in force instead of a new one.
    engine
        Where all records are compared: on this machine, or by Spark ([spark] in steelthread.toml). New ones alone
        need neither.
    """
    if individual is None:
        if as_of is not None:
            raise Invalid("--as-of goes with a universal ID: steelthread resolve UUID --as-of TIME")
        _run(common, incremental=incremental, keep_model=keep_model, engine=engine)
        return
    with common.reading("resolve", f"individual:{individual}") as space, space.database.connect() as conn:
        told = space.reader(conn).resolve(individual, as_of)
    if common.json:
        emit(told)
    else:
        out.print(f"{told['individualId'] or told['requested']} ({told['status']})")


def _run(common: Common, *, incremental: bool, keep_model: bool, engine: Literal["duckdb", "spark"]) -> None:
    with common.acting("resolve all") as space, _bar(common) as bar:
        task = bar.add_task("", total=None)

        def show(stage: str, part: int, of: int) -> None:
            bar.update(task, description=stage, completed=part, total=of or None)
            bar.refresh()

        if incremental:
            done = resolve_new(space)
        else:
            done = resolve_all(space, keep_model=keep_model, engine=engine, stage=show)
        whose = parties_in(space)
    if common.json:
        emit(done)
        return
    out.print(
        f"{done.records:,} records, {done.pairs_scored:,} pairs scored in {done.seconds:.1f} s under model {done.model}.\n"
        f"Links: {done.links_added:,} added, {done.links_closed:,} closed. "
        f"{whose}: {done.individuals_before:,} before, {done.individuals_after:,} after "
        f"({done.merged:,} merged into others, {done.split:,} split off)."
    )
    for sentence in done.lacks:
        out.print(sentence, style="dim", markup=False)


def _bar(common: Common) -> Progress:
    """Return a bar without a thread of its own: a process with threads does not fork, and a run forks for the second core."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    hidden = common.json or not err.is_terminal
    return Progress(*columns, console=err, disable=hidden, transient=True, auto_refresh=False)


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
    with common.reading("changes") as space:
        told = id_changes(space, after, limit)
    if common.json:
        emit(told)
        return
    for one in told["changes"]:
        if "individuals" in one:
            out.print(f"{one['number']}  {one['change']:7} {len(one['individuals']):,}", markup=False)
        elif one["change"] == "merged":
            out.print(f"{one['number']}  merged  {', '.join(one['gone'])} into {one['into']}", markup=False)
        else:
            out.print(f"{one['number']}  split   {one['part']} from {one['source']}", markup=False)
    out.print(f"next: {told['next']}", markup=False)


@app.command
def clusters(*, format: Literal["csv"] = "csv", common: Common = DEFAULT) -> None:  # the interface's word
    """Print source,entity,key,individual_id of every record that maps an Individual, Organization or Account.

    Parameters
    ----------
    format
        Form of the output.
    """
    if common.json:
        raise Invalid("clusters prints CSV: leave --json out.")
    with common.reading("clusters", whole=True) as space, space.database.connect() as conn:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("source", "entity", "key", "individual_id"))
        writer.writerows(cluster_rows(space, conn))
