"""The gate at the collector: what is collected for a purpose is kept of those only who allow it, before the first write."""

import random
import time
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest
from fastapi.testclient import TestClient
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from steelthread.api import create_api
from steelthread.app import add_live_source
from steelthread.intake import Message
from steelthread.kit import NotFound, now, open_project
from steelthread.privacy import fence_counts
from steelthread.rights import Consents, Saying, record_of_processing
from steelthread.thread import LiveThread
from steelthread.thread.arrived import Arrived
from steelthread.thread.collecting import Collecting
from steelthread.thread.consenting import Consenting
from steelthread.thread.fence import Fence

PURPOSES = """purposes:
  operations: {legalBasis: contract}
  analytics: {legalBasis: consent, effect: profiling, alsoKnownAs: ["category:Statistics"]}
  service: {legalBasis: legitimate_interests}
  linking: {legalBasis: consent, alsoKnownAs: ["category:Linking"]}
"""


class Site:
    """A web site whose events are collected for a purpose."""

    def __init__(self, space, **file):
        self.space = space
        (space.project.folder / "purposes.yaml").write_text(PURPOSES)
        self.key = add_live_source(space, "web")
        self.rule(**file)
        self.client = TestClient(create_api(space))
        self.sent = 0

    def rule(self, **file):
        lines = ["kind: live", *(f"{name}: {value}" for name, value in file.items())]
        (self.space.project.sources / "web.yaml").write_text("\n".join(lines) + "\n")

    def send(self, path="track", consent=None, gpc=False, **said):
        self.sent += 1
        context = {**said.pop("context", {}), **({"consent": {"categoryPreferences": consent}} if consent else {})}
        body = {"messageId": f"m{self.sent}", "event": "Seen", "context": context, **said}
        headers = {"Sec-GPC": "1"} if gpc else {}
        answer = self.client.post(f"/v1/{path}", json=body, headers=headers, auth=(self.key, ""))
        assert (answer.status_code, answer.json()["refused"]) == (200, 0), "no SDK is told to drop or to repeat"
        with self.space.writer() as conn:
            thread = LiveThread(self.space)
            while thread.step(conn, 4000).read:
                pass

    def say(self, ref, purpose, said):
        with self.space.database.connect() as conn:
            Consents(self.space).say(conn, Saying(ref=ref, purpose=purpose, said=said))
            conn.commit()

    def seen(self, ref):
        """Return how many events a profile has, None for nobody."""
        with self.space.database.connect() as conn:
            try:
                return self.space.reader(conn).profile(ref)["counts"].get("CustomEngagement", 0)
            except NotFound:
                return None

    def stored(self):
        """Return everything that the log and the records hold, as one text."""
        with self.space.database.connect() as conn:
            log = self.space.log
            return str([msgspec.msgpack.decode(one.fact.message) for one in log.read(conn, "received", 0, 1000)])

    def counts(self):
        with self.space.database.connect() as conn:
            return {name: count for name, count in fence_counts(conn).items() if "Consent" in name}


def test_without_a_yes_nothing_is_written(space):
    site = Site(space, purpose="analytics")
    site.send(anonymousId="needle-1")
    site.send("identify", anonymousId="needle-1", userId="needle-ann", traits={"email": "needle@example.com"})
    assert "needle" not in site.stored(), "not in the log of received events either"
    assert site.seen("user_id:needle-ann") is None
    assert site.counts() == {"droppedWithoutConsent": 2}
    site.send(anonymousId="needle-1", consent={"Statistics": True})
    assert site.seen("anonymous_id:needle-1") == 1, "the yes that an event brings counts for itself"
    site.send(anonymousId="needle-1")
    site.send(anonymousId="other")
    assert site.seen("anonymous_id:needle-1") == 2
    assert site.seen("anonymous_id:other") is None


