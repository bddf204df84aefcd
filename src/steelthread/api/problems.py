"""Errors as RFC 9457 problem details: mapped once, without a personal value."""

from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from steelthread.kit import Invalid, SteelthreadError

_TYPE = "application/problem+json"


def problem(status: int, title: str, detail: str) -> JSONResponse:
    """Return a problem document."""
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(content, status, headers=headers, media_type=_TYPE)


def install(api: FastAPI) -> None:
    """Teach the API to answer every error as a problem document."""

    async def ours(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, SteelthreadError)
        return problem(error.status, error.title, str(error))

    async def data(_: Request, __: Exception) -> JSONResponse:
        return problem(
            400, Invalid.title, "A value of the call is out of range, or holds a character that no text may hold."
        )

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, str(error.detail), "See /docs for what there is.")

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        where = "; ".join(_where(one) for one in error.errors())
        return problem(422, "Invalid request", where)

    api.add_exception_handler(SteelthreadError, ours)
    api.add_exception_handler(psycopg.DataError, data)
    api.add_exception_handler(HTTPException, http)
    api.add_exception_handler(RequestValidationError, invalid)


def _where(error: Any) -> str:
    return ".".join(str(step) for step in error["loc"]) + ": " + str(error["msg"])
