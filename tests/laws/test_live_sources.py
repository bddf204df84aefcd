"""Laws 1, 2 and 4 for live events of several sources: a login namespace of a source's own, documents by a mapping, other
identifiers told beside, limits within a window and ever, values that are blocked. (One source, plain rules: test_live_order.)"""

import random
import shutil

import msgspec
import pytest
import yaml
from tests.laws.test_live_order import MINUTE, START, history, state

from steelthread import intake
from steelthread.app import verify_space
from steelthread.intake import Message
from steelthread.kit import NotFound
from steelthread.model import Received
from steelthread.thread import LiveThread, Space, link, replay, unlink

FILES = {
    "web": "name: web\nkind: live\n",
    "till": "name: till\nkind: live\nuser_namespace: till\n",
    "hook": """name: hook
kind: live
webhook: {id: id}
key: person.id
entities:
  - {entity: Individual, attributes: {firstName: person.first, lastName: person.last}}
identifiers:
  - {kind: email, column: person.mail}
  - {kind: user_id, column: person.login, namespace: users}
""",
}
CAME = START + 100 * 24 * 60 * MINUTE
LOGINS = [f"user_id:{scope}u{number}" for scope in ("users/", "till/") for number in range(4)]
REFS = [
    *LOGINS,
    *(f"anonymous_id:{name}" for name in ("kiosk", *(f"a{number}" for number in range(5)))),
    *(f"email:p{number}@mail.example" for number in range(6)),
    *(f"loyalty_number:c{number}" for number in range(3)),
    *(f"phone:+44207946001{number}" for number in range(2)),
    *(f"record:hook/Individual/h{number}" for number in range(12)),
    *(f"record:hook/Individual/{apart}u{number}" for apart in ("", "sdk/") for number in range(4)),
]


def events_of(chance):
    """Return a random history as (source, event)."""
    found = []
    for event in history(chance):
        if event.anonymous_id and chance.random() < 0.2:
            event.anonymous_id = "kiosk"
        if chance.random() < 0.3:
            others = [("loyalty_number", f"c{chance.randrange(3)}"), ("phone", f"+44207946001{chance.randrange(2)}")]
            event.external_ids = chance.sample(others, chance.randrange(1, 3))
        found.append((chance.choice(("web", "web", "till", "hook")), event))
    for number in range(chance.randrange(3, 12)):
        at = START + chance.randrange(60) * 400 * MINUTE + 7 * number
        own = number if chance.random() < 0.7 else -1  # else a login is its key, as it is of what an SDK tells
        who = {
            "id": f"h{number}" if own >= 0 else f"u{chance.randrange(4)}",
            "first": chance.choice(("Ann", "Bob", "")),
            "last": f"L{number}",
        }
        who |= {"mail": f"p{chance.randrange(6)}@mail.example"} if chance.random() < 0.7 else {}
        who |= {"login": f"u{number if own >= 0 else chance.randrange(4)}"} if chance.random() < 0.8 else {}
        properties = {
            "id": f"m{number}",
            "person": who,
        }  # the ids of the web's messages: a webhook's are its source's own
        found.append(("hook", Message(id=f"m{number}", type="track", timestamp=at, received=at, properties=properties,
                                      per_source=True, mapped=True)))  # fmt: skip
    return found


def ruled(space, *, several=False):
    """Open a project with these sources, limits and blocked values; `several`: a person may have several logins."""
    for name, text in FILES.items():
        (space.project.sources / f"{name}.yaml").write_text(text)
    path = space.project.folder / "identity.yaml"
    rules = yaml.safe_load(path.read_text())
    rules["kinds"]["email"]["limit"] = [{"count": 1, "window": 3}, {"count": 3}]
    rules["kinds"]["anonymous_id"]["limit"] = [{"count": 2, "window": 7}]
    if several:
        del rules["kinds"]["user_id"]["exclusive"]
    rules["kinds"]["loyalty_number"]["limit"] = [{"count": 1}]
    rules["blocked"]["anonymous_id"] = {"exact": ["kiosk"]}
    rules["blocked"]["email"]["exact"].append("p3@mail.example")
    path.write_text(yaml.safe_dump(rules))
    return Space(space.project, space.database)


