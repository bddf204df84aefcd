"""The Profile API as Segment has it, so that what reads profiles there reads them here by changing the host.

`/v1/spaces/{space}/collections/{users|accounts}/profiles/{type:value}/{traits|external_ids|events|metadata|links}`, with
Basic authentication (an API key as user, a purpose as password), its paging, its verbose form and its errors; and
`POST .../external_ids/delete`. The space is the
project's name, or `default`.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import psycopg
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from steelthread.api.basic import basic_purpose, basic_user
from steelthread.api.desk import Desk, Reading
from steelthread.api.keys import Caller, admit
from steelthread.api.profiles import moment
from steelthread.api.segment_ids import code_of, leads_to, read_asked, take_off
from steelthread.intake import CART, id_of
from steelthread.kit import Forbidden, Invalid, NotFound, Overloaded, SteelthreadError, Unauthorized, iso, now, uuid7
from steelthread.profiles import (
    Reader,
    Wanted,
    audiences,
    external_ids,
    first_message,
    links,
    parsed_cursor,
    segment_event,
    traits,
)
from steelthread.thread import Space

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode
_BASE = "/v1/spaces/{space}/collections/{collection}/profiles/{ref:path}"
_GROUPS = 500
"""Group calls that are read at once: a person's links are those of all."""
_MOST_WAITING = 100
"""Calls that may wait while others are read; who comes then is asked to come again."""
_CODES = {401: "authentication_error", 403: "authentication_error", 404: "not_found", 429: "rate_limit_error"}
_FIRSTS = 500
"""Events, the oldest, among which the first message of an identifier is looked for."""
_MOST = {"traits": 200, "external_ids": 200, "events": 200, "links": 20}
Part = Callable[["_Asked"], dict[str, Any]]


class _Asked(msgspec.Struct):
    """A call, understood."""

    reader: Reader
    ref: str
    path: str
    query: dict[str, str]
    part: str

    @property
    def limit(self) -> int:
        """How many are wanted: ten when nothing is said."""
        said, most = self.query.get("limit", "10"), _MOST[self.part]
        if not said.isdecimal() or not 1 <= int(said) <= most:
            raise Invalid(f"limit is a number between 1 and {most}.")
        return int(said)

    def names(self, parameter: str) -> list[str]:
        """Return the names of a list with commas."""
        return [one.strip() for one in self.query.get(parameter, "").split(",") if one.strip()]

    @property
    def verbose(self) -> bool:
        """Whether more is wanted of each value."""
        return self.query.get("verbose", "").lower() == "true"

    def moment(self, parameter: str) -> datetime | None:
        """Return a time; Invalid for what is none."""
        said = self.query.get(parameter, "")
        if not said:
            return None
        try:
            return moment(datetime.fromisoformat(said))
        except ValueError:
            raise Invalid(f"{parameter} is a time in ISO 8601, such as 2026-11-25T12:00:00Z.") from None

    def cursor(self, following: str | None) -> dict[str, Any]:
        """Return Segment's cursor, which leads to the next page."""
        url = ""
        if following is not None:
            url = self.path + "?" + urlencode({**self.query, "next": following})
        return {"url": url, "has_more": following is not None, "next": following or "", "limit": self.limit}


