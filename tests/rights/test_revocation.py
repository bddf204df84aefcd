"""Certificates of OpenDSR that their authority took back: refused, and so is every list that is not in force."""

import pytest
from tests.rights import certificates

from steelthread.kit import Forbidden, Invalid
from steelthread.rights.opendsr.signing import trusted

MAIL = "mail.example"


@pytest.fixture(scope="module")
def authority():
    return certificates.Authority()


def test_one_that_stands_on_no_list_passes_and_one_that_does_is_refused(authority):
    _, good = authority.vouch(MAIL)
    _, bad = authority.vouch(MAIL)
    other = certificates.Authority("Somebody else")
    lists = other.revoke(good) + authority.revoke(bad)
    assert trusted(good, authority.pem, MAIL, lists).subject is not None, "another authority's list says nothing of it"
    assert trusted(bad, authority.pem, MAIL).subject is not None, "without a list nobody is asked"
    with pytest.raises(Forbidden, match="revoked"):
        trusted(bad, authority.pem, MAIL, lists)


@pytest.mark.parametrize("fault", ["overdue", "not yet", "of another", "forged"])
def test_a_list_that_is_not_in_force_lets_nobody_through(authority, fault):
    _, leaf = authority.vouch(MAIL)
    forger = certificates.Authority()  # of the same name, with another key
    lists = {
        "overdue": authority.revoke(days=-1, since=9), "not yet": authority.revoke(since=-1),
        "of another": certificates.Authority("Somebody else").revoke(), "forged": forger.revoke(),
    }[fault]  # fmt: skip
    with pytest.raises(Forbidden, match="No list of revocation"):
        trusted(leaf, authority.pem, MAIL, lists)
    assert trusted(leaf, authority.pem, MAIL, lists + authority.revoke()).subject is not None, "one in force suffices"


def test_what_is_no_list_is_told(authority):
    _, leaf = authority.vouch(MAIL)
    with pytest.raises(Invalid, match="no CRLs"):
        trusted(leaf, authority.pem, MAIL, b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
    with pytest.raises(Forbidden, match="No list"):
        trusted(leaf, authority.pem, MAIL, b"nothing")
