"""How good the people and organisations are, without a truth to compare with: what a run joined, how firmly, and what looks wrong."""

from typing import Any

import psycopg

from steelthread import identity
from steelthread.identity import Party, Suspect
from steelthread.profiles import EVENTS_SQL
from steelthread.thread.reviewing import party_of, suspects
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
_SHOWN = 20


def quality(space: Space) -> dict[str, Any]:
    """Return the quality report of a space: counts and record numbers' reviews only, no personal value."""
    with space.database.connect() as conn:
        conn.execute("set transaction isolation level repeatable read, read only")
        model = identity.model_in_force(conn)
        records, sizes = identity.count_records(conn), identity.sizes_of_persons(conn)
        firms = identity.sizes_of_persons(conn, identity.organisation_entities(conn, space.model))
        persons = sum(sizes.values())
        doubts = identity.doubts(conn, model, "", 1000, EVENTS_SQL) if model else []
        bridges = sorted((one for one in doubts if one.joined), key=lambda one: (one.mean, one.a, one.b))
        several = suspects(space, conn, model)
        theirs = [*(one.a for one in bridges[:_SHOWN]), *(one.one for one in several)]
        of_firms = identity.organisations_among(conn, space.model, theirs)
        return {
            "records": records,
            "individuals": persons,
            "organisations": sum(firms.values()),
            "consolidationRate": round(1 - persons / records, 4) if records else 0.0,
            "sizes": [
                {"records": size, "individuals": count, "organisations": firms.get(size, 0)}
                for size, count in sorted(sizes.items())
            ],
            "rules": [
                {"rule": rule, "links": links, "refused": refused, "records": touched, "alone": alone}
                for rule, links, refused, touched, alone in identity.rules_told(conn)
            ],
            "weakestBridges": [
                {
                    "id": f"{one.a}-{one.b}",
                    "party": party_of(one.a, of_firms),
                    "mean": one.mean,
                    "threshold": model.threshold,
                    "records": one.evidence,
                }
                for one in bridges[:_SHOWN]
                if model
            ],
            "suspects": [_suspect(one, party_of(one.one, of_firms)) for one in several[:_SHOWN]],
            "clustersInDoubt": len(several),
            "organisationsInDoubt": sum(one.one in of_firms for one in several),
            "inDoubt": sum(not one.joined for one in doubts),
            "drift": _drift(conn),
        }


def _suspect(one: Suspect, party: Party) -> dict[str, Any]:
    return {
        "individualId": str(one.individual), "party": party, "id": f"{one.one}-{one.other}", "records": one.records,
        "birthDates": one.births, "firstNames": one.firsts, "uncertainty": one.uncertainty,
        "bridge": {"rule": one.rule, "parts": list(one.parts)} if one.rule else None,
    }  # fmt: skip


def _drift(conn: Connection) -> dict[str, Any] | None:
    """Return what differs between the last run and the one before, None when there were not two."""
    runs = identity.last_runs(conn, 2)
    if len(runs) < 2:
        return None
    last, before = runs
    return {
        "from": {"at": before.at.isoformat(), "model": before.model, "records": before.records, "individuals": before.after},
        "to": {"at": last.at.isoformat(), "model": last.model, "records": last.records, "individuals": last.after},
        "merged": last.merged, "split": last.split, "linksAdded": last.added, "linksClosed": last.closed,
        "pairsPerRecord": [round(one.pairs / one.records, 2) if one.records else 0.0 for one in (before, last)],
    }  # fmt: skip
