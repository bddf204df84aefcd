"""Names, dates, addresses, phones and e-mails for matching: tables of cases."""

import random

import phonenumbers
import pytest

from steelthread.identity.match import contacts
from steelthread.identity.match.birthdays import day_first, parse_birth
from steelthread.identity.match.columns import prepared
from steelthread.identity.match.comparisons import choose
from steelthread.identity.match.conditions import compiled
from steelthread.identity.match.contacts import (
    code_of_phone,
    is_landline,
    is_named_after,
    parse_mailbox,
    parse_number,
    parse_phone,
)
from steelthread.identity.match.prepare import Frequencies, columns_of, home_key
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


@pytest.mark.parametrize(
    ("whole", "first", "last"),
    [
        ("王杰", "jie", "wang"),
        ("王 杰", "jie", "wang"),
        ("王小明", "xiaoming", "wang"),
        ("欧阳修", "xiu", "ouyang"),
        ("山田 太郎", "tailang", "shantian"),
        ("山田太郎", "tailang", "shantian"),
        ("山田はなこ", "hanako", "shantian"),
        ("やまだ たろう", "tarou", "yamada"),
        ("ヤマダ タロウ", "tarou", "yamada"),
        ("マイク・スミス", "maiku", "sumisu"),
        ("김민준", "minjun", "gim"),
        ("김 민준", "minjun", "gim"),
        ("남궁민", "min", "namgung"),
        ("គឹម តារា", "tara", "koem"),
        ("គឹម, តារា", "tara", "koem"),
        ("محمد علي", "mhmd", "ly"),
        ("محمد بن سلمان", "mhmd", "slmn"),
        ("Иван Петров", "ivan", "petrov"),
        ("Георгий Щукин", "georgiy", "shchukin"),
        ("Γιώργος Παπαδόπουλος", "giorgos", "papadopoylos"),
        ("יוסי כהן", "yvsy", "khhn"),
        ("अमित शर्मा", "amit", "srma"),
        ("สมชาย ใจดี", "smchay", "aichdi"),
        ("Łukasz Żółć", "lukasz", "zolc"),
    ],
)
def test_names_in_other_scripts(whole, first, last):
    name = parse_name("", "", "", whole, "")
    assert (name.first, name.last) == (first, last)


@pytest.mark.parametrize(
    ("first", "last", "whole"),
    [("តារា", "គឹម", "គឹម តារា"), ("小明", "王", "王小明"), ("太郎", "山田", "山田太郎"), ("민준", "김", "김민준")],
)
def test_a_name_in_its_own_fields_is_that_of_the_whole(first, last, whole):
    apart, together = parse_name(first, "", last, "", ""), parse_name("", "", "", whole, "")
    assert (apart.first, apart.last) == (together.first, together.last)
    assert apart.middle == together.middle == ()


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
        ("Hauptstr. 5", "Wien", "1010", ("5 haupt st", "1010", "wien")),
        ("123 Main Street, Miami FL 33101", "", "", ("123 main st", "33101", "miami")),
        ("Fieldstrasse 10, FL-2198 Triesen", "", "", ("10 field st", "", "triesen")),
        ("#321, Street 128", "Phnom Penh", "", ("321 st 128", "", "phnom penh")),
        ("No 321, Street 128", "Phnom Penh", "", ("321 st 128", "", "phnom penh")),
    ],
)
def test_addresses(line, city, postcode, expected):
    address = parse_address(line, "", "", city, postcode)
    assert (address.key, address.postcode, address.city) == expected


