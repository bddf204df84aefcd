"""What names a record is remembered: the second time as the first, and as if nothing were remembered at all."""

import msgspec
import pytest

from steelthread.identity import Identifiers
from steelthread.intake import MappedPart, MappedRecord, MappedRow, Source
from steelthread.kit import forget_remembered
from steelthread.thread.prepare import Preparer

USER = ("user_id", "users", "u1")
VISITOR = ("anonymous_id", "", "a1")


@pytest.fixture
def preparer(space):
    def make(*, live):
        found = Identifiers(space.rules, space.model, "web", "GB")
        return Preparer(Source(name="web", entities=[], key=""), space.model, space.vault, found, live=live)

    return make


def _email(address):
    return MappedPart("ContactPointEmail", {"emailAddress": address})


RECORDS = [
    MappedRecord("WebsiteEngagement", "1", {"eventType": "page"}, [], [USER]),
    MappedRecord("WebsiteEngagement", "2", {"eventType": "page"}, [], [VISITOR]),
    MappedRecord("WebsiteEngagement", "3", {"eventType": "page"}, [], [VISITOR, USER]),
    MappedRecord("SalesOrder", "4", {"orderNumber": "4"}, [], [], ("crm", "Individual", "7")),
    MappedRecord("SalesOrder", "5", {"orderNumber": "5"}, [], [VISITOR], ("crm", "Individual", "7")),
    MappedRecord("Individual", "6", {"firstName": "Ann", "lastName": "Lee"}, [_email("ann.lee@x.example")], [USER]),
    MappedRecord("Individual", "7", {"firstName": "Bob", "lastName": "Lee"}, [_email("ann.lee@x.example")], [USER]),
    MappedRecord("Individual", "8", {}, [_email("ann.lee@x.example")], [USER]),
    MappedRecord("Individual", "9", {"firstName": ""}, [_email("test@test.com"), _email("a.b@gmail.com")], []),
    MappedRecord("Individual", "10", {"personName": "Ann Lee Jr."}, [], [VISITOR]),
    MappedRecord("Account", "11", {"name": "Acme Ltd"}, [], []),
]


def _prepared(preparer, one):
    prepared = preparer.row(MappedRow([one], 1, [], {}), b"digest")
    return msgspec.to_builtins(prepared), preparer.blocked


def test_what_is_remembered_is_what_is_found(preparer):
    plain, live = preparer(live=False), preparer(live=True)
    for _ in range(3):
        for one in RECORDS:
            assert _prepared(live, one) == _prepared(plain, one)
    alone = [_prepared(preparer(live=False), one)[0] for one in RECORDS]
    assert [_prepared(live, one)[0] for one in reversed(RECORDS)][::-1] == alone


def test_what_is_remembered_is_forgotten_with_the_erased(preparer):
    live = preparer(live=True)
    for one in RECORDS:
        _prepared(live, one)
    assert live._again.cache_info().currsize > 0
    forget_remembered()
    assert live._again.cache_info().currsize == 0
