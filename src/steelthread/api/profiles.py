"""Profiles: the 360 of a reference, its timeline, what a universal ID stands for, why, and who has a name."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import FastAPI, Header, Query, Request, Response

from steelthread.api.by_hand import Purpose, by_hand, parsed
from steelthread.api.desk import Reading, for_purpose, granted
from steelthread.api.folded import folded
from steelthread.api.reading import OBJECT, answer, conditional, reading
from steelthread.kit import Forbidden, Invalid
from steelthread.profiles import Wanted, parsed_cursor, shown_entry
from steelthread.thread import Space, explanation_picture

_READERS = 4
"""Profiles read at once: more threads than that hinder each other, and answer later."""
Granted = Annotated[Reading, for_purpose("profiles:read")]
_EXPLAINED: dict[int | str, dict[str, Any]] = {
    200: {"content": {**OBJECT[200]["content"], "image/svg+xml": {"schema": {"type": "string"}}}}
}
_PICTURE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
}
FIELDS = (
    "aliases", "firstSeen", "lastSeen", "identifiers", "attributes", "contactPoints", "records", "counts", "totals", "traits",
    "household", "linked",
)  # fmt: skip


class _Asked(msgspec.Struct):
    """What a reading of a profile may say."""

    purpose: Purpose = ""
    wait: Annotated[float, msgspec.Meta(ge=0, le=30)] = 0
    fields: str = ""
    attributes: str = ""
    traits: str = ""


def profiles(api: FastAPI, space: Space) -> None:
    """Add the endpoints."""
    readers = ThreadPoolExecutor(_READERS, "reader")
    _timeline(api, space)
    _households(api, space)

    @api.get(
        "/api/profiles/{ref:path}",  # noqa: FAST003  # by hand
        tags=["profiles"],
        responses=OBJECT,
        **by_hand(_Asked, path=["ref"], header=["If-None-Match"]),
    )
    async def profile(request: Request) -> Response:
        """The 360 of a reference: `individual:UUID`, `KIND:VALUE` or `record:SOURCE/ENTITY/KEY`, percent-encoded.

        It is read for a `purpose` that the key carries, and shows what that shows; 403 without one, and where the person
        says no. With `wait`, the answer comes as soon as all events acknowledged before the call are folded in, or after so many
        seconds. `fields` chooses parts (`household` and `linked`, the visitors whom `identity.yaml` keeps apart, come only when they are named), `attributes` and `traits` some of these, with
        commas between. The answer has an ETag: with `If-None-Match` it is 304 while the profile is the same.
        """
        asked, ref = parsed(request, _Asked), request.path_params["ref"]
        entry = await granted(request, "profiles:read", asked.purpose)
        wanted = chosen(asked.fields, FIELDS)
        some = {"attributes": listed(asked.attributes), "traits": listed(asked.traits)}
        if asked.wait:
            await folded(api, space, asked.wait)

        def read() -> Response:
            with reading(api, space, entry, "profile", ref) as reader:
                content = reader.profile(ref)
                if "household" in wanted:
                    content["household"] = reader.share(ref)
                if "linked" in wanted:
                    content["linked"] = reader.linked(ref)
            content = entry.mask.profile(content)
            return conditional(selected(content, wanted, some), request.headers.get("if-none-match", ""))

        return await asyncio.get_running_loop().run_in_executor(readers, read)

    @api.get("/api/individuals/{individual}", tags=["profiles"], responses=OBJECT)
    def resolve(granted: Granted, individual: UUID, as_of: datetime | None = None) -> Response:
        """What a universal ID, present or former, stands for; `individualId` is the present one."""
        with reading(api, space, granted, "resolve") as reader:
            return answer(reader.resolve(individual, as_of))

    @api.get("/api/explain", tags=["profiles"], responses=_EXPLAINED)
    def explain(granted: Granted, a: str, b: str, form: Literal["data", "picture"] = "data") -> Response:
        """Whether two references are one person or organisation, and by which links; `form=picture` draws it (SVG)."""
        with reading(api, space, granted, "explain", a, b) as reader:
            told = granted.mask.explanation(reader.explain(a, b))
        if form == "data":
            return answer(told)
        return Response(explanation_picture(told, a, b), media_type="image/svg+xml", headers=_PICTURE)

    @api.get("/api/search", tags=["profiles"], responses=OBJECT)
    def search(
        granted: Granted, name: str, limit: Annotated[int, Query(ge=1, le=100)] = 20, cursor: UUID | None = None
    ) -> Response:
        """People by whole words of their names, as far as they may be read for the purpose; `next` is the cursor of the next page."""
        with api.state.pool.connection() as conn:
            found = space.reader(conn).search(name, limit, cursor)
            following = found[-1]["individualId"] if len(found) == limit else None
            return answer({"profiles": granted.filtered(conn, "search", found), "next": following})


def _households(api: FastAPI, space: Space) -> None:
    @api.get("/api/households/{ref:path}", tags=["profiles"], responses=OBJECT)
    def household(granted: Granted, ref: str) -> Response:
        """Who shares a home with a person, in which role, by what; `householdId` is null for one who does with nobody.

        Members who may not be read about for the purpose are left out and counted as `withheld`.
        """
        if not granted.mask.shows("household"):
            raise Forbidden("This purpose does not show households: `fields` in purposes.yaml would name `household`.")
        with reading(api, space, granted, "household", ref) as reader:
            home = reader.household(ref)
        members = home.members if home else []
        with api.state.pool.connection() as conn:
            kept = granted.readable(conn, "household", [one.individual_id for one in members])
        shown = [one for one in members if one.individual_id in kept]
        return answer(
            {"householdId": home and home.household_id, "members": shown, "withheld": len(members) - len(shown)}
        )


def _timeline(api: FastAPI, space: Space) -> None:
    @api.get(
        "/api/profiles/{ref:path}/timeline",
        tags=["profiles"],
        responses=OBJECT,
    )
    def timeline(
        granted: Granted,
        ref: str,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        entity: Annotated[list[str], Query()] = [],  # noqa: B006  # FastAPI copies it
        source: Annotated[list[str], Query()] = [],  # noqa: B006
        event: Annotated[list[str], Query()] = [],  # noqa: B006
        if_none_match: Annotated[str, Header()] = "",
    ) -> Response:
        """What happened, newest first; `next` is the cursor of the next page.

        `since` (included) and `until` (excluded) bound the time; `entity`, `source` and `event` may repeat.
        """
        wanted = Wanted(
            since=moment(since), until=moment(until), entities=entity, sources=source, names=event,
            after=parsed_cursor(cursor), limit=limit,
        )  # fmt: skip
        with reading(api, space, granted, "timeline", ref) as reader:
            entries = reader.timeline(ref, wanted)
        following = entries[-1].cursor if len(entries) == limit else None
        return conditional(
            {"entries": granted.mask.timeline([shown_entry(one) for one in entries]), "next": following}, if_none_match
        )


def moment(said: datetime | None) -> datetime | None:
    """Return a moment; one without a zone is in UTC."""
    return said.replace(tzinfo=UTC) if said is not None and said.tzinfo is None else said


def chosen(text: str, known: Sequence[str]) -> list[str]:
    """Return the names of a list with commas; Invalid for one that is not known."""
    wanted = listed(text)
    for one in wanted:
        if one not in known:
            raise Invalid(f"fields are some of {', '.join(known)}, with commas between.")
    return wanted


def listed(text: str) -> list[str]:
    """Return the names of a list with commas."""
    return [one for one in text.split(",") if one]


def selected(content: dict[str, Any], fields: Sequence[str], some: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the chosen parts of a profile; all of it when nothing is chosen."""
    parts = [part for part, names in some.items() if names]
    for part in parts:
        content[part] = {name: content.get(part, {}).get(name) for name in some[part]}
    if not fields and not parts:
        return content
    wanted = {"individualId", *(fields or parts)}
    return {name: value for name, value in content.items() if name in wanted}
