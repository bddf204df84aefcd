"""Review: pairs, people and organisations in doubt, ranked by uncertainty times impact; a person's word on them becomes a link that no model overrules."""

import math
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal

import psycopg

from steelthread import identity, profiles
from steelthread.identity import Doubt, ModelRow, Party, Suspect
from steelthread.kit import Invalid, NotFound, now
from steelthread.profiles import Opener
from steelthread.thread.decide import decide_undecided
from steelthread.thread.names import Names
from steelthread.thread.people import values_of
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
Answer = Literal["same", "different", "skip"]
_LOOKED_AT = 10_000
"""How many pairs, the first by uncertainty and records, are ranked by revenue too."""


def review_queue(space: Space, conn: Connection, actor: str, limit: int = 20) -> list[dict[str, Any]]:
    """Return the pairs, people and organisations in doubt that most want a person's eye, each with two records and the evidence."""
    model = identity.model_in_force(conn)
    pairs = identity.doubts(conn, model, actor, _LOOKED_AT, profiles.EVENTS_SQL) if model else []
    people = _not_asked(suspects(space, conn, model), pairs, identity.skipped_by(conn, actor))
    money = profiles.revenue_of(
        conn, {cluster for one in pairs for cluster in (one.one, one.other)} | {one.person for one in people}
    )
    counts = identity.evidence_of(conn, [one.person for one in people], profiles.EVENTS_SQL)
    firms = identity.organisations_among(conn, space.model, [*(one.a for one in pairs), *(one.one for one in people)])
    asked = [_pair(one, model, money, party_of(one.a, firms)) for one in pairs if model]
    asked += [_person(one, model, money, counts[one.person], party_of(one.one, firms)) for one in people]
    ranked = sorted(asked, key=lambda one: (-one["rank"], _nodes(one["id"])))[:limit]
    ends = {one["id"]: _nodes(one["id"]) for one in ranked}
    opener = Opener(conn, space.vault, adaptation=space.model.adaptation)
    views = {view.record_id: view for view in opener.by_id({end for pair in ends.values() for end in pair})}
    return [
        {
            **one,
            "records": [
                {"record": views[node].ref, "values": values_of(views[node])} for node in ends[one["id"]] if node in views
            ],
            "evidence": _evidence(conn, *ends[one["id"]]),
        }
        for one in ranked
    ]  # fmt: skip


def suspects(space: Space, conn: Connection, model: ModelRow | None) -> list[Suspect]:
    """Return the people and organisations who may be several; first names are unsealed in memory to see which conflict."""
    names = Names(space.vault, conn, space.rules.threshold)
    return identity.overmerged(conn, names.learn, names.conflict, model.threshold if model else None)


def _not_asked(
    people: Iterable[Suspect], pairs: Iterable[Doubt], skipped: Collection[tuple[int, int]]
) -> list[Suspect]:
    """Return those people about whom the reviewer is not asked already, and whom she did not put aside."""
    joined = {one.one for one in pairs if one.joined}
    return [
        one for one in people
        if (one.one, one.other) not in skipped and not (one.by_model and one.person in joined)
    ]  # fmt: skip


def party_of(record: int, firms: Collection[int]) -> Party:
    """Return what a record is of, where these are of organisations."""
    return "organisation" if record in firms else "individual"


def _pair(one: Doubt, model: ModelRow, money: Mapping[int, Decimal], party: Party) -> dict[str, Any]:
    uncertainty = _uncertainty(one, model)
    revenue = sum((money.get(cluster, Decimal(0)) for cluster in {one.one, one.other}), Decimal(0))
    return {
        "id": f"{one.a}-{one.b}", "kind": "pair", "party": party, "question": identity.question_of(party, joined=one.joined),
        "joined": one.joined, "mean": one.mean, "threshold": model.threshold, "pairs": one.pairs,
        "wall": identity.reason_for(party, one.wall) or None, "bridge": None,
        "uncertainty": uncertainty, "rank": _rank(uncertainty, one.evidence, revenue),
        "impact": {"records": one.evidence, "revenue": format(revenue, "f")},
    }  # fmt: skip


def _person(
    one: Suspect, model: ModelRow | None, money: Mapping[int, Decimal], evidence: int, party: Party
) -> dict[str, Any]:
    revenue = money.get(one.person, Decimal(0))
    parts = list(one.parts) if one.rule else None
    return {
        "id": f"{one.one}-{one.other}", "kind": "cluster", "party": party, "question": identity.question_of(party, joined=True),
        "joined": True, "mean": one.mean, "threshold": model.threshold if model else None, "pairs": one.pairs,
        "wall": None, "bridge": {"rule": one.rule, "parts": parts} if one.rule else None,
        "individualId": str(one.individual), "size": one.records, "birthDates": one.births, "firstNames": one.firsts,
        "uncertainty": one.uncertainty, "rank": _rank(one.uncertainty, evidence, revenue),
        "impact": {"records": evidence, "revenue": format(revenue, "f")},
    }  # fmt: skip


def _uncertainty(one: Doubt, model: ModelRow) -> float:
    """Return 1 at the threshold, towards 0 away from it: how even the odds are, counted from the threshold.

    With a wall between them: half of the chance that they are one person all the same.
    """
    chance: float = 1 / (1 + 2.0 ** -(one.mean - model.threshold))
    return chance / 2 if one.wall else 1 - abs(2 * chance - 1)


def _rank(uncertainty: float, evidence: int, revenue: Decimal) -> float:
    return uncertainty * math.log2(1 + evidence) * (1 + math.log10(1 + max(0.0, float(revenue))))


def _evidence(conn: Connection, a: int, b: int) -> dict[str, Any] | None:
    found = identity.waterfall_of(conn, a, b)
    return None if found is None else found.told()


def review(space: Space, name: str, answer: Answer, actor: str, reason: str = "") -> dict[str, Any]:
    """Answer a pair of the queue; Conflict when somebody else was faster.

    Of a person in doubt the pair are the records at either end of its weakest bridge: `different` parts the person there.
    """
    if answer not in ("same", "different", "skip"):
        raise Invalid("An answer is same, different or skip.")
    a, b = _nodes(name)
    with space.database.connect() as conn:
        if not identity.are_records(conn, (a, b)):
            raise NotFound("There is no such pair to review, or one of its records is gone: ask for the queue anew.")
        (party,) = identity.parties_of(conn, space.model, a)
        if answer == "skip":
            identity.skip(conn, min(a, b), max(a, b), actor, now())
            conn.commit()
            return {
                "id": name,
                "answer": answer,
                "party": party,
                "same": None,
                "refused": None,
                "individuals": _individuals(conn, a, b),
            }
    verdict = "same" if answer == "same" else "never"
    done = decide_undecided(space, a, b, verdict, reason or "review", actor)
    with space.database.connect() as conn:
        return {"id": name, "answer": answer, "party": party, **done, "individuals": _individuals(conn, a, b)}


def _individuals(conn: Connection, a: int, b: int) -> list[str]:
    """Return who the two records are now: one person, or two."""
    return sorted({str(one) for one in identity.persons_of(conn, (a, b)).values()})


def _nodes(name: str) -> tuple[int, int]:
    one, _, other = name.partition("-")
    if not (one.isdigit() and other.isdigit()) or one == other or max(len(one), len(other)) > 18:
        raise Invalid("This is no name of a pair: take `id` of an entry of the queue.")
    return int(one), int(other)
