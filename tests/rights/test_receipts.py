"""Consent receipts: all that proves a yes, signed; a receipt that was changed is none."""

import base64
import hashlib
import json
import sys
import time
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from tests import commands

from steelthread.api import create_api, create_key
from steelthread.kit import Invalid, NotFound, open_project
from steelthread.rights import Consents, DoubleOptIn, Receipts, Saying, check_receipt
from steelthread.rights.receipts import _MANDATORY, lacks
from steelthread.thread import Space

TEXT = "We write to you once a week about tools. Leave whenever you like.\n"
CONTROLLER = (
    '[controller]\nname = "Tool Shop Ltd"\naddress = "1 High Street, Leeds"\ncontact = "privacy@shop.example"\n'
    'privacy_notice = "https://shop.example/privacy"\nwithdrawal = "https://shop.example/leave"\nstorage = "GB"\n'
)
SAYING = {
    "ref": "email:ann@example.com", "purpose": "marketing.newsletter", "said": "given", "channel": "email", "source": "web-form",
    "method": "checkbox, not ticked before", "notice": "newsletter-3", "language": "en",
}  # fmt: skip


@pytest.fixture
def shop(space):
    settings = space.project.folder / "steelthread.toml"
    settings.write_text(settings.read_text() + CONTROLLER)
    (space.project.folder / "notices").mkdir()
    (space.project.folder / "notices" / "newsletter-3.txt").write_text(TEXT)
    with Space(open_project(space.project.folder)) as opened:
        yield opened


def say(shop, **more):
    digest = hashlib.sha256(TEXT.encode()).hexdigest()
    with shop.database.connect() as conn:
        kept = Consents(shop).say(conn, Saying(**{**SAYING, "notice_sha256": digest, **more}))
        conn.commit()
    return kept.event_id


def test_13_a_receipt_proves_a_yes_and_a_changed_one_does_not(shop):
    event = say(shop)
    client = TestClient(create_api(shop), headers={"Authorization": f"Bearer {create_key(shop, ['decisions:read'])}"})
    began = time.monotonic()
    told = client.get(f"/api/consents/{event}/receipt").json()
    assert time.monotonic() - began < 1
    assert told["noticeText"] == TEXT, "the exact text that was shown"
    body = check_receipt(told["jws"], told["publicKey"])
    assert body == told["receipt"]
    processing, (happened,) = body["pii_processing"], body["events"]
    assert (processing["purpose"], processing["lawful_basis"]) == ("marketing.newsletter", "consent")
    assert processing["privacy_notice_sha256"] == hashlib.sha256(told["noticeText"].encode()).hexdigest()
    assert (happened["event_state"], happened["method"]) == ("ConsentGiven", SAYING["method"])
    assert "ann@" not in json.dumps(told)
    head, content, signature = told["jws"].split(".")
    raw = base64.urlsafe_b64decode(content + "==").replace(b"web-form", b"web-farm")
    changed = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    flipped = signature[:-6] + ("A" if signature[-6] != "A" else "B") + signature[-5:]
    for wrong in (f"{head}.{changed}.{signature}", f"{head}.{content}.{flipped}", f"{head}.{content}", "x.y.z", ""):
        with pytest.raises(Invalid, match="no receipt"):
            check_receipt(wrong, told["publicKey"])
    with pytest.raises(Invalid):
        check_receipt(told["jws"], "00" * 32)
    assert client.get(f"/api/consents/{uuid4()}/receipt").status_code == 404


DOUBLE = """purposes:
  marketing: {legalBasis: consent}
  marketing.newsletter: {legalBasis: consent, channels: [email], doubleOptIn: true, fields: [emailAddress]}
"""


def test_13_who_when_how_on_what_and_by_which_token(shop):
    """All that test 13 names, of a yes that was confirmed by a mail."""
    (shop.project.folder / "purposes.yaml").write_text(DOUBLE)
    consents = Consents(shop)
    twice, receipts = DoubleOptIn(shop, consents), Receipts(shop, consents)
    digest = hashlib.sha256(TEXT.encode()).hexdigest()
    said = {
        **SAYING,
        "notice_sha256": digest,
        "notice_version": "3.1",
        "interface": "web checkout 5.2",
        "language": "de",
    }
    with shop.database.connect() as conn:
        given = consents.say(conn, Saying(**said))
        token = twice.token(given)
        confirmed = twice.confirm(conn, token)
        conn.commit()
        began = time.monotonic()
        told = receipts.receipt(conn, confirmed.event_id)
        assert time.monotonic() - began < 1
    body = check_receipt(told["jws"], told["publicKey"])
    processing, (happened,) = body["pii_processing"], body["events"]
    assert told["noticeText"] == TEXT
    assert (processing["privacy_notice"], processing["privacy_notice_version"], processing["language"]) == (
        "newsletter-3", "3.1", "de",
    )  # fmt: skip
    assert processing["privacy_notice_sha256"] == digest
    assert body["pii_principal_id"]
    assert (happened["entity_id"], happened["method"], happened["interface"]) == (
        "self",
        "double opt-in",
        "web checkout 5.2",
    )
    assert happened["event_time"]
    assert happened["double_opt_in_nonce_sha256"] == hashlib.sha256(token.encode()).hexdigest()
    assert happened["evidence"]["confirms"] == str(given.event_id)
    assert token not in json.dumps(told), "the token itself is kept nowhere"


@pytest.mark.parametrize("part", [*_MANDATORY], ids=[one or "whole" for one in _MANDATORY])
def test_13_each_mandatory_field_is_asked_for(shop, part):
    event = say(shop)
    with shop.database.connect() as conn:
        told = Receipts(shop, Consents(shop)).receipt(conn, event)
    assert lacks(told["receipt"]) == []
    for name in _MANDATORY[part]:
        body = json.loads(json.dumps(told["receipt"]))
        whole = body[part] if part else body
        for one in whole if isinstance(whole, list) else [whole]:
            del one[name]
        assert name in lacks(body)


def test_13_every_kind_of_word_has_its_state(shop):
    receipts = Receipts(shop, Consents(shop))
    states = {"refused": "ConsentRefused", "withdrawn": "ConsentWithdrawn", "double_confirmed": "ConsentGiven"}
    for said, state in states.items():
        event = say(shop, said=said)
        with shop.database.connect() as conn:
            assert receipts.receipt(conn, event)["receipt"]["events"][0]["event_state"] == state
    with shop.database.connect() as conn, pytest.raises(Invalid, match="one purpose"):
        receipts.receipt(conn, say(shop, said="restricted", purpose="*", channel=""))
    with shop.database.connect() as conn, pytest.raises(NotFound):
        receipts.receipt(conn, uuid4())


def test_without_a_controller_there_is_no_receipt(space):
    event = say(space)
    with space.database.connect() as conn, pytest.raises(Invalid, match=r"\[controller\]"):
        Receipts(space, Consents(space)).receipt(conn, event)


def test_the_command_line(shop):
    event = say(shop)
    command = [
        sys.executable,
        "-m",
        "steelthread",
        "consent",
        "receipt",
        str(event),
        "--project",
        str(shop.project.folder),
    ]
    done = commands.run([*command, "--json"], text=True, check=True)
    told = json.loads(done.stdout)
    assert check_receipt(told["jws"], told["publicKey"])["parties"][0]["party_name"] == "Tool Shop Ltd"
