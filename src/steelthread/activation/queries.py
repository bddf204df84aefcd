"""Webhooks and their deliveries in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import psycopg

from steelthread.activation.signing import new_secret
from steelthread.kit import Conflict, Invalid, Misused, NotFound, now
from steelthread.log import Log
from steelthread.privacy import Decision, Purposes
from steelthread.thread import CHANGE_TYPES, OUTCOMES
from steelthread.vault import Vault, seal, unseal

Connection = psycopg.Connection[Any]
_CONTEXT = b"webhook"
LEASE = timedelta(seconds=60)
"""For how long a delivery is its sender's."""
BACKLOG = 10_000
"""Deliveries of one webhook that may wait; the changes after them wait on the log."""


class Endpoint(msgspec.Struct, array_like=True):
    """Where a webhook goes and how it is signed: sealed in the database."""

    url: str
    secrets: list[tuple[str, float]]
    """(secret, seconds since 1970 until which it signs; 0: for ever)."""

    def in_force(self, at: float) -> list[str]:
        """Return the secrets that sign at a moment, the newest first."""
        return [secret for secret, until in self.secrets if not until or until > at]


class Aim(msgspec.Struct, frozen=True):
    """What a receiver is told for: a purpose of purposes.yaml and, where it matters, the channel. Without one it hears of nobody."""

    purpose: str = ""
    channel: str = ""


NO_AIM = Aim()


class Webhook(msgspec.Struct, rename="camel"):
    """A webhook as it is listed: without address and secrets."""

    name: str
    types: list[str]
    waiting: int
    dead: int
    delivered: int
    disabled: bool
    purpose: str = ""
    channel: str = ""
    withheld: int = 0
    """How often somebody was left out since the answer was no."""
    last: str = ""
    """What came of the latest attempt of what is tried again next: an HTTP status, or what went wrong before one."""
    next_at: datetime | None = None
    """When it is tried again."""


class Dead(msgspec.Struct, rename="camel"):
    """A delivery that was given up."""

    webhook: str
    message: str
    events: int
    queued_at: datetime
    attempts: int
    last: str


class Due(msgspec.Struct):
    """A delivery to be attempted now."""

    delivery_id: int
    webhook_id: int
    message: str
    body: bytes
    attempts: int
    webhook: str
    aim: Aim


OF_NOBODY = frozenset({"alert.raised"})
"""Types that tell of no person, so of no purpose either."""
_AIMED = "(purpose <> '' or types <@ %s::text[])"
_PACK = msgspec.msgpack.Encoder().encode
_ENDPOINT = msgspec.msgpack.Decoder(Endpoint).decode


def aim_at(purposes: Purposes, purpose: str, channel: str, types: Sequence[str]) -> Aim:
    """Return what a receiver of these types is told for; Misused without a purpose, but for what tells of nobody."""
    if not purpose:
        if types and OF_NOBODY.issuperset(types) and not channel:
            return Aim()
        there = ", ".join(sorted(one.name for one in purposes)) or "none yet"
        raise Misused(f"Say for what the receiver is told, --purpose, one of purposes.yaml: {there}.")
    known = purposes.get(purpose)
    if channel and known.channels and channel not in known.channels:
        raise Invalid(f"{known.name} has the channels {', '.join(known.channels)} only (purposes.yaml).")
    return Aim(known.name, channel)