def tell(space, events, size):
    with space.writer() as conn:
        numbers = {
            name: intake.source_row(conn, space.vault, name, 0, space.vault.digest(b"live"), unique=False)[0]
            for name in FILES
        }
        facts = []
        for place, (source, one) in enumerate(events):
            if one.mapped:  # a CloudEvent: when it happened is part of it, when it came is not
                came = msgspec.structs.replace(one, received=CAME + place * MINUTE)
            facts.append(Received(numbers[source], msgspec.msgpack.encode(came if one.mapped else one)))
        space.log.append(conn, "received", facts, hours=1)
        conn.commit()
        thread = LiveThread(space)
        while thread.step(conn, size).read:
            pass


def check(space, other, seed, *, several=False):
    shutil.rmtree(other.project.keyring)
    shutil.copytree(space.project.keyring, other.project.keyring)
    space, other = ruled(space, several=several), ruled(other, several=several)
    chance = random.Random(seed)
    events = events_of(chance)
    tell(space, events, 4000)
    shuffled = events + chance.sample(events, len(events) // 3)
    chance.shuffle(shuffled)
    tell(other, shuffled, chance.randrange(1, 9))
    one, two = state(space, REFS), state(other, REFS)
    assert one[1] == two[1], seed
    assert one[0] == two[0], seed
    if several:
        replay(other)
        assert state(other, REFS) == two, seed
    assert not one[0].keys() & {"anonymous_id:kiosk", "email:p3@mail.example"}, "a blocked value names nobody"
    assert verify_space(space)["same"], seed
    assert verify_space(other)["same"], seed


def ids(space):
    """Return who answers to each login, by universal ID."""
    found = {}
    with space.database.connect() as conn:
        for ref in LOGINS:
            try:
                found[ref] = space.reader(conn).profile(ref)["individualId"]
            except NotFound:
                continue
    return found


def check_taking_back(space, seed):
    space, chance = ruled(space), random.Random(seed)
    events = events_of(chance)
    middle = len(events) // 2
    tell(space, events[:middle], 7)
    logins = ids(space)
    pair = chance.choice([(one, other) for one in logins for other in logins if logins[one] < logins[other]])
    before = state(space, REFS), logins
    link(space, *pair, "the same", "test")
    joined = ids(space)
    assert joined[pair[0]] == joined[pair[1]], seed
    unlink(space, *pair, "not the same", "test")
    assert (state(space, REFS), ids(space)) == before, seed
    link(space, *pair, "the same", "test")
    tell(space, events[middle:], 7)
    unlink(space, *pair, "not the same", "test")
    assert verify_space(space)["same"], seed


@pytest.mark.parametrize("seed", range(4))
def test_order_does_not_matter_over_sources_with_limits_and_blocked_values(space, other_space, seed):
    check(space, other_space, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3000, 3040))
def test_order_does_not_matter_over_sources_with_limits_and_blocked_values_soak(space, other_space, seed):
    check(space, other_space, seed)


@pytest.mark.parametrize("seed", range(6))
def test_order_does_not_matter_where_a_person_may_have_several_logins(space, other_space, seed):
    check(space, other_space, seed, several=True)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5000, 5040))
def test_order_does_not_matter_where_a_person_may_have_several_logins_soak(space, other_space, seed):
    check(space, other_space, seed, several=True)


@pytest.mark.parametrize("seed", range(2))
def test_a_word_is_taken_back_where_limits_refuse_others(space, seed):
    check_taking_back(space, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4000, 4020))
def test_a_word_is_taken_back_where_limits_refuse_others_soak(space, seed):
    check_taking_back(space, seed)
