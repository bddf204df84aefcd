"""All that one reading of a person needs, in one question to the database: whoever a reference may mean, what was said, records.

Three questions, each with a thread that waits, took most of the time of a reading under load.
"""

from collections.abc import Collection, Sequence
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
_NODE = FAMILY_COLUMNS.index("node_id")
_ORDER = attrgetter("occurred_at", "recorded_at", "event_id")
# Full joins on nothing: the three lists stand one below the other, and the columns keep their types.
SQL: LiteralString = (
    f"with family as materialized ({FAMILIES_SQL}) "
    "select family.*, said.*, record.* from family full join ("
    f"select {STATEMENT_COLUMNS} from privacy.consent_event "
    "where node_hash = any(array(select hash from family) || %s::bytea[])) said on false full join ("
    f"select {RECORD_COLUMNS} from intake.record where record_id = any(array(select node_id from family "
    f"where kind = 0 and evidence > 0)) and closed_at is null order by record_id limit {MOST_RECORDS}) record on false"
)
"""The question, with the hashes of a reference for both of its parameters; its rows are for `ahead_of`."""


class Ahead(msgspec.Struct):
    """What the question gave."""

    hashes: list[bytes]
    families: list[Family]
    statements: list[Statement]
    """What was said of these hashes and of all nodes of these families."""
    records: list[RecordRow]
    """Open records of these families."""


def ahead_of(hashes: Collection[bytes], rows: Sequence[Sequence[Any]]) -> Ahead:
    """Put the rows of the question together."""
    nodes = [row[:_FAMILY] for row in rows if row[_NODE] is not None]
    said = [Statement(*row[_FAMILY:_SAID]) for row in rows if row[_FAMILY] is not None]
    records = [RecordRow(*row[_SAID:]) for row in rows if row[_SAID] is not None]
    return Ahead(
        list(hashes),
        list(as_families(nodes).values()),
        sorted(said, key=_ORDER),
        sorted(records, key=attrgetter("record_id")),
    )
