"""The gate through which people go by the hundred: `decide` for many universal IDs in a few questions, as the files say now.

A program that runs for long asks here: purposes.yaml and the packs of jurisdictions count as they are at each question.
"""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread import identity, privacy
from steelthread.kit import now
from steelthread.privacy import Decision, Policy, Subject, Tombstones, Use
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_NOBODY = Decision(False, ["nobody answers to this universal ID"], [], "")


class Judged(msgspec.Struct, frozen=True):
    """What was decided of a person, and of which nodes it was asked."""

    decision: Decision
    nodes: list[bytes] = []


class Gate:
    """Decides of many people of one space."""

    def __init__(self, space: Space) -> None:
        self._stones = Tombstones(space.vault)
        self._policy = Policy(space.project.folder)
        settings = space.project.settings.project
        self._place = settings.place or settings.country

    def judge(
        self, conn: Connection, individuals: Collection[UUID], purpose: str, use: Use, channel: str = ""
    ) -> dict[UUID, Judged]:
        """Decide of whoever these universal IDs, present or former, stand for now; a no for those who are nobody."""
        if not individuals:
            return {}
        self._policy.refresh()
        nodes = identity.nodes_of_individuals(conn, individuals)
        said: dict[bytes, list[privacy.Statement]] = {}
        for statement in privacy.statements_of(conn, {node for own in nodes.values() for node in own}):
            said.setdefault(statement.node, []).append(statement)
        erased = self._stones.among(conn, [one.bytes for one in individuals])
        at = now()
        found = {}
        for one in individuals:
            own = nodes.get(one, [])
            if own and one.bytes not in erased:
                states = privacy.fold((each for node in own for each in said.get(node, ())), at)
                found[one] = Judged(
                    self._policy.decider.decide(Subject(states), purpose, channel, use, at, self._place), own
                )
            else:
                found[one] = Judged(_NOBODY)
        return found
