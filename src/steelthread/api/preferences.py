"""The preference centre: pages for people, by a link; and where links come from.

No cookie and no script: the link itself is what lets in, so no foreign page can act for anybody without holding it; a
browser that says that another site sent the form is refused besides. Opening a page changes nothing, whoever opens it.
"""

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import msgspec
import psycopg
from fastapi import Depends, FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from steelthread import identity
from steelthread.api.collect import body_of
from steelthread.api.confirming import PATH as CONFIRM
from steelthread.api.desk import Desk
from steelthread.api.keys import needs
from steelthread.api.preference_page import POINTS, Page, brand_style, field_of, spoken, style
from steelthread.api.reading import answer
from steelthread.api.requests import zipped
from steelthread.kit import Conflict, Forbidden, Invalid, NotFound, Overloaded, SteelthreadError, now
from steelthread.privacy import Entry, Statement
from steelthread.rights import (
    PREFERENCES,
    Asking,
    Choice,
    Choices,
    Consents,
    DoubleOptIn,
    Link,
    Links,
    Mails,
    RequestDesk,
    Shown,
    Wanted,
    known_of,
)  # fmt: skip
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
Form = dict[str, str]
_ACTOR = "the person"
_ADDRESS = re.compile(r"[^\s@<>,;:]{1,64}@[^\s@<>,;:]{1,255}").fullmatch
_HEADERS = {
    "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin", "Vary": "Accept-Language",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}  # fmt: skip
_NOTES = (
    "saved",
    "saved_confirm",
    "saved_pending",
    "unchanged",
    "stopped",
    "objected",
    "resumed",
    "shown",
    "none_held",
    "taken",
)
_PROBLEMS = ("not_enough", "not_sure")


