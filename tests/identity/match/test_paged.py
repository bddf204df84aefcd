"""Records kept page by page are kept as single ones are: the same bytes, the same keys."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.identity.match.test_organisations import firms
from tests.identity.match.test_parity import CLEAN, made

from steelthread.identity.match import ORGANISATIONS, PEOPLE, keys_of, packed
from steelthread.identity.match.blocking import RULES
from steelthread.identity.match.coded import Rows
from steelthread.identity.match.paged import Paged
from steelthread.vault import open_vault


@pytest.fixture
def vault(tmp_path: Path):
    return open_vault(tmp_path / "keyring")


def of_people():
    return [*made(150), *CLEAN, {}, {"emailAddress": ["j.doe@mail.example", "j.doe@mail.example"], "birthDate": "1980"}]


CASES = [(PEOPLE, of_people), (ORGANISATIONS, lambda: firms(count=30)[0])]


@pytest.mark.parametrize(("party", "records"), CASES)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pages_hold_what_single_records_give(vault, party, records, size):
    coded, _ = party.prepared(records(), None)
    rows, paged = list(Rows(coded)), Paged(coded, party)
    for start in range(0, len(rows), size):
        page = range(start, min(start + size, len(rows)))
        assert paged.packed(page) == [packed(rows[place], party.columns) for place in page]
        hashes, begins = paged.keys(page, vault.tokens)
        found = [hashes[one:other].tolist() for one, other in pairwise(begins)]
        keys = [keys_of(rows[place], party.words, party.mark) for place in page]
        assert found == [sorted({vault.token(f"match|{key}") for key in own}) for own in keys]
        for name in party.lists:
            assert paged.column(name, page) == [rows[place][name] for place in page]


def test_a_word_that_orders_takes_texts_in_their_own_order(vault):
    records = [{"firstName": "Zoe", "lastName": "Adams"}, {"firstName": "Adams", "lastName": "Zoe"}]
    coded, _ = PEOPLE.prepared(records, None)
    paged = Paged(coded, PEOPLE)
    hashes, begins = paged.keys(range(2), vault.tokens)
    one, other = (set(hashes[start:end].tolist()) for start, end in pairwise(begins))
    number = RULES.index("first<last first>last")
    assert vault.token(f"match|{number}|adamszoe") in one & other


def test_no_records_have_no_keys(vault):
    coded, _ = PEOPLE.prepared(of_people(), None)
    hashes, begins = Paged(coded, PEOPLE).keys(range(3, 3), vault.tokens)
    assert (len(hashes), begins.tolist()) == (0, [0])
    assert np.frombuffer(vault.tokens("match|", []), dtype=np.int64).tolist() == []
