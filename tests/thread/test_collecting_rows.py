"""The gate at the loading of files: of whom a source's purpose is not allowed nothing is kept, before the first write."""

import pytest

from steelthread.app import load_file
from steelthread.intake import load_source
from steelthread.kit import Invalid, NotFound
from steelthread.privacy import Needles, fence_counts, scan_database
from steelthread.rights import Consents, Saying
from steelthread.thread import Loader

PURPOSES = """purposes:
  operations: {legalBasis: contract}
  analytics: {legalBasis: consent, effect: profiling}
  service: {legalBasis: legitimate_interests}
  linking: {legalBasis: consent}
"""
CRM = """name: crm
key: id
observed_at: changed
%s
identifiers: [{kind: device_id, column: device}]
entities:
  - entity: Individual
    attributes: {firstName: first_name, birthDate: born}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
  - entity: ContactPointConsent
    when: {column: optin, not_empty: true}
    attributes:
      dataUsePurposeId: {constant: analytics}
      consentStatusId: {column: optin, lookup: {"yes": given, "no": refused}}
"""
ORDERS = """name: orders
key: order
party: {source: crm, entity: Individual, key: customer}
%s
entities:
  - entity: SalesOrder
    attributes:
      orderNumber: order
      purchaseOrderDate: at
      grandTotalAmount: total
      currencyCode: {constant: GBP}
      description: note
"""
HEAD = "id,first_name,born,email,device,optin,changed\n"
ROWS = [
    "1,Ann,1980-02-03,ann.needle@example.com,PHONE-ANN,,2026-03-01T00:00:00Z",
    "2,Bob,1981-02-03,bob.needle@example.com,PHONE-BOB,,2026-03-01T00:00:00Z",
]
ANN, BOB = "email:ann.needle@example.com", "email:bob.needle@example.com"
NEEDLES = ["bob.needle@example.com", "PHONE-BOB"]


class Desk:
    """Loads files of gated sources."""

    def __init__(self, space, load):
        self.space, self._load = space, load
        (space.project.folder / "purposes.yaml").write_text(PURPOSES)
        self.consents = Consents(space)

    def rule(self, name, text, *words):
        (self.space.project.sources / f"{name}.yaml").write_text(text % "\n".join(words))

    def load(self, *rows):
        return self._load("crm", HEAD + "\n".join(rows) + "\n")

    def orders(self, *rows):
        return self._load("orders", "order,customer,at,total,note\n" + "\n".join(rows) + "\n")

    def say(self, ref, said, purpose="analytics"):
        with self.space.database.connect() as conn:
            self.consents.say(conn, Saying(ref=ref, purpose=purpose, said=said))
            conn.commit()

    def profile(self, ref):
        with self.space.database.connect() as conn:
            try:
                return self.space.reader(conn).profile(ref)
            except NotFound:
                return None

    def value(self, ref, name):
        return self.profile(ref)["attributes"][name]["value"]

    def counts(self):
        with self.space.database.connect() as conn:
            return {name: count for name, count in fence_counts(conn).items() if "Consent" in name}

    def count(self, question):
        with self.space.database.connect() as conn:
            return conn.execute(question).fetchone()[0]


@pytest.fixture
def desk(space, load):
    return Desk(space, load)


def test_without_a_yes_nothing_of_a_row_is_kept(desk):
    desk.rule("crm", CRM, "purpose: analytics")
    desk.say(ANN, "given")
    told = desk.load(*ROWS)
    assert (told.read, told.accepted) == (2, 1)
    assert told.warnings == ["1 rows were left out: nobody allows analytics for them"]
    assert desk.profile(ANN)
    assert desk.profile(BOB) is None
    assert desk.counts() == {"droppedWithoutConsent": 1}
    assert desk.count("select count(*) from intake.record where is_party") == 1
    with desk.space.database.connect() as conn:
        names = [*desk.space.reader(conn).hashes(BOB), *desk.space.reader(conn).hashes("record:crm/Individual/2")]
        assert conn.execute("select count(*) from identity.node where hash = any(%s)", (names,)).fetchone() == (0,)
        assert scan_database(conn, Needles(NEEDLES, derived=True))[1] == []
    desk.say(BOB, "given")
    again = desk.load(*ROWS)
    assert (again.accepted, again.unchanged) == (1, 1), "with the yes the same file brings him"
    assert desk.value(BOB, "firstName") == "Bob"


def test_a_value_set_aside_goes_with_its_row(desk):
    desk.rule("crm", CRM, "purpose: analytics")
    desk.say(ANN, "given")
    bad = [row.replace("-02-03", "-02-xx") for row in ROWS]
    told = desk.load(*bad)
    assert told.set_aside == 1
    assert desk.count("select count(*) from intake.reject") == 1
    assert desk.value(ANN, "firstName") == "Ann"


