import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelthread.identity import NameEvidence, conflict, load_rules, name_evidence, parse_ref
from steelthread.identity.normalise import normalise
from steelthread.intake import MappedPart, MappedRecord
from steelthread.kit import Invalid

names = st.sampled_from(["", "robert", "bob", "r", "mary", "anna maria", "jon", "john", "ann"])
evidence = st.builds(NameEvidence, names, st.sampled_from(["", "jr", "sr"]))


@pytest.mark.parametrize(
    ("a", "b", "conflicting"),
    [
        ("robert", "bob", False),
        ("robert", "r", False),
        ("john", "jon", False),
        ("robert", "mary", True),
        ("", "mary", False),
        ("bob", "rob", False),
        ("bill", "william", False),
        ("robert", "william", True),
        ("bob", "bill", True),
        ("susan", "hannah", True),
    ],
)
def test_first_names(a, b, conflicting):
    assert bool(conflict(NameEvidence(a, ""), NameEvidence(b, ""))) is conflicting


def test_generations_conflict():
    assert conflict(NameEvidence("robert", "jr"), NameEvidence("robert", "sr"))


@given(evidence, evidence)
def test_the_name_guard_is_symmetric(a, b):
    assert conflict(a, b) == conflict(b, a)


def test_normalising_and_blocking():
    rules = load_rules()
    assert normalise(rules.kind("email"), "Ann@Example.COM") == "ann@example.com"
    assert normalise(rules.kind("email_provider"), "a.n.n+x@googlemail.com") == "ann@gmail.com"
    assert normalise(rules.kind("phone"), "020 7946 0018", "GB") == "+442079460018"
    assert rules.is_blocked("email", "info@shop.example")
    assert not rules.is_blocked("email", "ann@example.com")


def test_references_say_their_forms():
    rules = load_rules()
    assert parse_ref("record:crm/Individual/a/b", rules).value == "a/b"
    for wrong in ("ann", "individual:1", "record:crm", "nokind:1"):
        with pytest.raises(Invalid):
            parse_ref(wrong, rules)


@pytest.mark.parametrize(
    ("first", "address", "evidence"),
    [
        ("", "thomas.fontaine.14@mail.example", "thomas fontaine"),
        ("", "Thomas_Fontaine@mail.example", "thomas fontaine"),
        ("Jess", "thomas.fontaine.14@mail.example", "jess"),
        ("", "blue.sky@mail.example", ""),
        ("", "thomas.family@mail.example", ""),
        ("", "thethomasfamily@mail.example", ""),
        ("", "info@mail.example", ""),
    ],
)
def test_a_mailbox_says_a_first_name_where_the_record_says_none(first, address, evidence):
    part = MappedPart("ContactPointEmail", {"emailAddress": address})
    record = MappedRecord("Individual", "1", {"firstName": first} if first else {}, [part], [])
    assert name_evidence(record).first == evidence
    assert name_evidence(record, is_person=False).first == (evidence if first else "")


def test_a_mailbox_named_after_another_conflicts_and_one_with_the_name_does_not():
    mailbox = NameEvidence("thomas fontaine", "")
    assert conflict(mailbox, NameEvidence("jessica", ""))
    assert not conflict(mailbox, NameEvidence("tom", ""))
    assert not conflict(NameEvidence("oscar thomas", ""), NameEvidence("oscar", ""))
