"""`policy check|ask` and `glass break|list|close|review`: who may do what, and who did for once what they may not."""

from typing import Literal

from cyclopts import App
from rich.table import Table

from steelthread.cli.shell import DEFAULT, Common, app, cell, emit, operator, out
from steelthread.kit import Invalid
from steelthread.model import load_model
from steelthread.privacy import Access, Principal, Ruling, load_purposes, read_operators
from steelthread.rights import break_glass, close_glass, list_glasses, principal_name
from steelthread.thread import Space

policy = App(name="policy", help="Access policies: who may do what.")
glass = App(name="glass", help="Break glass: reading for a purpose that is closed, for a while, with a reason.")
app.command(policy)
app.command(glass)


def _access(space: Space) -> Access:
    return Access(space.project.folder, load_purposes(space.project.folder / "purposes.yaml"), space.model)


@policy.command(name="check")
def policy_check(*, common: Common = DEFAULT) -> None:
    """Read the policies of the folder access, and say what is wrong with them."""
    project = common.open()
    model = load_model(project.folder / "model", special=project.settings.project.special_attributes)
    policies = Access(project.folder, load_purposes(project.folder / "purposes.yaml"), model)
    operators = read_operators(project.folder)
    told = {"files": sorted(policies.texts), "operators": sorted(operators)}
    if common.json:
        emit(told)
        return
    named = f"; {len(operators)} operators by name" if operators else ""
    out.print(f"Good: {', '.join(told['files'])}{named}.", markup=False)


@policy.command(name="ask")
def policy_ask(
    *,
    purpose: str = "",
    scope: str = "",
    command: str = "",
    role: list[str] | None = None,
    carries: list[str] | None = None,
    kind: Literal["key", "operator"] = "key",
    common: Common = DEFAULT,
) -> None:
    """Ask the policies what somebody with these roles may do, before there is such a key or operator.

    Parameters
    ----------
    purpose
        May they read for this purpose, and which fields do they not see?
    scope
        May a key with this scope call what it opens?
    command
        May an operator run this command, such as "key create"?
    role
        Roles; repeat for several.
    carries
        Purposes that the key carries; repeat for several.
    kind
        Whether it is a key or an operator.
    """
    if not (purpose or scope or command):
        raise Invalid("Say what is asked: --purpose, --scope or --command.")
    with common.space() as space:
        access = _access(space)
        known = load_purposes(space.project.folder / "purposes.yaml")
        carried = tuple(known.get(one).name for one in carries or ())
        scopes = (scope,) if scope else ()
        who = Principal("Key" if kind == "key" else "Operator", "asked", tuple(role or ()), scopes, carried)
        told: dict[str, object] = {}
        if scope:
            told["scope"] = _told(access.call(who, scope))
        if command:
            told["command"] = _told(access.run(Principal("Operator", "asked", tuple(role or ())), command.split()))
        if purpose:
            name = known.get(purpose).name
            told["purpose"] = _told(access.read(who, name, scope or "profiles:read"))
            told["hidden"] = sorted(access.hidden(who, name)) if kind == "key" else []
    if common.json:
        emit(told)
        return
    for what, answer in told.items():
        out.print(f"{what}: {_words(answer)}", markup=False)


def _told(ruling: Ruling) -> dict[str, object]:
    return {"allow": ruling.allow, "policies": list(ruling.policies)}


def _words(answer: object) -> str:
    if isinstance(answer, dict):
        why = ", ".join(answer["policies"]) or "nothing permits it"
        return f"{'yes' if answer['allow'] else 'no'} ({why})"
    return ", ".join(answer) if isinstance(answer, list) and answer else "nothing"


@glass.command(name="break")
def glass_break(purpose: str, /, *, reason: str, minutes: int = 15, common: Common = DEFAULT) -> None:
    """Open a purpose to yourself for a while; the audit log and the privacy officer's list tell.

    Parameters
    ----------
    purpose
        The purpose that the policies close to you.
    reason
        Why it cannot wait; nobody's address or number.
    minutes
        For how long.
    """
    with common.space() as space:
        told = break_glass(space, _access(space), operator(space.project), purpose, reason, minutes)
    if common.json:
        emit(told)
    else:
        out.print(f"Glass {told['number']}: {told['purpose']} is open to you until {told['until']}.", markup=False)


@glass.command(name="list")
def glass_list(*, reviewed: bool = False, common: Common = DEFAULT) -> None:
    """List broken glasses, the latest first: those that nobody has looked at.

    Parameters
    ----------
    reviewed
        Also those that were looked at.
    """
    with common.space() as space, space.database.connect() as conn:
        found = list_glasses(conn, reviewed=reviewed)
    if common.json:
        emit(found)
        return
    table = Table()
    for column in ("number", "who", "purpose", "opened", "until", "reason", "verdict"):
        table.add_column(column, overflow="fold")
    for one in found:
        until = f"{one['until'][:16]}{' (open)' if one['open'] else ''}"
        row = (
            one["number"],
            one["principal"],
            one["purpose"],
            one["openedAt"][:16],
            until,
            one["reason"],
            one["verdict"],
        )
        table.add_row(*(cell(value) for value in row))
    out.print(table if found else "No glass waits to be looked at.")


@glass.command(name="close")
def glass_close(number: int, /, *, common: Common = DEFAULT) -> None:
    """Close a glass before its time.

    Parameters
    ----------
    number
        As `glass list` shows it.
    """
    with common.space() as space:
        close_glass(space, number, principal_name(operator(space.project)))
    _done(number, "closed", common)


@glass.command(name="review")
def glass_review(number: int, verdict: Literal["justified", "unjustified"], /, *, common: Common = DEFAULT) -> None:
    """Say what is thought of a broken glass; it closes, and nobody does so of their own.

    Parameters
    ----------
    number
        As `glass list` shows it.
    verdict
        justified or unjustified.
    """
    with common.space() as space:
        close_glass(space, number, principal_name(operator(space.project)), verdict)
    _done(number, verdict, common)


def _done(number: int, what: str, common: Common) -> None:
    if common.json:
        emit({"number": number, "state": what})
    else:
        out.print(f"Glass {number}: {what}.")
