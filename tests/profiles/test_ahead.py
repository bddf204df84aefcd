"""One question gives what several gave: people, what was said of them, their records, what their events come to."""

from itertools import pairwise

import psycopg
import pytest

from steelthread import identity, privacy
from steelthread.intake import open_records
from steelthread.profiles.ahead import PROFILE_SQL, SQL
from steelthread.rights import Consents, Saying
from steelthread.store import Byteas

CRM = (
    "customer_id,first_name,last_name,email,phone\n1,Ann,Lee,ann@example.com,+442079460958\n"
    "2,Ann,Lee,ann@example.com,+442079460959\n3,Bob,Ray,bob@example.com,\n"
)
ORDERS = "order_id,customer_email,order_date,total\no1,ann@example.com,2026-01-02,10.00\n"
REFS = ["email:ann@example.com", "phone:+442079460959", "record:crm/Individual/2", "record:crm/Individual/3"]


def test_it_is_what_the_single_questions_give(space, load):
    load("crm", CRM)
    load("orders", ORDERS)
    with space.database.connect() as conn:
        consents = Consents(space)
        for ref, said in (
            ("email:ann@example.com", "given"),
            ("phone:+442079460958", "refused"),
            (REFS[2], "objected"),
        ):
            consents.say(conn, Saying(ref=ref, purpose="marketing", said=said, method="desk"))
        conn.commit()
        for ref in REFS:
            reader = space.reader(conn)
            ahead = reader.ahead(ref)
            hashes = reader.hashes(ref)
            families = list(identity.families_of_hashes(conn, hashes).values())
            assert (ahead.hashes, ahead.families) == (hashes, families)
            assert len(families) == 1
            nodes = {*hashes, *(member.hash for member in families[0].members)}
            assert ahead.statements == privacy.statements_of(conn, nodes)
            assert len(ahead.statements) == (0 if ref == REFS[3] else 3)
            wanted = [member.node_id for member in families[0].members if member.kind == 0]
            assert ahead.records == open_records(conn, wanted, 1000)
            assert reader.profile(ref) == space.reader(conn).profile(ref)


def test_what_is_said_of_an_unknown_address_is_there(space, load):
    load("crm", CRM)
    with space.database.connect() as conn:
        Consents(space).say(
            conn, Saying(ref="email:new@example.com", purpose="marketing", said="refused", method="desk")
        )
        ahead = space.reader(conn).ahead("email:new@example.com")
    assert (ahead.families, ahead.records) == ([], [])
    assert [one.said for one in ahead.statements] == ["refused"]


class Counting(psycopg.Cursor):
    """Counts the questions."""

    asked = 0

    def execute(self, *what, **how):
        Counting.asked += 1
        return super().execute(*what, **how)


TILL = (
    "order_id,customer_email,customer_phone,order_date,total\nt1,ann@example.com,+442079460970,2026-02-03,7.50\n"
    "t2,ann@example.com,+442079460971,2026-02-03,2.50\nt3,ann@example.com,,2026-01-01,1.00\n"
)


@pytest.mark.parametrize("ref", [*REFS, "phone:+442079460970"])
def test_whoever_reads_the_profile_asks_one_question(space, load, ref):
    load("crm", CRM)
    load("orders", ORDERS)
    load("till", TILL)
    with space.database.connect() as conn:
        plain = space.reader(conn).profile(ref)  # names are remembered from here on
        whole = space.reader(conn)
        whole.reads_whole = True
        conn.cursor_factory = Counting
        Counting.asked = 0
        whole.ahead(ref)
        assert whole.profile(ref) == plain
        assert Counting.asked == 1
    assert plain["counts"].get("SalesOrder", 0) == (0 if ref == REFS[3] else 4)
    phones = {one["value"] for one in plain["identifiers"] if one["kind"] == "phone"}
    assert ("+442079460971" in phones) == (ref != REFS[3]), "it is known from an event only"


@pytest.mark.parametrize("when", ["while tables are empty", "when they have grown"])
def test_people_are_looked_up_by_key_whatever_the_statistics_say(space, load, when):
    if when == "when they have grown":
        load("crm", CRM)
        load("orders", ORDERS)
        with space.database.connect() as conn:
            conn.execute("analyze")
            conn.commit()
    question = Byteas([bytes(32)])
    with space.database.pool(by_key=True).connection() as conn:
        for sql in (SQL, PROFILE_SQL):
            lines = [line for (line,) in conn.execute(f"explain {sql}", (question, question))]
            plan = "\n".join(lines)
            assert "Seq Scan" not in plan, plan
            wholly = [line for line, below in pairwise(lines) if "Index Scan" in line and "Index Cond" not in below]
            assert all("entity" in line for line in wholly), plan
