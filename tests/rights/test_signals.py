"""Signals of consent managers end to end: an event at the collector, the ledger, decide, the profile's gate."""

import hashlib
import sys
import time
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from tests import commands

from steelthread.api import create_api, create_key
from steelthread.app import add_live_source
from steelthread.privacy.signals import GppString, TcString, Vendors, write_gpp, write_tcf
from steelthread.privacy.signals.gpp import LAYOUTS, UsSection
from steelthread.rights import Consents, Saying, erase
from steelthread.thread import LiveThread

PURPOSES = """purposes:
  operations: {legalBasis: contract}
  analytics: {legalBasis: legitimate_interests, effect: profiling, alsoKnownAs: ["iab:8", "google:analytics_storage", "category:Analytics"]}
  advertising:
    alsoKnownAs: ["iab:3", "iab:4", "google:ad_user_data", "google:ad_personalization", "category:Advertising"]
  partner: {alsoKnownAs: ["iab:4", "iab:vendor:755"]}
  profiling: {alsoKnownAs: ["category:C0004", "category:C0005"]}
  marketing: {channels: [email, sms, web], covers: [direct_marketing], alsoKnownAs: ["category:Mail"]}
  sale: {legalBasis: legitimate_interests, covers: [sharing]}
  targeting: {legalBasis: legitimate_interests, covers: [targeted_advertising]}
"""
T0 = 1_780_000_000
DAY = 86_400


def iso(seconds):
    return datetime.fromtimestamp(T0 + seconds, UTC).isoformat()


def tc(*purposes, updated=T0, interests=(), vendors=(), disclosed=(755,)):
    bits = "".join("1" if number in purposes else "0" for number in range(1, 25))
    legit = "".join("1" if number in interests else "0" for number in range(1, 25))
    return write_tcf(
        TcString(
            created=updated * 10, updated=updated * 10, consents=bits, interests=legit,
            vendor_consents=Vendors.of(vendors), disclosed=None if disclosed is None else Vendors.of(disclosed),
        )
    )  # fmt: skip


def nation(value, number=7):
    _, layout = LAYOUTS[(number, 1)]
    return write_gpp(GppString({number: UsSection(number, 1, {name: (value,) * count for name, count in layout})}))


class Site:
    """A web site that sends events, each with a message id of its own."""

    def __init__(self, space, client, key):
        self.space, self.client, self.key, self.sent = space, client, key, 0

    def send(self, consent=None, at=0, path="track", query=None, **said):
        self.sent += 1
        body = {"messageId": f"m{self.sent}", "event": "Seen", "timestamp": iso(at), **said}
        if consent is not None:
            body["context"] = {**body.get("context", {}), "consent": consent}
        answer = self.client.post(f"/v1/{path}", json=body, params=query or {}, auth=(self.key, ""))
        assert answer.status_code == 200, answer.text
        assert answer.json()["refused"] == 0, "no event is lost for its signal"

    def fold(self):
        with self.space.writer() as conn:
            thread = LiveThread(self.space)
            while thread.step(conn, 4000).read:
                pass

    def decide(self, ref, purpose, channel="", **how):
        with self.space.database.connect() as conn:
            return Consents(self.space).decide(conn, ref, purpose, channel, **how)

    def allowed(self, ref, purpose, channel="", **how):
        return self.decide(ref, purpose, channel, **how).allow

    def show(self, ref):
        with self.space.database.connect() as conn:
            return Consents(self.space).show(conn, ref)

    def say(self, ref, purpose, said, **more):
        with self.space.database.connect() as conn:
            Consents(self.space).say(conn, Saying(ref=ref, purpose=purpose, said=said, **more))
            conn.commit()

    def count(self):
        with self.space.database.connect() as conn:
            return conn.execute("select count(*) from privacy.consent_event").fetchone()[0]

    def listed(self):
        with self.space.database.connect() as conn:
            return [row[0] for row in conn.execute("select reason from intake.reject order by reject_id").fetchall()]


@pytest.fixture
def site(space):
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    key = add_live_source(space, "web")
    return Site(space, TestClient(create_api(space)), key)


def segment(**answers):
    return {"categoryPreferences": answers}


WEB = {"anonymousId": "web-1"}
ANN = {"anonymousId": "web-1", "userId": "ann"}


