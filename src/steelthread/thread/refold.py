"""Folding all profiles anew when what decides between values has changed: a rule, a source's priority, a name or type."""

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from steelthread.intake import source_names
from steelthread.model import PARTIES
from steelthread.thread.space import Space
from steelthread.thread.types import LANE

Connection = psycopg.Connection[Any]
_PAGE = 5000
_FORM = 2
"""Of the stored profile: ties go by plain keys, money is told per currency."""


def migrate(space: Space) -> int:
    """Let stored profiles follow the model of today; return how many were folded anew. Records are not touched."""
    with space.writer() as conn:
        return refold(space, conn, LANE)


def refold(space: Space, conn: Connection, lane: str) -> int:
    """Fold all profiles anew if the rules changed since they were folded; return how many were. Commits page by page.

    What was cut off begins again the next time: the rules are noted when the last page is done.
    """
    told = _told(space, conn)
    row = conn.execute("select told from profiles.folding").fetchone()
    count = 0
    if row is not None and _differ(row[0], told):
        last = 0
        while page := _page(conn, last):
            space.log.lock(conn, lane)
            individuals = dict(
                conn.execute(
                    "select individual_id, cluster_id from identity.cluster where cluster_id = any(%s) and evidence > 0",
                    (page,),
                ).fetchall()
            )
            space.folder(conn).fold(individuals)
            conn.commit()
            count += len(individuals)
            last = page[-1]
    if row is None or row[0] != told:
        conn.execute(
            "insert into profiles.folding (told) values (%s) on conflict (one) do update set told = excluded.told",
            (Jsonb(told),),
        )
    conn.commit()
    return count


def _page(conn: Connection, after: int) -> list[int]:
    rows = conn.execute(
        "select cluster_id from identity.cluster where cluster_id > %s order by 1 limit %s", (after, _PAGE)
    )
    return [cluster for (cluster,) in rows]


def _told(space: Space, conn: Connection) -> dict[str, Any]:
    folder = space.folder(conn)
    rules = {
        f"{entity}.{name}": folder.rule(name, entity)
        for entity in PARTIES
        for name in space.model.entity(entity).attributes
    }
    return {
        "form": _FORM, "rules": rules, "priorities": dict(source_names(conn).values()),
        "adaptation": space.model.adaptation.told(),
    }  # fmt: skip


def _differ(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a rule or a priority is another one than before; what is new has folded nothing yet.

    Former names and types are to be read in what is stored already, so of them new ones count too.
    """
    other = before.get("form") != after["form"] or before.get("adaptation", {}) != after["adaptation"]
    return other or any(
        name in after[part] and after[part][name] != value
        for part in ("rules", "priorities")
        for name, value in before[part].items()
    )