def test_a_no_counts_from_the_event_that_brings_it_and_for_the_person_behind_the_login(space):
    site = Site(space, purpose="service")
    for device in ("web-1", "web-2"):
        site.send("identify", anonymousId=device, userId="ann", traits={"first_name": "Ann"})
        site.send(anonymousId=device, userId="ann")
    assert site.seen("user_id:ann") == 2
    site.say("anonymous_id:web-1", "service", "objected")
    site.send(anonymousId="web-1")
    site.send(anonymousId="web-2", userId="ann")
    assert site.seen("user_id:ann") == 2, "the person's no of another browser counts"
    site.send(anonymousId="web-3", userId="bob")
    assert site.seen("user_id:bob") == 1
    site.say("user_id:bob", "*", "restricted")
    site.send(anonymousId="web-3", userId="bob")
    assert site.seen("user_id:bob") == 1


def test_somebody_elses_no_on_a_shared_device_stays_theirs(space):
    site = Site(space, purpose="service")
    site.send("identify", anonymousId="shared", userId="ann", traits={"first_name": "Ann"})
    site.say("user_id:ann", "service", "objected")
    site.send(anonymousId="shared", userId="bob")
    assert site.seen("user_id:bob") == 1
    site.say("anonymous_id:shared", "service", "objected")
    site.send(anonymousId="shared", userId="bob")
    assert site.seen("user_id:bob") == 1, "the device's own no binds whoever uses it"


def addressed(space, **file):
    """Return a site whose visitors come from a British address, and where the countries of addresses are known."""
    database = MMDBWriter(database_type="Test-Country")
    database.insert_network(IPSet(["203.0.113.0/24"]), {"country": {"iso_code": "GB"}})
    database.to_db_file(str(space.project.folder / "country.mmdb"))
    settings = space.project.folder / "steelthread.toml"
    settings.write_text(settings.read_text() + "\n[live]\ncountry_database = 'country.mmdb'\n")
    site = Site(type(space)(open_project(space.project.folder), space.database), **file)
    browser = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    site.client = TestClient(site.client.app, client=("203.0.113.77", 50_000), headers=browser)
    return site


def where(site, ref):
    """Return what is kept of where the events of a profile were done."""
    with site.space.database.connect() as conn:
        return [
            (one.view.values.get("countryName"), one.view.values.get("ipAddress"))
            for one in site.space.reader(conn).timeline(ref)
        ]


def test_of_an_address_the_country_is_kept_and_nothing_else(space):
    site = addressed(space)
    site.send(anonymousId="a1")
    site.send(anonymousId="a1", context={"ip": "203.0.113.78"})
    assert where(site, "anonymous_id:a1") == [("GB", None), ("GB", None)]
    assert "203.0.113" not in site.stored()


def test_an_address_is_kept_for_a_purpose_of_those_who_allow_it(space):
    site = addressed(space, ip_purpose="analytics", purpose="service")
    site.send(anonymousId="a1")
    site.send(anonymousId="a2", consent={"Statistics": True})
    site.send(anonymousId="a2")
    assert where(site, "anonymous_id:a1") == [("GB", None)]
    assert where(site, "anonymous_id:a2") == [("GB", "203.0.113.77")] * 2
    assert site.stored().count("203.0.113.77") == 2
    site.say("anonymous_id:a2", "analytics", "refused")
    site.send(anonymousId="a2")
    site.send(event="Seen", anonymousId="", userId="u1", context={"ip": "203.0.113.78"})
    assert sorted(where(site, "anonymous_id:a2"), key=str).count(("GB", None)) == 1
    assert "203.0.113.78" not in site.stored()


@pytest.mark.parametrize("purpose", ["unheard-of", "service"])
def test_an_address_is_kept_for_no_purpose_that_is_unknown_and_for_one_that_needs_no_yes(space, purpose):
    site = addressed(space, ip_purpose=purpose)
    site.send(anonymousId="a1")
    assert where(site, "anonymous_id:a1") == [("GB", None if purpose == "unheard-of" else "203.0.113.77")]
    with site.space.database.connect() as conn:
        alarms = record_of_processing(site.space, conn, []).alarms
    wanted = "web collects for unheard-of, which purposes.yaml does not name"
    assert (wanted in alarms) is (purpose == "unheard-of")


