"""Records opened for reading: the clear part and the unsealed part put together again, in memory only."""

import time
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from steelthread.intake import RecordRow, entity_names, records_by_id, source_names, told_traits
from steelthread.model import Adaptation
from steelthread.profiles.computed.store import Defined, defined
from steelthread.vault import Vault, unseal

Connection = psycopg.Connection[Any]
_JSON = msgspec.json.Decoder().decode
REMEMBERED = 5.0
"""Seconds for which names are taken as they were."""
_UNPACK = msgspec.msgpack.Decoder().decode


class View(msgspec.Struct):
    """A record as a reader sees it."""

    record_id: int
    source: str
    priority: int
    entity: str
    key: str
    observed_at: datetime
    first_observed_at: datetime
    values: dict[str, Any]
    direct: frozenset[str]
    parts: list[tuple[str, dict[str, Any]]]
    identifiers: list[tuple[str, str]]
    extras: dict[str, str]
    times: dict[str, int] = {}
    """When single values were told, in microseconds since 1970, where that was earlier than `observed_at`."""

    told: dict[str, tuple[Any, int]] = {}
    """What live events told of a party: trait (`address.city` for one within another) -> (value, microseconds since 1970)."""

    @property
    def custom(self) -> dict[str, tuple[Any, int]]:
        """The traits told that are no attribute of the model."""
        return {name: self.told[name] for name in self.extras if name in self.told}

    @property
    def ref(self) -> str:
        """Name of the record: `record:SOURCE/ENTITY/KEY`."""
        return f"record:{self.source}/{self.entity}/{self.key}"


class Names:
    """What sources and entities are called, and which traits are computed, remembered for some seconds; readers of one space share it."""

    def __init__(self) -> None:
        self.sources: dict[int, tuple[str, int]] = {}
        self.entities: dict[int, str] = {}
        self.traits: list[Defined] = []
        self._at = -1e9

    def fresh(self, conn: Connection) -> None:
        """Have them as they are now, or were a moment ago."""
        if time.monotonic() - self._at > REMEMBERED:
            self.read(conn)

    def read(self, conn: Connection) -> None:
        """Read them."""
        self.sources, self.entities = source_names(conn), entity_names(conn)
        self.traits = defined(conn)
        self._at = time.monotonic()


class Opener:
    """Opens records on one connection."""

    def __init__(
        self, conn: Connection, vault: Vault, names: Names | None = None, adaptation: Adaptation | None = None
    ) -> None:
        self._conn = conn
        self._vault = vault
        self._adaptation = adaptation
        self._names = names or Names()

    @property
    def names(self) -> Names:
        """What sources, entities and traits are called, as they were a moment ago."""
        self._names.fresh(self._conn)
        return self._names

    def by_id(self, records: Collection[int]) -> list[View]:
        """Open the records with these numbers."""
        return self.open(records_by_id(self._conn, records)) if records else []

    def open(self, rows: Sequence[RecordRow]) -> list[View]:
        """Open records; those whose data key has been shredded are left out."""
        self._know((row.source_id, row.entity_id) for row in rows)
        keys = self._vault.keys({row.subject for row in rows})
        return [self._view(row, keys[row.subject]) for row in rows if row.subject in keys]

    def keys(self, rows: Iterable[tuple[int, int, int, bytes, bytes]]) -> list[tuple[str, str, str]]:
        """Return (source, entity, key) of (source, entity, subject, sealed, key hash) rows, in order."""
        rows = list(rows)
        self._know(rows)
        keys = self._vault.keys({row[2] for row in rows})
        named = []
        for source, entity, subject, sealed, key_hash in rows:
            if subject in keys:
                key = _UNPACK(unseal(keys[subject], sealed, key_hash))[0]
                named.append((self._names.sources[source][0], self._names.entities[entity], key))
            else:
                named.append((self._names.sources[source][0], self._names.entities[entity], ""))
        return named

    def _know(self, wanted: Iterable[tuple[Any, ...]]) -> None:
        """Have the names of these (source, entity, ...)."""
        self._names.fresh(self._conn)
        if any(one[0] not in self._names.sources or one[1] not in self._names.entities for one in wanted):
            self._names.read(self._conn)

    def _view(self, row: RecordRow, key: bytes) -> View:
        key_of, direct, direct_parts, idents, extras, _, *state = _UNPACK(unseal(key, row.sealed, row.key_hash))
        source, priority = self._names.sources[row.source_id]
        clear = _JSON(row.clear)
        parts = [(part[0], {**part[1], **sealed}) for part, sealed in zip(clear["p"], direct_parts, strict=True)]
        entity = self._names.entities[row.entity_id]
        values, times = {**clear["v"], **direct}, clear.get("t") or {}
        if self._adaptation:
            read = self._adaptation.values
            values, times = read(entity, values), read(entity, times, convert=False)
            direct = read(entity, direct, convert=False)
            parts = [(name, read(name, part)) for name, part in parts]
        return View(
            record_id=row.record_id,
            source=source,
            priority=priority,
            entity=entity,
            key=key_of,
            observed_at=row.observed_at,
            first_observed_at=row.first_observed_at,
            values=values,
            direct=frozenset(direct),
            parts=parts,
            identifiers=[(kind, value) for kind, value in idents],
            extras=extras,
            times=times,
            told=told_traits(state[0]) if state and row.is_party else {},
        )