class Centre:
    """What the pages of one space do."""

    def __init__(self, api: FastAPI, space: Space) -> None:
        self._api, self._space = api, space
        self.consents = Consents(space)
        self.links = Links(space)
        self._choices = Choices(space, self.consents)
        self._desk = RequestDesk(space)
        self._double, self._mails = DoubleOptIn(space, self.consents), Mails(space)
        self._points = tuple(one for one in POINTS if "_" not in one or one in space.rules.kinds)

    def mails_ready(self) -> bool:
        """Whether mails can go."""
        return self._mails.ready

    # -- looking -------------------------------------------------------------------------------------------------

    def show(self, token: str, language: str, note: str, case: str) -> str:
        """Return the page of a link."""
        link = self.links.open(token)
        page = Page(self.links.brands[link.brand], language)
        with self._api.state.pool.connection() as conn, conn.transaction():
            conn.execute("set transaction isolation level repeatable read")
            standing = self._choices.standing(conn, link, page.brand)
            known = known_of(self._space, conn, link.ref, list(self.consents.purposes))
            told = self._told(conn, page, note, case)
            why = self._why(conn, link, page)
            _, individual = self.consents.look(conn, link.ref, now())
            declaration = self._desk.asks_declaration("access", page.brand.place)
        self._note(individual, "preferences")
        return page.whole(
            link, f"{PREFERENCES}/{token}", standing, known, full=link.shows != "contact", points=self._points,
            note=told if note not in _PROBLEMS else "", problem=note if note in _PROBLEMS else "", why=why,
            purposes={one.name: one for one in self.consents.purposes}, declaration=declaration,
        )  # fmt: skip

    def _told(self, conn: Connection, page: Page, note: str, case: str) -> str:
        if note != "erase_taken":
            return note if note in _NOTES else ""
        found = self._desk.cases.get(conn, UUID(case))
        text: str = page.words["erase_taken"].format(number=found.request_id, due=found.due_on.isoformat())
        return text

    def _why(self, conn: Connection, link: Link, page: Page) -> Choice | None:
        if link.about is None or link.about.purpose not in self.consents.purposes:
            return None
        return self._choices.of_message(conn, link, page.brand)

    def _note(self, individual: UUID | None, what: str) -> None:
        desk: Desk = self._api.state.desk
        subjects = [desk.auditor.audit.token(individual.bytes)] if individual else []
        desk.queue.put(Entry("read", _ACTOR, what, subjects, self._space.project.settings.project.default_purpose))

    # -- doing ---------------------------------------------------------------------------------------------------

    def choose(self, conn: Connection, link: Link, page: Page, form: Form) -> str:
        """Keep what was chosen; return the note to show."""
        standing = self._choices.standing(conn, link, page.brand)
        wanted = {
            (choice.purpose, choice.channel): form[field_of(choice)] == "yes"
            for offer in standing.offers
            for choice in offer.choices
            if form.get(field_of(choice)) in ("yes", "no")
        }
        done = self._choices.choose(conn, link, page.brand, wanted, self._shown(page, standing.offers))
        if not done.unconfirmed:
            return "saved" if done.count else "unchanged"
        asked = [self._ask_to_confirm(conn, link, page, one) for one in done.unconfirmed]
        return "saved_confirm" if all(asked) else "saved_pending"

    def _ask_to_confirm(self, conn: Connection, link: Link, page: Page, said: Statement) -> bool:
        """Send the link that confirms a yes to the address of which it was said; whether that can be."""
        reader = self._space.reader(conn)
        members = reader.members(link.ref)
        points = (
            reader.profile(f"individual:{identity.present(conn, members[0].node_id)[1]}")["contactPoints"]
            if members
            else []
        )
        refs = [link.ref, *(f"email:{one['value']}" for one in points if one["kind"] == "email")]
        address = next((ref for ref in refs if ref.startswith("email:") and said.node in reader.hashes(ref)), "")
        if not (address and self._mails.ready):
            return False
        purpose = self.consents.purposes.get(said.purpose)
        url = f"{self.links.base(page.brand)}{CONFIRM}?token={self._double.token(said)}"
        what = page.brand.text(purpose.name, page.language, purpose.description or purpose.name)[0]
        return self._mails.put(
            conn,
            "confirm",
            address.partition(":")[2],
            said.node,
            page.language,
            brand=page.brand.name,
            url=url,
            what=what,
        )

    def ask(self, conn: Connection, page: Page, form: Form) -> None:
        """Send a link to an address, if anybody is known by it. The work, and what the page says, is the same for all."""
        try:
            if not _ADDRESS(given := form.get("address", "").strip()):
                return
            ref = f"email:{given}"
            reader = self._space.reader(conn)
            (node,) = reader.hashes(ref)
        except (SteelthreadError, ValueError):
            return  # no address
        url = self.links.make(Wanted(ref=ref, brand=page.brand.key, language=page.language)).url
        address, known = ref.partition(":")[2], reader.is_known(node)
        self._mails.put(conn, "link", address, node, page.language, brand=page.brand.name, url=url, known=known)

    def stop(self, conn: Connection, link: Link, page: Page, _: Form) -> str:
        """Stop what the message of a link was for."""
        shown = self._shown(page, self._choices.standing(conn, link, page.brand).offers)
        return "stopped" if self._choices.stop(conn, link, page.brand, shown) else "unchanged"

    def resume(self, conn: Connection, link: Link, page: Page, _: Form) -> str:
        """Take back the objection to all direct marketing."""
        self._choices.resume(conn, link, page.brand, self._shown(page, []))
        return "resumed"

    def object(self, conn: Connection, link: Link, page: Page, _: Form) -> str:
        """Object to all direct marketing: a request at the rights desk that takes effect at once (GDPR Art. 21(3))."""
        self._open(conn, link, page, "objection")
        return "objected"

    def erase(self, conn: Connection, link: Link, page: Page, form: Form) -> str:
        """Ask for erasure: a request at the rights desk."""
        if form.get("sure") != "yes":
            return "not_sure"
        case = self._open(conn, link, page, "erasure")
        if link.request is not None:
            self._desk.carry_over(conn, link.request, case)
        return f"erase_taken&case={case}"

    def _open(self, conn: Connection, link: Link, page: Page, kind: str) -> UUID:
        asking = Asking(kind=kind, ref=link.ref, language=page.language, place=page.brand.place)
        told = self._desk.open(conn, asking, "preference centre", _ACTOR, self.links.proofs(link))
        return UUID(told["requestId"])

    @staticmethod
    def _shown(page: Page, offers: Any) -> Shown:
        return Shown(page.language, f"preference centre, {page.brand.key}", page.digests(offers))

    def prove(self, conn: Connection, link: Link, page: Page, form: Form) -> str:
        """Take what a person shows of themselves; return the path to go on at: of a link that says it sufficed, or not."""
        case = link.request or self._open(conn, link, page, "access")
        points = {name: form[name].strip() for name in self._points if form.get(name, "").strip()}
        if points:
            self._desk.prove(conn, case, points=points)
        if form.get("declaration") == "yes":
            self._desk.attest(conn, case, "declaration", _ACTOR)
        lacks = not points or bool(self._desk.lacks(conn, self._desk.cases.get(conn, case)))
        note = "not_enough" if lacks else "shown"
        return f"{self.links.again(link, case, shown=not lacks)}?lang={page.language}&note={note}#copy"

    def copy(self, link: Link, page: Page, folder: Path) -> bytes | str:
        """Return the access package as a zip file, or the note to show."""
        with self._api.state.pool.connection() as conn, conn.transaction():
            case = link.request or self._open(conn, link, page, "access")
        try:
            self._desk.run(case, _ACTOR, folder)
        except Conflict:
            return "taken"
        except Forbidden:
            return self.links.again(link, case, shown=False)
        return zipped(folder) if folder.exists() else "none_held"


