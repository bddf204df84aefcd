"""The gate before every delivery: each person is asked about at the last moment, and the log of deliveries proves it."""

import json
import sys
import threading
import time
from collections import defaultdict
from uuid import UUID

import psycopg
import pytest
from fastapi.testclient import TestClient
from tests import commands
from tests.activation.receivers import Receiver

from steelthread import privacy
from steelthread.activation import Aim, Deliverer, add_webhook, list_webhooks, sendings, set_aim, verified
from steelthread.activation import sending as attempts
from steelthread.activation.queries import reader_of
from steelthread.activation.sending import Sender
from steelthread.api import create_api
from steelthread.app import add_live_source
from steelthread.kit import now
from steelthread.model import ProfilesChanged
from steelthread.privacy import Audit
from steelthread.rights import Consents, Gate, Saying, erase
from steelthread.thread import OUTCOMES, LiveThread

MARKETING = Aim("marketing", "email")
PURPOSES = "purposes:\n  operations: {legalBasis: contract}\n  partners: {legalBasis: legitimate_interests, covers: [sharing]}\n"


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def deliver(space):
    running = []

    def start(schedule=(0.05, 0.05)):
        running.append(Deliverer(space, schedule))
        running[-1].start()
        return running[-1]

    yield start
    for one in running:
        one.stop()


def add(space, receiver, types=("profile.changed",), aim=MARKETING, name="shop"):
    with space.database.connect() as conn:
        return add_webhook(conn, space.vault, space.log, name, receiver.url, types, aim)


def people(space, load, count):
    """Load people; return number -> universal ID."""
    rows = "".join(f"{n},Ann,ann{n}@example.com\n" for n in range(count))
    load("crm", "customer_id,first_name,email\n" + rows)
    with space.database.connect() as conn:
        reader = space.reader(conn)
        return {n: reader.cluster(ref(n))[1] for n in range(count)}


def ref(number):
    return f"record:crm/Individual/{number}"


def say(space, consents, numbers, said, purpose="marketing"):
    with space.database.connect() as conn:
        for number in numbers:
            consents.say(conn, Saying(ref=ref(number), purpose=purpose, said=said))
        conn.commit()
    return now()


def change(space, individuals):
    with space.database.connect() as conn:
        space.log.append(conn, OUTCOMES, [ProfilesChanged(individuals=sorted(individuals))])
        conn.commit()


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def standing(space, name="shop"):
    with space.database.connect() as conn:
        return next(one for one in list_webhooks(conn) if one.name == name)


def is_through(space, name="shop"):
    """Whether all that the log tells was queued, and nothing of it waits."""
    with space.database.connect() as conn:
        (number,) = conn.execute("select webhook_id from activation.webhook where name = %s", (name,)).fetchone()
        read = space.log.reached(conn, reader_of(number), OUTCOMES) == space.log.head(conn, OUTCOMES)
    return read and not standing(space, name).waiting


def log_of(space):
    with space.database.connect() as conn:
        return sendings(conn, "", None, 1_000_000)


def received(receiver):
    """Return (message, universal ID) of all that arrived."""
    return {
        (headers["webhook-id"], UUID(one["subject"])) for _, headers, body in receiver.got for one in json.loads(body)
    }


@pytest.mark.parametrize("count", [60, pytest.param(4000, marks=pytest.mark.soak)])
def test_10_nothing_is_sent_after_a_withdrawal_was_acknowledged(space, load, receiver, deliver, count):
    """200 withdrawals a second while everybody's profile changes without end; the log of deliveries is the proof."""
    who = people(space, load, count)
    consents, ended = Consents(space), threading.Event()
    say(space, consents, who, "given")
    add(space, receiver)
    for _ in range(2):
        deliver()

    def changes():
        while not ended.is_set():
            change(space, who.values())
            ended.wait(count / 1000)

    changing = threading.Thread(target=changes)
    changing.start()
    until(lambda: len({person for _, person in received(receiver)}) == count)
    acknowledged, began = {}, time.monotonic()
    for place, number in enumerate(who):
        time.sleep(max(0.0, began + place / 200 - time.monotonic()))
        acknowledged[who[number]] = say(space, consents, [number], "withdrawn")
    change(space, who.values())
    ended.set()
    changing.join()
    until(lambda: is_through(space))
    told, blocked = defaultdict(list), defaultdict(list)
    for one in log_of(space):
        (told if one.allowed else blocked)[one.individual_id].append(one)
    for person, at in acknowledged.items():
        assert max(one.at for one in told[person]) < at
        assert blocked[person], "the change after the withdrawal was held back"
        assert all("withdrawn" in one.reason and one.evidence for one in blocked[person])
        assert all(one.evidence and one.purpose == "marketing" for one in told[person])
    logged = {(one.message, person) for person, lines in told.items() for one in lines}
    assert received(receiver) <= logged, "nothing arrives that the log does not tell"