def test_what_is_stripped_counts_and_names_nobody(space):
    site = Site(space, purpose="analytics", without="strip")
    said = {
        "total": 12.5,
        "gift": True,
        "note": "call needle@example.com",
        "phone": 442079460958,
        "order_id": "needle-7",
    }
    context = {
        "ip": "203.0.113.7",
        "userAgent": "needle/1",
        "device": {"id": "needle-d"},
        "page": {"url": "https://x/?needle"},
    }
    site.send(anonymousId="needle-1", userId="needle-ann", properties=said, context=context)
    site.send("identify", userId="needle-ann", traits={"email": "needle@example.com"})
    text = site.stored()
    assert "needle" not in text
    assert "203.0" not in text
    assert "442079460958" not in text, "a number may be somebody's, too"
    assert "12.5" in text
    assert site.counts() == {"droppedWithoutConsent": 1, "strippedWithoutConsent": 1}
    with space.database.connect() as conn:
        assert conn.execute("select count(*) from identity.cluster where evidence > 0").fetchone() == (0,)
        events = conn.execute("select count(*) from intake.seen_word where event = 'Seen' and property = 'total'")
        assert events.fetchone() == (1,)
        assert conn.execute("select count(*) from intake.reject").fetchone() == (0,)


def test_devices_are_tied_to_logins_only_where_it_is_allowed(space):
    site = Site(space, link_purpose="linking")
    site.send(anonymousId="web-1")
    site.send(anonymousId="web-1", userId="ann", context={"device": {"id": "d1"}})
    site.send("identify", anonymousId="web-1", userId="ann", traits={"email": "ann@example.com"})
    with space.database.connect() as conn:
        reader = space.reader(conn)
        assert reader.cluster("anonymous_id:web-1") != reader.cluster("user_id:ann")
        assert reader.cluster("email:ann@example.com") == reader.cluster("user_id:ann")
        with pytest.raises(NotFound):
            reader.cluster("device_id:d1")
    assert site.counts() == {"unlinkedWithoutConsent": 2}
    site.send(anonymousId="web-1", userId="ann", consent={"Linking": True})
    with space.database.connect() as conn:
        reader = space.reader(conn)
        assert reader.cluster("anonymous_id:web-1") == reader.cluster("user_id:ann")


def test_the_files_count_as_they_are(space):
    site = Site(space)
    site.send(anonymousId="a")
    assert site.seen("anonymous_id:a") == 1, "a source without a purpose asks nobody"
    site.rule(purpose="analytics")
    site.send(anonymousId="a")
    assert site.seen("anonymous_id:a") == 1
    (space.project.folder / "purposes.yaml").write_text(
        PURPOSES.replace("legalBasis: consent, effect", "legalBasis: contract, effect")
    )
    site.send(anonymousId="a")
    assert site.seen("anonymous_id:a") == 2
    (space.project.folder / "purposes.yaml").write_text("purposes: [")
    site.send(anonymousId="a")
    assert site.seen("anonymous_id:a") == 3, "while it cannot be read, what it said last"
    (space.project.folder / "purposes.yaml").write_text(PURPOSES.replace("category:Statistics", "category:Counting"))
    site.send(anonymousId="b", consent={"Counting": True})
    assert site.seen("anonymous_id:b") == 1, "the names of categories too"
    site.rule(purpose="nonsense")
    site.send(anonymousId="a")
    assert site.seen("anonymous_id:a") == 3, "an unknown purpose is a no"