def add_preferences(api: FastAPI, space: Space) -> None:
    """Add the routes."""
    centre = Centre(api, space)
    _links(api, centre)
    _looks(api, centre)
    _deeds(api, centre, space)


def _links(api: FastAPI, centre: Centre) -> None:
    _, parts = msgspec.json.schema_components([Wanted], ref_template="{name}")
    schema = parts["Wanted"]
    schema["properties"]["about"] = parts["About"]
    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}

    @api.post(
        f"/api{PREFERENCES}/links", tags=["privacy"], dependencies=[Depends(needs("preferences:link"))], status_code=201,
        responses={201: {"content": {"application/json": {"schema": {"type": "object"}}}}}, openapi_extra=body,
    )  # fmt: skip
    async def link(request: Request) -> Response:
        """Make a link into the preference centre for `ref`; nobody is looked up. With `about` it tells why a message came."""
        try:
            wanted = msgspec.json.decode(await request.body(), type=Wanted)
        except msgspec.MsgspecError as error:
            raise Invalid(f"The body is not what /docs says: {error}") from None
        return answer(centre.links.make(wanted), 201)


def _looks(api: FastAPI, centre: Centre) -> None:
    @api.get(f"{PREFERENCES}/style.css", include_in_schema=False)
    async def sheet() -> Response:
        """The style sheet."""
        return Response(style(), media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})

    @api.get(f"{PREFERENCES}/brand/{{key}}.css", include_in_schema=False)
    async def colours(key: str) -> Response:
        """A brand's colours."""
        if key not in centre.links.brands:
            raise NotFound("There is no brand of this name.")
        return Response(
            brand_style(centre.links.brands[key]),
            media_type="text/css",
            headers={"Cache-Control": "public, max-age=300"},
        )

    _asking(api, centre)

    @api.get(f"{PREFERENCES}/{{token}}", include_in_schema=False)
    @api.head(f"{PREFERENCES}/{{token}}", include_in_schema=False)
    def look(request: Request, token: str, lang: str = "", note: str = "", case: str = "") -> Response:
        """The page of a person."""
        language = _language(centre, request, token, lang)
        try:
            return _page(centre.show(token, language, note, case))
        except (NotFound, ValueError):
            return _closed(centre, language)


