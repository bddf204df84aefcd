"""The law of a place in the decision desk, by command line and HTTP; statements of what purposes cover; ages."""

import json
import subprocess
import sys
from datetime import date

import pytest
from fastapi.testclient import TestClient

from steelthread.api import create_api, create_key
from steelthread.kit import Invalid
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


def test_20_a_corrected_age_denies(space, consents):
    with space.database.connect() as conn:
        consents.say(conn, Saying(ref=ANN, purpose="*", said="minor", born=date(2005, 1, 1)))
        assert consents.decide(conn, ANN, "partners", place="DE").allow
        consents.say(conn, Saying(ref=ANN, purpose="*", said="minor", born=date(2015, 1, 1)))
        assert not consents.decide(conn, ANN, "partners", place="DE").allow


def test_the_command_line_and_http(space, consents):
    def run(*words):
        command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
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
