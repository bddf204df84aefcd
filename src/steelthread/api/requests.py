"""HTTP of the rights desk: requests in, what people show of themselves, the operator's steps, letters out."""

import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import psycopg
from fastapi import Depends, FastAPI, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from steelthread.api.desk import Reading, for_purpose
from steelthread.api.keys import Caller, needs
from steelthread.api.reading import OBJECT, answer
from steelthread.kit import Invalid
from steelthread.rights import Asking, Delay, Ground, Proof, RequestDesk, Stop
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_DECIDES = Depends(needs("requests:decide"))


class Shown(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What a person shows of themselves."""

    code: str = ""
    points: dict[str, str] = {}


class Todo(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A step of the operator: one of these."""

    attest: Proof | None = None
    extend: Delay | None = None
    pause: Stop | None = None
    refuse: Ground | None = None
    go: Literal["resume", "done", "lift"] | None = None


def _body(kind: type[msgspec.Struct]) -> dict[str, Any]:
    (schema,), parts = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    shown = parts.get(kind.__name__, schema)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": shown}}}}


def _read(raw: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise Invalid(f"The body is not what /docs says: {error}") from None


def add_requests(api: FastAPI, space: Space) -> None:
    """Add the routes."""
    desk = RequestDesk(space)

    def within(work: Callable[[Connection], Any]) -> Any:
        with api.state.pool.connection() as conn, conn.transaction():
            return work(conn)

    _incoming(api, desk, within)
    _operator(api, desk, within)
    _answers(api, space, desk, within)


def _incoming(api: FastAPI, desk: RequestDesk, within: Callable[..., Any]) -> None:
    writes = Depends(needs("requests:write"))

    @api.post(
        "/api/requests", tags=["requests"], dependencies=[writes], status_code=202, responses={202: OBJECT[200]},
        openapi_extra=_body(Asking),
    )  # fmt: skip
    async def ask(request: Request) -> Response:
        """Take a request of a person: `kind`, `ref`. The answer is the same whether anybody is known by it or not."""
        asking = _read(await request.body(), Asking)
        return answer(await run_in_threadpool(within, lambda conn: desk.open(conn, asking, "http", "http")), 202)

    @api.post(
        "/api/requests/{number}/proof", tags=["requests"], dependencies=[writes], status_code=202,
        responses={202: OBJECT[200]}, openapi_extra=_body(Shown),
    )  # fmt: skip
    async def prove(request: Request, number: UUID) -> Response:
        """Take what the person shows: the `code` that was sent, `points` that are on file. It is not said whether it fits."""
        shown = _read(await request.body(), Shown)
        await run_in_threadpool(within, lambda conn: desk.prove(conn, number, shown.code, shown.points))
        return answer({"requestId": str(number), "noted": True}, 202)


def _operator(api: FastAPI, desk: RequestDesk, within: Callable[..., Any]) -> None:
    @api.get("/api/requests", tags=["requests"], dependencies=[_DECIDES], responses=OBJECT)
    def requests(
        state: Literal["open", "closed"] = "open", limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> Response:
        """Requests, those that are due first; nothing of who asks."""
        states = ("open", "paused") if state == "open" else ("done", "refused", "cancelled")
        return answer({"requests": within(lambda conn: desk.cases.all(conn, states, limit))})

    @api.get("/api/requests/due", tags=["requests"], dependencies=[_DECIDES], responses=OBJECT)
    def due() -> Response:
        """Requests that are due within a week, at once, or overdue; each level is noted once in the case file."""
        return answer({"due": within(desk.escalate)})

    @api.get("/api/requests/{number}", tags=["requests"], dependencies=[_DECIDES], responses=OBJECT)
    def case(number: UUID) -> Response:
        """The case file: every step, and what is still to be shown."""
        return answer(within(lambda conn: desk.show(conn, number)))

    @api.post(
        "/api/requests/{number}/steps", tags=["requests"], responses=OBJECT, openapi_extra=_body(Todo),
    )  # fmt: skip
    async def step(request: Request, number: UUID, caller: Annotated[Caller, _DECIDES]) -> Response:
        """A step of the operator: `attest`, `extend`, `pause`, `refuse`, or `go` with resume, done, lift."""
        todo = _read(await request.body(), Todo)
        actor = f"key {caller.key}"
        return answer(await run_in_threadpool(within, lambda conn: _step(desk, conn, number, todo, actor)))


def _step(desk: RequestDesk, conn: Connection, number: UUID, todo: Todo, actor: str) -> Any:
    told: Any = None
    if todo.attest:
        desk.attest(conn, number, todo.attest, actor)
    elif todo.extend:
        desk.extend(conn, number, todo.extend, actor)
    elif todo.pause:
        desk.pause(conn, number, todo.pause, actor)
    elif todo.refuse:
        desk.refuse(conn, number, todo.refuse, actor)
    elif todo.go == "resume":
        desk.resume(conn, number, actor)
    elif todo.go == "done":
        desk.done(conn, number, actor)
    elif todo.go == "lift":
        told = desk.lift(conn, number, actor)
    else:
        raise Invalid("Say one step: attest, extend, pause, refuse, or go.")
    return {**desk.show(conn, number), "told": told}


def _answers(api: FastAPI, space: Space, desk: RequestDesk, within: Callable[..., Any]) -> None:
    whole = for_purpose("requests:decide", whole=True)

    @api.post("/api/requests/{number}/run", tags=["requests"], responses=OBJECT)
    def run(granted: Annotated[Reading, whole], caller: Annotated[Caller, _DECIDES], number: UUID) -> Response:
        """Grant a request. Of access and portability the answer is the package, a zip file; else what was done."""
        granted.note("request run", [])
        space.project.temp.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=space.project.temp) as folder:
            package = Path(folder) / "package"
            told = desk.run(number, f"key {caller.key}", package)
            if not package.exists():
                return answer(told)
            return Response(zipped(package), media_type="application/zip", headers={"Cache-Control": "no-store"})

    @api.get("/api/requests/letters/waiting", tags=["requests"], responses=OBJECT)
    def letters(granted: Annotated[Reading, whole], limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """Letters that wait to be sent, with where they go: for the company's mailer."""
        granted.note("request letters", [])
        return answer({"letters": within(lambda conn: desk.cases.letters(conn, limit))})

    @api.post("/api/requests/letters/{letter}/sent", tags=["requests"], responses=OBJECT)
    def sent(letter: UUID, caller: Annotated[Caller, _DECIDES]) -> Response:
        """Note that a letter was sent: its text goes."""
        within(lambda conn: desk.sent(conn, letter, f"key {caller.key}"))
        return answer({"letterId": str(letter), "sent": True})


def zipped(folder: Path) -> bytes:
    """Return a folder's files as a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            archive.write(path, path.relative_to(folder))
    return buffer.getvalue()
