"""Letting events in: what a source sends is counted, and judged by its contract."""

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from steelthread import intake
from steelthread.intake import Message, Plan, Reject
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
BLOCKED = ["contract"]
"""The columns of a reject that holds an event which a contract blocked."""
_JSON = msgspec.json.Encoder(order="sorted").encode


class Admission(msgspec.Struct):
    """What became of a batch at the door of the thread."""

    admitted: list[Message]
    blocked: list[int]
    """Places of those that are kept out."""
    rejects: list[Reject]


def admit(conn: Connection, space: Space, source: int, plan: Plan | None, messages: Sequence[Message]) -> Admission:
    """Judge events: what their contract blocks is a reject, what it drops is left out. Violations are counted."""
    if plan is None:
        return Admission(list(messages), [], [])
    found, done = [], Admission([], [], [])
    for place, message in enumerate(messages):
        verdict = _verdict(space, plan, message)
        found += [(one, message) for one in verdict.violations]
        if verdict.blocked:
            worst = next(one for one in verdict.violations if one.action == "block")
            cells = [_JSON(message).decode()]
            done.rejects.append(Reject(0, worst.property, f"contract: {worst.reason}", True, BLOCKED, cells))
            done.blocked.append(place)
        else:
            done.admitted.append(verdict.message)
    intake.keep_violations(conn, space.vault, source, found)
    return done


def admitted(space: Space, plan: Plan | None, messages: Sequence[Message]) -> list[Message]:
    """Return the events that a contract lets in, as it leaves them; nothing is counted."""
    if plan is None:
        return list(messages)
    verdicts = [_verdict(space, plan, message) for message in messages]
    return [one.message for one in verdicts if not one.blocked]


def _verdict(space: Space, plan: Plan, message: Message) -> intake.Verdict:
    return intake.judge_event(plan, message, special=space.project.settings.project.special_attributes)