def test_10_what_waits_to_be_tried_again_is_asked_about_again(space, load, receiver, deliver):
    who = people(space, load, 3)
    consents = Consents(space)
    say(space, consents, who, "given")
    add(space, receiver)
    receiver.answers = [500]
    deliver(schedule=(1.0,))
    change(space, who.values())
    until(lambda: len(receiver.got) == 1)
    say(space, consents, [1], "withdrawn")
    until(lambda: standing(space).delivered == 1)
    assert [one["subject"] for one in json.loads(receiver.got[0][2])] == [str(one) for one in sorted(who.values())]
    assert {UUID(one["subject"]) for one in json.loads(receiver.got[1][2])} == {who[0], who[2]}
    assert standing(space).withheld == 1


def test_10_a_word_between_the_decision_and_the_sending_counts(space, load, receiver, deliver, monkeypatch):
    who = people(space, load, 2)
    consents, asked = Consents(space), []
    say(space, consents, who, "given")
    secret = add(space, receiver)
    judge = Sender.judge

    def slow(self, conn, one, persons):
        found = judge(self, conn, one, persons)
        asked.append(persons)
        if len(asked) == 1:
            say(space, consents, [0], "withdrawn")
        return found

    monkeypatch.setattr(Sender, "judge", slow)
    deliver()
    change(space, who.values())
    until(lambda: standing(space).delivered == 1)
    assert {person for _, person in received(receiver)} == {who[1]}
    assert len(receiver.got) == 1, "what was made before the word was never sent"
    _, headers, body = receiver.got[0]
    assert verified(secret, headers, body, time.time()), "it is signed as it went out"
    assert [one.allowed for one in log_of(space) if one.individual_id == who[0]] == [False]
    assert standing(space).withheld == 1


