"""Letting events in: what a source sends is counted, and judged by its contract."""

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from steelthread import intake
from steelthread.intake import Message, Plan, Reject
from steelthread.thread.space import Space
from steelthread.thread.told import Told, as_told

Connection = psycopg.Connection[Any]
BLOCKED = ["contract"]
"""The columns of a reject that holds an event which a contract blocked."""
_JSON = msgspec.json.Encoder(order="sorted").encode


class Admission(msgspec.Struct):
    """What became of a batch at the door of the thread."""

    admitted: list[Told]
    blocked: list[int]
    """Numbers of those that are kept out."""
    rejects: list[Reject]


def admit(
    conn: Connection, space: Space, source: int, plan: Plan | None, events: Sequence[Told], *, counted: bool = True
) -> Admission:
    """Judge events: what their contract blocks is a reject, what it drops is left out. Violations are counted, once."""
    if plan is None:
        return Admission(list(events), [], [])
    found, done = [], Admission([], [], [])
    for one in events:
        message = one.message
        verdict = _verdict(space, plan, message)
        found += [(each, message) for each in verdict.violations]
        if verdict.blocked:
            worst = _worst(verdict)
            cells = [_JSON(message).decode()]
            done.rejects.append(Reject(0, worst.property, _said(worst), True, BLOCKED, cells))
            done.blocked.append(one.number)
        else:
            done.admitted.append(_left(one, verdict.message))
    if counted:
        intake.keep_violations(conn, space.vault, source, found)
    return done


def admitted(space: Space, plan: Plan | None, events: Sequence[Told]) -> list[Told]:
    """Return the events that a contract lets in, as it leaves them; nothing is counted."""
    if plan is None:
        return list(events)
    judged = [(one, _verdict(space, plan, one.message)) for one in events]
    return [_left(one, verdict.message) for one, verdict in judged if not verdict.blocked]


def why_blocked(space: Space, plan: Plan | None, message: Message) -> str:
    """Return why a contract keeps an event out, as its reject says it; empty when it does not."""
    verdict = _verdict(space, plan, message) if plan else None
    return _said(_worst(verdict)) if verdict and verdict.blocked else ""


def _worst(verdict: intake.Verdict) -> intake.Violation:
    return next(each for each in verdict.violations if each.action == "block")


def _said(worst: intake.Violation) -> str:
    return f"contract: {worst.reason}"


def _left(one: Told, message: Message) -> Told:
    return one if message is one.message else as_told(one.source, message, one.number)


def _verdict(space: Space, plan: Plan, message: Message) -> intake.Verdict:
    return intake.judge_event(plan, message, special=space.project.settings.project.special_attributes)
