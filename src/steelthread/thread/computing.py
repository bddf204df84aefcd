"""Computed traits in the thread: each batch keeps them true, and new ones are filled over history."""

from collections.abc import Collection
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
import psycopg

from steelthread.profiles import Computed, Event, Happened, define_traits, defined_traits, load_profile_rules
from steelthread.store import Int8s
from steelthread.thread.prepare import Prepared
from steelthread.thread.recent import Recent
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
_JSON = msgspec.json.Decoder().decode
_UNPACK = msgspec.msgpack.Decoder().decode


class Computing:
    """Collects the events of one batch, and adds them up when their owners are settled."""

    def __init__(self, space: Space, conn: Connection, recent: Recent | None = None) -> None:
        self._conn = conn
        self._recent = recent
        self._noted: list[tuple[Event, Prepared]] = []
        self._vault = space.vault

    @cached_property
    def _computed(self) -> Computed:
        """What keeps the sums; asked for under the lane's lock only, so that no definition changes meanwhile."""
        known = self._recent.once("traits", lambda: defined_traits(self._conn)) if self._recent is not None else None
        return Computed(self._conn, self._vault, known)

    def note(self, event: Event, prepared: Prepared) -> None:
        """Take an event in that was written."""
        if self._computed and not event.uncounted:
            self._noted.append((event, prepared))

    def write(self, disowned: Collection[int]) -> None:
        """Add up what came; owners whose events changed or went have theirs counted anew."""
        if not (self._noted or disowned) or not self._computed:
            return  # to ask which traits there are would wait for all that is being written
        above = self._above()
        happened = []
        for event, prepared in self._noted:
            owner, at = event.owner, event.at
            if owner is None and event.parent_id is not None:
                owner, parent_at = above.get(event.parent_id, (None, None))
                at = parent_at or event.at
            if owner is not None and owner not in disowned and at is not None:
                happened.append(_happened(owner, at, event.record_id, prepared))
        self._computed.add(happened)
        self._computed.count_anew(disowned)

    def _above(self) -> dict[int, tuple[int | None, Any]]:
        """Return owner and time of the records above what hangs below."""
        here: dict[int, tuple[int | None, Any]] = {event.record_id: (event.owner, event.at) for event, _ in self._noted}
        parents = {event.parent_id for event, _ in self._noted if event.parent_id is not None}
        missing = sorted(parents - here.keys())
        if missing:
            rows = self._conn.execute(
                "select record_id, owner, at from profiles.event where record_id = any(%s)", (Int8s(missing),)
            )
            here.update({record: (owner, at) for record, owner, at in rows})
        return here


def _happened(owner: int, at: datetime | str, record: int, one: Prepared) -> Happened:
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    direct = _UNPACK(one.plain)[1]
    return Happened(owner, record, one.key_hash, one.entity, moment, {**_JSON(one.clear)["v"], **direct})


def sync_traits(space: Space, conn: Connection, lane: str) -> bool:
    """Have the traits of `profile.yaml` in force; return whether any changed. Commits."""
    zone = space.project.settings.project.time_zone
    rules = load_profile_rules(space.project.folder / "profile.yaml", space.model, zone)
    space.log.lock(conn, lane)
    changed = define_traits(conn, rules.traits)
    conn.commit()
    return changed


def fill_traits(space: Space, conn: Connection, lane: str) -> int:
    """Fill new traits over some more of the history; return how many owners were filled, 0 when all is done. Commits."""
    if not any(one.filled is not None for one in Computed(conn, space.vault).traits):
        conn.rollback()
        return 0
    space.log.lock(conn, lane)
    count = Computed(conn, space.vault).fill()
    conn.commit()
    return count
