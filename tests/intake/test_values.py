"""Cells to values: what leaves no doubt is read, what does is set aside with a reason."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelthread.intake.moments import day, instant
from steelthread.intake.numbers import decimal, decimal_mark, integer
from steelthread.intake.types import Unreadable
from steelthread.intake.values import clean, email, phone

NUMBERS = [
    ("12.50", ".", "12.50"), ("1,234.50", ".", "1234.50"), ("$1,234.50", ".", "1234.50"), ("(12.50)", ".", "-12.50"),
    ("12-", ".", "-12"), ("-$5", ".", "-5"), ("CHF 5", ".", "5"), ("5.00 EUR", ".", "5.00"), ("1e3", ".", "1000"),
    ("1'234.5", ".", "1234.5"), ("1,23,456.00", ".", "123456.00"), (".5", ".", "0.5"), ("007", ".", "7"),
    ("1.234,56", ",", "1234.56"), ("1.234", ",", "1234"), ("12,50 €", ",", "12.50"), ("1 234,50", ",", "1234.50"),
    ("-0", ".", "-0"), ("0,00", ",", "0.00"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "mark", "expected"), NUMBERS)
def test_numbers(text, mark, expected):
    assert decimal(text, mark) == expected


@pytest.mark.parametrize(
    ("text", "mark"),
    [("12,50", "."), ("1.234,56", "."), ("12.50", ","), ("5 kg", "."), ("1 2 3", "."), ("1e999999", "."), ("abc", "."),
     ("", "."), ("-", "."), ("1,2345", "."), ("9" * 60, "."), ("nan", "."), ("(1", ".")],
)  # fmt: skip
def test_no_number_is_guessed(text, mark):
    with pytest.raises(Unreadable):
        decimal(text, mark)


def test_a_wrong_mark_says_what_to_write():
    with pytest.raises(Unreadable, match='decimal: ","'):
        decimal("12,50")


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_numbers_read_back(number):
    assert decimal(f"{number:,.2f}") == (f"{number:.2f}" if number else decimal(f"{number:.2f}"))
    swapped = f"{number:,.2f}".translate(str.maketrans(",.", ".,"))
    assert float(decimal(swapped, ",")) == float(number)
    assert decimal_mark([f"{number:.2f}".replace(".", ",")]) == ","


def test_integers_are_whole_and_of_64_bits():
    assert integer("3.0") == 3
    for text in ("3.5", str(1 << 63)):
        with pytest.raises(Unreadable):
            integer(text)


@pytest.mark.parametrize(
    ("text", "formats", "expected"),
    [
        ("2020-01-31", (), "2020-01-31"), ("20200131", (), "2020-01-31"), ("31/01/2020", (), "2020-01-31"),
        ("1/31/2020", (), "2020-01-31"), ("31.1.2020", (), "2020-01-31"), ("2020/1/31", (), "2020-01-31"),
        ("31 Jan 2020", (), "2020-01-31"), ("Jan 31, 2020", (), "2020-01-31"), ("31-JAN-2020", (), "2020-01-31"),
        ("Friday, January 31st, 2020", (), "2020-01-31"), ("31. Dezember 1999", (), "1999-12-31"),
        ("03/04/2020", ("dmy",), "2020-04-03"), ("03/04/2020", ("mdy",), "2020-03-04"), ("1/2/78", ("mdy",), "1978-01-02"),
        ("1/2/18", ("dmy",), "2018-02-01"), ("20/01/31", ("ymd",), "2020-01-31"), ("25-Jun-08", ("mdy",), "2008-06-25"), ("15-Mar-92", ("dmy",), "1992-03-15"), ("1813-01-01", ("dmy",), "1813-01-01"),
        ("2020-01-31T23:30:00-05:00", (), "2020-01-31"), ("04|05|2020", ("%d|%m|%Y",), "2020-05-04"),
    ],
)  # fmt: skip
def test_days(text, formats, expected):
    assert day(text, formats) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2018-04-30 11:47:08 -0400", "2018-04-30T15:47:08Z"), ("2022-12-01 10:00 UTC", "2022-12-01T10:00:00Z"),
        ("1700000000", "2023-11-14T22:13:20Z"), ("1700000000000", "2023-11-14T22:13:20Z"),
        ("4/13/2020 7:45 PM", "2020-04-13T19:45:00Z"), ("13/04/2020 12:05 am", "2020-04-13T00:05:00Z"),
        ("Tue, 24 Nov 2026 09:28:36 GMT", "2026-11-24T09:28:36Z"), ("20240131235959", "2024-01-31T23:59:59Z"),
        ("2020-01-31T10:00:00.123456789Z", "2020-01-31T10:00:00.123456Z"), ("13/04/2023 10:15", "2023-04-13T10:15:00Z"),
    ],
)  # fmt: skip
def test_instants(text, expected):
    assert instant(text, ()) == expected


@pytest.mark.parametrize(
    "text",
    ["2020-02-30", "03/04/2020", "1/2/18", "0000-00-00", "x", "0001-01-01T00:00:00+05:00", "123", "13/04/2020 25:00",
     "31 Foo 2020", "9999-12-31T23:59:59-05:00", "²⁰²⁰⁰¹⁰¹", "1/2/2020 at noon"],
)  # fmt: skip
def test_no_date_is_guessed(text):
    with pytest.raises(Unreadable):
        instant(text, ())


@given(st.text(max_size=30))
def test_any_text_is_read_or_set_aside(text):
    for convert in (decimal, integer, email, lambda one: day(one, ()), lambda one: instant(one, ("dmy", "%d %b")),
                    lambda one: phone(one, "GB")):  # fmt: skip
        try:
            convert(text)
        except Unreadable:
            continue
    assert "\x00" not in clean(text)


def test_text_is_clean():
    assert clean("A\u200bnne\u0301\x00  x\ty") == "Anné x y"


@given(st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)), st.from_regex(r"[0-9]{3,12}", fullmatch=True))
def test_a_number_in_e164_is_what_parsing_gives(code, rest):
    written = f"+{code}{rest}"
    try:
        parsed = phonenumbers.parse(written, None)
        possible = phonenumbers.is_possible_number(parsed)
    except phonenumbers.NumberParseException:
        possible = False
    if possible:
        assert phone(written, "") == phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    else:
        with pytest.raises(Unreadable):
            phone(written, "")
