"""Bearer keys with scopes. The secret is shown once; the database has its SHA-256 (it is random, so no salt is needed)."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from steelthread.kit import Forbidden, Invalid, NotFound, Unauthorized, iso
from steelthread.thread import Space

SCOPES = (
    "profiles:read", "records:read", "rejects:read", "sources:read", "model:read", "changes:read", "events:read",
    "events:write", "match:read", "review:read", "review:decide",
)  # fmt: skip
_BEARER = HTTPBearer(auto_error=False, description="A key made with `steelthread key create --scope ...`")


def create_key(space: Space, scopes: list[str]) -> str:
    """Make a key; Invalid for an unknown scope."""
    for scope in scopes:
        if scope not in SCOPES:
            raise Invalid(f"{scope} is no scope; there are {', '.join(SCOPES)}.")
    secret = "st_" + secrets.token_urlsafe(32)
    with space.database.connect() as conn:
        conn.execute("insert into api.key (secret_hash, scopes) values (%s, %s)", (_hash(secret), scopes))
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


def needs(scope: str) -> Callable[..., Awaitable[None]]:
    """Return a dependency that lets only keys with this scope through."""

    async def check(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)] = None
    ) -> None:
        if credentials is None:
            raise Unauthorized(
                "Send a key: `Authorization: Bearer KEY`. Make one with `steelthread key create --scope ...`."
            )
        await admit(request, credentials.credentials, scope)

    return check


async def admit(request: Request, secret: str, scope: str) -> None:
    """Let a key with this scope through: Unauthorized for no key, Forbidden for one without it."""
    cache: KeyCache = request.app.state.key_cache
    hashed = _hash(secret)
    scopes = cache.scopes(hashed) if cache.remembers(hashed) else await run_in_threadpool(cache.scopes, hashed)
    if scopes is None:
        raise Unauthorized("This key is not known, or was revoked.")
    if scope not in scopes:
        raise Forbidden(f"This key lacks the scope {scope}.")


class KeyCache:
    """Scopes by hash of the secret, looked up in the database and remembered for some seconds."""

    def __init__(self, lookup: Callable[[bytes], list[str] | None], clock: Callable[[], float]) -> None:
        self._lookup = lookup
        self._clock = clock
        self._known: dict[bytes, tuple[float, list[str] | None]] = {}

    def remembers(self, hashed: bytes) -> bool:
        """Whether a key needs no look at the database now."""
        return self._clock() - self._known.get(hashed, (-1e9, None))[0] <= 5

    def scopes(self, hashed: bytes) -> list[str] | None:
        """Return the scopes of a key, None for an unknown one."""
        at, scopes = self._known.get(hashed, (-1e9, None))
        if self._clock() - at > 5:
            scopes = self._lookup(hashed)
            if len(self._known) > 10_000:
                self._known.clear()
            if scopes is None:  # a key that is made in this moment must work at once
                self._known.pop(hashed, None)
            else:
                self._known[hashed] = (self._clock(), scopes)
        return scopes