@pytest.mark.parametrize(
    ("line", "key", "unit", "city"),
    [
        ("Flat 2, 12 Mill Lane", "12 mill ln", "2", ""),
        ("Flat 2, 12 Mill Lane, Leeds", "12 mill ln", "2", "leeds"),
        ("Flat A, 12 Mill Lane, Leeds", "12 mill ln", "a", "leeds"),
        ("flat 2 12 Mill Lane", "12 mill ln", "2", ""),
        ("Apt. 4B, 12 Mill Lane", "12 mill ln", "4b", ""),
        ("Apartment No. 4, 12 Mill Lane", "12 mill ln", "4", ""),
        ("Apt B4, 12 Mill Lane", "12 mill ln", "b4", ""),
        ("Unit 3/12 Mill Lane", "12 mill ln", "3", ""),
        ("Apartment 3, Skyline Apartments, 705 Sheppard Avenue", "705 sheppard ave", "3", ""),
        ("2nd Floor, 12 Mill Lane", "12 mill ln", "2", ""),
        ("Suite 900, 1450 N City Rd, Arlington", "1450 n city rd", "900", "arlington"),
        ("#4, 12 Mill Lane", "12 mill ln", "4", ""),
        ("2/1, 12 High Street, Glasgow", "12 high st", "2-1", "glasgow"),
        ("12 Mill Lane, Flat 2, Leeds", "12 mill ln", "2", "leeds"),
        ("12 Mill Lane Flat 2", "12 mill ln", "2", ""),
        ("12 Mill Lane Apt B4", "12 mill ln", "b4", ""),
        ("12 Mill Lane #4, Leeds", "12 mill ln", "4", "leeds"),
        ("6781 Metaxa Forest, Suite 296", "6781 metaxa forest", "296", ""),
        ("Hauptstraße 5, Tür 7, Wien", "5 haupt st", "7", "wien"),
        ("Hauptstraße 12/2/7", "12 haupt st", "2-7", ""),
        ("Hauptstraße 5 Stiege 2 Top 7", "5 haupt st", "2-7", ""),
        ("12 Flat Rock Road", "12 apt rock rd", "", ""),
        ("100 Unity Street", "100 unity st", "", ""),
        ("Top O'the Hill, 3 Mill Lane", "3 mill ln", "", ""),
        ("Flat 2", "", "2", ""),
    ],
)
def test_a_unit_before_or_after_the_street_is_no_part_of_it(line, key, unit, city):
    address = parse_address(line, "", "", "", "")
    assert (address.key, address.unit, address.city) == (key, unit, city)


@pytest.mark.parametrize(
    ("line", "house", "unit", "more", "expected"),
    [
        ("Mill Lane", "12", "Apt. 4", "", ("12 mill ln", "4")),
        ("Mill Lane", "12", "4", "", ("12 mill ln", "4")),
        ("Mill Lane", "12", "Skyline Apartments", "", ("12 mill ln", "")),
        ("Mill Lane", "12/2", "", "", ("12 mill ln", "2")),
        ("12 Mill Lane", "", "", "Flat 2", ("12 mill ln", "2")),
        ("12 Mill Lane", "", "", "Skyline Apartments", ("12 mill ln", "")),
        ("Flat 2", "", "", "12 Mill Lane", ("12 mill ln", "2")),
    ],
)
def test_a_unit_may_stand_in_a_field_of_its_own_or_on_a_second_line(line, house, unit, more, expected):
    address = parse_address(line, house, unit, "Leeds", "", more)
    assert (address.key, address.unit) == expected


@pytest.mark.parametrize(
    ("line", "country", "expected"),
    [
        ("2/12 Mill Lane", "", ("12 mill ln", "2")),
        ("2/12 Mill Lane", "Australia", ("12 mill ln", "2")),
        ("12/2 Mill Lane", "GB", ("12 mill ln", "2")),
        ("Mill Lane 12/2", "AT", ("12 mill ln", "2")),
    ],
)
def test_whether_house_or_unit_comes_first_is_a_matter_of_the_country(line, country, expected):
    address = parse_address(line, "", "", "", "", "", country)
    assert (address.key, address.unit) == expected


def test_a_unit_that_is_told_is_part_of_the_home():
    def home(line):
        return home_key(parse_address(line, "", "", "Leeds", "LS1 4DY"))

    assert home("Flat 2, 12 Mill Lane") == home("12 Mill Lane, Apt 2") == "12 mill ln #2|ls14dy"
    assert home("12 Mill Lane") == "12 mill ln|ls14dy"
    assert home("Flat 3, 12 Mill Lane") != home("Flat 2, 12 Mill Lane")


