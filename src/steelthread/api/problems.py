"""Errors as RFC 9457 problem details: mapped once, without a personal value."""

from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from steelthread.kit import Invalid, SteelthreadError, Unavailable, place_of

_TYPE = "application/problem+json"
_LOG = structlog.get_logger()
_AGAIN = "5"
"""Seconds after which a call may be made again while the database is away."""


def problem(status: int, title: str, detail: str) -> JSONResponse:
    """Return a problem document."""
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(content, status, headers=headers, media_type=_TYPE)


_DEFECT = problem(500, "Internal error", "This is a defect: the server's log says where. Nothing was answered.")


class Guarded:
    """The last edge: an error that nobody foresaw is logged by kind and place, and answered with 500.

    Without it the server would log the traceback with the error's message, and messages quote values.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def told(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception as error:  # noqa: BLE001  # the edge: nothing above may see its message
            _LOG.error("a call failed", error=type(error).__name__, at=place_of(error))
            if not begun:
                await _DEFECT(scope, receive, send)  # made before: what makes answers may be what failed


def install(api: FastAPI) -> None:
    """Teach the API to answer every error as a problem document."""
    api.add_middleware(Guarded)

    async def ours(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, SteelthreadError)
        return problem(error.status, error.title, str(error))

    async def data(_: Request, __: Exception) -> JSONResponse:
        return problem(
            400, Invalid.title, "A value of the call is out of range, or holds a character that no text may hold."
        )

    async def away(_: Request, error: Exception) -> JSONResponse:
        _LOG.warning("the database does not answer", error=type(error).__name__, at=place_of(error))
        answer = problem(503, Unavailable.title, "The database does not answer at this moment: ask again.")
        answer.headers["Retry-After"] = _AGAIN
        return answer

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, str(error.detail), "See /docs for what there is.")

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        where = "; ".join(_where(one) for one in error.errors())
        return problem(422, "Invalid request", where)

    api.add_exception_handler(SteelthreadError, ours)
    api.add_exception_handler(psycopg.DataError, data)
    api.add_exception_handler(psycopg.OperationalError, away)
    api.add_exception_handler(HTTPException, http)
    api.add_exception_handler(RequestValidationError, invalid)


def _where(error: Any) -> str:
    return ".".join(str(step) for step in error["loc"]) + ": " + str(error["msg"])
