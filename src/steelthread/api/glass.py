"""HTTP of broken glasses: a key opens a purpose to itself for a while, the privacy officer looks at it."""

from typing import Annotated, Literal

import msgspec
from fastapi import Depends, FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from steelthread.api.keys import Caller, KeyCache, needs
from steelthread.api.reading import OBJECT, answer
from steelthread.kit import Invalid
from steelthread.rights import break_glass, close_glass, list_glasses
from steelthread.thread import Space


class Breaking(msgspec.Struct, forbid_unknown_fields=True):
    """What is wanted, and why."""

    purpose: str
    reason: str
    minutes: int = 15


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["purpose", "reason"],
                    "properties": {
                        "purpose": {"type": "string"},
                        "reason": {"type": "string", "minLength": 10, "maxLength": 500},
                        "minutes": {"type": "integer", "minimum": 1, "default": 15},
                    },
                }
            }
        },
    }
}


def add_glass(api: FastAPI, space: Space) -> None:
    """Add the routes."""

    @api.post(
        "/api/glass", tags=["access"], status_code=201, responses={201: OBJECT[200]}, openapi_extra=_BODY
    )  # fmt: skip
    async def broken(request: Request, caller: Annotated[Caller, Depends(needs("glass:break"))]) -> Response:
        """Open a purpose to this key for so many `minutes`, with a `reason` that names nobody; the privacy officer sees it."""
        try:
            wanted = msgspec.json.decode(await request.body(), type=Breaking)
        except msgspec.MsgspecError as error:
            raise Invalid(f"The body is not what /docs says: {error}") from None
        told = await run_in_threadpool(
            break_glass, space, api.state.access, caller.principal, wanted.purpose, wanted.reason, wanted.minutes
        )
        cache: KeyCache = api.state.key_cache
        cache.forget(caller.key)
        return answer(told, 201)

    @api.get(
        "/api/glass", tags=["access"], dependencies=[Depends(needs("glass:review"))], responses=OBJECT
    )  # fmt: skip
    def glasses(*, reviewed: bool = False) -> Response:
        """Broken glasses that nobody has looked at, the latest first; with `reviewed` all."""
        with api.state.pool.connection() as conn:
            return answer({"glasses": list_glasses(conn, reviewed=reviewed)})

    @api.post("/api/glass/{number}/review", tags=["access"], responses=OBJECT)
    def review(
        number: int,
        verdict: Literal["justified", "unjustified"],
        caller: Annotated[Caller, Depends(needs("glass:review"))],
    ) -> Response:
        """Close a glass, and say what is thought of it; nobody does so of their own."""
        close_glass(space, number, f"key {caller.key}", verdict)
        return answer({"number": number, "verdict": verdict})