def test_10_whoever_is_held_speaks_when_the_letter_has_gone(space, load):
    who = people(space, load, 2)
    consents = Consents(space)
    with space.database.connect() as conn, space.database.connect() as other:
        nodes = [
            node
            for one in Gate(space).judge(conn, who.values(), "marketing", "activate").values()
            for node in one.nodes
        ]
        assert privacy.try_hold(conn, nodes)
        conn.commit()
        other.execute("set lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            consents.say(other, Saying(ref=ref(0), purpose="marketing", said="withdrawn"))
        other.rollback()
        privacy.let_go(conn)
        consents.say(other, Saying(ref=ref(0), purpose="marketing", said="withdrawn"))
        assert not privacy.try_hold(conn, nodes), "somebody is speaking"
        other.commit()
        privacy.let_go(conn)
        assert privacy.try_hold(conn, nodes)


def test_11_the_signal_stops_every_later_delivery(space, receiver, deliver):
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    key, sent = add_live_source(space, "web"), []
    client = TestClient(create_api(space))
    add(space, receiver, ("profile.created", "profile.changed", "profile.merged"), Aim("partners"))

    def send(gpc, path="track", **said):
        sent.append(said)
        headers = [("Sec-GPC", "1")] if gpc else []
        body = {"messageId": f"m{len(sent)}", "event": "Seen", **said}
        assert client.post(f"/v1/{path}", json=body, headers=headers, auth=(key, "")).status_code == 200
        with space.writer() as conn:
            thread = LiveThread(space)
            while thread.step(conn, 4000).read:
                pass
        until(
            lambda: (
                space.log.position(conn_of(space), "webhook/1", OUTCOMES) == head(space)
                and not standing(space).waiting  # what is queued is waiting by now
            )
        )

    deliver()
    send(gpc=False, anonymousId="other")
    others = {person for _, person in received(receiver)}
    assert len(others) == 1
    send(gpc=True, anonymousId="web-1")
    send(gpc=False, anonymousId="web-1")
    send(gpc=True, path="identify", anonymousId="web-1", userId="ann")
    send(gpc=False, path="identify", anonymousId="web-2", userId="ann")
    send(gpc=False, anonymousId="web-2")
    assert {person for _, person in received(receiver)} == others, "nothing of the person, on another browser neither"
    before = len(receiver.got)
    send(gpc=False, anonymousId="other")
    assert len(receiver.got) == before + 1
    blocked = [one for one in log_of(space) if not one.allowed]
    assert len(blocked) >= 5
    assert all("signal gpc" in one.reason for one in blocked)


def conn_of(space):
    conn = space.database.connect()
    conn.autocommit = True
    _OPEN.append(conn)
    return conn


_OPEN = []


@pytest.fixture(autouse=True)
def _closed():
    yield
    while _OPEN:
        _OPEN.pop().close()


def head(space):
    with space.database.connect() as conn:
        return space.log.head(conn, OUTCOMES)


def test_without_a_purpose_nothing_is_sent_and_nothing_is_lost(space, load, receiver, deliver):
    add(space, receiver, (), Aim())
    who = people(space, load, 2)
    deliver()
    time.sleep(0.3)
    assert (receiver.got, standing(space).waiting) == ([], 0)
    with space.database.connect() as conn:
        set_aim(conn, "shop", Aim("operations"))
        conn.commit()
    until(lambda: standing(space).delivered)
    assert {person for _, person in received(receiver)} == set(who.values())


def test_that_somebody_is_to_be_forgotten_is_always_told(space, load, receiver, deliver):
    add(space, receiver, (), MARKETING)
    who = people(space, load, 2)
    deliver()
    until(lambda: standing(space).withheld >= 2)
    assert receiver.got == []
    erase(space, ref(0), "me")
    until(lambda: receiver.got)
    told = [one for _, _, body in receiver.got for one in json.loads(body)]
    assert [(one["type"], one["subject"]) for one in told] == [("profile.erased", str(who[0]))]
    assert who[0] not in {one.individual_id for one in log_of(space)}, "the log forgets too"


def test_a_letter_of_many_is_split_and_the_audit_log_tells(space, load, receiver, deliver, monkeypatch):
    monkeypatch.setattr(attempts, "_NODES", 5)
    who = people(space, load, 9)
    add(space, receiver, aim=Aim("operations"))
    say(space, Consents(space), [3], "restricted", "*")
    deliver()
    change(space, who.values())
    until(lambda: len(received(receiver)) == 8 and not standing(space).waiting)
    assert max(len(json.loads(body)) for _, _, body in receiver.got) <= 3
    with space.database.connect() as conn:
        audit = Audit(space.vault)
        told = [json.loads(body) for _, body, _ in audit.entries(conn)]
        deliveries = [one for one in told if one["kind"] == "delivery"]
        tokens = {token for one in deliveries for token in one["subjects"]}
        assert tokens == {audit.token(who[number].bytes) for number in who if number != 3}
        assert {(one["actor"], one["purpose"]) for one in deliveries} == {("webhook shop", "operations")}
        assert audit.verify(conn).good


def test_a_changed_purpose_counts_from_the_next_attempt_on(space, load, receiver, deliver):
    who = people(space, load, 1)
    add(space, receiver, aim=Aim("operations"))
    deliver()
    change(space, who.values())
    until(lambda: standing(space).delivered == 1)
    (space.project.folder / "purposes.yaml").write_text("purposes:\n  operations: {legalBasis: consent}\n")
    change(space, who.values())
    until(lambda: standing(space).withheld == 1)
    (space.project.folder / "purposes.yaml").write_text("purposes: [")
    change(space, who.values())
    until(lambda: standing(space).withheld == 2)
    assert len(receiver.got) == 1


def run(space, *words):
    command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder)]
    return commands.run(command, text=True)


def test_the_command_line(space, load, receiver):
    refused = run(space, "webhook", "add", "shop", receiver.url)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--purpose" in refused.stderr
    assert "marketing.newsletter" in refused.stderr
    assert (
        run(space, "webhook", "add", "shop", receiver.url, "--purpose", "marketing", "--channel", "fax").returncode == 1
    )
    assert run(space, "webhook", "add", "shop", receiver.url, "--purpose", "marketing", "--json").returncode == 0
    assert run(space, "webhook", "add", "desk", receiver.url, "--type", "alert.raised", "--json").returncode == 0
    assert run(space, "webhook", "purpose", "shop", "salesforce:Marketing", "--channel", "email").returncode == 0
    listed = json.loads(run(space, "webhook", "list", "--json").stdout)
    assert [(one["name"], one["purpose"], one["channel"]) for one in listed] == [
        ("desk", "", ""),
        ("shop", "marketing", "email"),
    ]
    who = people(space, load, 2)
    deliverer = Deliverer(space)
    deliverer.start()
    until(lambda: standing(space).withheld >= 2)
    deliverer.stop()
    lines = json.loads(run(space, "webhook", "log", "shop", "--individual", str(who[1]), "--json").stdout)
    assert {(one["individualId"], one["allowed"]) for one in lines} == {(str(who[1]), False)}
    assert "no consent" in lines[0]["reason"]
    assert run(space, "webhook", "log", "--individual", "ann@example.com").returncode == 2
    for words in (("webhook", "log", "nobody"), ("webhook", "dead", "nobody")):
        told = run(space, *words)
        assert (told.returncode, told.stdout) == (1, "")
        assert "There is no webhook nobody" in told.stderr
