"""Kept records under the rules and the mapping of today: their identifiers are taken anew, and what differs is written.

A record that comes out the same is left alone, one that differs takes the place of its former self, and what it no longer
asserts is taken back. `replay` does so, and so do `plan` and `apply`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg

from steelthread import identity, intake
from steelthread.identity import Identifiers, Rule
from steelthread.intake import ORDER, MappedPart, MappedRecord, MappedRow, PartyState, RecordRow, Source
from steelthread.kit import microseconds
from steelthread.profiles import Opener, View
from steelthread.thread.ahead import is_uncounted, walled
from steelthread.thread.batch import Batch
from steelthread.thread.fence import Fence
from steelthread.thread.live import dated
from steelthread.thread.prepare import Prepared, Preparer
from steelthread.thread.space import Space
from steelthread.thread.types import SourceFacts
from steelthread.vault import unseal

Connection = psycopg.Connection[Any]
Changed = list[tuple[RecordRow, Prepared]]
Span = tuple[datetime, datetime]
ALWAYS: Span = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
_PAGE = 1000
_REGISTERS = 6
"""Where the registers of a live record stand in its envelope."""
_STATE = msgspec.msgpack.Decoder(PartyState).decode
_JSON = msgspec.json.Decoder().decode
_WRITE = msgspec.json.Encoder(order="sorted").encode
_UNPACK = msgspec.msgpack.Decoder().decode
_PACK = msgspec.msgpack.Encoder(order="sorted").encode
_DERIVED = ("email_provider", "account_name")


def ranked_otherwise(space: Space, conn: Connection) -> frozenset[str]:
    """Return the kinds and composite keys that have another strength than when records were told of them."""
    found = set()
    for name, strength in identity.strengths_in_use(conn):
        if space.rules.knows(name):
            kind = space.rules.kind(name)
            rule = Rule(kind.name, kind.strength, kind.weak)
            if strength not in (rule.strength, rule.apart().strength):
                found.add(name)
    return frozenset(found)


class KeptRecords:
    """Takes the identifiers of the records of one source anew."""

    def __init__(self, space: Space, conn: Connection, number: int, ranked: frozenset[str], *, mapping: bool) -> None:
        """Records that tell of `ranked` kinds are written anew, be they the same; without `mapping` all else stays as it is."""
        self._space, self._conn, self._ranked = space, conn, ranked
        self.name, _ = intake.source_names(conn)[number]
        row = conn.execute("select subject, is_unique from intake.source where source_id = %s", (number,)).fetchone()
        assert row is not None
        self._facts = SourceFacts(number, row[0], row[1])
        folder, country = space.project.folder, space.project.settings.project.country
        self._live = intake.is_live(folder, self.name)
        self._namespace: str | None = None
        self._told_by = ""
        """How the keys of records begin that events told of, and no document."""
        self._anew: intake.Anew | None = None
        read = None
        if self._live:
            settings, read = intake.load_live(folder, self.name, space.model)
            self._told_by = intake.SDK if read else ""
            self._namespace = settings.user_namespace if mapping else None
        elif mapping or self.name in intake.list_sources(folder):
            read = intake.load_source(folder, self.name, space.model)
            country = read.country or country
        if mapping and read:
            self._anew = intake.Anew(read, space.model, country)
        source = Source(name=self.name, entities=[], key="")
        identifiers = Identifiers(space.rules, space.model, self.name, country)
        self._preparer = Preparer(source, space.model, space.vault, identifiers)
        self._opener = Opener(conn, space.vault, adaptation=space.model.adaptation)
        self._fence = Fence(space)

    def pages(self, span: Span = ALWAYS) -> Iterator[tuple[int, Changed]]:
        """Yield how many records a page has that were loaded in a time range, and those of them that come out otherwise."""
        last = 0
        while page := self._page(last, span):
            last = page[-1].record_id
            yield len(page), self._changed(page)

    def _page(self, after: int, span: Span) -> list[RecordRow]:
        rows = self._conn.execute(
            "select record_id from intake.record where source_id = %s and record_id > %s and closed_at is null "
            "and as_of >= %s and as_of < %s order by record_id limit %s",
            (self._facts.source_id, after, *span, _PAGE),
        ).fetchall()
        return sorted(intake.records_by_id(self._conn, [record for (record,) in rows]), key=lambda row: row.record_id)

    def _changed(self, page: Sequence[RecordRow]) -> Changed:
        views = {view.record_id: view for view in self._opener.open(page)}
        keys = self._space.vault.keys({row.subject for row in page})
        above = self._above([row.record_id for row in page if not row.is_party])
        changed: Changed = []
        for row in page:
            if row.record_id in views:
                envelope = _UNPACK(unseal(keys[row.subject], row.sealed, row.key_hash))
                one, otherwise = self._prepared(row, views[row.record_id], envelope)
                if otherwise or self._ranks(one) or _told(_UNPACK(one.plain)) != _told(envelope):
                    one.party, one.parent = above.get(row.record_id, (None, None))
                    changed.append((row, one))
        return changed

    def _ranks(self, one: Prepared) -> bool:
        """Whether a record tells of a kind that has another strength now."""
        return bool(self._ranked) and any(ident.name in self._ranked for ident in one.idents)

    def _prepared(self, row: RecordRow, view: View, envelope: list[Any]) -> tuple[Prepared, bool]:
        """Prepare a record under the present rules and mapping; say whether the mapping makes something else of it."""
        parts = [MappedPart(entity, values) for entity, values in view.parts]
        record = MappedRecord(view.entity, view.key, view.values, parts, self._identifiers(view))
        changed = microseconds(row.changed_at) if row.changed_at else None
        mapped = self._anew.map(record, view.extras) if self._anew and len(envelope) <= _REGISTERS else None
        record, extras = mapped or (record, view.extras)
        (one,) = self._preparer.row(MappedRow([record], changed, [], extras), row.row_digest)
        if view.times:
            one.clear = _WRITE({**_JSON(one.clear), "t": view.times})
        if self._live:
            if view.key.startswith(self._told_by):
                one.idents = [walled(ident) for ident in one.idents]
            if view.entity != ORDER or len(envelope) > _REGISTERS:
                one.uncounted = is_uncounted(record, counts_bots=self._space.project.settings.live.count_bots)
            if len(envelope) > _REGISTERS:  # registers go with their record, as the live thread keeps them
                one.plain = _PACK([*_UNPACK(one.plain), envelope[_REGISTERS]])
                one.digest = self._space.vault.digest(one.plain)
                if row.is_party:
                    one.idents = dated(self._fence, self.name, one.idents, _STATE(envelope[_REGISTERS]))
                    one.row_digest = one.digest
        return one, mapped is not None

    def _identifiers(self, view: View) -> list[tuple[str, str, str]]:
        """Return the identifiers that a record was given; those that follow from others are found anew."""
        found = []
        for kind, shown in view.identifiers:
            if kind in _DERIVED or kind.startswith("rule.") or not self._space.rules.knows(kind):
                continue
            namespace, slash, value = shown.partition("/") if self._space.rules.kind(kind).scoped else ("", "/", shown)
            if not slash:
                namespace, value = "", shown
            if self._namespace is not None and kind == "user_id":
                namespace = self._namespace
            found.append((kind, namespace, value))
        return found

    def _above(self, records: Sequence[int]) -> dict[int, tuple[bytes | None, bytes | None]]:
        """Return the names of the person's record and of the record above, of events that name them."""
        rows = self._conn.execute(
            "select e.record_id, n.hash, coalesce(r.key_hash, a.parent) from profiles.event e "
            "left join identity.node n on n.node_id = e.nodes[1] and n.kind = 0 "
            "left join intake.record r on r.record_id = e.parent_id "
            "left join profiles.awaiting a on a.record_id = e.record_id where e.record_id = any(%s)",
            (list(records),),
        ).fetchall()
        return {record: (party and bytes(party), above and bytes(above)) for record, party, above in rows}

    def write(self, changed: Changed) -> None:
        """Put these in place of their former selves, in the caller's transaction."""
        by_load: dict[int, list[tuple[RecordRow, Prepared]]] = defaultdict(list)
        for row, one in changed:
            by_load[row.load_id].append((row, one))
        for pairs in by_load.values():
            as_of = max(row.as_of for row, _ in pairs)
            edition = intake.editions(self._conn, [pairs[0][0].load_id])[pairs[0][0].load_id]
            load = intake.begin_replay(self._conn, self._facts.source_id, as_of, edition)
            batch = Batch(
                self._space, self._conn, self._facts, load, intake.Witness(self._conn, self._facts.source_id, load)
            )
            batch.write(
                [one for _, one in pairs],
                frozenset(row.row_digest for row, _ in pairs),
                anew={row.key_hash for row, _ in pairs},
            )


def _told(envelope: list[Any]) -> tuple[list[Any], list[str]]:
    """Return the identifiers of a record, and whether it tells of a visitor who is kept apart."""
    return sorted(envelope[3]), envelope[5][2:]
