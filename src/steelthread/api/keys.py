"""Bearer keys with scopes. The secret is shown once; the database has its SHA-256 (it is random, so no salt is needed)."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from steelthread.kit import Forbidden, Invalid, SteelthreadError
from steelthread.privacy import load_purposes
from steelthread.thread import Space

SCOPES = (
    "profiles:read",
    "records:read",
    "rejects:read",
    "sources:read",
    "model:read",
    "consents:write",
    "decisions:read",
)
_BEARER = HTTPBearer(auto_error=False, description="A key made with `steelthread key create --scope ...`")


class Unauthorized(SteelthreadError):
    """The call carries no valid key."""

    status = 401
    title = "Unauthorized"


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
            raise Invalid(f"{scope} is no scope; there are {', '.join(SCOPES)}.")
    secret = "st_" + secrets.token_urlsafe(32)
    with space.database.connect() as conn:
        conn.execute(
            "insert into api.key (secret_hash, scopes, purposes) values (%s, %s, %s)", (_hash(secret), scopes, wanted)
        )
        conn.commit()
    return secret


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def needs(scope: str) -> Callable[..., Awaitable[Caller]]:
    """Return a dependency that lets only keys with this scope through."""

    async def check(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)] = None
    ) -> Caller:
        if credentials is None:
            raise Unauthorized(
                "Send a key: `Authorization: Bearer KEY`. Make one with `steelthread key create --scope ...`."
            )
        cache: KeyCache = request.app.state.key_cache
        hashed = _hash(credentials.credentials)
        caller = cache.caller(hashed) if cache.remembers(hashed) else await run_in_threadpool(cache.caller, hashed)
        if caller is None:
            raise Unauthorized("This key is not known, or was revoked.")
        if scope not in caller.scopes:
            raise Forbidden(f"This key lacks the scope {scope}.")
        return caller

    return check


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
            self._known[hashed] = (self._clock(), caller)
        return caller