def segment_profiles(api: FastAPI, space: Space) -> None:
    """Add the endpoints."""
    readers = CapacityLimiter(4)
    parts: dict[str, Part] = {
        "traits": _traits, "external_ids": _external_ids, "events": _events, "metadata": _metadata, "links": _links,
    }  # fmt: skip

    def endpoint(part: str) -> Callable[[Request], Awaitable[Response]]:
        async def take(request: Request) -> Response:
            number = str(uuid7())
            try:
                granted = _granted(api, request, await admit(request, basic_user(request), "profiles:read"))
                _check_room(readers)
                asked = (api, space, granted, request, part, parts[part])
                content = await to_thread.run_sync(_answered, *asked, limiter=readers)
            except SteelthreadError as error:
                return _refused(error, number)
            except psycopg.DataError:
                return _refused(
                    Invalid("A value of the call is out of range, or holds a character that no text may hold."), number
                )
            return Response(_ENCODE(content), media_type="application/json", headers={"Request-Id": number})

        return take

    async def take_id_off(request: Request) -> Response:
        number = str(uuid7())
        try:
            caller = await admit(request, basic_user(request), "review:decide")
            granted = _granted(api, request, caller)
            named = await read_asked(request)
            _check_room(readers)
            asked = (api, space, granted, request, named, f"key {caller.key}")
            content = await to_thread.run_sync(_without_id, *asked, limiter=readers)
        except SteelthreadError as error:
            return _refused(error, number, code_of(error))
        except psycopg.DataError:
            return _refused(
                Invalid("A value of the call holds a character that no text may hold."), number, "bad_request"
            )
        return Response(_ENCODE(content), media_type="application/json", headers={"Request-Id": number})

    api.router.routes.extend(Route(f"{_BASE}/{part}", endpoint(part), methods=["GET"]) for part in parts)
    api.router.routes.append(Route(f"{_BASE}/external_ids/delete", take_id_off, methods=["POST"]))


def _check_room(readers: CapacityLimiter) -> None:
    """Return while not too many calls wait to be answered; Overloaded otherwise."""
    if readers.statistics().tasks_waiting >= _MOST_WAITING:
        raise Overloaded("Too many calls wait to be answered: come again in a second.")


def _granted(api: FastAPI, request: Request, caller: Caller) -> Reading:
    """Read for `purpose=`, or for what the password says: clients of Segment's know of no purpose."""
    desk: Desk = api.state.desk
    purpose = request.query_params.get("purpose", "") or basic_purpose(request)
    granted = desk.grant(caller, purpose, "profiles:read")
    if not granted.mask.whole:
        raise Forbidden("This shows people as a whole: it wants a purpose whose fields are all (*).")
    return granted


def _answered(api: FastAPI, space: Space, granted: Reading, request: Request, part: str, told: Part) -> dict[str, Any]:
    names = (space.project.settings.project.name.casefold(), "default")
    if request.path_params["space"].casefold() not in names:
        raise NotFound("Space was not found.")
    query = dict(request.query_params)
    path = quote(request.url.path)
    try:
        with api.state.readers.connection() as conn:
            reader = space.reader(conn)
            ref = _ref(reader, request.path_params["collection"], request.path_params["ref"])
            granted.check(conn, f"segment {part}", ref, reader=reader)
            return told(_Asked(reader, ref, path, query, part))
    except NotFound:
        raise NotFound("Profile was not found.") from None


def _without_id(
    api: FastAPI, space: Space, granted: Reading, request: Request, named: tuple[str, str], actor: str
) -> dict[str, Any]:
    with api.state.pool.connection() as conn:
        reader = space.reader(conn)
        ref = _ref(reader, request.path_params["collection"], request.path_params["ref"])
        granted.check(conn, "segment external_ids/delete", ref, reader=reader)
        return take_off(space, reader, ref, *named, actor)


def _ref(reader: Reader, collection: str, said: str) -> str:
    """Return our reference for Segment's."""
    kind, _, value = said.partition(":")
    if not value:
        raise Invalid("A profile is named as type:value, such as user_id:u1.")
    if collection == "accounts":
        if kind != "group_id":
            raise Invalid("An account is named as group_id:value.")
        return reader.account(value)
    if collection != "users":
        raise NotFound("Collection was not found.")
    return f"individual:{value.removeprefix('use_')}" if kind == "segment_id" else said


def _refused(error: SteelthreadError, number: str, code: str = "") -> Response:
    code = code or ("validation_error" if isinstance(error, Invalid) else _CODES.get(error.status, "internal_error"))
    headers = {"Request-Id": number}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Basic"
    if isinstance(error, Overloaded):
        headers["Retry-After"] = "1"
    content = {"error": {"code": code, "message": str(error)}}
    return Response(_ENCODE(content), error.status, media_type="application/json", headers=headers)