def _asking(api: FastAPI, centre: Centre) -> None:
    def page_of(request: Request, brand: str, lang: str) -> Page:
        brands = centre.links.brands
        return Page(
            brands.get(brand) or next(iter(brands.values())),
            spoken(lang, request.headers.get("accept-language", ""), ""),
        )

    @api.get(f"{PREFERENCES}/ask", include_in_schema=False)
    async def form(request: Request, brand: str = "", lang: str = "") -> Response:
        """A form for whoever has no link: it is sent to the address, if anybody is known by it."""
        page = page_of(request, brand, lang)
        return _page(page.asking()) if centre.mails_ready() else _page(page.closed(), 404)

    @api.post(f"{PREFERENCES}/ask", include_in_schema=False)
    async def ask(request: Request) -> Response:
        """Take an address. The answer is the same whether anybody is known by it, or it was asked for too often."""
        said = {name: one[0] for name, one in parse_qs((await body_of(request)).decode("utf-8", "replace")).items()}
        page = page_of(request, said.get("brand", ""), said.get("lang", ""))
        if not centre.mails_ready():
            return _page(page.closed(), 404)
        if not _own_site(request):
            raise Forbidden("Another site sent this form: open the page, and send it there.")

        def within() -> None:
            with api.state.pool.connection() as conn, conn.transaction():
                centre.ask(conn, page, said)

        await run_in_threadpool(within)
        return _page(page.asked())


def _deeds(api: FastAPI, centre: Centre, space: Space) -> None:
    deeds: dict[str, Callable[[Connection, Link, Page, Form], str]] = {
        "choices": centre.choose, "stop": centre.stop, "resume": centre.resume, "object": centre.object,
        "erase": centre.erase, "show": centre.prove,
    }  # fmt: skip

    def do(token: str, deed: str, page: Page, link: Link, form: Form) -> Response:
        if deed == "copy":
            space.project.temp.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=space.project.temp) as folder:
                got = centre.copy(link, page, Path(folder) / "package")
            if isinstance(got, bytes):
                name = {"Content-Disposition": 'attachment; filename="my-data.zip"'}
                return Response(got, media_type="application/zip", headers={**_HEADERS, **name})
            went = got if got.startswith("/") else ""
            note = "not_enough" if went else got
        else:
            with api.state.pool.connection() as conn, conn.transaction():
                note = deeds[deed](conn, link, page, form)
            went = note if note.startswith("/") else ""
            if went:
                return RedirectResponse(went, 303, headers=_HEADERS)
        return RedirectResponse(
            f"{went or f'{PREFERENCES}/{token}'}?lang={page.language}&note={note}", 303, headers=_HEADERS
        )

    @api.post(f"{PREFERENCES}/{{token}}/{{deed}}", include_in_schema=False)
    async def act(request: Request, token: str, deed: str) -> Response:
        """What a person does on the page; mail programs stop a message by the same (RFC 8058)."""
        form = {name: said[0] for name, said in parse_qs((await body_of(request)).decode("utf-8", "replace")).items()}
        language = _language(centre, request, token, form.get("lang", ""))
        if deed != "copy" and deed not in deeds:
            return _closed(centre, language)
        if not _own_site(request):
            raise Forbidden("Another site sent this form: open the page by its link, and send it there.")
        try:
            link = centre.links.open(token)
        except NotFound:
            return _closed(centre, language)
        page = Page(centre.links.brands[link.brand], language)
        try:
            return await run_in_threadpool(do, token, deed, page, link, form)
        except SteelthreadError as error:
            late = isinstance(error, Forbidden | Overloaded)
            text = page.words["too_many"] if late else str(error)
            return _page(page.failed(text, f"{PREFERENCES}/{token}?lang={language}"), error.status)


def _own_site(request: Request) -> bool:
    """Whether a form may come from our own page: browsers say where it is from (Fetch Metadata; RFC 6454)."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin", "")
    return origin in ("", "null") or urlsplit(origin).netloc == request.headers.get("host", "")


def _language(centre: Centre, request: Request, token: str, asked: str) -> str:
    try:
        usual = centre.links.open(token).language
    except NotFound:
        usual = ""
    return spoken(asked, request.headers.get("accept-language", ""), usual)


def _closed(centre: Centre, language: str) -> Response:
    return _page(Page(next(iter(centre.links.brands.values())), language).closed(ask=centre.mails_ready()), 404)


def _page(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="text/html; charset=utf-8", headers=_HEADERS)
