"""Plain keys of records, by which ties between them are decided.

Of two values that were told at the same time by sources of the same priority, that of the record with the lower key
is shown. A keyed hash would give another order in every project, and the stored profile another value than the one
that is read. Keys may be personal: they are opened where records tie, held in memory only, and stored nowhere.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Protocol

import msgspec
import psycopg

from steelthread.store import Int8s
from steelthread.vault import Vault, unseal

Connection = psycopg.Connection[Any]
_UNPACK = msgspec.msgpack.Decoder(list[Any]).decode
_MOST = 1_000_000
_DATED = b'"t"'


class Tying(Protocol):
    """What ties look at."""

    record: int
    source: int
    entity: str
    observed_at: datetime
    clear: bytes


class RecordKeys:
    """Opens keys of records, and remembers those that it was told or has opened."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known: dict[int, str] = {}

    def know(self, record: int, key: str) -> None:
        """Remember the key of a record."""
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[record] = key

    def of(self, conn: Connection, records: Collection[int]) -> dict[int, str]:
        """Return the keys of these records; a record whose data key was shredded has none."""
        known = self._known  # as it is now: another thread may forget all of it meanwhile
        found = {record: known[record] for record in records if record in known}
        missing = [record for record in records if record not in found]
        if missing:
            with conn.cursor(binary=True) as cursor:
                rows = cursor.execute(
                    "select record_id, subject, key_hash, sealed from intake.record where record_id = any(%s)",
                    (Int8s(missing),),
                ).fetchall()
            keys = self._vault.keys({row[1] for row in rows})
            for record, subject, key_hash, sealed in rows:
                if subject in keys:
                    found[record] = _UNPACK(unseal(keys[subject], sealed, key_hash))[0]
                    self.know(record, found[record])
        return found

    def forget(self) -> None:
        """Forget all of them: somebody was erased."""
        self._known = {}


def tied(clusters: Iterable[Collection[Tying]]) -> set[int]:
    """Return the records that time and source may leave undecided between them."""
    found: set[int] = set()
    for records in clusters:
        if len(records) < 2:
            continue
        dated = any(_DATED in one.clear for one in records)
        first: dict[tuple[int, str, datetime | None], int] = {}
        for one in records:
            group = (one.source, one.entity, None if dated else one.observed_at)
            other = first.setdefault(group, one.record)
            if other != one.record:
                found |= {other, one.record}
    return found
