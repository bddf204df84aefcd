"""What an HTTP call is to a dialect: its body, headers and query; and where each dialect says the write key. Pure."""

import base64
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from steelthread.intake.live.bodies import document, unpacked
from steelthread.intake.live.decoding import Decoded, mapping
from steelthread.intake.live.source_file import LiveFile
from steelthread.kit import Invalid


class Call(msgspec.Struct, frozen=True):
    """An HTTP call, as far as a dialect needs it."""

    body: bytes
    headers: Mapping[str, str]
    """Names in lower case."""
    query: Mapping[str, str]
    received: int
    """Microseconds since 1970."""
    key: str = ""
    """A write key that is part of the path."""
    method: str = "POST"


class Dialect(msgspec.Struct, frozen=True):
    """How one kind of client tells events."""

    name: str
    read: Callable[[Call], dict[str, Any]]
    """Gives the JSON object that a call holds; Invalid when there is none."""
    decode: Callable[[dict[str, Any], Call, LiveFile], Decoded]
    """Gives the events of the object; the source's file says what its webhooks mean."""
    key: Callable[[Call, dict[str, Any]], str]
    """Gives the write key, empty when the call has none."""
    check: Callable[[Call, LiveFile], None] = lambda _call, _file: None
    """Lets a call through, or raises: Unauthorized for a signature that does not fit."""
    overloaded: int = 429
    """The status that has its SDKs keep the events and come again later."""


def read_json(call: Call) -> dict[str, Any]:
    """Return the JSON object of a call's body, also of a form that holds it as `data`, as it is or in base64."""
    return json_of(unpacked(call.body, call.headers.get("content-encoding", "")))


def json_of(body: bytes) -> dict[str, Any]:
    """Return the JSON object of an unpacked body."""
    if body.startswith(b"data=") or (b"=" in body[:64] and body.lstrip()[:1] not in (b"{", b"[")):
        return _of_form(body)
    return document(body)


def _of_form(body: bytes) -> dict[str, Any]:
    try:
        said = dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=100))
    except ValueError:
        raise Invalid("The form has more than 100 fields.") from None
    data = said.get("data", "")
    return document(data.encode("utf-8", "replace") if data[:1] in ("{", "[") else unbase64(data.replace(" ", "+")))


def unbase64(text: str) -> bytes:
    """Return what base64 says, of either alphabet, with or without its padding; Invalid when it is none."""
    try:
        plain = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise Invalid("This is not base64.") from None


def write_key(call: Call, raw: dict[str, Any]) -> str:
    """Return the write key: Basic (user name), path, header, body, query or bearer token; Invalid for a broken header."""
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    if scheme.casefold() == "basic":
        try:
            return unbase64(value).decode().partition(":")[0]
        except (Invalid, ValueError):
            raise Invalid("The Authorization header is not Basic authentication.") from None
    said = (
        call.key, call.headers.get("x-write-key"), raw.get("writeKey"), call.query.get("writeKey"),
        value if scheme.casefold() == "bearer" else "",
    )  # fmt: skip
    return first_text(*said).partition(":")[0]  # Jitsu's SDK takes only keys of the form KEY:SECRET


def first_text(*said: Any) -> str:
    """Return the first that is text and not empty, else the empty text."""
    return next((one for one in said if isinstance(one, str) and one), "")


def first_event(raw: dict[str, Any], batch: str) -> dict[str, Any]:
    """Return the first event of a call, or the call itself."""
    listed = raw.get(batch)
    return mapping(listed[0] if isinstance(listed, list) and listed else raw)