def test_answers_are_remembered_until_they_change_however_late_that_is_committed(space, monkeypatch):
    site = Site(space, purpose="service")
    asked = []
    ask = Collecting._said
    monkeypatch.setattr(Collecting, "_said", lambda self, *given: asked.append(given) or ask(self, *given))
    for _ in range(4):
        site.send(anonymousId="web-1")
    before = len(asked)
    site.send(anonymousId="web-1")
    assert len(asked) == before, "nothing changed, so nobody is asked"
    with space.database.connect() as early:
        Consents(space).say(early, Saying(ref="anonymous_id:web-1", purpose="service", said="objected"))
        site.send(anonymousId="web-1")
        site.say("anonymous_id:web-2", "service", "objected")
        site.send(anonymousId="web-1")
        assert site.seen("anonymous_id:web-1") == 7
        early.commit()
    site.send(anonymousId="web-1")
    site.send(anonymousId="web-2")
    assert site.seen("anonymous_id:web-1") == 7, "what was written before others and committed after them counts"
    assert site.seen("anonymous_id:web-2") is None
    site.say("anonymous_id:web-1", "service", "given")
    site.send(anonymousId="web-1")
    assert site.seen("anonymous_id:web-1") == 8


def test_who_belongs_to_whom_is_remembered_until_it_changes(space):
    site = Site(space, purpose="service")
    site.send("identify", userId="bob", traits={"first_name": "Bob"})
    site.say("user_id:bob", "service", "objected")
    for _ in range(4):
        site.send(anonymousId="web-1")
    move = (
        "update identity.node set cluster_id = (select max(cluster_id) from identity.node where kind = %(kind)s) "
        "where node_id = (select max(node_id) from identity.node where kind = %(other)s)"
    )
    with space.database.connect() as conn:
        kinds = dict(conn.execute("select name, kind_id from identity.kind").fetchall())
        assert site.counts() == {}
        conn.execute(move, {"kind": kinds["user_id"], "other": kinds["anonymous_id"]})
        conn.commit()
    site.send(anonymousId="web-1")
    assert site.counts() == {"droppedWithoutConsent": 1}, "the no of the person to whom the browser belongs now"


def test_a_source_that_asks_nobody_is_an_alarm(space):
    site = Site(space)
    with space.database.connect() as conn:
        alarms = record_of_processing(space, conn, []).alarms
        assert "web collects live events for no purpose (sources/web.yaml: purpose)" in alarms
        site.rule(purpose="analytics")
        assert record_of_processing(space, conn, []).alarms == []
        site.rule(purpose="nonsense")
        (alarm,) = record_of_processing(space, conn, []).alarms
        assert "purposes.yaml does not name" in alarm


def test_documents_are_asked_about_by_what_their_mapping_finds(space):
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    key = add_live_source(space, "hook")
    (space.project.sources / "hook.yaml").write_text(
        "name: hook\nkind: live\npurpose: service\nkey: id\nentities:\n  - {entity: Individual, attributes: {firstName: person.first}}\n"
        "identifiers:\n  - {kind: email, column: person.mail}\n"
    )
    client = TestClient(create_api(space))
    with space.database.connect() as conn:
        Consents(space).say(conn, Saying(ref="email:ann@example.com", purpose="service", said="objected"))
        conn.commit()
    for number, mail in ((1, "Ann@example.com"), (2, "bob@example.com")):
        body = {"id": number, "person": {"first": "X", "mail": mail}}
        assert client.post(f"/webhooks/{key}", json=body).status_code in (200, 202)
    with space.writer() as conn:
        thread = LiveThread(space)
        while thread.step(conn, 4000).read:
            pass
    with space.database.connect() as conn:
        assert space.reader(conn).cluster("email:bob@example.com")
        with pytest.raises(NotFound):
            space.reader(conn).cluster("email:ann@example.com")


