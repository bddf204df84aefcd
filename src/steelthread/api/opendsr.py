"""HTTP of OpenDSR 2.0: requests of controllers, and what destinations call back. Errors are as the specification has them."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import psycopg
from fastapi import Depends, FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from steelthread.api.collect import body_of
from steelthread.api.keys import Caller, needs
from steelthread.api.reading import OBJECT, answer
from steelthread.api.requests import zipped
from steelthread.kit import Conflict, SteelthreadError
from steelthread.rights import OPENDSR, Controller, Processor, RequestDesk
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_ROUTES = ("requests", "opendsr_requests", "opencompliance_requests", "opengdpr_requests")
"""Names of the one route, the present one and those that older clients use."""
_CALLER = Depends(needs("opendsr:request"))
_TAG = ("opendsr",)


def _refused(error: SteelthreadError) -> Response:
    code = 400 if isinstance(error, Conflict) else error.status
    detail = {"domain": "OpenDSR", "reason": error.title, "message": str(error)}
    return answer({"error": {"code": code, "message": str(error), "errors": [detail]}}, code)


def add_opendsr(api: FastAPI, space: Space) -> None:
    """Add the routes."""
    processor = Processor(space)

    def within(work: Callable[[Connection], Any]) -> Any:
        with api.state.pool.connection() as conn, conn.transaction():
            return work(conn)

    def signed(work: Callable[[], dict[str, Any]], status: int = 200) -> Response:
        try:
            body, headers = processor.signed(work())
        except SteelthreadError as error:
            return _refused(error)
        return Response(body, status, headers=headers)

    @api.get(f"{OPENDSR}/discovery", tags=list(_TAG), responses=OBJECT)
    def discovery() -> Response:
        """What this processor supports, and where its certificate is."""
        return signed(processor.discovery)

    @api.get(f"{OPENDSR}/certificate.pem", include_in_schema=False)
    def certificate() -> Response:
        """The certificate under which answers and callbacks are signed."""
        if processor.signer is None:
            return signed(processor.discovery)
        return Response(processor.signer.certificate, media_type="application/x-pem-file")

    for name in _ROUTES:
        _requests(api, processor, within, signed, name)

    _answers(api, space, processor, within, signed)
    _callbacks(api, space)


def _requests(
    api: FastAPI, processor: Processor, within: Callable[..., Any], signed: Callable[..., Response], name: str
) -> None:
    shown = name == _ROUTES[0]

    @api.post(
        f"{OPENDSR}/{name}", tags=list(_TAG), status_code=201, responses={201: OBJECT[200]}, include_in_schema=shown
    )
    async def ask(request: Request, caller: Annotated[Caller, _CALLER]) -> Response:
        """Take a request of a controller: erasure, access, portability. It answers who asked."""
        body = await body_of(request)
        return await run_in_threadpool(
            signed, lambda: within(lambda conn: processor.receive(conn, _name(caller), body)), 201
        )

    @api.get(f"{OPENDSR}/{name}/{{number}}", tags=list(_TAG), responses=OBJECT, include_in_schema=shown)
    def look(caller: Annotated[Caller, _CALLER], number: UUID) -> Response:
        """How a request of this controller stands."""
        return signed(lambda: within(lambda conn: processor.status(conn, _name(caller), number)))

    @api.delete(
        f"{OPENDSR}/{name}/{{number}}",
        tags=list(_TAG),
        status_code=202,
        responses={202: OBJECT[200]},
        include_in_schema=shown,
    )
    def cancel(caller: Annotated[Caller, _CALLER], number: UUID) -> Response:
        """Cancel a request that is pending."""
        return signed(lambda: within(lambda conn: processor.cancel(conn, _name(caller), number)), 202)


def _answers(
    api: FastAPI, space: Space, processor: Processor, within: Callable[..., Any], signed: Callable[..., Response]
) -> None:
    @api.get(f"{OPENDSR}/status/{{number}}", tags=list(_TAG), responses=OBJECT)
    def status(caller: Annotated[Caller, _CALLER], number: UUID) -> Response:
        """How a request of this controller stands."""
        return signed(lambda: within(lambda conn: processor.status(conn, _name(caller), number)))

    @api.get(f"{OPENDSR}/results/{{number}}", tags=list(_TAG), include_in_schema=False)
    def results(caller: Annotated[Caller, _CALLER], number: UUID) -> Response:
        """The access packages of a request, a zip file."""
        space.project.temp.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=space.project.temp) as folder:
            try:
                processor.results(_name(caller), number, Path(folder))
            except SteelthreadError as error:
                return _refused(error)
            return Response(zipped(Path(folder)), media_type="application/zip", headers={"Cache-Control": "no-store"})


def _callbacks(api: FastAPI, space: Space) -> None:
    controller = Controller(space, RequestDesk(space).settled)

    def heard(headers: dict[str, str], body: bytes) -> None:
        checked = controller.callback(headers, body)  # it may ask for a certificate: no connection waits meanwhile
        with api.state.pool.connection() as conn, conn.transaction():
            gone = controller.take(conn, checked)
        space.vault.shred(gone)

    @api.post(f"{OPENDSR}/callbacks", tags=list(_TAG), status_code=202, responses={202: OBJECT[200]})
    async def callback(request: Request) -> Response:
        """What a destination tells of an erasure; it needs no key but the signature of a domain of opendsr.yaml."""
        body = await body_of(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            await run_in_threadpool(heard, headers, body)
        except SteelthreadError as error:
            return _refused(error)
        return answer({"received": True}, 202)


def _name(caller: Caller) -> str:
    return f"key {caller.key}"
