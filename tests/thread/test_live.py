"""Live events end to end: received, folded in, read."""

import itertools

import msgspec
import pytest

from steelthread import intake
from steelthread.intake import LiveSource, Message
from steelthread.kit import NotFound
from steelthread.model import Received
from steelthread.thread import LiveThread, Space, link, live_status, verify

T0 = 1_790_000_000_000_000
SECOND = 1_000_000
NUMBERS = itertools.count()


def message(type_, at=0, **said):
    said.setdefault("id", f"m{next(NUMBERS)}")
    return Message(type=type_, timestamp=T0 + at * SECOND, received=T0 + at * SECOND, **said)


@pytest.fixture
def live(space):
    """Fold messages in, in batches of so many."""

    def fold(messages, source="web", size=4000):
        with space.writer() as conn:
            number, _, _ = intake.source_row(conn, space.vault, source, 0, space.vault.digest(b"live"), unique=False)
            where = LiveSource(source, number)
            facts = [Received(where.source_id, msgspec.msgpack.encode(one)) for one in messages]
            space.log.append(conn, "received", facts, hours=1)
            conn.commit()
            thread = LiveThread(space)
            while thread.step(conn, size).read:
                pass

    return fold


@pytest.fixture
def profile(space):
    def read(ref):
        with space.database.connect() as conn:
            return space.reader(conn).profile(ref)

    return read


def test_an_unknown_visitor_becomes_a_known_customer(live, profile, space):
    live([message("page", anonymous_id="a1", context={"page": {"url": "https://shop.example/", "title": "Home"}})])
    unknown = profile("anonymous_id:a1")
    assert unknown["counts"] == {"records": 0, "WebsiteEngagement": 1}
    traits = {"email": "Ann@Example.com", "firstName": "Ann", "plan": "gold"}
    live([message("identify", 5, user_id="u1", anonymous_id="a1", traits=traits)])
    known = profile("user_id:u1")
    assert known["attributes"]["firstName"]["value"] == "Ann"
    assert known["counts"]["WebsiteEngagement"] == 1
    assert profile("email:ann@example.com")["individualId"] == known["individualId"]
    assert profile("anonymous_id:a1")["individualId"] == known["individualId"]
    assert verify(space)["same"]


def test_traits_are_kept_one_by_one_whatever_the_order(live, profile):
    said = [
        message(
            "identify", 1, user_id="u1", traits={"firstName": "Ann", "lastName": "Smith", "phone": "+447911123456"}
        ),
        message("identify", 3, user_id="u1", traits={"lastName": "Jones"}),
        message("identify", 2, user_id="u1", traits={"lastName": "Miller", "birthday": "1990-04-01"}),
    ]
    for number, order in enumerate(itertools.permutations(said)):
        live(
            [msgspec.structs.replace(one, id=f"{number}-{one.id}", user_id=f"u{number}",
                                     traits={**one.traits, **({"phone": f"+44791112345{number}"} if "phone" in one.traits else {})})
             for one in order],
            size=1 + number % 2,
        )  # fmt: skip
        found = profile(f"user_id:u{number}")
        shown = {name: (one["value"], one["observedAt"]) for name, one in found["attributes"].items()}
        assert shown["lastName"][0] == "Jones"
        assert shown["firstName"][0] == "Ann"
        assert shown["birthDate"][0] == "1990-04-01"
        assert shown["firstName"][1] < shown["birthDate"][1] < shown["lastName"][1]


def test_a_message_that_comes_again_counts_once(live, profile, space):
    one = message("track", user_id="u1", event="Signed Up", id="same")
    live([one, one])
    live([one], source="other")
    assert profile("user_id:u1")["counts"]["CustomEngagement"] == 1
    with space.database.connect() as conn:
        assert msgspec.to_builtins(live_status(space, conn)) == {
            "accepted": 3, "folded": 3, "lagSeconds": 0.0, "rejected": 0, "duplicates": 2,
        }  # fmt: skip


def test_a_step_that_is_rolled_back_leaves_nothing_that_the_next_one_relies_on(live, profile, space, monkeypatch):
    events = [
        message("identify", user_id="u1", traits={"email": "ann@example.com"}),
        message("track", user_id="u1", event="Seen"),
    ]
    with monkeypatch.context() as patch:
        patch.setattr(space.log, "advance", lambda *_: 1 / 0)  # the database is killed before the very first commit
        with pytest.raises(ZeroDivisionError):
            live(events)
    live([])
    assert profile("user_id:u1")["counts"] == {"records": 1, "CustomEngagement": 1}
    with Space(space.project) as another:
        assert another.entities({"Individual"}) == {"Individual": space.entities({"Individual"})["Individual"]}
        with another.database.connect() as conn:
            assert another.reader(conn).profile("email:ann@example.com")["counts"]["CustomEngagement"] == 1
    assert verify(space)["same"]


def test_two_logins_on_one_device_stay_two_people(live, profile):
    live([
        message("identify", 1, user_id="u1", anonymous_id="shared", traits={"email": "family@example.com"}),
        message("identify", 2, user_id="u2", anonymous_id="shared", traits={"email": "family@example.com"}),
        message("track", 3, user_id="u2", anonymous_id="shared", event="Signed In"),
        message("track", 4, anonymous_id="shared", event="Looked"),
    ])  # fmt: skip
    one, other = profile("user_id:u1"), profile("user_id:u2")
    assert one["individualId"] != other["individualId"]
    assert one["counts"]["CustomEngagement"] == 1
    assert other["counts"]["CustomEngagement"] == 1


