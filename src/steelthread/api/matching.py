"""Who is who over HTTP: search before create, and the queue of pairs in doubt."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import Depends, FastAPI, Query, Response
from pydantic import BaseModel, Field

from steelthread.api.desk import Desk, Reading, for_purpose
from steelthread.api.keys import Caller, needs
from steelthread.privacy import Entry
from steelthread.thread import Likeness, Space, review, review_queue

_OBJECT: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}
_ENCODE = msgspec.json.Encoder().encode


class Answer(BaseModel):
    """A reviewer's answer."""

    decision: Literal["same", "different", "skip"]
    reviewer: str = Field(default="", max_length=200, description="Who decides, beside the key; kept with the link.")
    reason: str = Field(default="", max_length=2000)


def add_matching(api: FastAPI, space: Space) -> None:
    """Add the routes."""
    likeness = Likeness(space)

    @api.post("/api/match", tags=["matching"], responses=_OBJECT)
    def match(
        granted: Annotated[Reading, for_purpose("match:read", whole=True)],
        values: dict[str, str | list[str]],
        limit: Annotated[int, Query(ge=1, le=100)] = 10,
        party: Literal["individual", "organisation"] | None = None,
    ) -> Response:
        """Individuals or organisations that a made-up or half-filled record may be, most likely first, with scores and reasons.

        Ask before a new customer is made. The body holds words such as `firstName`, `lastName`, `birthDate`,
        `emailAddress`, `telephoneNumber`, `addressLine1`, `cityName`, `postalCodeText`. With `organisationName`,
        `webSiteURL` or `registrationNumber` it is an organisation's, which has no words of a person; `party` says it
        where the words leave it open (an e-mail address alone).
        """
        granted.note("match", [])
        with api.state.pool.connection() as conn:
            return _json(likeness.of(conn, dict(values), limit, party))

    @api.get("/api/review", tags=["matching"], responses=_OBJECT)
    def queue(
        granted: Annotated[Reading, for_purpose("review:read", whole=True)],
        caller: Annotated[Caller, Depends(needs("review:read"))],
        reviewer: Annotated[str, Query(max_length=200)] = "",
        limit: Annotated[int, Query(ge=1, le=200)] = 20,
    ) -> Response:
        """Pairs, people and organisations in doubt that most want a person's eye; without those that this key, or its `reviewer`, skipped."""
        granted.note("review", [])
        with api.state.pool.connection() as conn:
            return _json({"pairs": review_queue(space, conn, _who(caller, reviewer), limit)})

    @api.post("/api/review/{pair}", tags=["matching"], responses=_OBJECT)
    def decide(pair: str, answer: Answer, caller: Annotated[Caller, Depends(needs("review:decide"))]) -> Response:
        """Say `same`, `different` or `skip` of a pair; 409 when another reviewer was faster.

        Kept with it are the key that asks and, beside it, the name of the `reviewer`, where it is told.
        """
        done = review(space, pair, answer.decision, _who(caller, answer.reviewer), answer.reason)
        desk: Desk = api.state.desk
        subjects = [desk.auditor.audit.token(UUID(one).bytes) for one in done["individuals"]]
        details = {"answer": answer.decision, "reviewer": answer.reviewer.strip()}
        desk.queue.put(Entry("action", f"key {caller.key}", "review", subjects, details=details))
        return _json(done)


def _who(caller: Caller, reviewer: str) -> str:
    """Return who decides: the key, and whom it names beside itself; nobody speaks as another key."""
    name = reviewer.strip()
    return f"key {caller.key} ({name})" if name else f"key {caller.key}"


def _json(content: Any) -> Response:
    return Response(_ENCODE(content), media_type="application/json")
