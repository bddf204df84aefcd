"""`consent set|show`, `decide`, `totals`, `access`, `scan`."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
from cyclopts import App, Parameter

from steelthread.cli.shell import DEFAULT, Common, actor, app, emit, open_space, out
from steelthread.kit import Invalid
from steelthread.privacy import METHODS, Entry, Said, scan_everything, told
from steelthread.rights import Auditor, Consents, Receipts, Saying, Tables, totals
from steelthread.rights import access as access_person

consent = App(name="consent", help="What people allow: the consent ledger.")
app.command(consent)


@consent.command(name="set")
def consent_set(
    ref: str,
    purpose: str,
    said: Said,
    /,
    *,
    channel: str = "",
    source: str = "",
    notice: str = "",
    returns: bool = False,
    valid_until: Annotated[datetime | None, Parameter(name="--valid-until")] = None,
    at: datetime | None = None,
    common: Common = DEFAULT,
) -> None:
    """Keep what a person said of a purpose.

    Parameters
    ----------
    ref
        What it was said of: email:ann@example.com, phone:..., device_id:..., record:SOURCE/ENTITY/KEY, individual:UUID.
    purpose
        A purpose of purposes.yaml; * for everything, *direct_marketing, *sharing, *sensitive for what covers these.
    said
        given, refused, withdrawn, objected, opted_out, limited, double_confirmed, restricted, unrestricted, ...
    channel
        Of one channel only; every channel by default.
    source
        Where it was said, such as web-form or call-centre.
    notice
        Name and version of the text that was shown.
    returns
        The person was erased, and comes back by own will.
    valid_until
        Until when a yes counts.
    at
        When it was said; now by default.
    """
    saying = Saying(
        ref=ref, purpose=purpose, said=said, channel=channel, source=source, notice=notice, returns=returns, method="command line",
        actor=f"operator {actor()}", occurred_at=_local(at), valid_until=_local(valid_until),
    )  # fmt: skip
    with common.space() as space, space.database.connect() as conn:
        consents = Consents(space)
        statement = consents.say(conn, saying)
        decision = None if purpose.startswith("*") else consents.decide(conn, ref, purpose, channel)
        auditor = Auditor(space)
        details = {"event": statement.event_id, "said": statement.said}
        auditor.note(
            conn, Entry("consent", saying.actor, "consent set", auditor.tokens(conn, [ref]), statement.purpose, details)
        )
        conn.commit()
    if common.json:
        emit({"eventId": statement.event_id, "recordedAt": statement.recorded_at, "allow": decision and decision.allow})
        return
    out.print(f"Kept: {statement.said} for {statement.purpose}{f', {channel}' if channel else ''}.", markup=False)
    if decision:
        _answer(msgspec.to_builtins(decision))


@consent.command(name="show")
def consent_show(ref: str, /, *, at: datetime | None = None, common: Common = DEFAULT) -> None:
    """Show what may be done with a person's data, per purpose and channel, and why.

    Parameters
    ----------
    ref
        email:ann@example.com, phone:..., record:SOURCE/ENTITY/KEY or individual:UUID.
    at
        As of this moment; now by default.
    """
    with common.reading("consent show", ref) as space, space.database.connect() as conn:
        content = Consents(space).show(conn, ref, _local(at))
    if common.json:
        emit(content)
        return
    for one in content["states"]:
        channel = f" by {one['channel']}" if one["channel"] else ""
        out.print(
            f"{'yes' if one['allow'] else 'no':4}{one['purpose']}{channel}: {'; '.join(one['reasons'])}", markup=False
        )
    for one in content["signals"]:
        _signal(one)


def _signal(one: dict[str, Any]) -> None:
    """Print a signal: what came, since when, what it says or why it cannot be read."""
    out.print(f"{METHODS[one['signal']]}, from {one['source']}, {one['firstAt']} to {one['lastAt']}", style="bold")
    out.print(f"    {one['content']}", markup=False)
    out.print(f"    sha256 {one['sha256']}", markup=False)
    for says in one["says"]:
        out.print(f"    {says['said']} {says['purpose']} {says['channel']}".rstrip(), markup=False)
    if one["problem"]:
        out.print(f"    {one['problem']}", markup=False)


@consent.command(name="receipt")
def consent_receipt(event: UUID, /, *, common: Common = DEFAULT) -> None:
    """Print the signed receipt of a statement (ISO/IEC TS 27560).

    Parameters
    ----------
    event
        The statement's number, as `consent set` and the evidence of `decide` tell it.
    """
    with common.space() as space, space.database.connect() as conn:
        told = Receipts(space, Consents(space)).receipt(conn, event)
    if common.json:
        emit(told)
    else:
        out.print_json(data=told)


@app.command
def decide(
    ref: str,
    purpose: str,
    /,
    *,
    channel: str = "",
    place: str = "",
    at: datetime | None = None,
    common: Common = DEFAULT,
) -> None:
    """Say whether a person's data may be used for a purpose, and why.

    Parameters
    ----------
    ref
        email:ann@example.com, phone:..., record:SOURCE/ENTITY/KEY or individual:UUID.
    purpose
        A purpose of purposes.yaml; one that is not there is a no.
    channel
        Through which channel; without one the question is for all.
    place
        Whose law counts, such as DE or US-CA; the project's by default.
    at
        As of this moment; now by default.
    """
    with open_space(common.purposeful()) as space, space.database.connect() as conn:
        consents, auditor = Consents(space), Auditor(space)
        decision = consents.decide(conn, ref, purpose, channel, at=_local(at), place=place)
        name, through = consents.purposes.told(purpose, channel)
        details = {"allow": decision.allow, "policy": decision.policy_version, "channel": through}
        subjects = auditor.tokens(conn, [ref])
        auditor.note(conn, Entry("decision", f"operator {actor()}", "decide", subjects, name, details))
        conn.commit()
    if common.json:
        emit(decision)
    else:
        _answer(msgspec.to_builtins(decision))


@app.command(name="totals")
def totals_command(*, common: Common = DEFAULT) -> None:
    """Show how many people and events there are by month, those who were anonymised included, and what they come to."""
    with common.space() as space, space.database.connect() as conn:
        found = totals(conn)
    if common.json:
        emit(found)
        return
    for one in found:
        money = f"{one['amount']} {one['currency'] or ''}" if one["amount"] else ""
        out.print(f"{one['month'] or '':8}{one['entity']:<20}{one['count']:>10,}  {money}", markup=False)


@app.command
def access(ref: str, /, *, output: Annotated[Path, Parameter(name="--out")], common: Common = DEFAULT) -> None:
    """Write everything that is stored of a person, readable and for machines, into a new folder.

    Parameters
    ----------
    ref
        Any of the person's identifiers or records, or the universal ID.
    output
        The folder to write.
    """
    with open_space(common.purposeful()) as space:
        done = access_person(space, ref, output, f"operator {actor()}")
    if common.json:
        emit(done)
    else:
        out.print(
            f"{done.values:,} values and {done.rows:,} rows in {done.folder}: {', '.join(done.files)}", markup=False
        )


@app.command
def scan(*needles: str, derived: bool = False, common: Common = DEFAULT) -> None:
    """Search all tables and all files of the project for values; exit code 1 when there is a hit.

    Parameters
    ----------
    needles
        What to look for, such as an e-mail address; compared without case.
    derived
        Also in the forms in which values hide: URL-encoded, base64, UTF-16, hex, MD5, SHA-1, SHA-256, digits.
    """
    if not needles:
        raise Invalid("Say at least one value to look for.")
    with common.acting("scan", needles=len(needles)) as space, space.database.connect() as conn:
        more = Tables(space).outside
        scanned = scan_everything(conn, space.project.folder, needles, derived=derived, more=more)
    found = told([*scanned.hits, *scanned.more_hits])
    files = scanned.files + scanned.more_files
    if common.json:
        emit({"tables": scanned.tables, "files": files, "hits": found})
    else:
        for hit in found:
            out.print(f"needle {hit['needle']}: {hit['where']} ({hit['format']}, {hit['form']})", markup=False)
        out.print(f"{len(found)} hits in {scanned.tables} tables and {files} files", markup=False)
    if found:
        sys.exit(1)


def _local(moment: datetime | None) -> datetime | None:
    """Take a time that was typed without a zone for one of this machine's."""
    return None if moment is None else moment.astimezone()


def _answer(decision: dict[str, Any]) -> None:
    out.print("Yes." if decision["allow"] else "No.", style="bold")
    for reason in decision["reasons"]:
        out.print(f"  {reason}", markup=False)