def test_an_order_with_its_lines_is_an_order(live, profile, space):
    products = [
        {"product_id": "p1", "sku": "S1", "name": "Tea", "price": 4.5, "quantity": 2},
        {"product_id": "p2", "name": "Cup", "price": 3, "quantity": 1},
    ]
    said = {"order_id": "o1", "total": 12.0, "currency": "GBP", "products": products}
    live([message("track", user_id="u1", event="Order Completed", properties=said)])
    found = profile("user_id:u1")
    assert found["counts"]["SalesOrder"] == 1
    assert found["totals"] == [{"entity": "SalesOrder", "amount": "12.0", "currency": "GBP"}]
    with space.database.connect() as conn:
        (entry,) = space.reader(conn).timeline("user_id:u1")
    assert entry.lines == 2


def test_a_value_that_cannot_be_read_is_set_aside_and_the_rest_is_kept(live, profile, space):
    live([message("identify", user_id="u1", traits={"email": "not an address", "firstName": "Ann"})])
    assert profile("user_id:u1")["attributes"]["firstName"]["value"] == "Ann"
    with space.database.connect() as conn:
        (reject,) = intake.list_rejects(conn, "web", 10)
    assert (reject["column"], reject["reason"]) == ("email", "not an e-mail address")
    with pytest.raises(NotFound):
        profile("user_id:u2")


def test_records_of_live_parties_that_tie_are_opened_by_whoever_folds_next(live, profile, space):
    said = {"at": 3, "traits": {"firstName": "Ann"}}
    live([message("identify", anonymous_id="a1", **said)])
    live([message("identify", anonymous_id="a2", **said)])
    live([message("alias", 4, user_id="a1", previous_id="a2", anonymous_id="a1")])
    assert profile("anonymous_id:a1")["individualId"] == profile("anonymous_id:a2")["individualId"]
    assert verify(type(space)(space.project, space.database))["same"]


@pytest.mark.parametrize("name", ["Personas", "Unify", "Steelthread"])
def test_an_event_that_its_sender_keeps_out_of_profiles_is_in_none(live, profile, space, name):
    said = {"user_id": "u1", "integrations": {"All": True, name: False}}
    live([
        message("track", 1, user_id="u1", event="Seen"),
        message("track", 2, event="Tested", properties={"cart_id": "c1", "product_id": "p1"}, **said),
        message("identify", 3, traits={"firstName": "Ann"}, **said),
        message("group", 4, group_id="g1", traits={"name": "Firm"}, **said),
    ])  # fmt: skip
    found = profile("user_id:u1")
    assert (found["counts"], found["attributes"]) == ({"records": 0, "CustomEngagement": 1}, {})
    live([message("track", 5, user_id="u1", event="Seen", integrations={"All": False, "Personas": True, "crm": False})])
    assert profile("user_id:u1")["counts"]["CustomEngagement"] == 2
    with space.database.connect() as conn:
        assert live_status(space, conn).folded == 5
    assert verify(space)["same"]


def test_an_alias_names_a_visitor_and_never_joins_two_logins_which_a_person_does(live, profile, space):
    live([
        message("track", 1, anonymous_id="a1", event="Seen"),
        message("track", 2, user_id="u-old", event="Seen"),
        message("alias", 3, user_id="u-new", previous_id="a1"),
        message("alias", 4, user_id="u-new", previous_id="u-old"),
    ])  # fmt: skip
    new, old = profile("user_id:u-new"), profile("user_id:u-old")
    assert profile("anonymous_id:a1")["individualId"] == new["individualId"]
    assert old["individualId"] != new["individualId"]
    assert old["counts"]["CustomEngagement"] == 1
    link(space, "user_id:u-old", "user_id:u-new", "renamed", "test")
    assert profile("user_id:u-old")["individualId"] == profile("user_id:u-new")["individualId"]
    assert verify(space)["same"]


def test_a_group_that_was_only_named_is_an_account_and_what_is_told_of_it_later_or_earlier_is_kept(live, space):
    told = [
        message("group", 1, user_id="u1", group_id="{}"),
        message("group", 2, user_id="u1", group_id="{}", traits={"name": "Firm"}),
        message("group", 3, user_id="u2", group_id="{}"),
    ]

    def account(key):
        with space.database.connect() as conn:
            reader = space.reader(conn)
            return reader.profile(reader.account(key))

    live([msgspec.structs.replace(told[0], id="alone", group_id="alone")])
    assert account("alone")["attributes"] == {}
    for number, order in enumerate(itertools.permutations(told)):
        live([msgspec.structs.replace(one, id=f"{number}{one.id}", group_id=f"g{number}") for one in order], size=1)
        (name,) = account(f"g{number}")["attributes"].values()
        assert (name["value"], name["observedAt"]) == ("Firm", "2026-09-21T14:13:22Z")
    assert verify(space)["same"]


def test_first_and_last_are_right_within_a_second(live, space):
    said = message("page", 0, anonymous_id="a1")
    later = msgspec.structs.replace(said, id="later", timestamp=said.timestamp + 1)
    live([later, said])
    assert verify(space)["same"], verify(space)
