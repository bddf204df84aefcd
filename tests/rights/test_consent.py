"""Consent of a reference end to end: command line and HTTP, of contact points and of whole people, before and after a merge."""

import json
import sys

import msgspec
import pytest
from fastapi.testclient import TestClient
from tests import commands

from steelthread.api import create_api, create_key
from steelthread.kit import Invalid
from steelthread.rights import Consents, Saying
from steelthread.thread import link, unlink

CRM = "customer_id,first_name,email\n1,Ann,ann@example.com\n2,Ann,a.lee@example.com\n"
ANN, LEE = "email:ann@example.com", "email:a.lee@example.com"


def run(space, *words):
    command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder), "--json"]
    done = commands.run(command, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def desk(space, load):
    load("crm", CRM)
    consents = Consents(space)

    def say(ref, purpose, said, **more):
        with space.database.connect() as conn:
            consents.say(conn, Saying(ref=ref, purpose=purpose, said=said, **more))
            conn.commit()

    def ask(ref, purpose="marketing", channel="email"):
        with space.database.connect() as conn:
            return consents.decide(conn, ref, purpose, channel)

    return say, ask


def test_a_no_spreads_on_merge_and_a_yes_does_not(space, desk):
    say, ask = desk
    say(ANN, "marketing", "given")
    assert ask(ANN).allow
    assert not ask(LEE).allow
    records = "record:crm/Individual/1", "record:crm/Individual/2"
    link(space, *records, "the same", "me")
    assert ask(ANN).allow
    assert ask(records[1]).allow, "of the person as a whole, one yes is one"
    assert not ask(LEE).allow, "the other address has no yes of its own"
    say(LEE, "marketing", "withdrawn")
    assert not ask(ANN).allow
    unlink(space, *records, "two after all", "me")
    assert ask(ANN).allow, "computed anew from what was said"
    assert not ask(LEE).allow


def test_the_command_line(space, load):
    load("crm", CRM)
    told = run(space, "consent", "set", ANN, "marketing", "given", "--channel", "email", "--source", "web-form")
    assert told["allow"]
    decision = run(space, "decide", "record:crm/Individual/1", "marketing", "--channel", "email")
    assert set(decision) == {"allow", "reasons", "evidence", "policyVersion"}
    assert decision["allow"]
    assert decision["evidence"][0]["source"] == "web-form"
    assert not run(space, "decide", ANN, "marketing", "--channel", "sms")["allow"]
    assert not run(space, "decide", ANN, "nonsense")["allow"]
    assert run(space, "decide", ANN, "operations")["allow"]
    assert not run(space, "decide", ANN, "marketing", "--channel", "email", "--at", "2020-01-01")["allow"]
    shown = run(space, "consent", "show", ANN)
    states = {(one["purpose"], one["channel"]): one["allow"] for one in shown["states"]}
    assert states[("marketing", "email")]
    assert not states[("marketing", "")]
    assert states[("operations", "")]


def test_http(space, load):
    load("crm", CRM)
    key = create_key(space, ["consents:write", "decisions:read"])
    client = TestClient(create_api(space), headers={"Authorization": f"Bearer {key}"})
    body = {"ref": "email:new@example.com", "purpose": "marketing", "said": "given", "channel": "email", "notice": "v1"}
    assert client.post("/api/consents", json=body).status_code == 201
    asked = {"ref": body["ref"], "purpose": "marketing", "channel": "email"}
    assert client.get("/api/decisions", params=asked).json()["allow"], "kept before the person is known"
    client.post("/api/consents", json={**body, "said": "withdrawn"})
    assert not client.get("/api/decisions", params=asked).json()["allow"], "counts from the next question on"
    assert not client.get("/api/decisions", params={**asked, "purpose": "nonsense"}).json()["allow"]
    without = {name: value for name, value in body.items() if name != "said"}
    assert client.post("/api/consents", json=without).status_code == 400, "nothing is pre-ticked"
    assert client.post("/api/consents", json={**body, "purpose": "*"}).status_code == 400, "no bundled yes"
    assert client.post("/api/consents", json={**body, "notice_sha": 1}).status_code == 400
    future = {**body, "occurredAt": "2999-01-01T00:00:00Z"}
    assert client.post("/api/consents", json=future).status_code == 400
    assert "/api/consents" in client.get("/openapi.json").json()["paths"]
    other = {"Authorization": f"Bearer {create_key(space, ['profiles:read'])}"}
    assert client.get("/api/decisions", params=asked, headers=other).status_code == 403


def test_the_same_event_twice_is_once(space, desk):
    _, ask = desk
    consents = Consents(space)
    event = "0190a3c8-5f2e-7c1d-8e4b-2f6a9d0c1b7e"
    with space.database.connect() as conn:
        for _ in range(2):
            consents.say(conn, Saying(ref=ANN, purpose="marketing", said="given", event_id=event))
        assert conn.execute("select count(*) from privacy.consent_event").fetchone() == (1,)
        with pytest.raises(Invalid, match="channels"):
            consents.say(conn, Saying(ref=ANN, purpose="marketing", said="given", channel="pigeon"))
        with pytest.raises(Invalid, match="no purpose"):
            consents.say(conn, Saying(ref=ANN, purpose="nonsense", said="given"))
        conn.commit()
    assert ask(ANN).allow


NEWSLETTER = """customer_id,first_name,email,has_opted_out_of_email
1,Ann,ann@example.com,false
2,Lee,a.lee@example.com,true
3,Moe,moe@example.com,
"""


def test_who_did_not_opt_out_was_not_asked_and_gets_nothing(space, desk, load):
    """The draft of a CRM's opt-out column says `not_asked`; that is on the profile, and no consent for `decide`."""
    say, ask = desk
    load("newsletter", NEWSLETTER)
    assert "not_asked" in (space.project.sources / "newsletter.yaml").read_text("utf-8")
    opted_out = ask(LEE)
    assert not opted_out.allow
    assert (opted_out.evidence[0].said, opted_out.evidence[0].source) == ("refused", "newsletter"), (
        "the file's no is one"
    )
    for ref in (ANN, "email:moe@example.com", "record:newsletter/Individual/1"):
        answer = ask(ref)
        assert not answer.allow
        assert "none was given" in answer.reasons[0]
        assert answer.evidence == []
    say("email:moe@example.com", "marketing", "given", channel="email")
    assert ask("email:moe@example.com").allow, "an own word counts"
    load("newsletter", NEWSLETTER.replace("Moe,", "Maud,"))
    assert ask("email:moe@example.com").allow, "a file that knows of no answer takes none back"
    assert not ask(ANN).allow
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"ref": ANN, "purpose": "marketing", "said": "not_asked"}, Saying)
