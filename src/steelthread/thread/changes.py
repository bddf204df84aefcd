"""The feeds of what changed, in the order in which it was committed: universal IDs alone, or profiles as CloudEvents."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec
import psycopg

from steelthread.kit import Invalid, iso
from steelthread.log import Numbered
from steelthread.model import Alerted, IndividualsCreated, IndividualsErased, Merged, ProfilesChanged, Split
from steelthread.thread.space import Space
from steelthread.thread.types import LANE


def id_changes(space: Space, after: int = 0, limit: int = 1000) -> dict[str, Any]:
    """Return the changes of universal IDs among the `limit` facts after a number, and the number from which to go on.

    A follower that keeps `next` with what it does sees every change once. Partitions of the log that the project no
    longer keeps are passed over.
    """
    changes: list[dict[str, Any]] = []
    with space.database.connect() as conn:
        facts = space.log.read(conn, LANE, after, limit)
    for one in facts:
        fact, number = one.fact, one.number
        if isinstance(fact, IndividualsCreated):
            changes.append(
                {"number": number, "change": "created", "individuals": [str(new) for new in fact.individuals]}
            )
        elif isinstance(fact, Merged):
            gone = [str(former) for former in fact.gone]
            changes.append({"number": number, "change": "merged", "into": str(fact.into), "gone": gone})
        elif isinstance(fact, IndividualsErased):
            changes.append(
                {"number": number, "change": "erased", "individuals": [str(one) for one in fact.individuals]}
            )
        elif isinstance(fact, Split):
            changes.append({"number": number, "change": "split", "source": str(fact.source), "part": str(fact.part)})
    return {"changes": changes, "next": facts[-1].number if facts else after}


TYPES = ("profile.created", "profile.changed", "profile.merged", "profile.split", "profile.erased", "alert.raised")
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII).fullmatch
_WHOLE = 1 << 62
"""As if all changes of a fact had been told."""


class Changes(msgspec.Struct):
    """Some changes of profiles, and from where to go on."""

    events: list[dict[str, Any]]
    next: str


def changes_since(space: Space, conn: psycopg.Connection[Any], since: str, limit: int) -> Changes:
    """Return up to `limit` changes of profiles, and alerts, after the one of this id: CloudEvents 1.0 without personal values.

    An id is `FACT` or `FACT.PLACE`: a fact of the log may tell of many profiles. Who keeps `next` with what it does sees
    each change once. Invalid for what is no id, and for one that no change has yet, as after a backup was restored.
    """
    fact, place = _parsed(since)
    events: list[dict[str, Any]] = []
    following = since or "0"
    one = None
    for one in space.log.read(conn, LANE, fact if place == _WHOLE else fact - 1, max(limit, 100)):
        for index, event in enumerate(events_of(space, one)):
            if one.number == fact and index <= place:
                continue
            if len(events) == limit:
                return Changes(events, following)
            following = event["id"]
            events.append(event)
        following = str(one.number)
    if one is None and fact > (head := space.log.head(conn, LANE)):
        raise Invalid(
            f"No change has an id so high yet: the last one is {head}. If a backup was restored, what you were told of "
            f"since it was made is not so any more: read the profiles anew, then go on with since={head}."
        )
    return Changes(events, following)


def events_of(space: Space, one: Numbered) -> Iterator[dict[str, Any]]:
    """Yield the changes that a fact tells of, as CloudEvents."""
    source = f"/steelthread/{quote(space.project.settings.project.name)}"
    for index, (kind, subject, told) in enumerate(_changes(one)):
        yield {
            "specversion": "1.0", "id": f"{one.number}.{index}", "source": source, "type": kind, "subject": subject,
            "time": iso(one.at), "datacontenttype": "application/json", "data": told,
        }  # fmt: skip


def newest(space: Space, conn: psycopg.Connection[Any]) -> str:
    """Return the id of the last change so far."""
    return str(space.log.head(conn, LANE))


def _parsed(since: str) -> tuple[int, int]:
    number, _, place = (since or "0").partition(".")
    if not (_NUMBER(number) and (_NUMBER(place) or not place)):
        raise Invalid("`since` is the id of a change, such as 1024 or 1024.3: take it from the last one that you had.")
    return int(number), int(place) if place else _WHOLE


def _changes(one: Numbered) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (type, universal ID or name of a source, what is to be said) of the changes that a fact tells of."""
    fact = one.fact
    if isinstance(fact, IndividualsCreated):
        for new in fact.individuals:
            yield "profile.created", str(new), {"individualId": str(new)}
    elif isinstance(fact, IndividualsErased):
        for erased in fact.individuals:
            yield "profile.erased", str(erased), {"individualId": str(erased)}
    elif isinstance(fact, ProfilesChanged):
        for changed in fact.individuals:
            yield "profile.changed", str(changed), {"individualId": str(changed)}
    elif isinstance(fact, Merged):
        told = {"individualId": str(fact.into), "gone": [str(former) for former in fact.gone]}
        yield "profile.merged", str(fact.into), told
    elif isinstance(fact, Split):
        yield "profile.split", str(fact.source), {"individualId": str(fact.source), "part": str(fact.part)}
    elif isinstance(fact, Alerted):
        told = {"kind": fact.kind, "source": fact.source, "event": fact.event, "message": fact.said}
        yield "alert.raised", fact.source, told
