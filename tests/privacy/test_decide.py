"""Precedence, reasons and evidence of single decisions; purposes.yaml."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from steelthread.kit import Invalid
from steelthread.privacy import Decider, Purpose, Purposes, Statement, Subject, fold, load_purposes

START = datetime(2026, 5, 1, tzinfo=UTC)
PURPOSES = Purposes(
    {
        "marketing": Purpose(channels=["email", "sms"], also_known_as=["iab:4"]),
        "marketing.news": Purpose(),
        "double": Purpose(double_opt_in=True),
        "claims": Purpose(legal_basis="contract", despite_restriction=True),
        "service": Purpose(legal_basis="contract"),
        "duty": Purpose(legal_basis="legal_obligation"),
        "credit": Purpose(legal_basis="legitimate_interests", effect="significant"),
    }
)


def said(what, purpose="marketing", day=0, node=b"a", **more):
    when = START + timedelta(days=day)
    return Statement(uuid4(), node, "contact_point", purpose, what, when, more.pop("recorded_at", when), **more)


def ask(*statements, purpose="marketing", channel="", at=START + timedelta(days=99), known=None, **more):
    use = more.pop("use", "")
    return Decider(PURPOSES).decide(Subject(fold(statements, at, known), **more), purpose, channel, use, at)


def test_a_later_yes_takes_back_an_earlier_no_of_the_same_scope():
    assert not ask(said("given"), said("withdrawn", day=1)).allow
    again = ask(said("withdrawn"), said("given", day=1))
    assert again.allow
    assert [one.said for one in again.evidence] == ["given"]
    assert not ask(said("given", day=1), said("withdrawn", day=1)).allow, "of equal times the no counts"
    assert not ask(said("withdrawn"), said("given", day=1, node=b"b")).allow, "another node's yes takes nothing back"
    assert not ask(said("withdrawn"), said("given", day=1, channel="email"), channel="email").allow


def test_a_no_reaches_down_and_a_yes_does_not():
    assert not ask(said("given", "marketing.news"), said("withdrawn", "marketing", 1), purpose="marketing.news").allow
    assert not ask(said("given", "marketing"), purpose="marketing.news").allow
    assert not ask(said("given"), said("objected", "*", 1)).allow


def test_channels():
    both = said("given"), said("withdrawn", day=1, channel="email")
    assert ask(*both, channel="sms").allow
    assert not ask(*both, channel="email").allow
    assert not ask(*both).allow, "a question without a channel is one for all"
    assert not ask(said("given", channel="email")).allow
    assert not ask(said("given"), channel="pigeon").allow


def test_a_yes_opens_its_own_contact_point_only():
    states = said("given", node=b"a"), said("given", "duty", node=b"b")
    assert ask(*states, target=frozenset([b"a"])).allow
    assert not ask(*states, target=frozenset([b"b"])).allow


def test_restriction_objection_and_law():
    assert not ask(said("restricted", "*"), purpose="service").allow
    assert ask(said("restricted", "*"), purpose="claims").allow
    assert ask(said("restricted", "*"), said("unrestricted", "*", 1), purpose="service").allow
    assert not ask(said("objected", "*"), purpose="service").allow
    assert ask(said("objected", "*"), purpose="duty").allow
    first = ask(said("given"), said("withdrawn", day=1), said("opted_out", "*", 2), said("restricted", "*", 3)).reasons
    assert [reason.split(":")[0] for reason in first] == ["restricted", "opted_out", "withdrawn"]


def test_a_signal_is_taken_back_by_an_answer_to_it_only():
    signal = said("opted_out", signal="gpc")
    assert not ask(signal, said("given", day=1)).allow
    assert ask(signal, said("given", day=1, signal="gpc")).allow


def test_confirmation_and_ends():
    waiting = ask(said("given", "double"), purpose="double")
    assert not waiting.allow
    assert "pending" in waiting.reasons[0]
    assert ask(said("given", "double"), said("double_confirmed", "double", 1), purpose="double").allow
    assert not ask(said("double_confirmed", "double"), said("given", "double", 1), purpose="double").allow
    ends = said("given", valid_until=START + timedelta(days=5))
    assert ask(ends, at=START + timedelta(days=4)).allow
    assert "expired" in ask(ends, at=START + timedelta(days=5)).reasons[0]


def test_minors():
    assert not ask(said("given"), said("minor", "*")).allow
    assert ask(said("given"), said("minor", "*"), said("authorised", day=1, actor="parent")).allow
    assert ask(said("minor", "*"), purpose="service").allow


def test_two_times():
    late = said("withdrawn", day=1, recorded_at=START + timedelta(days=10))
    noon = START + timedelta(days=5)
    assert not ask(said("given"), late, at=noon).allow
    assert ask(said("given"), late, at=noon, known=noon).allow, "on that day we did not know"
    assert ask(said("given"), late, at=START).allow


def test_it_fails_closed():
    for answer in (
        ask(purpose="nothing"), ask(), ask(said("given"), erased=True), ask(purpose="credit", use="score"),
    ):  # fmt: skip
        assert not answer.allow
        assert answer.reasons
        assert answer.policy_version == PURPOSES.version
    assert ask(said("given", "marketing"), purpose="iab:4").allow, "names elsewhere are names here"


def test_purposes_yaml(tmp_path):
    path = tmp_path / "purposes.yaml"
    assert list(load_purposes(path)) == []
    path.write_text("purposes:\n  a: {description: x}\n  a.b: {legalBasis: contract, fields: [firstName]}\n")
    purposes = load_purposes(path)
    assert purposes.get("a").legal_basis == "consent"
    assert purposes.above("a.b") == ("a.b", "a", "*")
    assert purposes.version != PURPOSES.version
    with pytest.raises(Invalid, match="no purpose"):
        purposes.get("z")
    for wrong, word in (
        ("purposes: {a.b: {}}", "lies below a"), ("purposes: {a: {legalBasis: whim}}", "docs/privacy"), ("a: [", "YAML"),
        ("purposes: {'*': {}}", "no name"),
    ):  # fmt: skip
        path.write_text(wrong)
        with pytest.raises(Invalid, match=word):
            load_purposes(path)