def test_categories_open_and_close_what_they_are_mapped_to(site):
    site.send(segment(Advertising=True, Analytics=True), **WEB)
    assert site.allowed("anonymous_id:web-1", "advertising"), "from the next question on, before anything is folded in"
    assert site.allowed("anonymous_id:web-1", "analytics")
    assert not site.allowed("anonymous_id:web-1", "marketing"), "nothing was said of it"
    site.send(segment(Advertising=False, Analytics=False), at=60, **WEB)
    assert not site.allowed("anonymous_id:web-1", "advertising")
    assert not site.allowed("anonymous_id:web-1", "analytics"), "an objection to a legitimate interest"
    site.send(segment(Advertising=True, Analytics=True), at=120, **WEB)
    assert site.allowed("anonymous_id:web-1", "advertising")
    assert site.allowed("anonymous_id:web-1", "analytics")


@pytest.mark.parametrize(
    "context",
    [
        {"consent": segment(Advertising=True)},
        {"consentManagement": {"allowedConsentIds": ["Advertising", "x"], "deniedConsentIds": ["C0005"], "provider": "custom"}},
        {"consent": segment(advertising=True)},
        {"consent": {"ad_user_data": "granted", "ad_personalization": "granted"}},
        {"consent": {"consentMode": {"ad_user_data": "granted", "ad_personalization": "granted"}}},
        {"consent": {"gcs": "G111", "gcd": "13r3r3r3r5"}},
        {"consent": {"tcString": tc(3, 4)}},
        {"consent": {"IABTCF_TCString": tc(3, 4)}},
        {"consent": {"gppString": "DBABMA~" + tc(3, 4)}},
    ],
    ids=["Segment, Jitsu", "RudderStack", "any case", "words", "object", "gcd", "TCF", "TCF in an app", "TCF in GPP"],
)  # fmt: skip
def test_every_form_of_a_yes(site, context):
    site.send(context=context, **WEB)
    assert site.allowed("anonymous_id:web-1", "advertising")
    assert not site.allowed("anonymous_id:web-1", "profiling")


@pytest.mark.parametrize(
    ("answers", "allowed"),
    [({"C0004": True}, False), ({"C0004": True, "C0005": True}, True), ({"C0004": True, "C0005": False}, False)],
)
def test_a_purpose_of_several_names_needs_a_yes_to_each(site, answers, allowed):
    site.send(segment(**answers), **WEB)
    assert site.allowed("anonymous_id:web-1", "profiling") is allowed
    listed = {"allowedConsentIds": [name for name, answer in answers.items() if answer]}
    site.send(context={"consentManagement": listed}, anonymousId="web-2")
    assert site.allowed("anonymous_id:web-2", "profiling") is allowed


@pytest.mark.parametrize(
    ("query", "purpose", "allowed"),
    [
        ({"gdpr_consent": tc(3, 4), "gdpr": "1"}, "advertising", True), ({"gdpr_consent": tc(3)}, "advertising", False),
        ({"gdpr_consent": tc(3, 4), "gdpr": "0"}, "advertising", False), ({"gcd": "13r3r3r3r5"}, "advertising", True),
        ({"gcd": "13p3p3p3p5"}, "analytics", True), ({"gcs": "G100"}, "analytics", False),
        ({"us_privacy": "1YYN"}, "sale", False), ({"us_privacy": "1YNN"}, "sale", True), ({"us_privacy": "1Y?"}, "sale", False),
        ({"gpp": "DBABLA~BVVVkkkklWA.YA", "gpp_sid": "7"}, "sale", False), ({"gpp": "DBABNA~B"}, "targeting", False),
        ({"gdpr_consent": "", "gpp": "", "us_privacy": "1---"}, "sale", True),
    ],
)  # fmt: skip
def test_signals_of_a_pixels_url(site, query, purpose, allowed):
    answer = site.client.get(
        "/v1/pixel/track", params={"writeKey": site.key, "anonymousId": "web-1", "event": "Seen", **query}
    )
    assert answer.status_code == 200
    assert site.allowed("anonymous_id:web-1", purpose) is allowed


def test_a_no_binds_the_login_and_a_yes_the_browser_alone(site):
    site.send(segment(Advertising=False), **ANN)
    assert not site.allowed("user_id:ann", "advertising")
    site.send(segment(Advertising=True), at=60, **ANN)
    site.fold()
    assert site.allowed("user_id:ann", "advertising"), "the same signal took its own no back, at the login too"
    site.send(segment(Advertising=True), at=60, anonymousId="web-2", userId="bob")
    assert not site.allowed("user_id:bob", "advertising"), "before it is folded in, the login itself has no yes"
    site.fold()
    assert site.allowed("user_id:bob", "advertising"), "the person has one on the browser"
    site.send(segment(Advertising=True), at=60, path="identify", userId="eve", traits={"email": "eve@example.com"})
    site.fold()
    assert site.allowed("user_id:eve", "advertising"), "a server that names no browser speaks of the login"
    assert not site.allowed("email:eve@example.com", "advertising"), "a yes is never one of an address"


