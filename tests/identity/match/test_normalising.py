"""Names, dates, addresses, phones and e-mails for matching: tables of cases."""

import random

import phonenumbers
import pytest

from steelthread.identity.match import contacts
from steelthread.identity.match.birthdays import day_first, parse_birth
from steelthread.identity.match.columns import prepared
from steelthread.identity.match.contacts import is_landline, is_named_after, parse_mailbox, parse_number, parse_phone
from steelthread.identity.match.prepare import columns_of
from steelthread.identity.match.spelling import called, named_by_mailbox, named_by_owner, parse_name, sound
from steelthread.identity.places import parse_address, parse_postcode


@pytest.mark.parametrize(
    ("first", "middle", "last", "whole", "suffix", "expected"),
    [
        ("Robert", "", "Smith", "", "", ("robert", "smith", "", "")),
        ("Dr Robert", "", "Smith Jr.", "", "", ("robert", "smith", "", "jr")),
        ("Robert", "", "Smith", "", "Senior", ("robert", "smith", "", "sr")),
        ("Morris II", "", "Klein", "", "", ("morris", "klein", "", "ii")),
        ("", "", "", "Smith, Robert", "", ("robert", "smith", "", "")),
        ("", "", "", "Robert James Smith", "", ("robert", "smith", "", "")),
        ("", "", "", "Ludwig van Beethoven", "", ("ludwig", "beethoven", "", "")),
        ("", "", "", "Smith Jr", "", ("", "", "smith", "jr")),
        ("Maria Luis", "", "Medina Sentosa", "", "", ("maria", "medinasentosa", "", "")),
        ("Siobhán", "", "O'Hare", "", "", ("siobhan", "ohare", "", "")),
        ("Blaschka", "", "", "Blaschka", "", ("", "", "blaschka", "")),
        ("h.o.forbes", "", "", "h.o.forbes", "", ("h", "forbes", "", "")),
        ("", "", "", "王杰", "", ("jie", "wang", "", "")),
        ("", "", "", "ВАСИЛЬЕВ, Александр Павлович", "", ("aleksandr", "vasilev", "", "")),
        ("", "", "", "Sir", "", ("", "", "", "")),
        ("", "", "", "", "", ("", "", "", "")),
    ],
)
def test_names(first, middle, last, whole, suffix, expected):
    name = parse_name(first, middle, last, whole, suffix)
    assert (name.first, name.last, name.word, name.generation) == expected


def test_parts_of_double_names_and_second_names_are_kept():
    name = parse_name("Maria Luis", "Ana", "Medina-Sentosa", "", "")
    assert name.surnames == ("medina", "sentosa")
    assert name.middle == ("luis", "ana")
    assert "marialuis" in name.given


def test_short_forms_and_sounds():
    assert set(called("bob")) & set(called("robert"))
    assert not set(called("mary")) & set(called("mark"))
    assert sound("smith") == sound("smyth")
    assert sound("ma4garet") == sound("magaret")


@pytest.mark.parametrize(
    ("text", "dayfirst", "digits", "day"),
    [
        ("1980-03-04", False, "19800304", "19800304"),
        ("19800304", False, "19800304", "19800304"),
        ("3/4/1980", False, "19800304", "19800304"),
        ("3/4/1980", True, "19800403", "19800403"),
        ("20/8/1991", False, "19910820", "19910820"),
        ("3/1/70", False, "19700301", "19700301"),
        ("8/2/06", False, "20060802", "20060802"),
        ("Mar 1 1970", False, "19700301", "19700301"),
        ("24-May-11", False, "20110524", "20110524"),
        ("1835-81-01", False, "18358101", ""),
        ("1849", False, "18490101", ""),
    ],
)
def test_birth_dates(text, dayfirst, digits, day):
    birth = parse_birth(text, dayfirst=dayfirst)
    assert birth is not None
    assert (birth.digits, birth.day) == (digits, day)