def test_what_lives_in_one_house_is_a_family_s_only_where_the_unit_is_one():
    flats = [("Ann", "Abel", "1"), ("Bo", "Bock", "2"), ("Carl", "Cohn", "3"), ("Dora", "Cohn", "3")]
    records = [
        {
            "firstName": first,
            "lastName": last,
            "addressLine1": f"Flat {unit}, 12 Mill Lane",
            "postalCodeText": "LS1 4DY",
        }
        for first, last, unit in flats
    ]
    assert prepared(records)[1].family == {"12 mill ln #3|ls14dy"}


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("2139", "US", "02139"),
        ("2139-1234", "US", "02139"),
        ("02139-1234", "US", "02139"),
        ("2139", "", "2139"),
        ("2139", "AU", "2139"),
        ("800", "AU", "0800"),
        ("1067", "DE", "01067"),
        ("D-01067", "DE", "01067"),
        ("D-01067", "", "01067"),
        ("A-1010", "AT", "1010"),
        ("SE-123 45", "SE", "12345"),
        ("LV-1010", "LV", "1010"),
        ("LV1010", "LV", "1010"),
        ("01310-100", "BR", "01310100"),
        ("1310-100", "BR", "01310100"),
        ("430041234", "", "43004"),
        ("430041234", "IR", "430041234"),
        ("ls1 4dy", "GB", "ls14dy"),
        ("D02 AF30", "IE", "d02af30"),
    ],
)
def test_postcodes_are_as_their_country_has_them(text, country, expected):
    assert parse_postcode(text, country) == expected


def test_postcodes():
    assert parse_postcode("43004-1234") == "43004"
    assert parse_postcode("ls1 4dy") == "ls14dy"


def test_dates_go_by_the_column_then_by_the_country_of_the_record():
    def births(*rows):
        records = [{"birthDate": text, "countryName": land} for text, land in rows]
        coded, found = prepared(records)
        rows = [coded.row(place)["birth"] for place in range(len(records))]
        assert rows == [columns_of(record, found)["birth"] for record in records]
        return rows

    assert births(("3/4/1980", "US"), ("3/4/1980", "Germany"), ("3/4/1980", ""), ("1980-03-04", "DE")) == [
        "19800304", "19800403", "19800304", "19800304",
    ]  # fmt: skip
    assert births(("3/4/1980", "US"), ("25/12/1980", "US")) == ["19800403", "19801225"]
    assert births(("3/4/1980", "DE"), ("12/25/1980", "DE")) == ["19800304", "19801225"]
    assert births(("3.4.1980", "US"), ("12/25/1980", "")) == ["19800403", "19801225"]


PHONES = [
    ("+44 7911 123456", ""),
    ("+44 7911 999999", ""),
    ("07911 123456", ""),
    ("0044 7911 123456", "DE"),
    ("+49 7911 123456", ""),
    ("07911 123456", "DE"),
    ("(+39) 911 123 456", ""),
]


def test_phones_of_two_countries_are_two_where_both_tell_their_code():
    records = [{"telephoneNumber": text, "countryName": land} for text, land in PHONES]
    coded, found = prepared(records)
    assert found.calling == "44"
    rows = [coded.row(place) for place in range(len(records))]
    assert rows == [columns_of(record, found) for record in records]
    assert [row["phones"][0] for row in rows] == [
        "911123456", "911999999", "911123456", "911123456", "49 911123456", "49 911123456", "39 911123456",
    ]  # fmt: skip
    assert [row["calling"] for row in rows] == ["44", "44", None, "44", "49", "49", "39"]
    former = Frequencies()  # of a model that knew no codes
    assert {columns_of(record, former)["phones"][0] for record in records} == {"911123456", "911999999"}


def test_no_country_s_phone_is_almost_alike_to_another_s():
    level = next(one for one in choose({"phones": 1.0})[0].levels if one.label == "phone almost alike")
    test = compiled(level.condition)
    found = Frequencies(calling="44")
    rows = [
        columns_of({"telephoneNumber": text}, found) for text in ("+44 7911 123456", "+49 7911 123456", "07911 123457")
    ]
    assert not test(rows[0], rows[1])
    assert test(rows[0], rows[2])


def test_no_number_of_a_country_is_told_from_its_first_sign_alone():
    assert code_of_phone("+1 702 919 1300") == "1"
    assert code_of_phone("+353 1 234 5678") == "353"
    assert code_of_phone("+ (44) 7911") == "44"
    assert [code_of_phone(text) for text in ("07911 123456", "7911", "", "000 123", "+999 1")] == [""] * 5


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
