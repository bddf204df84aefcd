"""HTTP of the customer rules: consents in, decisions out."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from fastapi import Depends, FastAPI, Request, Response

from steelthread.api.by_hand import by_hand, parsed
from steelthread.api.confirming import PATH, add_confirming
from steelthread.api.desk import Desk
from steelthread.api.keys import admit, bearer, needs
from steelthread.api.sayings import Sayings
from steelthread.kit import Invalid, now
from steelthread.privacy import Decision, Entry, Kind
from steelthread.rights import Consents, DoubleOptIn, Receipts, Saying
from steelthread.thread import Space

_AT_ONCE = 4
"""Decisions made at once: more threads than that hinder each other, and answer later."""
_ENCODE = msgspec.json.Encoder().encode
_SAYING = msgspec.json.Decoder(Saying).decode
_OBJECT: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}


def _body() -> dict[str, Any]:
    (schema,), parts = msgspec.json.schema_components([Saying], ref_template="#/components/schemas/{name}")
    shown = parts.get("Saying", schema)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": shown}}}}


def add_privacy(api: FastAPI, space: Space) -> None:
    """Add the routes. What was said counts from the next question on: nothing of it is cached."""
    consents = Consents(space)
    double = DoubleOptIn(space, consents)
    sayings = Sayings(consents, api.state.pool)
    add_confirming(api, space, consents)
    _evidence(api, space, consents)
    _decisions(api, consents)

    @api.post(
        "/api/consents", tags=["privacy"], dependencies=[Depends(needs("consents:write"))], status_code=201,
        responses={201: _OBJECT[200]}, openapi_extra=_body(),
    )  # fmt: skip
    async def consent(request: Request) -> Response:
        """Keep what a person said: `ref`, `purpose`, `said`, and what proves it. It is durable before the answer.

        A yes that counts only when it was confirmed comes with `confirm`: the path of the link for the mail.
        """
        try:
            saying = _SAYING(await request.body())
        except msgspec.MsgspecError as error:
            raise Invalid(f"The body is not what /docs says: {error}") from None
        said = await sayings.say(saying)
        kept = said.statement
        _note(api, "consent", "consent", said.individual, kept.purpose, {"event": kept.event_id, "said": kept.said})
        token = double.token(kept)
        told = {"eventId": kept.event_id, "recordedAt": kept.recorded_at}
        return _json({**told, "confirm": f"{PATH}?token={token}"} if token else told, 201)


def _evidence(api: FastAPI, space: Space, consents: Consents) -> None:
    receipts = Receipts(space, consents)

    @api.get(
        "/api/consents/{event}/receipt", tags=["privacy"], dependencies=[Depends(needs("decisions:read"))], responses=_OBJECT
    )  # fmt: skip
    def receipt(event: UUID) -> Response:
        """The signed receipt of a statement (ISO/IEC TS 27560); it names its person by a token."""
        with api.state.pool.connection() as conn:
            return _json(receipts.receipt(conn, event))

    @api.get(
        "/api/consents/signals", tags=["privacy"], dependencies=[Depends(needs("decisions:read"))], responses=_OBJECT
    )
    def signals(ref: str, at: datetime | None = None) -> Response:
        """The signals of consent managers that stand for a person, as they came: to be passed on letter by letter."""
        with api.state.pool.connection() as conn:
            found = consents.signals(conn, ref, at)
            _, individual = consents.look(conn, ref, at or now())
        _note(api, "read", "consent signals", individual, "", {})
        return _json({"ref": ref, "signals": found})


class _Asked(msgspec.Struct):
    """What a question about a person's data says."""

    ref: str
    purpose: str
    channel: str = ""
    at: datetime | None = None
    known: datetime | None = None
    place: str = ""


def _decisions(api: FastAPI, consents: Consents) -> None:
    answering = ThreadPoolExecutor(_AT_ONCE, "decider")

    @api.get("/api/decisions", tags=["privacy"], responses=_OBJECT, **by_hand(_Asked))
    async def decision(request: Request) -> Response:
        """Whether a person's data may be used for a purpose: `allow`, `reasons`, `evidence`, `policyVersion`.

        `at` asks for another moment, `known` for what was known then, `place` for the law of a place (DE, US-CA).
        """
        await admit(request, bearer(request.headers.get("authorization", "")), "decisions:read")
        asked = parsed(request, _Asked)
        return await asyncio.get_running_loop().run_in_executor(answering, lambda: _json(_decide(asked)))

    def _decide(asked: _Asked) -> Decision:
        with api.state.readers.connection() as conn:
            decision, individual = consents.decided(
                conn, asked.ref, asked.purpose, asked.channel, at=asked.at, known=asked.known, place=asked.place
            )
        name, through = consents.purposes.told(asked.purpose, asked.channel)
        details = {"allow": decision.allow, "policy": decision.policy_version, "channel": through}
        _note(api, "decision", "decide", individual, name, details)
        return decision


def _note(api: FastAPI, kind: Kind, what: str, individual: UUID | None, purpose: str, details: dict[str, Any]) -> None:
    desk: Desk = api.state.desk
    subjects = [desk.auditor.audit.token(individual.bytes)] if individual else []
    desk.queue.put(Entry(kind, "http", what, subjects, purpose, details))


def _json(content: Any, status: int = 200) -> Response:
    return Response(_ENCODE(content), status, media_type="application/json")