def _page(asked: _Asked, found: list[tuple[str, Any]]) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """Cut a page out of named things in order of their names."""
    after = asked.query.get("next", "")
    left = [one for one in found if one[0] > after] if after else found
    page = left[: asked.limit]
    return page, asked.cursor(page[-1][0] if len(left) > len(page) else None)


def _traits(asked: _Asked) -> dict[str, Any]:
    kind = asked.query.get("class", "")
    if kind not in ("", "audience", "computed_trait"):
        raise Invalid("class is audience or computed_trait.")
    found = traits(asked.reader.profile(asked.ref), asked.reader.told(asked.ref), kind)
    if kind != "computed_trait":
        places = asked.reader.timeline(asked.ref, Wanted(entities=["SegmentMembership"], limit=1000, oldest_first=True))
        found.update(audiences(places, now()))
    some = asked.names("include")
    listed = [(name, one) for name, one in sorted(found.items()) if not some or name in some]
    page, cursor = _page(asked, listed)
    shown = {name: one if asked.verbose else one["value"] for name, one in page}
    return {"traits": shown, "cursor": cursor}


def _external_ids(asked: _Asked) -> dict[str, Any]:
    some = asked.names("include")
    found = [one for one in external_ids(asked.reader.profile(asked.ref)) if leads_to(asked.reader, asked.ref, one)]
    listed = [(f"{one['type']}:{one['id']}", one) for one in found if not some or one["type"] in some]
    page, cursor = _page(asked, sorted(listed, key=lambda one: one[0]))
    if asked.verbose:
        entries = asked.reader.timeline(asked.ref, Wanted(limit=_FIRSTS, oldest_first=True))
        data = [one | {"first_message_id": first_message(one, entries)} for _, one in page]
    else:
        short = ("collection", "id", "type", "created_at", "encoding")
        data = [{name: one[name] for name in short} for _, one in page]
    return {"data": data, "cursor": cursor}


def _events(asked: _Asked) -> dict[str, Any]:
    sort = asked.query.get("sort", "desc")
    if sort not in ("asc", "desc"):
        raise Invalid("sort is asc or desc.")
    wanted = Wanted(
        since=asked.moment("start"), until=asked.moment("end"), names=asked.names("include"),
        without=[*asked.names("exclude"), CART], after=parsed_cursor(asked.query.get("next", "")), limit=asked.limit + 1,
        oldest_first=sort == "asc",
    )  # fmt: skip
    entries = asked.reader.timeline(asked.ref, wanted)
    page = entries[: asked.limit]
    following = page[-1].cursor if len(entries) > len(page) else None
    return {"data": [segment_event(one) for one in page], "cursor": asked.cursor(following)}


def _metadata(asked: _Asked) -> dict[str, Any]:
    profile = asked.reader.profile(asked.ref)
    first = asked.reader.timeline(asked.ref, Wanted(limit=1, oldest_first=True, without=[CART]))
    last = asked.reader.timeline(asked.ref, Wanted(limit=1, without=[CART]))
    told: dict[str, Any] = {
        "created_at": profile["firstSeen"],
        "updated_at": profile["lastSeen"],
        "expires_at": None,
        "segment_id": f"use_{profile['individualId']}",
    }
    for name, entries in (("first", first), ("last", last)):
        told[f"{name}_message_id"] = id_of(entries[0].view.key) if entries else None
        told[f"{name}_source_id"] = entries[0].view.source if entries else None
        told[f"{name}_event_at"] = iso(entries[0].at) if entries else None
    return {"metadata": told}


def _links(asked: _Asked) -> dict[str, Any]:
    found: dict[str, Any] = {}
    after: tuple[datetime, int] | None = None
    while groups := asked.reader.timeline(asked.ref, Wanted(names=["group"], limit=_GROUPS, after=after)):
        found.update(links(groups))
        after = parsed_cursor(groups[-1].cursor)
    page, cursor = _page(asked, sorted(found.items()))
    return {"data": [one for _, one in page], "cursor": cursor}
