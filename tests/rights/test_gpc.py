"""Global Privacy Control end to end: a header at the collector is an opt-out of the browser and of the person, for good."""

import pytest
from fastapi.testclient import TestClient

from steelthread.api import create_api
from steelthread.app import add_live_source
from steelthread.rights import Consents, Saying, erase
from steelthread.thread import LiveThread

PURPOSES = "purposes:\n  operations: {legalBasis: contract}\n  partners: {legalBasis: legitimate_interests, covers: [sharing]}\n"


@pytest.fixture
def site(space):
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    key = add_live_source(space, "web")
    return Site(space, TestClient(create_api(space)), key)


class Site:
    """A web site that sends events, each with a message id of its own."""

    def __init__(self, space, client, key):
        self.space, self.client, self.key, self.sent = space, client, key, 0

    def send(self, headers=(), path="track", **said):
        self.sent += 1
        body = {"messageId": f"m{self.sent}", "event": "Seen", **said}
        answer = self.client.post(f"/v1/{path}", json=body, headers=list(headers), auth=(self.key, ""))
        assert answer.status_code == 200
        return answer

    def fold(self):
        with self.space.writer() as conn:
            thread = LiveThread(self.space)
            while thread.step(conn, 4000).read:
                pass

    def allowed(self, ref, purpose="partners", place="US-CA"):
        with self.space.database.connect() as conn:
            return Consents(self.space).decide(conn, ref, purpose, use="activate", place=place).allow

    def say(self, ref, said, **more):
        with self.space.database.connect() as conn:
            Consents(self.space).say(conn, Saying(ref=ref, purpose="*sharing", said=said, **more))
            conn.commit()


GPC = [("Sec-GPC", "1")]


def test_11_the_signal_binds_the_browser_and_the_person_behind_it(site):
    site.send(anonymousId="web-1", headers=GPC)
    assert not site.allowed("anonymous_id:web-1"), "before anything is folded in"
    assert site.allowed("anonymous_id:web-1", "operations")
    site.send(path="identify", anonymousId="web-1", userId="ann", traits={"email": "ann@example.com"})
    site.send(path="identify", anonymousId="web-2", userId="ann")
    site.send(path="identify", anonymousId="web-3", userId="bob")
    site.fold()
    for ref in ("user_id:ann", "email:ann@example.com", "anonymous_id:web-2"):
        assert not site.allowed(ref), "on another browser without the signal too"
        assert not site.allowed(ref, place="DE"), "everywhere"
    assert site.allowed("user_id:bob")


def test_11_a_login_with_the_signal_binds_before_any_link(site):
    site.send(anonymousId="web-1", userId="ann", headers=GPC)
    assert not site.allowed("user_id:ann")
    assert not site.allowed("anonymous_id:web-1")


@pytest.mark.parametrize(
    ("headers", "heeded"),
    [
        ([("Sec-GPC", "0")], False), ([("Sec-GPC", "true")], False), ([("Sec-GPC", "1.0")], False), ([("Sec-GPC", "")], False),
        ([("Sec-GPC", " 1")], False), ([("Sec-GPC", "1,1")], False),
        ([("Sec-GPC", "0"), ("Sec-GPC", "1")], True), ([("sec-gpc", "1")], True), ([], False), ([("DNT", "1")], False),
    ],
)  # fmt: skip
def test_11_only_the_exact_value_is_the_signal(site, headers, heeded):
    site.send(anonymousId="web-1", headers=headers)
    site.fold()
    assert site.allowed("anonymous_id:web-1") is not heeded


def test_11_only_an_answer_to_the_signal_takes_it_back(site):
    site.say("anonymous_id:web-1", "given")
    site.send(anonymousId="web-1", headers=GPC)
    assert not site.allowed("anonymous_id:web-1"), "the signal beats an earlier yes"
    site.say("anonymous_id:web-1", "given")
    assert not site.allowed("anonymous_id:web-1")
    site.say("anonymous_id:web-1", "given", signal="gpc")
    assert site.allowed("anonymous_id:web-1")
    site.send(anonymousId="web-1", headers=GPC)
    assert site.allowed("anonymous_id:web-1"), "whoever answered it is not asked with every page"


def test_it_is_kept_once_with_what_proves_it_and_not_of_the_erased(site):
    for _ in range(3):
        site.send(anonymousId="web-1", userId="ann", headers=GPC)
    with site.space.database.connect() as conn:
        rows = conn.execute(
            "select scope, said, signal, source, method from privacy.consent_event order by 1"
        ).fetchall()
    told = ("opted_out", "gpc", "web", "Sec-GPC: 1")
    assert rows == [("device", *told), ("party", *told)]
    site.fold()
    erase(site.space, "anonymous_id:web-1", "me")
    site.send(anonymousId="web-1", userId="ann", headers=GPC)
    with site.space.database.connect() as conn:
        assert conn.execute("select count(*) from privacy.consent_event").fetchone() == (0,)


def test_11_the_well_known_file(site):
    answer = site.client.get("/.well-known/gpc.json")
    assert answer.json() == {"gpc": True, "lastUpdate": "2026-11-26"}
    assert answer.headers["content-type"] == "application/json"
