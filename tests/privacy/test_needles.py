"""The needle scan's patterns: many are found as a few are, wherever they stand."""

import random

import pytest

from steelthread.privacy import Needles
from steelthread.privacy.needles import _Automaton, _Words


def values(count):
    return [f"{kind}{one}{end}" for one in range(count) for kind, end in (("kim", "@example.org"), ("LN-88-", "-Q"))]


@pytest.mark.parametrize("shortest", [9, 10, 11, 14, 15, 23])
def test_many_patterns_are_found_as_the_automaton_finds_them(shortest):
    chance = random.Random(shortest)
    for _ in range(60):
        letters = bytes(chance.sample(range(256), 3))
        patterns = sorted({bytes(chance.choices(letters, k=shortest + chance.randrange(9))) for _ in range(40)})
        content = bytes(chance.choices(letters, k=3000)) + chance.choice(patterns)
        for _ in range(20):
            place = chance.randrange(len(content))
            content = content[:place] + chance.choice(patterns) + content[place:]
        assert _Words(patterns).found(content) == _Automaton(patterns).found(content)


@pytest.mark.parametrize("content", [b"", b"1234567", b"12345678", bytes(100)])
def test_there_is_nothing_where_there_is_nothing(content):
    assert _Words([b"kim1@example.org"]).found(content) == set()


@pytest.mark.parametrize("place", range(20))
def test_each_form_of_many_values_is_found_at_any_place(place):
    few, many = Needles(values(2), derived=True), Needles(values(60), derived=True)
    assert few._words is None
    assert many._words is not None
    before = b"\x00" * place + b"x"
    for pattern, told in [*few._lower.items(), *few._exact.items()]:
        content = before + pattern + b"y"
        assert told in few.found(content)
        assert few.found(content) <= many.found(content)
        if told[1] in ("text", "url", "hex", "md5", "sha1", "sha256"):
            assert told in many.found(content.upper()), "in any case"


def test_forms_that_are_exact_are_compared_with_their_case():
    needles = Needles(values(60), derived=True)
    ((pattern, told),) = [(one, told) for one, told in needles._exact.items() if told == (7, "base64+1")]
    assert told in needles.found(b"..." + pattern + b"...")
    assert told not in needles.found(b"..." + pattern.swapcase() + b"...")
