"""Bearer keys with scopes. The secret is shown once; the database has its SHA-256 (it is random, so no salt is needed)."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from steelthread.kit import Forbidden, Misused, NotFound, Unauthorized, iso
from steelthread.privacy import load_purposes
from steelthread.thread import Space

SCOPES = (
    "profiles:read", "records:read", "rejects:read", "sources:read", "model:read", "changes:read", "events:read",
    "events:write", "match:read", "review:read", "review:decide", "consents:write", "decisions:read",
    "requests:write", "requests:decide",
)  # fmt: skip
_BEARER = HTTPBearer(auto_error=False, description="A key made with `steelthread key create --scope ...`")


class Caller(msgspec.Struct, frozen=True):
    """Who calls: the number of the key, what it may do, for which purposes it may read about people."""

    key: int
    scopes: list[str]
    purposes: list[str]


def create_key(space: Space, scopes: list[str], purposes: list[str] | None = None) -> str:
    """Make a key; Invalid for an unknown scope or purpose. Without purposes it reads for the project's default one."""
    known = load_purposes(space.project.folder / "purposes.yaml")
    default = space.project.settings.project.default_purpose
    wanted = [known.get(one).name for one in purposes] if purposes else [default] if default in known else []
    for scope in scopes:
        if scope not in SCOPES:
            raise Misused(f"{scope} is no scope; there are {', '.join(SCOPES)}.")
    secret = "st_" + secrets.token_urlsafe(32)
    with space.database.connect() as conn:
        conn.execute(
            "insert into api.key (secret_hash, scopes, purposes) values (%s, %s, %s)", (_hash(secret), scopes, wanted)
        )
        conn.commit()
    return secret


def list_keys(space: Space) -> list[dict[str, Any]]:
    """List the keys in force: number, scopes, when made."""
    with space.database.connect() as conn:
        rows = conn.execute(
            "select key_id, scopes, created_at from api.key where revoked_at is null order by 1"
        ).fetchall()
    return [{"number": number, "scopes": scopes, "createdAt": iso(made)} for number, scopes, made in rows]


def revoke_key(space: Space, number: int) -> None:
    """Let a key in no longer; NotFound when no key in force has this number."""
    with space.database.connect() as conn:
        done = conn.execute(
            "update api.key set revoked_at = now() where key_id = %s and revoked_at is null", (number,)
        ).rowcount
        conn.commit()
    if not done:
        raise NotFound(f"No key in force has the number {number}; see: steelthread key list")


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
    if scope not in caller.scopes:
        raise Forbidden(f"This key lacks the scope {scope}.")
    return caller


class KeyCache:
    """Callers by hash of the secret, looked up in the database and remembered for some seconds."""

    def __init__(self, lookup: Callable[[bytes], Caller | None], clock: Callable[[], float]) -> None:
        self._lookup = lookup
        self._clock = clock
        self._known: dict[bytes, tuple[float, Caller | None]] = {}

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
