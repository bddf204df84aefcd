"""Households as they are shown: who belongs to one, in which role, by what they share."""

from collections.abc import Collection, Iterator
from datetime import date
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg

from steelthread import identity
from steelthread.identity import Home, Resident
from steelthread.vault import Vault

Connection = psycopg.Connection[Any]
Role = Literal["head", "adult", "child", "member"]
OF_AGE = 18
_PAGE = 2000
"""Households whose members are looked up at once."""


class Lodger(msgspec.Struct, rename="camel"):
    """A member of a household."""

    individual_id: UUID
    role: Role
    via: list[str]
    """What this person shares with others of the household: `address`, or a kind of identifier."""
    records: int


class Household(msgspec.Struct, rename="camel"):
    """People who share a home. Its ID follows from its earliest member, as an individual's does from its first node."""

    household_id: UUID
    members: list[Lodger]


def household_of(conn: Connection, vault: Vault, cluster: int, today: date) -> Household | None:
    """Return the household of a person (by cluster number), None for one who shares a home with nobody."""
    home = identity.household_of(conn, cluster)
    if len(home.members) < 2:
        return None
    return next(_made(vault, [home], identity.residents(conn, home.members), today), None)


def households(conn: Connection, vault: Vault, today: date) -> Iterator[Household]:
    """Yield every household of two or more."""
    homes = list(identity.all_households(conn))
    for start in range(0, len(homes), _PAGE):
        page = homes[start : start + _PAGE]
        people = identity.residents(conn, {one for home in page for one in home.members})
        yield from _made(vault, page, people, today)


def _made(vault: Vault, homes: Collection[Home], people: Collection[Resident], today: date) -> Iterator[Household]:
    by_cluster = {one.cluster_id: one for one in people}
    for home in homes:
        here = sorted((by_cluster[one] for one in home.members if one in by_cluster), key=lambda one: one.individual_id)
        if len(here) > 1:
            roles = _roles(here, today)
            yield Household(
                _identifier(vault, here[0].individual_id),
                [
                    Lodger(one.individual_id, role, home.members[one.cluster_id], one.records)
                    for one, role in zip(here, roles, strict=True)
                ],
            )


def _identifier(vault: Vault, first: UUID) -> UUID:
    """Return the ID of a household: made of its earliest member's, which it does not tell (UUIDv8, RFC 9562)."""
    number = int.from_bytes(vault.blind("household", str(first)))
    number = number & ~(0xF << 76) | 0x8 << 76
    return UUID(int=number & ~(0x3 << 62) | 0x2 << 62)


def _roles(people: Collection[Resident], today: date) -> list[Role]:
    """Return the roles: children are under age; the head is the adult of whom most is known, else whoever may be one."""
    ages = [_age(one.born, today) for one in people]
    roles: list[Role] = ["member" if age is None else "adult" if age >= OF_AGE else "child" for age in ages]
    known = [one.records for one in people]
    grown = [place for place, role in enumerate(roles) if role == "adult"] or [
        place for place, role in enumerate(roles) if role == "member"
    ]
    if grown:
        roles[max(grown, key=lambda place: (known[place], -place))] = "head"
    return roles


def _age(born: str, today: date) -> int | None:
    """Return how old somebody is, None when the birth date is none, or in the future."""
    try:
        day = date.fromisoformat(born[:10])
    except ValueError:
        return None
    age = today.year - day.year - ((today.month, today.day) < (day.month, day.day))
    return age if age >= 0 else None