def test_a_yes_in_a_browser_is_none_to_mail(site):
    site.send(segment(Mail=True), **ANN)
    site.fold()
    assert site.allowed("user_id:ann", "marketing", "web")
    assert not site.allowed("user_id:ann", "marketing", "email")
    site.send(segment(Mail=False), at=60, **ANN)
    assert not site.allowed("user_id:ann", "marketing", "web")
    site.send(segment(Mail=True), at=120, **ANN)
    assert site.allowed("user_id:ann", "marketing", "web")
    assert not site.allowed("user_id:ann", "marketing", "sms")


def test_what_was_said_by_hand_no_signal_takes_back(site):
    site.say("anonymous_id:web-1", "advertising", "withdrawn", occurred_at=datetime(2026, 1, 1, tzinfo=UTC))
    site.send(segment(Advertising=True), **WEB)
    assert not site.allowed("anonymous_id:web-1", "advertising")
    site.say("anonymous_id:web-1", "advertising", "given")
    assert site.allowed("anonymous_id:web-1", "advertising")
    site.send({"tcString": tc()}, at=60, **WEB)
    site.send(segment(Advertising=True, other=True), at=120, **WEB)
    assert not site.allowed("anonymous_id:web-1", "advertising", at=None), (
        "the no of one signal outlives the yes of another"
    )


def test_the_same_signal_with_every_event_is_said_once(site):
    for at in range(5):
        site.send(segment(Advertising=True, Analytics=False), at=at, **ANN)
    assert site.count() == 3, "a yes at the browser; a no at browser and login"
    shown = site.show("user_id:ann")
    assert len(shown["signals"]) == 1
    assert shown["signals"][0]["firstAt"] < shown["signals"][0]["lastAt"]


def test_what_is_remembered_counts_when_an_older_event_comes_late(site):
    yes, no = segment(Advertising=True), segment(Advertising=False)
    for at in (0, 60, 300):
        site.send(yes, at=at, **WEB)
    site.send(no, at=120, **WEB)
    assert site.allowed("anonymous_id:web-1", "advertising"), "the yes was seen after the no"
    site.send(no, at=360, **WEB)
    for at in (330, 240):
        site.send(yes, at=at, **WEB)
    assert not site.allowed("anonymous_id:web-1", "advertising")


def test_a_login_that_spoke_beside_a_browser_has_its_yes_when_it_speaks_alone(site):
    alone = {"path": "identify", "userId": "ann", "traits": {"plan": "a"}}
    site.send(segment(Advertising=True), **ANN)
    site.send(segment(Advertising=True), at=30, **ANN)
    assert not site.allowed("user_id:ann", "advertising")
    site.send(segment(Advertising=True), at=60, **alone)
    assert site.allowed("user_id:ann", "advertising")
    count = site.count()
    site.send(segment(Advertising=True), at=90, **alone)
    site.send(segment(Advertising=True), at=90, **ANN)
    assert site.count() == count, "once"


def test_several_collectors_hear_every_change(site):
    other = Site(site.space, TestClient(create_api(site.space)), site.key)
    other.sent = 1000
    both, one, no = segment(Advertising=True, Analytics=True), segment(Analytics=True), segment(Advertising=False)
    site.send(one, **WEB)
    site.send(one, at=30, **WEB)
    other.send(both, at=60, **WEB)
    assert site.allowed("anonymous_id:web-1", "advertising")
    site.send(one, at=120, **WEB)
    assert not site.allowed("anonymous_id:web-1", "advertising"), "remembered of before the other heard another one"
    other.send(both, at=180, **WEB)
    other.send(both, at=210, **WEB)
    site.send(no, at=240, **WEB)
    assert not site.allowed("anonymous_id:web-1", "advertising")
    other.send(both, at=300, **WEB)
    assert site.allowed("anonymous_id:web-1", "advertising")