def test_what_is_no_birth_date():
    assert parse_birth("unknown") is None
    assert parse_birth("") is None
    assert parse_birth("1-2") is None


def test_the_column_says_whether_the_day_is_first():
    assert day_first(["25/12/1980", "3/4/1980"])
    assert not day_first(["12/25/1980", "3/4/1980"])


@pytest.mark.parametrize(
    ("line", "city", "postcode", "expected"),
    [
        ("123 Main Street", "Leeds", "LS1 4DY", ("123 main st", "ls14dy", "leeds")),
        ("123 Main Street, Las Vegas NV 89132", "", "", ("123 main st", "89132", "las vegas")),
        ("Skyline Apartments, 705 Sheppard Avenue", "Toronto", "M1S 1T4", ("705 sheppard ave", "m1s1t4", "toronto")),
        ("Ansbacher Strasse 23", "Düsseldorf", "56244", ("23 ansbacher st", "56244", "dusseldorf")),
        ("Hardenbergstraße 87", "", "66879", ("87 hardenberg st", "66879", "")),
        ("P.O. Box 12987", "Chicago", "60611", ("12987 po box", "60611", "chicago")),
        ("12, Mill Lane", "Leeds", "LS1 4DY", ("12 mill ln", "ls14dy", "leeds")),
        ("Via Roma, 12", "Milano", "20121", ("12 via roma", "20121", "milano")),
        ("Via Roma, 12, Milano", "", "20121", ("12 via roma", "20121", "milano")),
        ("1450 N City Rd Suite 900", "Arlington", "23208", ("1450 n city rd", "23208", "arlington")),
    ],
)
def test_addresses(line, city, postcode, expected):
    address = parse_address(line, "", "", city, postcode)
    assert (address.key, address.postcode, address.city) == expected


def test_postcodes():
    assert parse_postcode("43004-1234") == "43004"
    assert parse_postcode("ls1 4dy") == "ls14dy"


def test_phones_are_compared_by_their_last_nine_digits():
    assert parse_phone("+44 7911 123456") == parse_phone("07911 123456")
    assert parse_phone("+39 0352 6553537") == parse_phone("0352 6553537")
    assert parse_phone("00000000000") == ""
    assert parse_phone("123") == ""


def test_mailboxes():
    box = parse_mailbox('"Jay Jones" <J.Jones+news@gmail.com>')
    assert box is not None
    assert (box.key, box.local, box.words) == ("jjones@gmail.com", "jjones", ("jones",))
    assert parse_mailbox("no address") is None


def test_numbers():
    assert parse_number("294-66-9999") == "294669999"
    assert parse_number("000000") == ""


@pytest.mark.parametrize(
    ("first", "last", "words", "expected"),
    [
        ("", "", ("robert", "smith"), ("robert", "smith")),
        ("", "", ("xq", "smith"), ("", "")),
        ("Jonas", "", ("jonas", "krause"), ("jonas", "krause")),
        ("", "Krause", ("jonas", "krause"), ("jonas", "krause")),
        ("Jonas", "", ("info", "shop"), ("", "")),
        ("Jonas", "Krause", ("mary", "smith"), ("jonas", "krause")),
        ("", "", ("robert",), ("", "")),
    ],
)
def test_an_email_address_fills_in_a_name(first, last, words, expected):
    name = named_by_mailbox(parse_name(first, "", last, "", ""), words)
    assert (name.first, name.last) == expected


@pytest.mark.parametrize(
    ("address", "first", "last", "after"),
    [
        ("jane.doe.72@mail.example", "jane", "doe", True),
        ("jane4432@mail.example", "jane", "doe", True),
        ("j.a.n.e.doe@gmail.com", "jane", "doe", True),
        ("j.doe@gmail.com", "jane", "doe", True),
        ("jdoe9@mail.example", "jane", "doe", True),
        ("doej@mail.example", "jane", "doe", True),
        ("janed@mail.example", "jane", "doe", True),
        ("bob.smith@mail.example", "robert", "smith", True),
        ("roberrt.smith@mail.example", "robert", "smith", True),
        ("jdoe9@mail.example", "tom", "doe", False),
        ("doefamily@mail.example", "jane", "doe", False),
        ("manning.house@mail.example", "ann", "manning", False),
        ("jane.doe@mail.example", "", "doe", False),
    ],
)
def test_whether_a_mailbox_is_named_after_a_person(address, first, last, after):
    assert is_named_after(parse_mailbox(address), first, last) is after


