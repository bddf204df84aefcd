"""`request ...`: the rights desk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
import psycopg
from cyclopts import App, Parameter

from steelthread.cli.shell import DEFAULT, Common, actor, app, emit, out
from steelthread.kit import Invalid
from steelthread.rights import Asking, Delay, Ground, Proof, RequestDesk, Stop

request = App(name="request", help="The rights desk: what people ask for, by when, and what was done.")
app.command(request)
_STATES = {"open": ("open", "paused"), "closed": ("done", "refused", "cancelled")}


@contextmanager
def _desk(common: Common) -> Iterator[tuple[RequestDesk, "psycopg.Connection[Any]"]]:
    with common.space() as space, space.database.connect() as conn:
        yield RequestDesk(space), conn
        conn.commit()


def _who() -> str:
    return f"operator {actor()}"


def _tell(content: Any, common: Common) -> None:
    if common.json:
        emit(content)
        return
    for name, value in msgspec.to_builtins(content, str_keys=True).items():
        if value not in (None, [], ""):
            out.print(
                f"{name}: {'; '.join(map(str, value)) if isinstance(value, list) else value}",
                markup=False,
                soft_wrap=True,
            )


@request.command(name="open")
def request_open(
    kind: str, ref: str, /, *, contact: str = "", language: str = "en", place: str = "", asker: str = "self",
    purpose: Annotated[list[str] | None, Parameter(name="--purpose")] = None, manner: str = "command line",
    common: Common = DEFAULT,
) -> None:  # fmt: skip
    """Take a request.

    Parameters
    ----------
    kind
        access, portability, rectification, erasure, restriction, objection, opt_out, limit, human_review; know, correct.
    ref
        An identifier or record of the person: email:ann@example.com, phone:..., record:SOURCE/ENTITY/KEY.
    contact
        Where the answer goes, email:... or phone:...; the reference itself by default.
    language
        Of the letters: en, de, fr, es, pt.
    place
        Whose law counts, such as DE or US-CA; the project's by default.
    asker
        self, agent, parent or household.
    purpose
        Of an objection or a restriction: these purposes only; repeat for several.
    manner
        How it came, such as letter or phone.
    """
    said = {"kind": kind, "ref": ref, "contact": contact, "language": language, "place": place, "actor": asker}
    try:
        asking = msgspec.convert({**said, "purposes": purpose or []}, Asking)
    except msgspec.ValidationError as error:
        raise Invalid(f"{error}: see steelthread request open --help.") from None
    with _desk(common) as (desk, conn):
        told = desk.open(conn, asking, manner, _who())
    _tell(told, common)


@request.command(name="prove")
def request_prove(
    number: UUID, /, *, code: str = "", point: Annotated[list[str] | None, Parameter(name="--point")] = None,
    common: Common = DEFAULT,
) -> None:  # fmt: skip
    """Take what a person shows of themselves; whether it fits is told when the request is granted.

    Parameters
    ----------
    number
        Of the request.
    code
        The code that was sent.
    point
        Something on file, such as loyalty_number=LN-1 or birthDate=1980-02-03; repeat for several.
    """
    points = dict(one.split("=", 1) for one in point or [] if "=" in one)
    if len(points) != len(point or []) or not (code or points):
        raise Invalid("Say --code CODE, or --point NAME=VALUE.")
    with _desk(common) as (desk, conn):
        desk.prove(conn, number, code, points)
    _tell({"requestId": str(number), "noted": True}, common)


@request.command(name="attest")
def request_attest(number: UUID, proof: Proof, /, *, common: Common = DEFAULT) -> None:
    """Note what you have seen of who asks; the thing itself is not kept.

    Parameters
    ----------
    number
        Of the request.
    proof
        authenticated, declaration, permission, confirmed, parent, document, sim_swap.
    """
    with _desk(common) as (desk, conn):
        desk.attest(conn, number, proof, _who())
        told = desk.show(conn, number)
    _tell({"requestId": str(number), "lacks": told["lacks"]}, common)


@request.command(name="list")
def request_list(*, state: str = "open", limit: int = 100, common: Common = DEFAULT) -> None:
    """List requests, those that are due first.

    Parameters
    ----------
    state
        open or closed.
    limit
        At most so many.
    """
    if state not in _STATES:
        raise Invalid("state is open or closed.")
    with _desk(common) as (desk, conn):
        found = desk.cases.all(conn, _STATES[state], limit)
    if common.json:
        emit(found)
        return
    for one in found:
        out.print(
            f"{one.request_id}  due {one.due_on}  {one.state:9} {one.kind:14} {one.place} {one.law}", markup=False
        )


@request.command(name="show")
def request_show(number: UUID, /, *, common: Common = DEFAULT) -> None:
    """Show a case file: every step, and what is still to be shown. It says nothing of who asks.

    Parameters
    ----------
    number
        Of the request.
    """
    with _desk(common) as (desk, conn):
        told = desk.show(conn, number)
    if common.json:
        emit(told)
        return
    steps = told.pop("steps")
    _tell(told, common)
    for one in steps:
        details = ", ".join(f"{name} {value}" for name, value in one.details.items())
        out.print(
            f"{one.number:>3}  {one.at:%Y-%m-%d %H:%M}  {one.actor}: {one.what} {details}", markup=False, soft_wrap=True
        )


@request.command(name="due")
def request_due(*, common: Common = DEFAULT) -> None:
    """Tell which requests are due within a week, at once, or overdue; each level is noted once in the case file."""
    with _desk(common) as (desk, conn):
        told = desk.escalate(conn)
    if common.json:
        emit(told)
        return
    for one in told:
        out.print(f"{one['level']:8} {one['dueOn']}  {one['kind']:14} {one['requestId']}", markup=False)


@request.command(name="extend")
def request_extend(number: UUID, reason: Delay, /, *, common: Common = DEFAULT) -> None:
    """Put the answer off, once, before it is due; a letter says why.

    Parameters
    ----------
    number
        Of the request.
    reason
        complexity or number.
    """
    with _desk(common) as (desk, conn):
        told = desk.extend(conn, number, reason, _who())
    _tell(told, common)


@request.command(name="pause")
def request_pause(number: UUID, why: Stop, /, *, common: Common = DEFAULT) -> None:
    """Stop the clock, where the law lets you.

    Parameters
    ----------
    number
        Of the request.
    why
        identity or clarification.
    """
    with _desk(common) as (desk, conn):
        told = desk.pause(conn, number, why, _who())
    _tell(told, common)


@request.command(name="resume")
def request_resume(number: UUID, /, *, common: Common = DEFAULT) -> None:
    """Let the clock go on.

    Parameters
    ----------
    number
        Of the request.
    """
    with _desk(common) as (desk, conn):
        told = desk.resume(conn, number, _who())
    _tell(told, common)


@request.command(name="refuse")
def request_refuse(number: UUID, ground: Ground, /, *, common: Common = DEFAULT) -> None:
    """Refuse; a letter says why, and where to complain.

    Parameters
    ----------
    number
        Of the request.
    ground
        not_verified, unfounded, excessive, exempt, not_applicable, household.
    """
    with _desk(common) as (desk, conn):
        told = desk.refuse(conn, number, ground, _who())
    _tell(told, common)


@request.command(name="run")
def request_run(
    number: UUID, /, *, output: Annotated[Path | None, Parameter(name="--out")] = None, common: Common = DEFAULT
) -> None:
    """Grant a request: erase, write the access package, restrict.

    Parameters
    ----------
    number
        Of the request.
    output
        A new folder for the package of access and portability.
    """
    with common.reading("request run") as space:
        told = RequestDesk(space).run(number, _who(), output)
    _tell(told, common)


@request.command(name="done")
def request_done(number: UUID, /, *, common: Common = DEFAULT) -> None:
    """Say that people did what was asked: a correction in the sources, the review of a decision.

    Parameters
    ----------
    number
        Of the request.
    """
    with _desk(common) as (desk, conn):
        told = desk.done(conn, number, _who())
    _tell(told, common)


@request.command(name="lift")
def request_lift(number: UUID, /, *, common: Common = DEFAULT) -> None:
    """Lift a restriction: the person is told first; once that letter is sent, say it again.

    Parameters
    ----------
    number
        Of the request that restricted.
    """
    with _desk(common) as (desk, conn):
        told = desk.lift(conn, number, _who())
    _tell({"requestId": str(number), "state": told}, common)


@request.command(name="letters")
def request_letters(*, limit: int = 100, common: Common = DEFAULT) -> None:
    """Show the letters that wait to be sent, with where they go.

    Parameters
    ----------
    limit
        At most so many.
    """
    with common.reading("request letters") as space, space.database.connect() as conn:
        found = RequestDesk(space).cases.letters(conn, limit)
    if common.json:
        emit(found)
        return
    for one in found:
        out.print(f"{one['letterId']}  {one['letter']} to {one['to']}\n    {one['text']}", markup=False, soft_wrap=True)


@request.command(name="sent")
def request_sent(letter: UUID, /, *, common: Common = DEFAULT) -> None:
    """Note that a letter was sent: its text goes.

    Parameters
    ----------
    letter
        Its number, as `request letters` shows it.
    """
    with _desk(common) as (desk, conn):
        desk.sent(conn, letter, _who())
    _tell({"letterId": str(letter), "sent": True}, common)