def test_what_waits_to_be_written_is_written_after_ten_minutes(site, monkeypatch):
    def last():
        return [one["lastAt"] for one in site.show("anonymous_id:web-1")["signals"]]

    for at in (0, 10):
        site.send(segment(Advertising=True), at=at, **WEB)
    assert last() == [iso(0).replace("+00:00", "Z")]
    clock = time.monotonic()
    for later, at, written in ((599, 15, 0), (601, 20, 20)):
        monkeypatch.setattr("steelthread.thread.consenting.time.monotonic", lambda later=later: clock + later)
        site.send(segment(Advertising=True), at=at, **WEB)
        assert last() == [iso(written).replace("+00:00", "Z")]


def test_a_purpose_that_a_signal_does_not_name_any_more_has_ended(site):
    site.send(segment(Advertising=True, Analytics=True), **WEB)
    site.send(segment(Analytics=True), at=60, **WEB)
    assert not site.allowed("anonymous_id:web-1", "advertising")
    assert site.decide("anonymous_id:web-1", "advertising").reasons[0].startswith("expired")
    site.send(segment(), at=120, **WEB)
    assert not site.allowed("anonymous_id:web-1", "analytics"), "an empty list is a no to all"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2), (2, 0, 1), (0, 2, 1)])
@pytest.mark.parametrize(
    "answers", [(True, False, True), (False, True, False), (True, True, False), (False, False, True)]
)
def test_the_order_of_arrival_does_not_matter(site, order, answers):
    for place in order:
        site.send(segment(Advertising=answers[place], x=place == 1), at=60 * place, **WEB)
    assert site.allowed("anonymous_id:web-1", "advertising") is answers[2]
    site.send(segment(Advertising=answers[2], x=False), at=300, **WEB)
    assert site.allowed("anonymous_id:web-1", "advertising") is answers[2]


def test_evidence_says_which_string_when_and_its_hash(site):
    text = tc(3, 4)
    site.send({"tcString": text}, **WEB)
    (signal,) = site.show("anonymous_id:web-1")["signals"]
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert signal["content"] == text, "letter by letter"
    assert (signal["sha256"], signal["source"], signal["signal"]) == (digest, "web", "tcf")
    evidence = site.decide("anonymous_id:web-1", "advertising").evidence[0]
    assert (evidence.signal, evidence.sha256, evidence.source) == ("tcf", digest, "web")
    assert {"purpose": "advertising", "said": "given", "channel": ""} in signal["says"]
    command = [sys.executable, "-m", "steelthread", "consent", "show", "anonymous_id:web-1", "--project"]
    done = commands.run([*command, str(site.space.project.folder)], text=True)
    assert done.returncode == 0, done.stderr
    assert text in done.stdout.replace("\n", "")
    assert digest in done.stdout


def test_programs_get_the_strings_to_pass_them_on(site):
    text = tc(3, 4)
    site.send({"tcString": text}, query={"gpp": "DBABTA~1YNN"}, **ANN)
    site.fold()
    key = create_key(site.space, ["decisions:read"])
    client = TestClient(create_api(site.space), headers={"Authorization": f"Bearer {key}"})
    signals = client.get("/api/consents/signals", params={"ref": "user_id:ann"}).json()["signals"]
    assert {(one["signal"], one["content"]) for one in signals} == {("tcf", text), ("gpp", "DBABTA~1YNN")}
    assert client.get("/api/consents/signals", params={"ref": "user_id:nobody"}).json()["signals"] == []
    assert (
        client.get("/api/consents/signals", params={"ref": "user_id:ann", "at": "2026-01-01T00:00:00"}).status_code
        == 400
    )
    other = {"Authorization": f"Bearer {create_key(site.space, ['profiles:read'])}"}
    assert client.get("/api/consents/signals", params={"ref": "user_id:ann"}, headers=other).status_code == 403


def test_a_tc_string_counts_thirteen_months_and_an_old_one_takes_no_later_no_back(site):
    site.send({"tcString": tc(3, 4)}, **WEB)
    assert site.allowed("anonymous_id:web-1", "advertising")
    site.send({"tcString": tc(3, 4, updated=T0 - 391 * DAY)}, anonymousId="web-2")
    assert not site.allowed("anonymous_id:web-2", "advertising")
    site.send({"tcString": tc()}, anonymousId="web-3", at=-5 * DAY)
    site.send({"tcString": tc(3, 4, updated=T0 - 20 * DAY)}, anonymousId="web-3")
    assert not site.allowed("anonymous_id:web-3", "advertising"), "the choice is older than the no"


