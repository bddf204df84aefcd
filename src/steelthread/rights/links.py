"""Links into the preference centre: short-lived, for this one use, and closed to whoever reads over a shoulder.

A link carries whom it is for, sealed (AES-256-GCM) under a secret of the keyring that serves nothing else: whoever holds
it can neither change it nor read it, and nothing of it is stored.
"""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from steelthread.identity import parse_ref
from steelthread.kit import Invalid, Misused, NotFound, Project, SteelthreadError, now
from steelthread.privacy import load_purposes
from steelthread.rights.brands import Brand, find_brand, load_brands
from steelthread.rights.verification import Proof
from steelthread.thread import Space
from steelthread.vault import seal, unseal

PATH = "/preferences"
HOURS = 24
_MOST_HOURS = 720
_SHOWN = timedelta(hours=1)
_CONTEXT = b"preferences link"
_CONTACTS: dict[str, Proof] = {"email": "contact_email", "phone": "contact_phone"}
Shows = Literal["contact", "authenticated", "shown"]
"""What a link proves: control of the contact that it was sent to; a login that the company vouches for; or that its holder
showed things that are on file, for the hour after."""


class About(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The message that a link stands in: what was sent, for what, through which channel."""

    purpose: str
    channel: str = ""
    name: str = ""
    """What people would call it, such as `Spring sale`; no personal value."""
    sent_at: datetime | None = None


class Link(msgspec.Struct, frozen=True):
    """What a link says, opened."""

    ref: str
    brand: str
    until: int
    shows: Shows = "contact"
    language: str = ""
    about: About | None = None
    request: UUID | None = None
    """The request at the rights desk under which its holder shows who they are."""


class Wanted(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What somebody wants a link for."""

    ref: str
    """Whom it is for: email:..., phone:..., or with `shows: authenticated` any identifier or record."""
    brand: str = ""
    language: str = ""
    hours: float = HOURS
    """For how long it works, at most 30 days."""
    shows: Literal["contact", "authenticated"] = "contact"
    about: About | None = None


class Made(msgspec.Struct, rename="camel"):
    """A link that was made."""

    url: str
    path: str
    brand: str
    expires_at: datetime


class Links:
    """The links of one space."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._key = space.vault.secret("preferences link")
        self._purposes = load_purposes(space.project.folder / "purposes.yaml")
        self.brands: dict[str, Brand] = load_brands(space.project)

    def make(self, wanted: Wanted) -> Made:
        """Make a link. It is made for anybody, known or not; whoever it is for is not looked up."""
        if not 0 < wanted.hours <= _MOST_HOURS:
            raise Misused(f"A link works for some hours, at most {_MOST_HOURS} (30 days).")
        brand = find_brand(self.brands, wanted.brand)
        ref = parse_ref(wanted.ref, self._space.rules)
        if ref.form == "individual":
            raise Invalid("A link is for an identifier or a record: email:ADDRESS, phone:NUMBER, record:...")
        if wanted.shows == "contact" and ref.kind not in _CONTACTS:
            raise Invalid("A link that is sent goes to email:ADDRESS or phone:NUMBER; for others the login vouches.")
        if wanted.about:
            self._purposes.get(wanted.about.purpose)
        until = now() + timedelta(hours=wanted.hours)
        link = Link(wanted.ref, brand.key, int(until.timestamp()), wanted.shows, wanted.language[:20], wanted.about)
        path = self.path(link)
        return Made(
            base_url(self._space.project, brand) + path, path, brand.key, datetime.fromtimestamp(link.until, UTC)
        )

    def path(self, link: Link) -> str:
        """Return the path of a link."""
        sealed = seal(self._key, msgspec.msgpack.encode(link), _CONTEXT)
        return f"{PATH}/{base64.urlsafe_b64encode(sealed).rstrip(b'=').decode()}"

    def open(self, token: str) -> Link:
        """Return what a link says; NotFound, always the same, for one that is late, changed, or was never ours."""
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            link = msgspec.msgpack.decode(unseal(self._key, sealed, _CONTEXT), type=Link)
        except (SteelthreadError, binascii.Error, ValueError, msgspec.MsgspecError):
            raise _no_link() from None
        if link.until <= now().timestamp() or link.brand not in self.brands:
            raise _no_link()
        return link

    def base(self, brand: Brand) -> str:
        """Return under which address the outside reaches the pages of a brand."""
        return base_url(self._space.project, brand)

    def again(self, link: Link, request: UUID, *, shown: bool) -> str:
        """Return the path of a link for whoever shows more of themselves: with the request; for an hour, once it sufficed."""
        until = min(link.until, int((now() + _SHOWN).timestamp())) if shown else link.until
        shows: Shows = "shown" if shown else link.shows
        return self.path(msgspec.structs.replace(link, request=request, shows=shows, until=until))

    def proofs(self, link: Link) -> list[Proof]:
        """Return what the desk takes a link for."""
        if link.shows == "authenticated":
            return ["authenticated"]
        return [_CONTACTS[parse_ref(link.ref, self._space.rules).kind]]


def _no_link() -> NotFound:
    return NotFound("This link does not work: it is too old, or not whole. Ask for a new one.")


def base_url(project: Project, brand: Brand) -> str:
    """Return under which address the outside reaches this server."""
    server = project.settings.server
    return brand.url.rstrip("/") or f"http://{server.host}:{server.port}"
