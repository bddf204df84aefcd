"""The needle scan's patterns: many are found as a few are, wherever they stand."""

import random

import pytest

from steelthread.privacy import Needles, scan_database
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


RANDOM = random.Random(5)
NUMBERS = ["+442079460958", "12345678", "deadbeef01"]


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(
    ("content", "is_there"),
    [
        (b"tel 02079460958.", True), (b"442079460958", True), (b"00442079460958", True), (b"(+44)2079460958", True),
        (b"x2079460958x", True), (b"1442079460958", False), (b"20794609581", False), (b"no 12345678", True),
        (b"012345678", False), (b"ref-12345678-2026", True), (b"deadbeef01", True), (b"id=deadbeef01;", True),
        (RANDOM.randbytes(20).hex().encode() + b"a12345678a" + RANDOM.randbytes(20).hex().encode(), False),
        (RANDOM.randbytes(20).hex().encode() + b"deadbeef01" + RANDOM.randbytes(20).hex().encode(), False),
        (b"01a21702-dd0b-7950-9bc5-a2079460958a", False), (b"2026-01-02 2026-01-02-12345678-2026-01-02", True),
    ],
)  # fmt: skip
def test_short_numbers_count_where_somebody_wrote_them(many, content, is_there):
    others = [f"kim{one}@example.org" for one in range(60)] if many else []
    assert bool(Needles([*NUMBERS, *others], derived=True).found(content)) is is_there


def test_a_number_of_ours_is_no_value_of_anybody(space):
    needles = Needles(["987654", "98765432"], derived=True)
    with space.database.connect() as conn:
        conn.execute("create table public.odd (id bigint, ids bigint[], said text, told jsonb)")
        conn.execute("insert into public.odd values (987654, array[98765432], 'x', '{}')")
        assert scan_database(conn, needles)[1] == []
        conn.execute("insert into public.odd values (1, '{}', '987654', '{}'), (2, '{}', '', '{\"a\": 98765432}')")
        hits = scan_database(conn, needles)[1]
    assert {(hit.where, hit.needle, hit.form) for hit in hits} == {("public.odd", 0, "text"), ("public.odd", 1, "text")}
