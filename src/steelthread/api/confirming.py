"""The page of double opt-in. Opening it confirms nothing: programs that look through mail open every link, people press the button."""

from html import escape
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from steelthread.api.collect import body_of
from steelthread.kit import SteelthreadError
from steelthread.rights import Consents, DoubleOptIn
from steelthread.thread import Space

PATH = "/consents/confirm"
_WORDS = {
    "en": ("Please confirm", "I agree", "Thank you. That is confirmed."),
    "de": ("Bitte bestätigen Sie", "Ich stimme zu", "Danke. Das ist bestätigt."),
    "fr": ("Merci de confirmer", "J'accepte", "Merci. C'est confirmé."),
    "es": ("Confirme, por favor", "Acepto", "Gracias. Está confirmado."),
    "pt": ("Confirme, por favor", "Aceito", "Obrigado. Está confirmado."),
}
_HEADERS = {
    "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
}  # fmt: skip


def add_confirming(api: FastAPI, space: Space, consents: Consents) -> None:
    """Add the page."""
    double = DoubleOptIn(space, consents)

    @api.get(PATH, include_in_schema=False)
    @api.head(PATH, include_in_schema=False)
    def ask(token: str = "") -> Response:
        """Show what would be confirmed, with a button."""
        try:
            with api.state.pool.connection() as conn:
                given = double.check(conn, token)
        except SteelthreadError as error:
            return _page("en", escape(str(error)), error.status)
        title, button, _ = _words(given.language)
        purpose = consents.purposes.get(given.purpose)
        field = f'<input type="hidden" name="token" value="{escape(token)}"><button>{button}</button>'
        form = f'<p>{escape(purpose.description or purpose.name)}</p><form method="post" action="{PATH}">{field}</form>'
        return _page(given.language, f"<h1>{title}</h1>{form}")

    def _confirm(token: str) -> str:
        with api.state.pool.connection() as conn, conn.transaction():
            return double.confirm(conn, token).language

    @api.post(PATH, include_in_schema=False)
    async def confirm(request: Request) -> Response:
        """Confirm."""
        try:
            said = parse_qs((await body_of(request)).decode("ascii", "replace"))
            language = await run_in_threadpool(_confirm, said.get("token", [""])[0])
        except SteelthreadError as error:
            return _page("en", escape(str(error)), error.status)
        return _page(language, f"<h1>{_words(language)[2]}</h1>")


def _words(language: str) -> tuple[str, str, str]:
    return _WORDS.get(language.partition("-")[0].lower(), _WORDS["en"])


def _page(language: str, body: str, status: int = 200) -> Response:
    spoken = language.partition("-")[0].lower()
    style = "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}button{font:inherit;padding:.6rem 1.2rem}"
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{_words(language)[0]}</title>'
    )
    page = f'<!doctype html><html lang="{spoken if spoken in _WORDS else "en"}">{head}<style>{style}</style><main>{body}</main></html>'
    return Response(page, status, media_type="text/html", headers=_HEADERS)
