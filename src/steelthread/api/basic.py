"""Basic authentication (RFC 7617): the user name is a key, the password may say what is read for."""

import base64

from starlette.requests import Request

from steelthread.kit import Invalid


def basic_user(request: Request) -> str:
    """Return the user name of a call, empty without Basic authentication; Invalid for what cannot be read."""
    return _told(request)[0]


def basic_purpose(request: Request) -> str:
    """Return the purpose that the password says: a client that knows of none is given `KEY:PURPOSE` for its token.

    Such a client sends its token as user with an empty password, so the last colon is its own.
    """
    return _told(request)[1].removesuffix(":")


def _told(request: Request) -> tuple[str, str]:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.casefold() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode().partition(":")
    except ValueError:  # not ASCII, not base64 or not UTF-8
        raise Invalid("The Authorization header is not Basic authentication.") from None
    return user, password