def add_webhook(
    conn: Connection, vault: Vault, log: Log, name: str, url: str, types: Sequence[str], aim: Aim = NO_AIM
) -> str:
    """Make a webhook that is told of all changes from now on; return its signing secret, which is shown once.

    Without a purpose in `aim` nothing about anybody is sent.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Invalid("The address of a webhook is an http or https URL.")
    for one in types:
        if one not in CHANGE_TYPES:
            raise Invalid(f"{one} is no type of change; there are {', '.join(CHANGE_TYPES)}.")
    ((subject, key),) = vault.new_subjects(1)
    secret = new_secret()
    row = conn.execute(
        "insert into activation.webhook (name, types, subject, sealed, purpose, channel) values (%s, %s, %s, %s, %s, %s) "
        "on conflict do nothing returning webhook_id",
        (
            name, list(types) or list(CHANGE_TYPES), subject,
            seal(key, _PACK(Endpoint(url, [(secret, 0.0)])), _CONTEXT), aim.purpose, aim.channel,
        ),
    ).fetchone()  # fmt: skip
    if row is None:
        raise Conflict(f"There is a webhook {name} already: choose another name, or remove that one.")
    reader = reader_of(row[0])
    log.position(conn, reader, OUTCOMES)
    log.advance(conn, reader, OUTCOMES, log.head(conn, OUTCOMES))
    return secret


def set_aim(conn: Connection, name: str, aim: Aim) -> None:
    """Change what a receiver is told for, from the next attempt on."""
    if not conn.execute(
        "update activation.webhook set purpose = %s, channel = %s where name = %s", (aim.purpose, aim.channel, name)
    ).rowcount:
        raise NotFound(f"There is no webhook {name}; see: steelthread webhook list")


def reader_of(webhook: int) -> str:
    """Return the name under which a webhook reads the log."""
    return f"webhook/{webhook}"


def rotate_secret(conn: Connection, vault: Vault, name: str, overlap: timedelta) -> str:
    """Give a webhook a new secret, which is returned; the former ones sign beside it until the overlap ends."""
    number, subject, endpoint = _endpoint(conn, vault, name)
    secret, at = new_secret(), now().timestamp()
    until = at + overlap.total_seconds()
    former = [(one, min(end or until, until)) for one, end in endpoint.secrets if not end or end > at]
    endpoint.secrets = [(secret, 0.0), *former]
    sealed = seal(vault.key(subject), _PACK(endpoint), _CONTEXT)
    conn.execute("update activation.webhook set sealed = %s where webhook_id = %s", (sealed, number))
    return secret


def remove_webhook(conn: Connection, vault: Vault, name: str) -> None:
    """Remove a webhook with all that waits for it; its address and secrets cannot be read any more."""
    number, subject, _ = _endpoint(conn, vault, name)
    conn.execute("delete from activation.webhook where webhook_id = %s", (number,))
    conn.execute("delete from log.reader where name = %s", (reader_of(number),))
    conn.commit()
    vault.shred([subject])


def retry_webhook(conn: Connection, vault: Vault, name: str) -> int:
    """Try what failed again now, dead or waiting for a later attempt, and enable the webhook; return how many are tried."""
    number, _, _ = _endpoint(conn, vault, name)
    conn.execute("update activation.webhook set disabled_at = null where webhook_id = %s", (number,))
    return conn.execute(
        "update activation.delivery set next_at = now(), attempts = 0 where webhook_id = %s "
        "and (next_at is null or attempts > 0 and next_at > now() + %s)",
        (number, LEASE),
    ).rowcount


def list_webhooks(conn: Connection) -> list[Webhook]:
    """List the webhooks with their counts."""
    rows = conn.execute(
        "select name, types, count(delivery_id) filter (where delivery.next_at is not null), "
        "count(delivery_id) filter (where delivery_id is not null and delivery.next_at is null), delivered, disabled_at is not null, "
        "purpose, channel, withheld, coalesce(f.last, ''), f.next_at from activation.webhook w "
        "left join activation.delivery using (webhook_id) left join lateral (select d.last, d.next_at from activation.delivery d "
        "where d.webhook_id = w.webhook_id and d.attempts > 0 and d.next_at is not null order by d.next_at limit 1) f on true "
        "group by w.webhook_id, f.last, f.next_at order by name"
    )
    return [Webhook(*row) for row in rows]


def known_webhook(conn: Connection, name: str) -> None:
    """NotFound when there is no webhook of this name."""
    if conn.execute("select 1 from activation.webhook where name = %s", (name,)).fetchone() is None:
        raise NotFound(f"There is no webhook {name}; see: steelthread webhook list")


def dead_letters(conn: Connection, name: str, limit: int) -> list[Dead]:
    """List the deliveries that were given up, newest first."""
    rows = conn.execute(
        "select name, message, events, queued_at, attempts, last from activation.delivery "
        "join activation.webhook using (webhook_id) where next_at is null and (%s = '' or name = %s) "
        "order by delivery_id desc limit %s",
        (name, name, limit),
    )
    return [Dead(*row) for row in rows]


def _endpoint(conn: Connection, vault: Vault, name: str) -> tuple[int, int, Endpoint]:
    row = conn.execute(
        "select webhook_id, subject, sealed from activation.webhook where name = %s for update", (name,)
    ).fetchone()
    if row is None:
        raise NotFound(f"There is no webhook {name}; see: steelthread webhook list")
    return row[0], row[1], _ENDPOINT(unseal(vault.key(row[1]), row[2], _CONTEXT))


# -- what the deliverer asks -------------------------------------------------------------------------------------------


def reading_webhooks(conn: Connection) -> list[tuple[int, list[str]]]:
    """Return (number, types) of the webhooks that are enabled, have a purpose and have room for more."""
    return conn.execute(
        f"select webhook_id, types from activation.webhook w where disabled_at is null and {_AIMED} and "
        "(select count(*) from activation.delivery d where d.webhook_id = w.webhook_id and next_at is not null) < %s",
        (list(OF_NOBODY), BACKLOG),
    ).fetchall()


def webhooks(conn: Connection) -> int:
    """Return how many webhooks there are."""
    row = conn.execute("select count(*) from activation.webhook").fetchone()
    return row[0] if row else 0


def aimless(conn: Connection) -> list[str]:
    """Return the names of the webhooks that wait for a purpose."""
    rows = conn.execute(f"select name from activation.webhook where not {_AIMED} order by 1", (list(OF_NOBODY),))
    return [name for (name,) in rows]


def endpoints(conn: Connection, vault: Vault, webhooks: Sequence[int]) -> dict[int, Endpoint]:
    """Return where these webhooks go."""
    rows = conn.execute(
        "select webhook_id, subject, sealed from activation.webhook where webhook_id = any(%s)", (list(webhooks),)
    ).fetchall()
    keys = vault.keys({subject for _, subject, _ in rows})
    return {
        number: _ENDPOINT(unseal(keys[subject], sealed, _CONTEXT))
        for number, subject, sealed in rows
        if subject in keys
    }


def queue(conn: Connection, webhook: int, deliveries: Sequence[tuple[str, bytes, int]]) -> None:
    """Queue (message, body, how many events) for a webhook."""
    conn.cursor().executemany(
        "insert into activation.delivery (webhook_id, message, body, events) values (%s, %s, %s, %s)",
        [(webhook, *one) for one in deliveries],
    )


def claim(conn: Connection, lease: timedelta, per_webhook: int, busy: Sequence[int]) -> list[Due]:
    """Take due deliveries, the oldest first; nobody else takes them until the lease ends."""
    rows = conn.execute(
        "with due as (select d.delivery_id from activation.webhook w cross join lateral ("
        "select delivery_id from activation.delivery d where d.webhook_id = w.webhook_id and next_at <= now() "
        "order by delivery_id limit greatest(0, %(most)s - (select count(*) from unnest(%(busy)s::int[]) b where b = w.webhook_id)) "
        "for update skip locked) d where w.disabled_at is null and (w.purpose <> '' or w.types <@ %(nobody)s::text[])) "
        "update activation.delivery d set next_at = now() + %(lease)s from due, activation.webhook w "
        "where d.delivery_id = due.delivery_id and w.webhook_id = d.webhook_id "
        "returning d.delivery_id, d.webhook_id, message, body, attempts, w.name, w.purpose, w.channel",
        {"most": per_webhook, "busy": list(busy), "lease": lease, "nobody": list(OF_NOBODY)},
    ).fetchall()
    return [
        Due(number, webhook, message, body, attempts, name, Aim(purpose, channel))
        for number, webhook, message, body, attempts, name, purpose, channel in sorted(rows)
    ]


def narrow(conn: Connection, one: Due, body: bytes, events: int, rest: tuple[str, bytes, int]) -> None:
    """Make two deliveries of one: this one keeps the first changes, the rest goes after it."""
    conn.execute(
        "update activation.delivery set body = %s, events = %s where delivery_id = %s", (body, events, one.delivery_id)
    )
    queue(conn, one.webhook_id, [rest])


def keep_log(conn: Connection, one: Due, at: datetime, told: Sequence[tuple[UUID, Decision]]) -> None:
    """Write down of whom a receiver is told, or not, at this moment, under which decision."""
    conn.cursor().executemany(
        "insert into activation.sending (webhook, message, at, individual_id, purpose, allowed, reason, evidence, policy_version) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            (
                one.webhook, one.message, at, person, one.aim.purpose, decision.allow, decision.reasons[0],
                [each.event_id for each in decision.evidence], decision.policy_version,
            )
            for person, decision in told
        ],
    )  # fmt: skip


def count_withheld(conn: Connection, one: Due, more: int) -> None:
    """Add to how often somebody was left out."""
    conn.execute("update activation.webhook set withheld = withheld + %s where webhook_id = %s", (more, one.webhook_id))


def let_be(conn: Connection, one: Due) -> None:
    """Let go of a delivery of which nothing may be told."""
    conn.execute("delete from activation.delivery where delivery_id = %s", (one.delivery_id,))


def postpone(conn: Connection, one: Due, seconds: float) -> None:
    """Have a delivery tried again soon, without counting an attempt: nothing was sent."""
    conn.execute(
        "update activation.delivery set next_at = now() + make_interval(secs => %s) where delivery_id = %s",
        (seconds, one.delivery_id),
    )


def forget_log(conn: Connection, before: datetime) -> int:
    """Delete of the log of deliveries what is older; return how many rows went."""
    return conn.execute("delete from activation.sending where at < %s", (before,)).rowcount


class Sending(msgspec.Struct, rename="camel"):
    """A line of the log of deliveries."""

    webhook: str
    message: str
    at: datetime
    individual_id: UUID
    purpose: str
    allowed: bool
    reason: str
    evidence: list[UUID]
    policy_version: str


def sendings(conn: Connection, webhook: str, individual: UUID | None, limit: int) -> list[Sending]:
    """List of whom receivers were told, or not, newest first; of one webhook or one person, if they are named."""
    rows = conn.execute(
        "select webhook, message, at, individual_id, purpose, allowed, reason, evidence, policy_version "
        "from activation.sending where (%(name)s = '' or webhook = %(name)s) "
        "and (%(person)s::uuid is null or individual_id = %(person)s) order by sending_id desc limit %(limit)s",
        {"name": webhook, "person": individual, "limit": limit},
    )
    return [Sending(*row) for row in rows]


def delivered(conn: Connection, one: Due) -> None:
    """Let go of a delivery that arrived."""
    conn.execute("delete from activation.delivery where delivery_id = %s", (one.delivery_id,))
    conn.execute("update activation.webhook set delivered = delivered + 1 where webhook_id = %s", (one.webhook_id,))


def failed(conn: Connection, one: Due, what: str, after: float | None, *, gone: bool) -> None:
    """Note a failed attempt: tried again after so many seconds, dead without; a receiver that is gone is told no more."""
    next_at = None if after is None else now() + timedelta(seconds=after)
    conn.execute(
        "update activation.delivery set attempts = attempts + 1, last = %s, next_at = %s where delivery_id = %s",
        (what, next_at, one.delivery_id),
    )
    if gone:
        conn.execute("update activation.webhook set disabled_at = now() where webhook_id = %s", (one.webhook_id,))
