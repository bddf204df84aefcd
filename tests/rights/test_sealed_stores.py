"""Acceptance test 7, of the stores whose rows only the software can make: a value in every place of each is in the package."""

import json

import msgspec
import pytest

from steelthread.intake import Reject, keep_rejects
from steelthread.model import load_model
from steelthread.profiles import Opener
from steelthread.rights import HOLDERS, Asking, RequestDesk, access
from steelthread.rights.people import find_person
from steelthread.vault import seal

REF = "email:ann.needle-7@example.com"
CRM = "customer_id,first_name,last_name,email,phone,shoe_colour\n1,Ann,Needlesworth,Ann.Needle-7@Example.com,bad phone,PLANTED-0\n"
SEALED = ("intake.record", "intake.reject", "intake.violation", "privacy.letter", "privacy.requester")


def package(space, folder, ref=REF):
    access(space, ref, folder, "me")
    return json.loads((folder / "data.json").read_text())


def stored(content, table):
    (store,) = (one for one in content["stores"] if one["store"] == table)
    return store["rows"]


def columns(space, table):
    with space.database.connect() as conn:
        rows = conn.execute(
            "select column_name from information_schema.columns where table_schema || '.' || table_name = %s", (table,)
        )
        return {name for (name,) in rows}


@pytest.fixture
def planted(space, load):
    load("crm", CRM)
    with space.database.connect() as conn:
        source, digest, load_id = conn.execute(
            "select source_id, row_digest, load_id from intake.record limit 1"
        ).fetchone()
        names = [f"column{number}" for number in range(1, 4)]
        kept = Reject(
            7,
            "column1",
            "PLANTED-1",
            True,
            names,
            ["PLANTED-2", "mailto:ann.needle-7@exmaple.com", "PLANTED-3"],
            bytes(digest),
        )
        keep_rejects(conn, space.vault, source, load_id, "PLANTED-4", [kept])
        ((subject, key),) = space.vault.new_subjects(1)
        sample = {"traits": {"email": "ann.needle-7@example.com", "deep": [{"hat": "PLANTED-5"}]}}
        conn.execute(
            "insert into intake.violation values (%s, 'PLANTED-6', 'PLANTED-7', 'PLANTED-8', 'allow', 1, now(), now(), %s, %s)",
            (source, subject, seal(key, msgspec.msgpack.encode(sample), b"violation")),
        )
        asking = msgspec.convert({"kind": "objection", "ref": REF, "language": "de", "purposes": ["marketing"]}, Asking)
        RequestDesk(space).open(conn, asking, "PLANTED-9", "me", ["authenticated"])
        conn.commit()
    return space


def test_7_what_is_sealed_is_opened_in_the_package(planted, tmp_path):
    content = package(planted, tmp_path / "ann")
    text = json.dumps(content)
    missing = [number for number in (*range(9),) if f"PLANTED-{number}" not in text]
    assert missing == []
    assert "ann.needle-7@exmaple.com" in text, "what was wrong in a row of hers is hers"
    for table in SEALED:
        rows = stored(content, table)
        assert rows, table
        wanted = columns(planted, table)
        assert all(wanted <= set(row) for row in rows), f"{table}: every column of it"
        if table != "intake.record":
            assert all(row["opened"] for row in rows), table
    assert stored(content, "privacy.letter")[0]["opened"]["to"] == REF
    assert stored(content, "privacy.requester")[0]["opened"]["ref"] == REF
    assert {one.table for one in HOLDERS if one.by} >= set(SEALED)


def test_7_every_attribute_of_a_person_comes_with_where_it_is_from_and_what_for(space, load, tmp_path):
    model = load_model(space.project.folder / "model")
    individual = model.entity("Individual").attributes
    texts = [
        name
        for name, one in individual.items()
        if one.type == "string" and one.privacy != "special" and name[0].islower()
    ]
    assert len(texts) > 10
    columns = "\n".join(f"      {name}: c{number}" for number, name in enumerate(texts))
    (space.project.sources / "wide.yaml").write_text(
        f"name: wide\nkey: id\nentities:\n  - entity: Individual\n    attributes:\n{columns}\n"
        "  - entity: ContactPointEmail\n    attributes: {emailAddress: email}\n"
    )
    head = ",".join(["id", "email", *(f"c{number}" for number in range(len(texts)))])
    load(
        "wide",
        f"{head}\nw1,ann.needle-7@example.com," + ",".join(f"PLANTED{number}" for number in range(len(texts))) + "\n",
    )
    content = package(space, tmp_path / "ann")
    told = {value["attribute"]: value for one in content["records"] for value in one["values"]}
    with space.database.connect() as conn:
        rows = find_person(space, conn, REF).rows
        (view,) = Opener(conn, space.vault, adaptation=space.model.adaptation).open(rows)
    stored = {
        **view.values,
        **{f"{entity}.{name}": value for entity, part in view.parts for name, value in part.items()},
    }
    stored |= {f"unmapped.{name}": value for name, value in view.extras.items()}
    assert len([value for value in stored.values() if str(value).casefold().startswith("planted")]) > 10
    assert told.keys() == stored.keys()
    for name, value in stored.items():
        assert str(told[name]["value"]) == str(value), name
        assert (told[name]["source"], told[name]["kind"]) == ("wide", "told or observed")
        assert {"purposes", "recipients", "retention"} <= set(told[name])
        assert told[name]["retention"]
