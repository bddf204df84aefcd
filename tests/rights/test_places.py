"""The law of a place in the decision desk, by command line and HTTP; statements of what purposes cover; ages."""

import itertools
import json
import sys
from datetime import date, timedelta

import pytest
from fastapi.testclient import TestClient
from tests import commands

from steelthread.api import create_api, create_key
from steelthread.kit import Invalid, now
from steelthread.privacy import add_months
from steelthread.rights import Consents, Saying

CRM = "customer_id,first_name,email\n1,Ann,ann@example.com\n"
ANN = "email:ann@example.com"
PURPOSES = """purposes:
  operations: {legalBasis: contract}
  letters: {legalBasis: legitimate_interests, covers: [direct_marketing], channels: [email, post]}
  partners: {legalBasis: legitimate_interests, covers: [sharing]}
"""


@pytest.fixture
def consents(space, load):
    load("crm", CRM)
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    return Consents(space)


def test_the_law_of_the_place_counts(space, consents):
    with space.database.connect() as conn:
        assert not consents.decide(conn, ANN, "letters", "email").allow, "the project's country is GB"
        assert consents.decide(conn, ANN, "letters", "post").allow
        assert consents.decide(conn, ANN, "letters", "email", place="US-CA").allow
        assert not consents.decide(conn, ANN, "letters", "email", place="ZZ").allow, "an unknown place is the strictest"


def test_what_is_said_of_a_cover_holds_for_all_that_cover_it(space, consents):
    with space.database.connect() as conn:
        assert consents.decide(conn, ANN, "partners", place="US-CA").allow
        consents.say(conn, Saying(ref=ANN, purpose="*sharing", said="opted_out", signal="gpc"))
        decision = consents.decide(conn, ANN, "partners", place="US-CA")
        assert (decision.allow, decision.reasons[0][:33]) == (False, "opted_out by signal gpc: sharing,")
        assert consents.decide(conn, ANN, "letters", "post").allow, "it does not cover sharing"
        consents.say(conn, Saying(ref=ANN, purpose="*direct_marketing", said="objected"))
        assert not consents.decide(conn, ANN, "letters", "post").allow
        assert consents.decide(conn, ANN, "operations").allow
        with pytest.raises(Invalid, match="all channels"):
            consents.say(conn, Saying(ref=ANN, purpose="*sharing", said="opted_out", channel="email"))


MATRIX = [  # born, place, parent agreed, opted in: whether data may be shared on 1 June 2026
    (2014, "US-CA", False, True, False), (2014, "US-CA", True, True, True), (2014, "GB", False, True, False),
    (2012, "US-CA", False, False, False), (2012, "US-CA", False, True, True), (2012, "GB", False, False, True),
    (2012, "DE", False, True, False), (2012, "AT", False, True, True), (2012, "BR", False, True, True),
    (2010, "US-CA", False, False, True), (2010, "DE", False, False, True),
]  # fmt: skip


@pytest.mark.parametrize(("born", "place", "parent", "opted_in", "allowed"), MATRIX)
def test_20_children_by_age_and_place(space, consents, born, place, parent, opted_in, allowed):
    with space.database.connect() as conn:
        consents.say(conn, Saying(ref=ANN, purpose="*", said="minor", born=date(born, 1, 1)))
        for said in [*(["authorised"] if parent else []), *(["given"] if opted_in else [])]:
            consents.say(conn, Saying(ref=ANN, purpose="partners", said=said))
        assert consents.decide(conn, ANN, "partners", place=place).allow is allowed


AGES = {"GB": 13, "DE": 16, "AT": 14, "ES": 14, "FR": 15, "BE": 13, "BR": 12, "US-CA": 13, "US-VA": 13, "ZZ": 16}
"""Below which age a parent must agree (GDPR Art. 8 and the national laws, CCPA 1798.120(c), LGPD Art. 14, COPPA)."""


