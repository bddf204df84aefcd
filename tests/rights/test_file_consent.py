"""Consent in loaded files: into the ledger once, with its time; a corrected file corrects it; nothing said elsewhere is undone."""

from datetime import UTC, datetime

import pytest

from steelthread.rights import Consents, Saying, erase

MAPPING = """name: crm
key: id
observed_at: changed
entities:
  - entity: Individual
    attributes: {firstName: first_name}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
  - entity: ContactPointConsent
    attributes:
      channel: {constant: email}
      dataUsePurposeId: {constant: marketing}
      consentStatusId: {column: optin, lookup: {"yes": given, "no": refused}, default: not_asked}
      captureDateTime: optin_at
"""
HEAD = "id,first_name,email,optin,optin_at,changed\n"
ANN = "email:ann@example.com"


class Desk:
    """Loads versions of one file and asks."""

    def __init__(self, space, load):
        self.space, self._load, self.consents = space, load, Consents(space)
        (space.project.sources / "crm.yaml").write_text(MAPPING)

    def load(self, *rows, **how):
        return self._load("crm", HEAD + "\n".join(rows) + "\n", **how)

    def allowed(self, ref=ANN, purpose="marketing", channel="email", **how):
        with self.space.database.connect() as conn:
            return self.consents.decide(conn, ref, purpose, channel, **how).allow

    def say(self, said, **more):
        with self.space.database.connect() as conn:
            self.consents.say(conn, Saying(ref=ANN, purpose="marketing", said=said, channel="email", **more))
            conn.commit()

    def ledger(self):
        with self.space.database.connect() as conn:
            return conn.execute(
                "select said, occurred_at, source from privacy.consent_event order by recorded_at, occurred_at"
            ).fetchall()


@pytest.fixture
def desk(space, load):
    return Desk(space, load)


def day(number):
    return datetime(2026, 3, number, tzinfo=UTC)


def test_the_file_is_heard_once_with_its_time(desk):
    for _ in range(3):
        desk.load("1,Ann,ann@example.com,yes,2026-03-05T00:00:00Z,2026-03-10T00:00:00Z")
    assert desk.ledger() == [("given", day(5), "crm")]
    assert desk.allowed()
    assert desk.allowed("record:crm/Individual/1")
    assert not desk.allowed(channel="sms")
    assert not desk.allowed(at=day(4)), "it was not said then"


def test_a_row_that_changes_elsewhere_is_no_new_answer(desk):
    desk.load("1,Ann,ann@example.com,yes,,2026-03-05T00:00:00Z")
    desk.say("withdrawn")
    desk.load("1,Anne,ann@example.com,yes,,2026-03-20T00:00:00Z")
    assert not desk.allowed()
    assert [row[0] for row in desk.ledger()] == ["given", "withdrawn"]


def test_a_yes_without_its_time_takes_nothing_back_and_one_with_it_does(desk):
    desk.say("withdrawn", occurred_at=day(1))
    desk.load("1,Ann,ann@example.com,yes,,2026-03-05T00:00:00Z")
    assert not desk.allowed(), "the file may simply not know"
    desk.load("1,Ann,ann@example.com,yes,2026-03-06T00:00:00Z,2026-03-07T00:00:00Z")
    assert desk.allowed(), "asked and answered after the withdrawal"


@pytest.mark.parametrize("changed", ["2026-03-05T00:00:00Z", "2026-03-09T00:00:00Z"])
@pytest.mark.parametrize(("first", "then"), [("yes", "no"), ("no", "yes"), ("no", ""), ("yes", "")])
def test_a_corrected_file_corrects(desk, changed, first, then):
    desk.load(f"1,Ann,ann@example.com,{first},,2026-03-05T00:00:00Z", as_of=day(20))
    assert desk.allowed() is (first == "yes")
    desk.load(f"1,Ann,ann@example.com,{then},,{changed}", as_of=day(21))
    assert desk.allowed() is (then == "yes")
    desk.load(f"1,Ann,ann@example.com,{first},,2026-03-10T00:00:00Z", as_of=day(22))
    assert desk.allowed() is (first == "yes"), "and back again"
    again = len(desk.ledger())
    desk.load(f"1,Ann,ann@example.com,{first},,2026-03-10T00:00:00Z", as_of=day(23))
    assert len(desk.ledger()) == again


def test_a_correction_is_known_from_when_it_came(desk):
    desk.load("1,Ann,ann@example.com,yes,,2026-03-05T00:00:00Z")
    before = datetime.now(UTC)
    desk.load("1,Ann,ann@example.com,no,,2026-03-09T00:00:00Z")
    assert desk.allowed(at=day(7)), "the row said so until the ninth"
    assert not desk.allowed(at=day(10))
    assert desk.allowed(at=day(10), known=before), "what was known then"


def test_a_corrected_address_takes_its_yes_along(desk):
    desk.load("1,Ann,ann@example.com,yes,,2026-03-05T00:00:00Z")
    desk.load("1,Ann,anna@example.com,yes,,2026-03-06T00:00:00Z")
    assert not desk.allowed()
    assert desk.allowed("email:anna@example.com")


def test_a_no_of_a_file_binds_the_person_and_an_unknown_purpose_is_direct_marketing(desk):
    (desk.space.project.sources / "crm.yaml").write_text(MAPPING.replace("constant: marketing", "constant: mailshots"))
    desk.load("1,Ann,ann@example.com,no,,2026-03-05T00:00:00Z", "2,Lee,lee@example.com,yes,,2026-03-05T00:00:00Z")
    assert not desk.allowed("record:crm/Individual/1")
    assert [row[0] for row in desk.ledger()] == ["refused"], "a yes to a purpose that there is not says nothing"
    desk.say("given")
    assert not desk.allowed(), "a later yes is to marketing only; the no was to all direct marketing by mail"


def test_erasure_takes_it_along(desk):
    desk.load("1,Ann,ann@example.com,yes,,2026-03-05T00:00:00Z")
    erase(desk.space, ANN, "me")
    assert desk.ledger() == []
    desk.load("1,Ann,ann@example.com,yes,,2026-03-06T00:00:00Z")
    assert desk.ledger() == []


def test_the_draft_of_a_newsletter_hears_its_opt_ins(space, load):
    load(
        "news",
        "subscriber_id,email,newsletter,optin_time\n1,ann@example.com,yes,2026-03-05 10:00:00\n2,lee@example.com,no,2026-03-06 10:00:00\n",
    )
    consents = Consents(space)
    with space.database.connect() as conn:
        assert consents.decide(conn, ANN, "marketing", "email").allow
        assert not consents.decide(conn, "email:lee@example.com", "marketing", "email").allow
        assert consents.decide(conn, "email:lee@example.com", "marketing", "email").evidence[0].said == "refused"
