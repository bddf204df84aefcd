"""`contract ...`: what live sources have promised to send, and what they send."""

from datetime import UTC, datetime
from typing import Any

from cyclopts import App

from steelthread import intake
from steelthread.app import infer_contract, watch_contract
from steelthread.cli.shell import DEFAULT, Common, app, cell, emit, note, out, table_of
from steelthread.kit import NotFound

contract = App(name="contract", help="Contracts of live sources: tracking plans after the Open Data Contract Standard.")
app.command(contract)


@contract.command(name="infer")
def infer(source: str, /, *, force: bool = False, common: Common = DEFAULT) -> None:
    """Draft contracts/SOURCE.odcs.yaml from what a source has sent so far.

    Parameters
    ----------
    source
        Name of a live source.
    force
        Overwrite a contract that is there.
    """
    with common.space() as space:
        path, text = infer_contract(space, source, force=force)
    if common.json:
        emit({"source": source, "contract": str(path)})
        return
    out.print(text, markup=False, soft_wrap=True)
    note(f"Written to {path}. It allows everything: say under customProperties what is dropped or blocked.")


@contract.command(name="check")
def check(source: str, /, *, common: Common = DEFAULT) -> None:
    """Read a contract and say whether it can be judged by.

    Parameters
    ----------
    source
        Name of a live source.
    """
    folder = common.open().folder
    plan = intake.load_plan(folder, source)
    if plan is None:
        raise NotFound(f"There is no {intake.plan_path(folder, source)}. Draft it: steelthread contract infer {source}")
    emit_or_note = {"source": source, "events": len(plan.events)}
    if common.json:
        emit(emit_or_note)
    else:
        note(f"{source}: {len(plan.events)} events.")


@contract.command(name="seen")
def seen(source: str, /, *, common: Common = DEFAULT) -> None:
    """List the events and properties that a source has sent, with first and last time, and whether its contract has them.

    Parameters
    ----------
    source
        Name of a live source.
    """
    _show(source, "seen", common)


@contract.command(name="violations")
def violations(source: str, /, *, common: Common = DEFAULT) -> None:
    """List what broke the contract, how often, what was done, and the first event that did so.

    Parameters
    ----------
    source
        Name of a live source.
    """
    _show(source, "violations", common)


@contract.command(name="alerts")
def alerts(source: str, /, *, common: Common = DEFAULT) -> None:
    """List events that came much more or less often in the last whole hour than in the day before.

    Parameters
    ----------
    source
        Name of a live source.
    """
    _show(source, "alerts", common)


def _show(source: str, what: str, common: Common) -> None:
    with common.reading(f"contract {what}", whole=what == "violations") as space:
        rows = watch_contract(space, source, what)
    if common.json:
        emit({"source": source, what: rows})
        return
    if not rows:
        note(f"Nothing of {source}.")
        return
    table = table_of(*rows[0])
    for row in rows:
        table.add_row(*(cell(_cell(value)) for value in row.values()))
    out.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
    return "" if value is None else str(value)
