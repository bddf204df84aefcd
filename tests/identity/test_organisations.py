"""Names and domains of organisations: tables of cases."""

import pytest

from steelthread.identity import organisation_evidence, organisations_conflict
from steelthread.identity.organisations import domain_of

SAME = [
    ("Acme Ltd", "ACME Limited"), ("Acme", "Acme Ltd."), ("Acme Widgets Ltd", "Acme Widgets"), ("Acme", "Acme Widgets Ltd"),
    ("Müller & Söhne GmbH", "Mueller und Soehne GmbH"), ("I.B.M.", "IBM Corp"), ("IBM", "International Business Machines Inc"),
    ("Widgets Acme", "Acme Widgets"), ("The Body Shop plc", "Body Shop"), ("Société Générale SA", "Societe Generale"),
    ("Smith & Co. KG", "Smith KG"), ("Intl Paper Company", "Intl Paper"),
]  # fmt: skip
DIFFERENT = [
    ("Acme Ltd", "Apex Ltd"), ("Acme GmbH", "Acme Inc"), ("Acme Widgets Ltd", "Acme Gadgets Ltd"), ("North Dairy", "South Dairy"),
    ("Leeds Dental", "Leeds Legal"), ("Widgets", "Acme Widgets"),
]  # fmt: skip


def conflict(one, other):
    pair = [organisation_evidence(name).first for name in (one, other)]
    assert all(pair)
    assert organisations_conflict(*pair) == organisations_conflict(*pair[::-1])
    return organisations_conflict(*pair)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_names_that_may_be_one_organisation(one, other):
    assert conflict(one, other) is None


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_names_that_cannot(one, other):
    assert conflict(one, other)


@pytest.mark.parametrize("name", ["", "  ", "&"])
def test_a_name_that_says_nothing(name):
    assert organisation_evidence(name).first == ""


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("https://www.Acme.co.uk/about?x=1", "acme.co.uk"), ("acme.com", "acme.com"), ("sales@acme.com", "acme.com"),
        ("http://acme.com:8080", "acme.com"), ("gmail.com", None), ("info@web.de", None), ("none", None), ("192.168.1.1", None), ("", None),
    ],
)  # fmt: skip
def test_domains(text, domain):
    assert domain_of(text) == domain