@pytest.mark.parametrize("place", AGES)
def test_20_the_matrix_of_ages_at_the_days_around_a_birthday(space, consents, place):
    """Every age from 11 to 17, the day before the birthday and on it; with and without a parent's word and an own yes."""
    today, wrong, number = now().date(), [], 0
    with space.database.connect() as conn:
        for age, eve, parent, own in itertools.product(range(11, 18), (False, True), (False, True), (False, True)):
            number += 1
            ref = f"email:child{number}@example.com"
            born = add_months(today, -12 * age) + timedelta(days=eve)
            consents.say(conn, Saying(ref=ref, purpose="*", said="minor", born=born))
            if parent:
                consents.say(conn, Saying(ref=ref, purpose="partners", said="authorised", actor="parent"))
            if own:
                consents.say(conn, Saying(ref=ref, purpose="partners", said="given"))
            years = age - eve
            expected = parent or years >= AGES[place]
            if (
                place == "US-CA" and years < 16
            ):  # sale and sharing are off by default: an own yes, below 13 the parent's too
                expected = expected and own
            if consents.decide(conn, ref, "partners", place=place).allow is not expected:
                wrong.append((years, parent, own))
            assert consents.decide(conn, ref, "operations", place=place).allow, "what the contract needs goes on"
        conn.rollback()
    assert wrong == []


def test_20_a_parent_agrees_and_takes_it_back(space, consents):
    with space.database.connect() as conn:
        consents.say(conn, Saying(ref=ANN, purpose="*", said="minor", born=now().date() - timedelta(days=12 * 365)))
        asked = {"conn": conn, "ref": ANN, "purpose": "partners", "place": "US-CA"}
        assert not consents.decide(**asked).allow, "off by default"
        consents.say(conn, Saying(ref=ANN, purpose="partners", said="given"))
        assert consents.decide(**asked).reasons[0].startswith("minor"), "the child's own yes opens nothing"
        consents.say(conn, Saying(ref=ANN, purpose="partners", said="authorised", actor="parent"))
        assert consents.decide(**asked).allow
        consents.say(conn, Saying(ref=ANN, purpose="partners", said="withdrawn", actor="parent"))
        assert not consents.decide(**asked).allow


def test_20_a_correction_denies_what_was_in_the_past_too(space, consents):
    """An age told wrong: from the time of which the correction speaks on nothing was allowed; what was known when stays answerable."""
    with space.database.connect() as conn:
        before = now()
        asked = {"conn": conn, "ref": ANN, "purpose": "partners", "place": "DE"}
        past = before - timedelta(days=10)
        assert consents.decide(**asked, at=past).allow
        corrected = Saying(
            ref=ANN, purpose="*", said="minor", born=date(2015, 1, 1), occurred_at=before - timedelta(days=400)
        )
        consents.say(conn, corrected)
        assert not consents.decide(**asked).allow
        assert not consents.decide(**asked, at=past).allow, "retroactively"
        assert consents.decide(**asked, at=past, known=before).allow, "as it was known then"


def test_20_a_corrected_age_denies(space, consents):
    with space.database.connect() as conn:
        consents.say(conn, Saying(ref=ANN, purpose="*", said="minor", born=date(2005, 1, 1)))
        assert consents.decide(conn, ANN, "partners", place="DE").allow
        consents.say(conn, Saying(ref=ANN, purpose="*", said="minor", born=date(2015, 1, 1)))
        assert not consents.decide(conn, ANN, "partners", place="DE").allow


def test_the_command_line_and_http(space, consents):
    def run(*words):
        command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder), "--json"]
        done = commands.run(command, text=True)
        return done.returncode, json.loads(done.stdout)

    code, told = run("decide", ANN, "letters", "--channel", "email", "--place", "US-CA")
    assert (code, told["allow"]) == (0, True)
    assert "+ccpa-2026-01-01" in told["policyVersion"]
    code, told = run("jurisdiction", "check")
    assert (code, told["wrong"]) == (0, [])
    assert told["cases"] > 40
    mine = space.project.folder / "jurisdictions"
    mine.mkdir()
    (mine / "x.yaml").write_text(
        "name: x\ntitle: x\nplaces: [XX]\neditions: []\ncases: [{law: x, place: XX}, {law: gdpr, place: XX}]\n"
    )
    code, told = run("jurisdiction", "check")
    assert (code, len(told["wrong"])) == (1, 1)
    assert "gdpr" in {pack["name"] for pack in run("jurisdiction", "list")[1]}
    client = TestClient(create_api(space), headers={"Authorization": f"Bearer {create_key(space, ['decisions:read'])}"})
    asked = {"ref": ANN, "purpose": "letters", "channel": "email"}
    assert not client.get("/api/decisions", params=asked).json()["allow"]
    assert client.get("/api/decisions", params={**asked, "place": "US-CA"}).json()["allow"]