def test_12_vendors_need_to_be_disclosed(site):
    for number, (disclosed, vendors, allowed) in enumerate(
        [((755,), (755,), True), (None, (755,), False), ((1,), (755,), False), ((755,), (), False)]
    ):
        name = f"web-{number}"
        site.send({"tcString": tc(4, vendors=vendors, disclosed=disclosed)}, anonymousId=name)
        assert site.allowed(f"anonymous_id:{name}", "partner") is allowed
    assert any("does not say which vendors were disclosed (TCF 2.3)" in reason for reason in site.listed())


def test_legitimate_interest_holds_until_the_right_to_object_was_used(site):
    site.send({"tcString": tc(interests=(8,))}, **WEB)
    assert site.allowed("anonymous_id:web-1", "analytics")
    site.send({"tcString": tc()}, at=60, **WEB)
    assert not site.allowed("anonymous_id:web-1", "analytics")


@pytest.mark.parametrize(
    "consent",
    [
        {"tcString": "C" + "A" * 20}, {"tcString": "not a string!"}, {"tcString": 7}, {"tcString": tc(3) + "."},
        {"gppString": "DBAA"}, {"uspString": "2YNN"}, {"gcs": "G222"}, {"gcd": "nonsense"}, {"consentMode": "granted"},
        {"ad_storage": True}, "granted", [1], {"categoryPreferences": "all"}, {"categoryPreferences": {"Advertising": "yes"}},
        {"tcString": "\x00é"}, {"tcString": "A" * 20_000},
    ],
)  # fmt: skip
def test_an_unreadable_signal_fails_closed_and_is_listed_and_its_event_is_kept(site, consent):
    site.send(consent, **WEB)
    assert not site.allowed("anonymous_id:web-1", "advertising")
    assert len([reason for reason in site.listed() if "cannot be read" in reason]) == 1
    site.send(consent, at=1, **WEB)
    assert len(site.listed()) == 1, "once, not with every event"
    site.fold()
    with site.space.database.connect() as conn:
        assert site.space.reader(conn).timeline("anonymous_id:web-1"), "the event itself is there"


def test_an_unreadable_signal_ends_the_yes_and_is_a_no_to_sale(site):
    site.send({"tcString": tc(3, 4, 8)}, **WEB)
    site.send({"tcString": "undefined"}, at=60, **WEB)
    assert not site.allowed("anonymous_id:web-1", "advertising")
    assert not site.allowed("anonymous_id:web-1", "analytics")
    site.send({"tcString": tc(3, 4, 8)}, at=120, **WEB)
    assert site.allowed("anonymous_id:web-1", "advertising")
    assert site.allowed("anonymous_id:web-1", "analytics")
    assert site.allowed("anonymous_id:web-1", "sale")
    site.send({"gppString": "?"}, at=180, **WEB)
    assert not site.allowed("anonymous_id:web-1", "sale")
    assert not site.allowed("anonymous_id:web-1", "targeting")
    site.send({"gppString": nation(2)}, at=240, **WEB)
    assert site.allowed("anonymous_id:web-1", "sale")
    assert site.allowed("anonymous_id:web-1", "targeting")


def test_two_different_strings_on_one_event_are_none(site):
    site.send({"tcString": tc(3, 4)}, query={"gdpr_consent": tc(3)}, **WEB)
    assert not site.allowed("anonymous_id:web-1", "advertising")
    site.send({"tcString": tc(3, 4)}, at=9, query={"gdpr_consent": tc(3, 4)}, **WEB)
    assert site.allowed("anonymous_id:web-1", "advertising")


def test_the_profile_is_closed_with_the_next_question(site):
    site.send(segment(Analytics=True), path="identify", traits={"email": "ann@example.com"}, **ANN)
    site.fold()
    key = create_key(site.space, ["profiles:read"], ["analytics"])
    client = TestClient(create_api(site.space), headers={"Authorization": f"Bearer {key}"})
    assert client.get("/api/profiles/user_id:ann", params={"purpose": "analytics"}).status_code == 200
    site.send(segment(Analytics=False), at=60, **ANN)
    assert client.get("/api/profiles/user_id:ann", params={"purpose": "analytics"}).status_code == 403


def test_nothing_is_kept_of_the_erased(site):
    site.send(segment(Advertising=True), **ANN)
    site.fold()
    erase(site.space, "anonymous_id:web-1", "me")
    with site.space.database.connect() as conn:
        assert conn.execute("select count(*) from privacy.consent_signal").fetchone() == (0,)
    site.send(segment(Advertising=False), at=60, **ANN)
    assert site.count() == 0
    with site.space.database.connect() as conn:
        assert conn.execute("select count(*) from privacy.consent_signal").fetchone() == (0,)
