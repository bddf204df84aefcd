"""Basic authentication (RFC 7617), of which the user name alone counts here: it is a key."""

import base64

from starlette.requests import Request

from steelthread.kit import Invalid


def basic_user(request: Request) -> str:
    """Return the user name of a call, empty without Basic authentication; Invalid for what cannot be read."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.casefold() != "basic":
        return ""
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode().partition(":")[0]
    except ValueError:  # not ASCII, not base64 or not UTF-8
        raise Invalid("The Authorization header is not Basic authentication.") from None
