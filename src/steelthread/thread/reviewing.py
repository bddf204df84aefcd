"""Review: pairs in doubt, ranked by uncertainty times impact; a person's word on them becomes a link that no model overrules."""

import math
from decimal import Decimal
from typing import Any, Literal

import psycopg

from steelthread import identity, profiles
from steelthread.identity import Doubt, ModelRow
from steelthread.kit import Invalid, NotFound, now
from steelthread.profiles import Opener
from steelthread.thread.decide import decide_undecided
from steelthread.thread.people import values_of
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
Answer = Literal["same", "different", "skip"]
_LOOKED_AT = 10_000
"""How many pairs, the first by uncertainty and records, are ranked by revenue too."""


def review_queue(space: Space, conn: Connection, actor: str, limit: int = 20) -> list[dict[str, Any]]:
    """Return the pairs in doubt that most want a person's eye, each with both records and the evidence."""
    model = identity.model_in_force(conn)
    if model is None:
        return []
    found = identity.doubts(conn, model, actor, _LOOKED_AT, profiles.EVENTS_SQL)
    money = profiles.revenue_of(conn, {cluster for one in found for cluster in (one.one, one.other)})
    ranked = sorted(found, key=lambda one: (-_rank(one, model, money), one.a, one.b))[:limit]
    views = {
        view.record_id: view
        for view in Opener(conn, space.vault, adaptation=space.model.adaptation).by_id(
            {n for one in ranked for n in (one.a, one.b)}
        )
    }
    return [
        {
            "id": f"{one.a}-{one.b}",
            "question": "are they one person?" if not one.joined else "are they rightly one person?",
            "joined": one.joined, "mean": one.mean, "threshold": model.threshold, "pairs": one.pairs,
            "uncertainty": _uncertainty(one, model), "rank": _rank(one, model, money),
            "impact": {"records": one.evidence, "revenue": format(_revenue(one, money), "f")},
            "records": [
                {"record": views[node].ref, "values": values_of(views[node])} for node in (one.a, one.b) if node in views
            ],
            "evidence": _evidence(conn, one),
        }
        for one in ranked
    ]  # fmt: skip


def _uncertainty(one: Doubt, model: ModelRow) -> float:
    """Return 1 at the threshold, towards 0 away from it: how even the odds are, counted from the threshold."""
    chance: float = 1 / (1 + 2.0 ** -(one.mean - model.threshold))
    return 1 - abs(2 * chance - 1)


def _revenue(one: Doubt, money: dict[int, Decimal]) -> Decimal:
    return sum((money.get(cluster, Decimal(0)) for cluster in {one.one, one.other}), Decimal(0))


def _rank(one: Doubt, model: ModelRow, money: dict[int, Decimal]) -> float:
    revenue = max(0.0, float(_revenue(one, money)))
    return _uncertainty(one, model) * math.log2(1 + one.evidence) * (1 + math.log10(1 + revenue))


def _evidence(conn: Connection, one: Doubt) -> dict[str, Any] | None:
    found = identity.waterfall_of(conn, one.a, one.b)
    return None if found is None else found.told()


def review(space: Space, name: str, answer: Answer, actor: str, reason: str = "") -> dict[str, Any]:
    """Answer a pair of the queue; Conflict when somebody else was faster."""
    if answer not in ("same", "different", "skip"):
        raise Invalid("An answer is same, different or skip.")
    a, b = _nodes(name)
    with space.database.connect() as conn:
        if not identity.are_records(conn, (a, b)):
            raise NotFound("There is no such pair to review, or one of its records is gone: ask for the queue anew.")
        if answer == "skip":
            identity.skip(conn, a, b, actor, now())
            conn.commit()
            return {"id": name, "answer": answer, "same": None, "refused": None}
    verdict = "same" if answer == "same" else "never"
    return {"id": name, "answer": answer, **decide_undecided(space, a, b, verdict, reason or "review", actor)}


def _nodes(name: str) -> tuple[int, int]:
    one, _, other = name.partition("-")
    if not (one.isdigit() and other.isdigit()) or one == other or max(len(one), len(other)) > 18:
        raise Invalid("This is no name of a pair: take `id` of an entry of the queue.")
    return int(one), int(other)
