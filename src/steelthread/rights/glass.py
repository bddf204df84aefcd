"""Break glass: reading for a purpose that is closed to one, for a while, with a reason, in the privacy officer's list.

It opens a door of the policies, no person's no: whoever said no stays closed, but for purposes by law or vital interest,
where no no counts.
"""

import re
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg

from steelthread.kit import Forbidden, Invalid, NotFound, iso, now
from steelthread.privacy import Access, Entry, Principal, load_purposes
from steelthread.rights.auditing import Auditor
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_NAMES_SOMEBODY = re.compile(r"@|\d{5}|\d[\d /().-]{6,}\d")
_LENGTHS = range(10, 501)
_LONGEST = 1440
_VERDICTS = ("justified", "unjustified")


class Glass(msgspec.Struct, frozen=True):
    """A glass that stands broken."""

    number: int
    purpose: str
    until: datetime


def principal_name(one: Principal) -> str:
    """Return what audit log and list call somebody."""
    return f"{one.kind.lower()} {one.name}"


def glasses_of(conn: Connection, name: str) -> tuple[Glass, ...]:
    """Return the glasses that stand broken for somebody now."""
    rows = conn.execute(
        "select glass_id, purpose, until from privacy.glass where principal = %s and until > now() order by 1", (name,)
    ).fetchall()
    return tuple(Glass(*row) for row in rows)


def break_glass(
    space: Space, access: Access, principal: Principal, purpose: str, reason: str, minutes: int
) -> dict[str, Any]:
    """Open a purpose to somebody for so many minutes; Forbidden when the policies do not let them."""
    found = load_purposes(space.project.folder / "purposes.yaml").get(purpose)
    reason = " ".join(reason.split())
    if len(reason) not in _LENGTHS or _NAMES_SOMEBODY.search(reason):
        raise Invalid(
            "Say the reason in 10 to 500 letters, without an address or number of anybody: it outlives the person's data."
        )
    if not 1 <= minutes <= _LONGEST:
        raise Invalid(f"A glass stands broken for 1 to {_LONGEST} minutes.")
    ruling = access.break_glass(principal, found.name, minutes)
    name, at = principal_name(principal), now()
    auditor = Auditor(space)
    with space.database.connect() as conn:
        details: dict[str, Any] = {"allow": ruling.allow, "minutes": minutes, "policies": list(ruling.policies)}
        if ruling.allow:
            row = conn.execute(
                "insert into privacy.glass (principal, purpose, reason, opened_at, until) values (%s, %s, %s, %s, %s) "
                "returning glass_id",
                (name, found.name, reason, at, at + timedelta(minutes=minutes)),
            ).fetchone()
            assert row is not None
            details |= {"glass": row[0], "reason": reason}
        auditor.note(conn, Entry("action", name, "break glass", (), found.name, details))
        conn.commit()
    if not ruling.allow:
        raise Forbidden(
            f"The access policies let nobody like {name} break the glass of {found.name} for {minutes} minutes."
        )
    return {"number": details["glass"], "purpose": found.name, "until": iso(at + timedelta(minutes=minutes))}


def list_glasses(conn: Connection, *, reviewed: bool = False) -> list[dict[str, Any]]:
    """List broken glasses, the latest first: those that nobody has looked at, or all."""
    rows = conn.execute(
        "select glass_id, principal, purpose, reason, opened_at, until, until > now(), reviewed_at, reviewed_by, verdict "
        f"from privacy.glass {'' if reviewed else 'where reviewed_at is null'} order by 1 desc"
    ).fetchall()
    return [
        {
            "number": number, "principal": who, "purpose": purpose, "reason": reason, "openedAt": iso(opened),
            "until": iso(until), "open": stands, "reviewedAt": iso(reviewed_at), "reviewedBy": by, "verdict": verdict,
        }
        for number, who, purpose, reason, opened, until, stands, reviewed_at, by, verdict in rows
    ]  # fmt: skip


def close_glass(space: Space, number: int, actor: str, verdict: str = "") -> None:
    """Close a glass before its time; with a verdict (justified, unjustified) the privacy officer has looked at it.

    Nobody looks at their own.
    """
    if verdict and verdict not in _VERDICTS:
        raise Invalid(f"A verdict is {' or '.join(_VERDICTS)}.")
    at = now()
    with space.database.connect() as conn:
        row = conn.execute("select principal from privacy.glass where glass_id = %s for update", (number,)).fetchone()
        if row is None:
            raise NotFound(f"There is no glass {number}; see: steelthread glass list")
        if verdict and row[0] == actor:
            raise Forbidden("Nobody looks at a glass of their own: the privacy officer does.")
        conn.execute("update privacy.glass set until = least(until, %s) where glass_id = %s", (at, number))
        if verdict:
            conn.execute(
                "update privacy.glass set reviewed_at = %s, reviewed_by = %s, verdict = %s where glass_id = %s",
                (at, actor, verdict, number),
            )
        details = {"glass": number, "verdict": verdict} if verdict else {"glass": number}
        Auditor(space).note(conn, Entry("action", actor, "review glass" if verdict else "close glass", details=details))
        conn.commit()
