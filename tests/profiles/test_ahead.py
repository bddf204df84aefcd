"""One question gives what several gave: people, what was said of them, their records."""

from steelthread import identity, privacy
from steelthread.intake import open_records
from steelthread.rights import Consents, Saying

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