def test_what_a_row_says_is_heard_first(desk):
    desk.rule("crm", CRM, "purpose: analytics")
    yes, no = [row.replace(",,2026", f",{word},2026") for row, word in zip(ROWS, ("yes", "no"), strict=True)]
    desk.load(yes, no)
    assert desk.profile(ANN)
    assert desk.profile(BOB) is None
    with desk.space.database.connect() as conn:
        assert desk.consents.decide(conn, "record:crm/Individual/1", "analytics").allow
        said = desk.consents.decide(conn, "record:crm/Individual/2", "analytics")
    assert (said.allow, [one.said for one in said.evidence]) == (False, ["refused"]), "his no is kept, and nothing else"
    ledger = "select count(*) from privacy.consent_event"
    assert desk.count(ledger) == 2
    desk.load(yes, no)
    assert desk.count(ledger) == 2, "the same file says nothing new"
    desk.load(yes, no.replace(",no,2026-03-01", ",yes,2026-03-02"))
    assert desk.profile(BOB), "he changed his mind in the file itself"
    desk.load(
        yes.replace(",yes,2026-03-01", ",no,2026-03-03").replace("Ann", "Anna"),
        no.replace(",no,2026-03-01", ",yes,2026-03-02"),
    )
    assert desk.value(ANN, "firstName") == "Ann", "her row is not collected any more"
    with desk.space.database.connect() as conn:
        assert not desk.consents.decide(conn, "record:crm/Individual/1", "analytics").allow


def test_a_no_ends_the_collecting_and_a_snapshot_does_not_close_whom_it_still_shows(desk):
    desk.rule("crm", CRM, "purpose: service", "snapshot: true")
    desk.load(*ROWS)
    desk.say(BOB, "objected", "service")
    desk.say("record:crm/Individual/1", "restricted", "*")
    later = [row.replace("Bob", "Robert").replace("Ann", "Anna").replace("03-01", "03-09") for row in ROWS]
    told = desk.load(*later)
    assert (told.updated, told.closed) == (0, 0)
    assert [desk.value(ref, "firstName") for ref in (ANN, BOB)] == ["Ann", "Bob"]
    assert desk.load(later[0]).closed == 1, "who has really gone is closed"


def test_orders_are_stripped_of_whoever_they_are_of(desk):
    desk.rule("crm", CRM)
    desk.rule("orders", ORDERS, "purpose: analytics", "without: strip")
    desk.load(*ROWS)
    desk.say(ANN, "given")
    desk.orders("o1,1,2026-01-02,10.00,for Ann", "o2,2,2026-01-03,20.00,ring bob.needle@example.com")
    assert desk.profile(ANN)["counts"]["SalesOrder"] == 1
    assert "SalesOrder" not in desk.profile(BOB)["counts"]
    assert desk.counts() == {"strippedWithoutConsent": 1}
    assert desk.count("select sum(amount)::int from profiles.event") == 30, "it counts"
    assert desk.count("select count(*) from profiles.event where owner is null and nodes = '{}'") == 1
    content = desk.count(
        "select string_agg(clear::text, ' ') from intake.record r join profiles.event e using (record_id) where e.owner is null"
    )
    assert "20.00" in content
    assert "ring" not in content
    desk.orders("o1,1,2026-01-02,10.00,for Ann", "o2,2,2026-01-03,20.00,ring bob.needle@example.com")
    assert desk.count("select count(*) from profiles.event") == 2


def test_orders_of_nobody_known_are_of_whom_they_name(desk):
    desk.rule("orders", ORDERS, "purpose: analytics")
    told = desk.orders("o1,1,2026-01-02,10.00,x")
    assert (told.accepted, desk.count("select count(*) from intake.record")) == (0, 0)
    desk.say("record:crm/Individual/1", "given")
    assert desk.orders("o1,1,2026-01-02,10.00,x").accepted == 1


def test_devices_are_tied_to_nobody_without_a_yes_to_linking(desk):
    desk.rule("crm", CRM, "link_purpose: linking")
    desk.say(ANN, "given", "linking")
    desk.load(*ROWS)
    assert desk.profile("device_id:PHONE-ANN")["individualId"] == desk.profile(ANN)["individualId"]
    assert desk.profile("device_id:PHONE-BOB") is None
    assert desk.value(BOB, "firstName") == "Bob"
    assert desk.counts() == {"unlinkedWithoutConsent": 1}


def test_rows_that_are_mapped_again_are_asked_about_too(desk, space):
    wrong = CRM.replace("birthDate: born", "birthDate: {column: born, date: '%%d/%%m/%%Y'}")
    desk.rule("crm", wrong, "purpose: analytics")
    for ref in (ANN, BOB):
        desk.say(ref, "given")
    assert desk.load(*ROWS).set_aside == 2
    desk.rule("crm", CRM, "purpose: analytics")
    desk.say(BOB, "withdrawn")
    assert Loader(space, load_source(space.project.folder, "crm", space.model)).replay() == 2
    assert desk.value(ANN, "birthDate") == "1980-02-03"
    assert "birthDate" not in desk.profile(BOB)["attributes"]
    assert desk.count("select count(*) from intake.reject where replayed_at is null") == 0


def test_a_purpose_that_there_is_not_is_told(desk, space):
    desk.rule("crm", CRM, "purpose: analytiks")
    path = space.project.folder / "crm.csv"
    path.write_text(HEAD)
    with pytest.raises(Invalid, match="no purpose analytiks"):
        load_file(space, "crm", path)
