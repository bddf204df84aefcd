"""Bearer keys with scopes. The secret is shown once; the database has its SHA-256 (it is random, so no salt is needed)."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
import psycopg
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg.types.json import Jsonb

from steelthread.kit import Forbidden, Misused, NotFound, Unauthorized, iso, now
from steelthread.privacy import Access, Principal, Ruling, load_purposes
from steelthread.rights import Glass, glasses_of
from steelthread.thread import Space

SCOPES = (
    "glass:break", "glass:review",
    "profiles:read", "records:read", "rejects:read", "sources:read", "model:read", "changes:read", "events:read",
    "events:write", "match:read", "review:read", "review:decide", "consents:write", "decisions:read",
    "requests:write", "requests:decide", "preferences:link", "opendsr:request",
)  # fmt: skip
_BEARER = HTTPBearer(auto_error=False, description="A key made with `steelthread key create --scope ...`")


class Caller(msgspec.Struct, frozen=True):
    """Who calls: the number of the key, what it may do, for which purposes it may read about people."""

    key: int
    scopes: list[str]
    purposes: list[str]
    principal: Principal
    glasses: tuple[Glass, ...] = ()
    """Purposes that are open to it for a while, for a reason that it gave."""

    def glass(self, purpose: str) -> Glass | None:
        """Return the glass that stands broken for a purpose at this moment."""
        if not self.glasses:
            return None
        return next((one for one in self.glasses if one.purpose == purpose and one.until > now()), None)


def create_key(
    space: Space,
    scopes: list[str],
    purposes: list[str] | None = None,
    *,
    name: str = "",
    roles: Sequence[str] = (),
    attributes: Mapping[str, str] | None = None,
) -> str:
    """Make a key; Invalid for an unknown scope or purpose. Without purposes it reads for the project's default one.

    Name, roles and attributes are for the access policies.
    """
    known = load_purposes(space.project.folder / "purposes.yaml")
    default = space.project.settings.project.default_purpose
    wanted = [known.get(one).name for one in purposes] if purposes else [default] if default in known else []
    for scope in scopes:
        if scope not in SCOPES:
            raise Misused(f"{scope} is no scope; there are {', '.join(SCOPES)}.")
    secret = "st_" + secrets.token_urlsafe(32)
    with space.database.connect() as conn:
        conn.execute(
            "insert into api.key (secret_hash, scopes, purposes, name, roles, attributes) values (%s, %s, %s, %s, %s, %s)",
            (_hash(secret), scopes, wanted, name, list(roles), Jsonb(dict(attributes or {}))),
        )
        conn.commit()
    return secret


def list_keys(space: Space) -> list[dict[str, Any]]:
    """List the keys in force, without their secrets."""
    with space.database.connect() as conn:
        rows = conn.execute(
            "select key_id, scopes, created_at, purposes, name, roles from api.key where revoked_at is null order by 1"
        ).fetchall()
    return [
        {"number": number, "scopes": scopes, "createdAt": iso(made), "purposes": purposes, "name": name, "roles": roles}
        for number, scopes, made, purposes, name, roles in rows
    ]


def revoke_key(space: Space, number: int) -> None:
    """Let a key in no longer; NotFound when no key in force has this number."""
    with space.database.connect() as conn:
        done = conn.execute(
            "update api.key set revoked_at = now() where key_id = %s and revoked_at is null", (number,)
        ).rowcount
        conn.commit()
    if not done:
        raise NotFound(f"No key in force has the number {number}; see: steelthread key list")


def find_caller(conn: psycopg.Connection[Any], hashed: bytes) -> Caller | None:
    """Return who calls with a key, by the hash of its secret; None for one that is not in force."""
    row = conn.execute(
        "select key_id, scopes, purposes, roles, attributes from api.key where secret_hash = %s and revoked_at is null",
        (hashed,),
    ).fetchone()
    if row is None:
        return None
    number, scopes, purposes, roles, attributes = row
    told = tuple(sorted((name, str(value)) for name, value in attributes.items()))
    principal = Principal("Key", str(number), tuple(roles), tuple(scopes), tuple(purposes), told)
    return Caller(number, scopes, purposes, principal, glasses_of(conn, f"key {number}"))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def needs(scope: str) -> Callable[..., Awaitable[Caller]]:
    """Return a dependency that lets only keys with this scope through."""

    async def check(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)] = None
    ) -> Caller:
        return await admit(request, credentials.credentials if credentials else "", scope)

    return check


def bearer(authorization: str) -> str:
    """Return the key of an `Authorization: Bearer KEY` (RFC 6750, 2.1), nothing for any other."""
    scheme, _, secret = authorization.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


async def admit(request: Request, secret: str, scope: str) -> Caller:
    """Return who calls with a key with this scope: Unauthorized for no key, Forbidden for one without it."""
    if not secret:
        raise Unauthorized(
            "Send a key: `Authorization: Bearer KEY`. Make one with `steelthread key create --scope ...`."
        )
    cache: KeyCache = request.app.state.key_cache
    hashed = _hash(secret)
    caller = cache.caller(hashed) if cache.remembers(hashed) else await run_in_threadpool(cache.caller, hashed)
    if caller is None:
        raise Unauthorized("This key is not known, or was revoked.")
    access: Access = request.app.state.access
    ruling = access.call(caller.principal, scope)
    if not ruling.allow:
        if scope not in caller.scopes:
            raise Forbidden(f"This key lacks the scope {scope}.")
        raise Forbidden(f"The access policies keep {scope} from this key{told(ruling)}.")
    return caller


def told(ruling: Ruling) -> str:
    """Return which policies said no, for the end of a sentence."""
    return f" ({', '.join(ruling.policies)})" if ruling.policies else ""


class KeyCache:
    """Callers by hash of the secret, looked up in the database and remembered for some seconds."""

    def __init__(self, lookup: Callable[[bytes], Caller | None], clock: Callable[[], float]) -> None:
        self._lookup = lookup
        self._clock = clock
        self._known: dict[bytes, tuple[float, Caller | None]] = {}

    def forget(self, number: int) -> None:
        """Look a key up again when it is used next."""
        for hashed in [one for one, (_, caller) in self._known.items() if caller is not None and caller.key == number]:
            self._known.pop(hashed, None)

    def remembers(self, hashed: bytes) -> bool:
        """Whether a key needs no look at the database now."""
        return self._clock() - self._known.get(hashed, (-1e9, None))[0] <= 5

    def caller(self, hashed: bytes) -> Caller | None:
        """Return who calls, None for an unknown one."""
        at, caller = self._known.get(hashed, (-1e9, None))
        if self._clock() - at > 5:
            caller = self._lookup(hashed)
            if len(self._known) > 10_000:
                self._known.clear()
            if caller is None:  # a key that is made in this moment must work at once
                self._known.pop(hashed, None)
            else:
                self._known[hashed] = (self._clock(), caller)
        return caller
