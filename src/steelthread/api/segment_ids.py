"""Taking an identifier off a profile, as Segment's Profile API has it: a person's word that the two are never one."""

from typing import Any

import msgspec
from starlette.requests import Request

from steelthread.api.collect import body_of
from steelthread.kit import Conflict, Invalid, NotFound, SteelthreadError
from steelthread.profiles import Reader, external_ids
from steelthread.thread import Space, unlink

_MOST = 10_000


class _Named(msgspec.Struct):
    id: str
    type: str


class _Asked(msgspec.Struct):
    delete_external_ids: list[_Named]


class Unsupported(Invalid):
    """This identifier cannot be taken off a profile."""

    code = "unsupported_eid_type"


class Unknown(NotFound):
    """The profile has no such identifier."""

    code = "eid_not_found"


async def read_asked(request: Request) -> tuple[str, str]:
    """Return (type, value) of the identifier that a call names; Invalid unless it is exactly one."""
    body = await body_of(request)
    try:
        asked = msgspec.json.decode(body[:_MOST], type=_Asked).delete_external_ids
    except (msgspec.MsgspecError, UnicodeDecodeError):
        asked = []
    if len(asked) != 1:
        raise Invalid('The body is {"delete_external_ids": [{"id": "...", "type": "..."}]}, with one identifier.')
    return asked[0].type, asked[0].id


def leads_to(reader: Reader, ref: str, one: dict[str, Any]) -> bool:
    """Whether an external id is this profile's: one that its records name may be another's, or be taken off."""
    try:
        return reader.cluster(f"{one['type']}:{one['id']}") == reader.cluster(ref)
    except SteelthreadError:  # a kind by which nobody is found, such as one made of others
        return True


def take_off(space: Space, reader: Reader, ref: str, kind: str, value: str, actor: str) -> dict[str, Any]:
    """Take an identifier off the profile of a login; it stays off until `link` says otherwise."""
    if not ref.startswith("user_id:"):
        raise Invalid("The profile is named by user_id: identifiers are taken off a login.")
    there = [one for one in external_ids(reader.profile(ref)) if leads_to(reader, ref, one)]
    found = next((one for one in there if one["type"] == kind and one["id"] == value), None)
    if found is None and kind != "group_id":
        raise Unknown("The profile has no such identifier.")
    if kind == "group_id" or (kind == "user_id" and sum(one["type"] == "user_id" for one in there) == 1):
        raise Unsupported("The last user_id of a profile stays, and a group_id goes with the calls that told it.")
    said = (space, ref, f"{kind}:{value}", "taken off by the Profile API", actor)
    if unlink(*said)["same"]:  # that took back a person's word that they are one; what else says so remains
        unlink(*said)
    return {"deleted_external_ids": [{"id": value, "type": kind}]}


def code_of(error: SteelthreadError) -> str:
    """Return Segment's code for what stands in the way."""
    if isinstance(error, Unsupported | Unknown):
        return error.code
    if isinstance(error, Invalid | Conflict):
        return "bad_request"
    return {401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "rate_limit_error"}.get(
        error.status, "internal_error"
    )
