"""`webhook ...`: who is told of changes."""

from datetime import timedelta
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from rich.table import Table

from steelthread.activation import (
    add_webhook,
    dead_letters,
    list_webhooks,
    remove_webhook,
    retry_webhook,
    rotate_secret,
)
from steelthread.cli.shell import DEFAULT, Common, app, emit, note, out
from steelthread.kit import Invalid

webhook = App(name="webhook", help="Who is told of changes, by signed webhooks.")
app.command(webhook)


@webhook.command(name="add")
def webhook_add(
    name: str,
    url: str,
    /,
    *,
    type: Annotated[tuple[str, ...], Parameter(name="--type")] = (),  # the interface's word
    common: Common = DEFAULT,
) -> None:
    """Tell an address of all changes from now on; the signing secret is shown once.

    Parameters
    ----------
    name
        What to call it.
    url
        Where to send to.
    type
        profile.created, profile.changed, profile.merged, profile.split, profile.erased or alert.raised; repeat for several; all by default.
    """
    with common.space() as space, space.database.connect() as conn:
        secret = add_webhook(conn, space.vault, space.log, name, url, type)
        conn.commit()
    _secret(name, secret, common)


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
    _rows(found, ("name", "types", "waiting", "dead", "delivered", "disabled"), common)


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
        found = msgspec.to_builtins(dead_letters(conn, name, limit))
    _rows(found, ("webhook", "message", "events", "queuedAt", "attempts", "last"), common)


@webhook.command(name="retry")
def webhook_retry(name: str, /, *, common: Common = DEFAULT) -> None:
    """Try again what could not be delivered; a webhook whose receiver had gone is told again.

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
        out.print(f"{count:,} deliveries are tried again.")


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
    table = Table(*columns)
    for one in found:
        cells = (one[column] for column in columns)
        table.add_row(*(", ".join(cell) if isinstance(cell, list) else str(cell) for cell in cells))
    out.print(table)
