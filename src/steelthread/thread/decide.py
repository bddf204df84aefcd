"""A person's word on two nodes: the same, or never. Written to the ledger, effective in the same transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from steelthread import identity, profiles
from steelthread.identity import Stitch
from steelthread.kit import Conflict, now
from steelthread.model import AnyFact, Decided, ProfilesChanged
from steelthread.thread.names import Names
from steelthread.thread.space import Space
from steelthread.thread.types import LANE

Connection = psycopg.Connection[Any]


def link(space: Space, a: str, b: str, reason: str, actor: str) -> dict[str, Any]:
    """Say that two references are one person: a `must` link, which takes the place of any 'never'."""
    return _decide(space, a, b, "same", reason, actor)


def unlink(space: Space, a: str, b: str, reason: str, actor: str) -> dict[str, Any]:
    """Take a `must` link back; where there is none, say that the two are never one person."""
    return _decide(space, a, b, "never", reason, actor)


def decide_undecided(space: Space, a: int, b: int, verdict: str, reason: str, actor: str) -> dict[str, Any]:
    """Say 'same' or 'never' of two records; Conflict when another person's word on them holds already.

    Where they are the ends of a bridge, 'never' parts the person there: the links of the bridge join no more either.
    """
    at = now()
    with space.database.connect() as conn:
        space.log.lock(conn, LANE)
        said = identity.last_word(conn, a, b)
        if said is not None:
            raise Conflict(f"This pair was decided already: {said[0]}, by {said[1]}. To change it: link or unlink.")
        ties = identity.ties_between(conn, a, b) if verdict == "never" else []
        return _write(space, conn, min(a, b), max(a, b), verdict, reason, actor, at, ties)


def _decide(space: Space, a: str, b: str, verdict: str, reason: str, actor: str) -> dict[str, Any]:
    at = now()
    with space.database.connect() as conn:
        space.log.lock(conn, LANE)
        reader = space.reader(conn)
        start, end = sorted((reader.node(a), reader.node(b)))
        if start == end:
            raise Conflict("Both references name the same node: there is nothing to link or unlink.")
        return _write(space, conn, start, end, verdict, reason, actor, at)


def _write(
    space: Space, conn: Connection, start: int, end: int, verdict: str, reason: str, actor: str, at: datetime,
    ties: Sequence[tuple[int, int]] = (),
) -> dict[str, Any]:  # fmt: skip
    standing = identity.standing(conn, start, end)
    said = standing[1] if standing else ""
    if verdict == "never" and said == "same":
        verdict = "withdrawn"
    names = Names(space.vault, conn, space.rules.threshold)
    stitch = Stitch(conn, space.policy(names.conflict), space.generic_above, at)
    stitch.nodes([start, end])
    stitch.touch(start)
    stitch.touch(end)
    decided: list[AnyFact] = [Decided(a=start, b=end, verdict=verdict, actor=actor)]  # type: ignore[arg-type]  # one of the three words
    if said != verdict:
        number, freed = identity.record_decision(conn, start, end, verdict, actor, reason, at)
        stitch.nodes(sorted({node for pair in (*freed, *ties) for node in pair}))
        for pair in freed:
            stitch.allow(*pair)
        _apply(stitch, start, end, said, verdict, actor, reason)
        for a, b in ties:
            identity.record_decision(conn, a, b, "never", actor, reason, at, number)
            stitch.forbid(a, b)
            decided.append(Decided(a=a, b=b, verdict="never", actor=actor))
    stitch.settle()
    outcome = stitch.finish()
    stitch.write()
    profiles.delete_profiles(conn, outcome.gone)
    space.folder(conn).fold(outcome.touched)
    space.log.append(conn, LANE, [*decided, *outcome.facts, ProfilesChanged(individuals=sorted(outcome.touched))])
    same = identity.present(conn, start)[1] == identity.present(conn, end)[1]
    parties = identity.parties_of(conn, space.model, start, end)
    refused = [one.reason for one in identity.refusals(conn, [start]) if {one.a, one.b} == {start, end}]
    conn.commit()
    why = identity.reason_for(parties[0], refused[0]) if refused and not same else None
    return {"verdict": verdict, "same": same, "parties": parties, "refused": why}


def _apply(stitch: Stitch, a: int, b: int, said: str, verdict: str, actor: str, reason: str) -> None:
    if said == "never":
        stitch.allow(a, b)
    if said == "same":
        stitch.load_links([a])
        stitch.unclaim(a, b, 0)
    if verdict == "same":
        stitch.decide(a, b, actor, reason)
    if verdict == "never":
        stitch.forbid(a, b)
