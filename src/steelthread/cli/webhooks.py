"""`webhook ...`: who is told of changes."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from steelthread.activation import (
    add_webhook,
    aim_at,
    dead_letters,
    known_webhook,
    list_webhooks,
    remove_webhook,
    retry_webhook,
    rotate_secret,
    sendings,
    set_aim,
)
from steelthread.cli.shell import DEFAULT, Common, app, cell, emit, note, out, table_of
from steelthread.kit import Invalid, Misused
from steelthread.privacy import Purposes, load_purposes
from steelthread.thread import CHANGE_TYPES, Space

webhook = App(name="webhook", help="Who is told of changes, by signed webhooks.")
app.command(webhook)


@webhook.command(name="add")
def webhook_add(
    name: str,
    url: str,
    /,
    *,
    purpose: str = "",
    channel: str = "",
    type: Annotated[tuple[str, ...], Parameter(name="--type")] = (),  # the interface's word
    common: Common = DEFAULT,
) -> None:
    """Tell an address of all changes from now on, for a purpose; the signing secret is shown once.

    Each person is asked before every delivery: of whoever says no, nothing is sent.

    Parameters
    ----------
    name
        What to call it.
    url
        Where to send to.
    purpose
        For what the receiver is told, one of purposes.yaml; only alert.raised alone needs none.
    channel
        Through which channel it will be used, such as email; by default any of them.
    type
        profile.created, profile.changed, profile.merged, profile.split, profile.erased or alert.raised; repeat for several; all by default.
    """
    with common.space() as space, space.database.connect() as conn:
        aim = aim_at(_purposes(space), purpose, channel, type)
        secret = add_webhook(conn, space.vault, space.log, name, url, type, aim)
        conn.commit()
    _secret(name, secret, common)


def _purposes(space: Space) -> Purposes:
    return load_purposes(space.project.folder / "purposes.yaml")


@webhook.command(name="purpose")
def webhook_purpose(name: str, purpose: str, /, *, channel: str = "", common: Common = DEFAULT) -> None:
    """Change what a receiver is told for; what waits goes out for this purpose too.

    Parameters
    ----------
    name
        Which.
    purpose
        One of purposes.yaml.
    channel
        Through which channel it will be used; by default any of them.
    """
    with common.acting("webhook purpose", webhook=name, purpose=purpose) as space, space.database.connect() as conn:
        aim = aim_at(_purposes(space), purpose, channel, ())
        set_aim(conn, name, aim)
        conn.commit()
    if common.json:
        emit({"name": name, "purpose": aim.purpose, "channel": aim.channel})
    else:
        out.print(f"{name} is told for {aim.purpose} from now on.", markup=False)


@webhook.command(name="log")
def webhook_log(
    name: str = "",
    /,
    *,
    individual: str = "",
    limit: Annotated[int, Parameter(validator=Number(gte=1))] = 50,
    common: Common = DEFAULT,
) -> None:
    """List of whom receivers were told or not told, when, for what, and why: universal IDs, newest first.

    Parameters
    ----------
    name
        Of one webhook only.
    individual
        Of one person only, by universal ID.
    limit
        How many at most.
    """
    with common.space() as space, space.database.connect() as conn:
        found = msgspec.to_builtins(sendings(conn, name, _individual(individual), limit))
        if name and not found:
            known_webhook(conn, name)  # of one that was removed the log is kept
    _rows(found, ("at", "webhook", "individualId", "purpose", "allowed", "reason"), common)


def _individual(text: str) -> UUID | None:
    try:
        return UUID(text.removeprefix("individual:")) if text else None
    except ValueError:
        raise Misused("--individual is a universal ID, such as `steelthread profile` shows.") from None


@webhook.command(name="rotate")
def webhook_rotate(name: str, /, *, overlap_hours: float = 24, common: Common = DEFAULT) -> None:
    """Give a webhook a new signing secret; both sign until the overlap ends, so nothing is refused in between.

    Parameters
    ----------
    name
        Which.
    overlap_hours
        For how long the former secret signs beside the new one.
    """
    if not 0 <= overlap_hours <= 8760:
        raise Invalid("--overlap-hours is between 0 and 8760, a year.")
    with common.space() as space, space.database.connect() as conn:
        secret = rotate_secret(conn, space.vault, name, timedelta(hours=overlap_hours))
        conn.commit()
    _secret(name, secret, common)


def _secret(name: str, secret: str, common: Common) -> None:
    if common.json:
        emit({"name": name, "secret": secret})
    else:
        out.print(secret, markup=False)
        note(
            "Give this secret to the receiver: it verifies signatures with it. It is not shown again. See docs/serving.md."
        )


@webhook.command(name="list")
def webhook_list(*, common: Common = DEFAULT) -> None:
    """List the webhooks, and how much waits for each."""
    with common.space() as space, space.database.connect() as conn:
        found = msgspec.to_builtins(list_webhooks(conn))
    _rows(
        found,
        (
            "name",
            "purpose",
            "channel",
            "types",
            "waiting",
            "dead",
            "delivered",
            "withheld",
            "disabled",
            "last",
            "nextAt",
        ),
        common,
    )


@webhook.command(name="dead")
def webhook_dead(name: str = "", /, *, limit: int = 50, common: Common = DEFAULT) -> None:
    """List what could not be delivered.

    Parameters
    ----------
    name
        Of one webhook only.
    limit
        How many at most.
    """
    with common.space() as space, space.database.connect() as conn:
        if name:
            known_webhook(conn, name)
        found = msgspec.to_builtins(dead_letters(conn, name, limit))
    _rows(found, ("webhook", "message", "events", "queuedAt", "attempts", "last"), common)


@webhook.command(name="retry")
def webhook_retry(name: str, /, *, common: Common = DEFAULT) -> None:
    """Try again now what could not be delivered, dead or waiting; a webhook whose receiver had gone is told again.

    Parameters
    ----------
    name
        Which.
    """
    with common.space() as space, space.database.connect() as conn:
        count = retry_webhook(conn, space.vault, name)
        conn.commit()
    if common.json:
        emit({"retried": count})
    else:
        out.print("1 delivery is tried again." if count == 1 else f"{count:,} deliveries are tried again.")


@webhook.command(name="remove")
def webhook_remove(name: str, /, *, common: Common = DEFAULT) -> None:
    """Tell an address no longer; what waits for it goes.

    Parameters
    ----------
    name
        Which.
    """
    with common.space() as space, space.database.connect() as conn:
        remove_webhook(conn, space.vault, name)
    if common.json:
        emit({"removed": name})
    else:
        out.print(f"{name} is told no longer.", markup=False)


def _rows(found: list[dict[str, object]], columns: tuple[str, ...], common: Common) -> None:
    if common.json:
        emit(found)
        return
    rows = [{column: _shown(one[column], column) for column in columns} for one in found]
    filled = [column for column in columns if not rows or any(row[column] for row in rows)]
    table = table_of(*filled)
    for row in rows:
        table.add_row(*(cell(row[column]) for column in filled))
    out.print(table)


def _shown(value: object, column: str) -> str:
    """Return a value as people read it."""
    if isinstance(value, list):
        return "all" if set(value) == set(CHANGE_TYPES) else ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column.lower().endswith("at") and isinstance(value, str):
        return f"{value[:10]} {value[11:19]}Z"
    return "" if value is None else str(value)
