"""HTTP: one file per package above the store, problem+json errors (RFC 9457), bearer keys with scopes (RFC 6750)."""

from steelthread.api.keys import create_key, list_keys, revoke_key
from steelthread.api.web import create_api

__all__ = ["create_api", "create_key", "list_keys", "revoke_key"]
