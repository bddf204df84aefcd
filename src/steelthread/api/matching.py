"""Who is who over HTTP: search before create, and the queue of pairs in doubt."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, FastAPI, Query, Response
from pydantic import BaseModel, Field

from steelthread.api.desk import Reading, for_purpose
from steelthread.api.keys import needs
from steelthread.thread import Likeness, Space, review, review_queue

_OBJECT: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}
_ENCODE = msgspec.json.Encoder().encode


class Answer(BaseModel):
    """A reviewer's answer."""

    decision: Literal["same", "different", "skip"]
    reviewer: str = Field(default="api", min_length=1, max_length=200, description="Who decides; kept with the link.")
    reason: str = Field(default="", max_length=2000)


def add_matching(api: FastAPI, space: Space) -> None:
    """Add the routes."""
    likeness = Likeness(space)

    @api.post("/api/match", tags=["matching"], responses=_OBJECT)
    def match(
        granted: Annotated[Reading, for_purpose("match:read", whole=True)],
        values: dict[str, str | list[str]],
        limit: Annotated[int, Query(ge=1, le=100)] = 10,
    ) -> Response:
        """Individuals that a made-up or half-filled record may be, most likely first, with scores and reasons.

        Ask before a new customer is made. The body holds words such as `firstName`, `lastName`, `birthDate`,
        `emailAddress`, `telephoneNumber`, `addressLine1`, `cityName`, `postalCodeText`.
        """
        granted.note("match", [])
        with api.state.pool.connection() as conn:
            return _json(likeness.of(conn, dict(values), limit))

    @api.get("/api/review", tags=["matching"], responses=_OBJECT)
    def queue(
        granted: Annotated[Reading, for_purpose("review:read", whole=True)],
        reviewer: str = "api",
        limit: Annotated[int, Query(ge=1, le=200)] = 20,
    ) -> Response:
        """Pairs in doubt that most want a person's eye; without those that this reviewer skipped."""
        granted.note("review", [])
        with api.state.pool.connection() as conn:
            return _json({"pairs": review_queue(space, conn, reviewer, limit)})

    @api.post(
        "/api/review/{pair}", tags=["matching"], dependencies=[Depends(needs("review:decide"))], responses=_OBJECT
    )
    def decide(pair: str, answer: Answer) -> Response:
        """Say `same`, `different` or `skip` of a pair; 409 when another reviewer was faster."""
        return _json(review(space, pair, answer.decision, answer.reviewer, answer.reason))


def _json(content: Any) -> Response:
    return Response(_ENCODE(content), media_type="application/json")