class Asked:
    """The gate of one collector, and what it answers beside one that remembers nothing."""

    def __init__(self, space, seed):
        self.space, self.chance = space, random.Random(seed)
        self.fence = Fence(space)
        self.consenting = Consenting(space, self.fence)
        self.collecting = Collecting(space, self.fence)
        self.pool, self.desk = space.database.pool(), Consents(space)
        self.late = []
        self.answers = set()

    def names(self):
        return self.chance.choice([f"user_id:u{self.chance.randrange(4)}", f"anonymous_id:w{self.chance.randrange(5)}"])

    def say(self):
        ref = self.names()
        if any(ref == busy for busy, _ in self.late):
            return
        conn = self.space.database.connect()
        purpose, said = (
            self.chance.choice(["analytics", "linking"]),
            self.chance.choice(["given", "withdrawn", "given"]),
        )
        until = now() + timedelta(days=1) if said == "given" and self.chance.random() < 0.2 else None
        self.desk.say(conn, Saying(ref=ref, purpose=purpose, said=said, valid_until=until))
        self.late.append((ref, conn))
        if self.chance.random() < 0.8:
            self.end()

    def end(self):
        if self.late:
            _, conn = self.late.pop(self.chance.randrange(len(self.late)))
            with conn:
                if self.chance.random() < 0.2:
                    conn.rollback()

    def move(self):
        with self.space.database.connect() as conn:
            nodes = [row[0] for row in conn.execute("select node_id from identity.node").fetchall()]
            one, other = self.chance.choice(nodes), self.chance.choice(nodes)
            conn.execute(
                "update identity.node set cluster_id = (select cluster_id from identity.node where node_id = %s) "
                "where node_id = %s", (other, one),
            )  # fmt: skip

    def message(self):
        context = {}
        if self.chance.random() < 0.2:
            said = {name: self.chance.random() < 0.7 for name in ("Statistics", "Linking")}
            context = {"consent": {"categoryPreferences": said}}
        names = [("user_id", f"u{self.chance.randrange(4)}"), ("anonymous_id", f"w{self.chance.randrange(7)}")]
        given = dict(names[: 1 + self.chance.randrange(2)] if self.chance.random() < 0.5 else names[1:])
        at = int(now().timestamp() * 1_000_000)
        return Message(str(uuid4()), "track", at, at, event="Seen", context=context, **given)

    def ask(self):
        due = self.consenting._due
        if self.consenting._taken or (due and due[0][0] < time.monotonic() - 50):
            while self.late:  # what waits, or was taken back, is written now, of whomever: it would wait for them
                self.end()
        messages = [self.message() for _ in range(3)]
        events = [Arrived.of(1, "web", one) for one in messages]
        for event, one in zip(events, messages, strict=True):
            event.named = self.fence.named(one, "web", "users")
        named = {f"{kind}:{value}" for event in events for _, _, value, kind in event.named}
        if any(ref in named for ref, _ in self.late):
            return  # whoever speaks of them would wait
        takes_back = self.chance.random() < 0.15
        self.collecting.begin(self.pool)
        with self.pool.connection() as conn, conn.transaction(force_rollback=takes_back):
            self.fence.stands(conn)
            self.consenting.heed(conn, events)
            self.collecting.learn(self.consenting.told)
            self.collecting.catch_up(conn)
            found = self.collecting.allowed(conn, "web", events)
            anew = Collecting(self.space, self.fence)
            anew.catch_up(conn)
            assert found == anew.allowed(conn, "web", events)
        if not takes_back:
            self.consenting.settled()
            self.collecting.settled()
        self.answers |= {"kept"} if found else set()
        self.answers |= {"dropped"} if len(found) < len(events) else set()


def answers_of_a_history(space, seed, steps):
    """Return which answers there were in a random history; each is compared with that of a gate that remembers nothing."""
    site = Site(space, purpose="analytics", link_purpose="linking")
    for number in range(4):
        given = {"Statistics": True, "Linking": True}
        site.send("identify", given, userId=f"u{number}", anonymousId=f"w{number}", traits={"first_name": f"F{number}"})
    asked = Asked(space, seed)
    for _ in range(steps):
        asked.chance.choices([asked.ask, asked.say, asked.end, asked.move], [6, 2, 1, 1])[0]()
    while asked.late:
        asked.end()
    return asked.answers


@pytest.mark.parametrize("seed", range(4))
def test_what_is_remembered_is_what_would_be_told_anew(space, seed):
    assert answers_of_a_history(space, seed, 150) == {"dropped", "kept"}


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 30))
def test_what_is_remembered_is_what_would_be_told_anew_soak(space, seed):
    assert answers_of_a_history(space, seed, 300) == {"dropped", "kept"}