@pytest.mark.parametrize(
    ("number", "fixed"),
    [("+441212345678", True), ("+447900123456", False), ("+43152345678", True), ("+12025550123", False), ("0121", False), ("+0", False)],
)  # fmt: skip
def test_landlines_are_known_where_the_numbers_tell(number, fixed):
    assert is_landline(number) is fixed


def test_a_look_at_a_number_plan_says_what_the_whole_of_it_says():
    """Numbers of all plans, with digits that slipped in or out: the shortcut answers as the library does, or not at all."""
    chance, told = random.Random(3), 0
    for regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.values():
        for region in {*regions} - {"001"}:
            for kind in phonenumbers.PhoneNumberType.values():
                example = phonenumbers.example_number_for_type(region, kind)
                if example is None:
                    continue
                digits = [*phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)]
                for place in [chance.randrange(2, len(digits)) for _ in range(2)]:
                    told += _agrees("".join(digits))
                    digits[place] = chance.choice("0123456789")
    assert told > 500


def _agrees(text):
    at_a_look = contacts.told_at_a_look(text)
    if at_a_look is None:
        return False
    try:
        fixed = phonenumbers.number_type(phonenumbers.parse(text)) == phonenumbers.PhoneNumberType.FIXED_LINE
    except phonenumbers.NumberParseException:
        fixed = False
    assert at_a_look is fixed, text
    return True


def test_a_record_without_a_first_name_has_that_of_the_mailbox():
    assert named_by_owner(parse_name("", "", "", "", ""), "jane").first == "jane"
    filled = named_by_owner(parse_name("", "", "Doe", "", ""), "jane")
    assert (filled.first, filled.last, filled.word) == ("jane", "doe", "")
    assert named_by_owner(parse_name("", "", "Thomas", "", ""), "thomas").first == ""
    assert named_by_owner(parse_name("Tom", "", "", "", ""), "jane").first == ""


def test_what_a_mailbox_is_named_after_is_told_by_those_who_have_it():
    records = [
        {"firstName": "Ingeborg", "lastName": "Doe", "emailAddress": "ingeborg@mail.example"},
        {"emailAddress": "ingeborg@mail.example"},
        {"firstName": "Henry", "lastName": "Thomas", "emailAddress": "thomas77@mail.example"},
        {"emailAddress": "thomas77@mail.example"},
        {"firstName": "Jane", "lastName": "Doe", "emailAddress": "doehome@mail.example"},
        {"firstName": "Tom", "lastName": "Doe", "emailAddress": "jane.d@mail.example"},
        {"firstName": "Jane", "lastName": "Doe", "emailAddress": "jane.d@mail.example"},
        {"emailAddress": "jane.d@mail.example"},
    ]
    found = prepared(records)[1]
    rows = [columns_of(record, found) for record in records]
    assert [row["first"] for row in rows] == ["ingeborg", "ingeborg", "henry", None, "jane", "tom", "jane", None]
    assert [row["own_mails"] is None for row in rows] == [False, False, True, True, True, False, False, False]
    assert rows[4]["open"] == ["doehome@mail.example"]
    assert rows[5]["family"] == ["jane.d@mail.example"]


def test_a_lone_first_name_says_that_a_contact_is_a_family_s():
    records = [
        {"firstName": "Henry", "lastName": "Fly", "emailAddress": "flyhome@mail.example"},
        {"firstName": "Matilda", "emailAddress": "flyhome@mail.example"},
    ]
    assert prepared(records)[1].family == {"flyhome@mail.example"}
