"""What those are called that an answer is about: people or organisations.

A universal ID stands for an individual or an organisation; which of the two, its records and identifiers tell.
"""

from collections.abc import Collection, Sequence
from typing import Any, Literal

import psycopg

from steelthread.identity.organisations import PREFIX, is_organisation
from steelthread.intake import entity_names
from steelthread.model import Model
from steelthread.store import Int8s

Connection = psycopg.Connection[Any]
Party = Literal["individual", "organisation"]
_NOUNS = {"individual": "person", "organisation": "organisation"}
_PLURALS = {"individual": "people", "organisation": "organisations"}
_SINGLE = "a person has one"


def organisation_entities(conn: Connection, model: Model) -> list[int]:
    """Return the numbers of the entities whose records are organisations."""
    return [number for number, name in entity_names(conn).items() if is_organisation(model.is_a, name)]


def organisations_among(conn: Connection, model: Model, nodes: Collection[int]) -> set[int]:
    """Return those of these nodes, records and identifiers, that are an organisation's."""
    rows = conn.execute(
        "select n.node_id from identity.node n left join identity.kind k on k.kind_id = n.kind "
        "left join intake.record r on n.kind = 0 and r.record_id = n.node_id "
        "where n.node_id = any(%s) and (starts_with(k.name, %s) or r.entity_id = any(%s))",
        (Int8s(nodes), PREFIX, organisation_entities(conn, model)),
    )
    return {node for (node,) in rows}


def parties_of(conn: Connection, model: Model, *nodes: int) -> list[Party]:
    """Return what each of these nodes is a node of."""
    theirs = organisations_among(conn, model, nodes)
    return ["organisation" if node in theirs else "individual" for node in nodes]


def parties_there(conn: Connection, model: Model) -> list[Party]:
    """Return whose records there are; people, where there are none."""
    theirs = organisation_entities(conn, model)
    sql = "select exists (select from intake.record where is_party and closed_at is null and {}entity_id = any(%s))"
    people, organisations = (conn.execute(sql.format(word), (theirs,)).fetchone() for word in ("not ", ""))
    assert people is not None
    assert organisations is not None
    found: list[Party] = ["individual"] if people[0] or not organisations[0] else []
    return [*found, "organisation"] if organisations[0] else found


def verdict(*, same: bool, parties: Sequence[Party]) -> str:
    """Return in words whether two are one: `One person`, `Two organisations`, `A person and an organisation`."""
    if len(set(parties)) > 1:
        return "A person and an organisation"
    if same:
        return f"One {_NOUNS[parties[0]]}"
    return "Two persons" if parties[0] == "individual" else "Two organisations"


def single(party: Party) -> str:
    """Return what one of a party is: `a person`, `an organisation`."""
    return "a person" if party == "individual" else "an organisation"


def question_of(party: Party, *, joined: bool) -> str:
    """Return what a reviewer is asked of two records."""
    return f"are they {'rightly ' if joined else ''}one {_NOUNS[party]}?"


def counted(people: int, organisations: int, noun: str = "people") -> str:
    """Return so many of each, in words; of organisations only where there are some."""
    both = [f"{people:,} {noun}"] if people or not organisations else []
    return " and ".join([*both, f"{organisations:,} organisations"] if organisations else both)


def kinds_of_parties(parties: Sequence[Party], noun: str = "people") -> str:
    """Return what parties are called, many of them: `individuals and organisations`."""
    return " and ".join(noun if one == "individual" else _PLURALS[one] for one in parties)


def reason_for(party: Party, reason: str) -> str:
    """Return a reason as it is said of a party: an organisation has one number of a kind, no person."""
    return reason.replace(_SINGLE, "an organisation has one") if party == "organisation" else reason
