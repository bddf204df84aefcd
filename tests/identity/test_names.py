import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelthread.identity import NameEvidence, conflict, load_rules, parse_ref
from steelthread.identity.names import first_of_mailbox
from steelthread.identity.normalise import normalise
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


@pytest.mark.parametrize(
    ("address", "last", "first"),
    [
        ("walter.norwood.1159@mail.example", "", "walter"),
        ("Walter_Norwood@mail.example", "norwood", "walter"),
        ("norwood.walter@mail.example", "", "walter"),
        ("norwood-walter+news@mail.example", "norwood", "walter"),
        ("walter.norwood@mail.example", "smith", ""),
        ("james.thomas@mail.example", "", ""),
        ("james.thomas@mail.example", "thomas", "james"),
        ("thomas.james@mail.example", "thomas", "james"),
        ("family.norwood@mail.example", "norwood", ""),
        ("wnorwood@mail.example", "norwood", ""),
        ("walter77@mail.example", "", ""),
        ("walter.e.norwood@mail.example", "", ""),
    ],
)
def test_a_mailbox_names_somebody_where_it_leaves_no_doubt(address, last, first):
    assert first_of_mailbox(address, last) == first


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
