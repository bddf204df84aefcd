"""All that one reading of a person needs, in one question to the database: whoever a reference may mean, what was said, records.

Whoever reads the profile, too, has what the person's events come to in the same answer. Each question more is a thread and
a process more that wait for a core: under load that takes most of the time of a reading.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, LiteralString

import msgspec

from steelthread.identity import FAMILIES_SQL, FAMILY_COLUMNS, Family, as_families
from steelthread.intake import RECORD_COLUMNS, RecordRow
from steelthread.privacy import STATEMENT_COLUMNS, Statement

MOST_RECORDS = 1000
"""How many records of one person are opened; a person with more is a case for review, not for a screen."""
_FAMILY = len(FAMILY_COLUMNS)
_SAID = _FAMILY + len(Statement.__struct_fields__)
_WIDTH = len(RecordRow.__struct_fields__)
_RECORD = _SAID + _WIDTH
_SUM = _RECORD + 6
_NODE = FAMILY_COLUMNS.index("node_id")
_ORDER = attrgetter("occurred_at", "recorded_at", "event_id")
TALLY_COLUMNS = "n.name, sum(t.count)::bigint, sum(t.amount), nullif(t.currency, ''), min(t.first), max(t.last)"
"""What is selected of `profiles.tally t` and `intake.entity n` for a `Sum`, grouped by entity and currency."""
# Full joins on nothing: the lists stand one below the other, and the columns keep their types.
_FAMILY_SQL: LiteralString = f"with family as materialized ({FAMILIES_SQL})"
_SAID_SQL: LiteralString = (
    f"(select {STATEMENT_COLUMNS} from privacy.consent_event "
    "where node_hash = any(array(select hash from family) || %s::bytea[])) said on false full join ("
    f"select {RECORD_COLUMNS} from intake.record where record_id = any(array(select node_id from family "
    f"where kind = 0 and evidence > 0)) and closed_at is null order by record_id limit {MOST_RECORDS}) record on false"
)
SQL: LiteralString = f"{_FAMILY_SQL} select family.*, said.*, record.* from family full join {_SAID_SQL}"
"""The question, with the hashes of a reference for both of its parameters; its rows are for `ahead_of`."""
_TRACED_SQL: LiteralString = (
    "seen as materialized (select node, e.record_id, e.at from profiles.event e, unnest(e.nodes) node "
    "where e.owner = any({nodes}) and node = any({named})), "
    "first as (select node, min(at) as at from seen group by node)"
)
_FIRST_SQL: LiteralString = (
    f"select {RECORD_COLUMNS} from intake.record where record_id = any(array(select distinct on (s.node) s.record_id "
    "from first f join seen s on s.node = f.node and s.at is not distinct from f.at "
    "cross join lateral (select key_hash from intake.record r where r.record_id = s.record_id offset 0) r "
    "order by s.node, r.key_hash limit 500))"
)
TRACED_SQL: LiteralString = f"with {_TRACED_SQL.format(nodes='%s', named='%s')} {_FIRST_SQL} order by record_id"
"""The first event of each node: its parameters are all nodes of a person, and those of them that are identifiers.

Events are many, so their records are looked up only where several came at one time.
"""
_OWN = "array(select node_id from family)"
_NAMED = "array(select node_id from family where kind <> 0)"
PROFILE_SQL: LiteralString = (
    f"{_FAMILY_SQL}, {_TRACED_SQL.format(nodes=_OWN, named=_NAMED)} "
    f"select family.*, said.*, record.*, tally.*, traced.* from family full join {_SAID_SQL} full join ("
    f"select {TALLY_COLUMNS} from profiles.tally t join intake.entity n using (entity_id) where t.owner = any({_OWN}) "
    f"group by n.name, t.currency) tally on false full join ({_FIRST_SQL}) traced on false"
)
"""The question of whoever reads the profile, too; as `SQL` otherwise."""


class Sum(msgspec.Struct):
    """What the events of one entity, and of one currency, come to."""

    entity: str
    count: int
    amount: Decimal | None
    currency: str | None
    first: datetime | None
    last: datetime | None


class Ahead(msgspec.Struct):
    """What the question gave."""

    hashes: list[bytes]
    families: list[Family]
    statements: list[Statement]
    """What was said of these hashes and of all nodes of these families."""
    records: list[RecordRow]
    """Open records of these families."""
    sums: list[Sum] | None = None
    """What their events come to; None where that was not asked."""
    traced: list[RecordRow] = []
    """The first event of each of their identifiers."""


def ahead_of(hashes: Collection[bytes], rows: Sequence[Sequence[Any]]) -> Ahead:
    """Put the rows of the question together."""
    nodes = [row[:_FAMILY] for row in rows if row[_NODE] is not None]
    said = [Statement(*row[_FAMILY:_SAID]) for row in rows if row[_FAMILY] is not None]
    found = Ahead(list(hashes), list(as_families(nodes).values()), sorted(said, key=_ORDER), _records(rows, _SAID))
    if rows and len(rows[0]) > _RECORD:
        found.sums = in_order(Sum(*row[_RECORD:_SUM]) for row in rows if row[_RECORD] is not None)
        found.traced = _records(rows, _SUM)
    return found


def _records(rows: Sequence[Sequence[Any]], place: int) -> list[RecordRow]:
    found = [RecordRow(*row[place : place + _WIDTH]) for row in rows if row[place] is not None]
    return sorted(found, key=attrgetter("record_id"))


def in_order(sums: Iterable[Sum]) -> list[Sum]:
    """Return sums in the order in which a profile shows them."""
    return sorted(sums, key=lambda one: (one.entity, one.currency or ""))
