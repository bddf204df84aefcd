"""Organisations in the machinery of people: their names, what is compared, what Splink says of it, and who is one."""

import itertools
import random

import pytest
from tests.identity.match.test_parity import splinks

from steelthread.identity.match import (
    ORGANISATIONS,
    PEOPLE,
    Scorer,
    Weighing,
    cells_of,
    decode,
    keys_of,
    resolve,
    resolve_organisations,
)
from steelthread.identity.match import keys as blocks
from steelthread.identity.match.arrays import Arrays
from steelthread.identity.match.engine import Engine
from steelthread.identity.match.firms import parse_firm, parts_of
from steelthread.identity.match.linkage import ends_of
from steelthread.identity.match.model import Thresholds
from steelthread.identity.match.organisations import read_address, registered, survey

SAME = [
    ("Acme Ltd", "ACME Limited"), ("Acme GmbH", "Acme"), ("Acme, Inc.", "The Acme Company"), ("Acme L.L.C.", "Acme LLC"),
    ("Müller & Söhne GmbH", "Mueller und Soehne"), ("Intl Paper Mfg", "International Paper Manufacturing Inc."),
    ("ООО Ромашка", "Romashka LLC"), ("株式会社 Sakura", "Sakura K.K."), ("Smith Bros.", "Smith Brothers Ltd"),
    ("Nordic Optics ApS", "Nordic Optic"), ("Zephyr Pty Ltd", "Zephyr"), ("Grupo Ñandú S.A. de C.V.", "GRUPO NANDU SA"),
    ("Acme (Leeds) Ltd", "Acme"),
]  # fmt: skip
OTHER = [("Acme Foods", "Acme Motors"), ("North Dairy", "South Dairy"), ("Acme", "Apex"), ("IBM", "ABM")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_is_left_of_a_name_when_its_form_and_its_spelling_are_taken_away(one, other):
    assert parse_firm(one).words == parse_firm(other).words != ()


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_names_that_are_two(one, other):
    assert parse_firm(one).words != parse_firm(other).words


def test_a_name_of_nothing_but_forms_keeps_them_and_marks_say_nothing():
    assert parse_firm("Limited").words == ("limited",)
    assert parse_firm("The Company").words == ("the", "company")
    assert parse_firm("&").words == parse_firm("").words == ()
    assert parse_firm("International Business Machines Corp").initials == "ibm"
    assert parse_firm("Acme Foods GmbH & Co. KG").forms == ("kg", "ltd")
    assert parts_of(parse_firm("Arden")) == []
    assert len(parts_of(parse_firm("Arden Quay Motors"))) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("#01-11, HillV2, 4 Hillview Rise, 667979", "4 Hillview Rise, 667979"),
        (
            "Chinatown Point, 133 New Bridge Road, 059413 Singapore",
            "133 New Bridge Road, Chinatown Point, Singapore 059413",
        ),
        ("Hughes Plaza, 100 Mill Lane, Las Vegas, NV 89111", "100 Mill Ln, Las Vegas, NV 89111"),
    ],
)
def test_a_building_before_the_house_and_the_place_of_the_postcode_make_no_difference(one, other):
    mine, theirs = (read_address(text, "", "", "", "") for text in (one, other))
    assert (mine.key, mine.postcode) == (theirs.key, theirs.postcode)
    assert mine.key
    assert mine.postcode


def test_a_tax_number_is_the_same_with_the_letters_of_its_country_and_a_register_keeps_its_own():
    assert registered("vat:GB 123 456") == registered("vat:123456") == "vat:123456"
    assert registered("registration_number:SC123456") != registered("registration_number:123456")
    assert registered("vat:") == ""


WORDS = (
    "Alder",
    "Beacon",
    "Cedar",
    "Delta",
    "Ember",
    "Falcon",
    "Granite",
    "Harbour",
    "Indigo",
    "Juniper",
    "Kestrel",
    "Linden",
)
TRADES = ("Foods", "Motors", "Optics", "Timber", "Printing", "Manufacturing", "Logistics")


def firms(count=40, seed=1, copies=(2, 3)):
    """Return records of made-up organisations and which each is: other forms, a slip of the pen, another address, less of it."""
    chance = random.Random(seed)
    names = [f"{a} {b} {c}" for a, b in itertools.permutations(WORDS, 2) for c in TRADES]
    records, truth = [], []
    for number, name in enumerate(chance.sample(names, count)):
        street = (
            f"{chance.randrange(1, 99)} Mill Lane",
            chance.choice(("Leeds", "York")),
            f"LS{chance.randrange(1, 9)} 4DY",
        )
        phone, domain, register = (
            f"+44{chance.randrange(10**9, 10**10)}",
            f"{name.replace(' ', '').lower()}.example",
            f"{chance.randrange(10**7)}",
        )
        form = chance.choice(("Ltd", "Inc", "AG"))
        for copy in range(chance.choice(copies)):
            written = (f"{name} {form}", name[:4] + name[5:], f"{name} {form}".upper())[copy]
            row = {"organisationName": [written]}
            if copy != 1:
                row |= dict(zip(("addressLine1", "cityName", "postalCodeText"), street, strict=True))
            if copy != 2:
                row |= {"telephoneNumber": [phone], "webSiteURL": [f"https://www.{domain}"]}
            if copy == 0 or chance.random() < 0.3:
                row |= {
                    "partyIdentification": [f"registration_number:{register}"],
                    "registrationNumber": [f"registration_number:{register}"],
                }
            records.append(row)
            truth.append(number)
    return records, truth


def pairs_of(label):
    return {(a, b) for a, b in itertools.combinations(range(len(label)), 2) if label[a] == label[b]}


def test_fuzzy_names_find_each_other_and_groups_stay_apart():
    records, truth = firms()
    group = [
        {"organisationName": [f"Zenith {trade} Ltd"], "webSiteURL": ["zenith.example"], "addressLine1": "1 Quay Street", "cityName": "Hull",
         "postalCodeText": "HU1 1AA"}
        for trade in TRADES
    ]  # fmt: skip
    found = resolve([*records, *group], party=ORGANISATIONS)
    joined = pairs_of(found.clusters())
    right = pairs_of([*truth, *(f"z{number}" for number in range(len(group)))])
    assert joined <= right, joined - right
    assert len(joined) > 0.95 * len(right)
    assert found.model.party == "organisations"


def test_legal_forms_are_weak_evidence_and_a_number_is_strong():
    records, _ = firms()
    model = resolve(records, party=ORGANISATIONS).model
    scorer = Scorer(model)

    def weight(one, other):
        return scorer.weight(scorer.prepare(one), scorer.prepare(other))

    name = {"organisationName": ["Quorum Textiles Ltd"]}
    same, other_form = weight(name, name), weight(name, {"organisationName": ["Quorum Textiles Corporation"]})
    number = {"partyIdentification": ["registration_number:778899"]}
    assert 0 < same - other_form < 6
    assert (
        weight(name | number, {"organisationName": ["Renamed Holdings"]} | number)
        > weight(name, {"organisationName": ["Renamed Holdings"]}) + 5
    )


def test_two_numbers_of_one_register_are_a_wall_whatever_else_is_alike():
    records, _ = firms()
    twin = {
        "organisationName": ["Twin Optics Ltd"], "webSiteURL": ["twin.example"], "telephoneNumber": ["+442079460958"],
        "addressLine1": "7 Canal Walk", "cityName": "Leeds", "postalCodeText": "LS2 7AA",
    }  # fmt: skip
    numbers = [
        {"registrationNumber": [f"registration_number:{one}"], "partyIdentification": [f"registration_number:{one}"]}
        for one in ("111234", "111235")
    ]
    found = resolve([*records, twin | numbers[0], twin | numbers[1], twin], party=ORGANISATIONS)
    label = found.clusters()
    assert label[-3] != label[-2]
    scorer = Scorer(found.model)
    rows = [scorer.prepare(one) for one in (twin | numbers[0], twin | numbers[1], twin)]
    assert scorer.wall(rows[0], rows[1]) == "two different numbers of one register"
    assert not scorer.wall(rows[0], rows[2])


def test_arrays_scorer_and_splink_say_the_same_of_every_pair():
    records, _ = firms(count=20)
    records += [
        {"organisationName": ["Delta Foods Timber", "DFT"], "emailAddress": ["dft@gmail.com"]}, {"organisationName": ["DFT"]},
        {"organisationName": ["Foods Delta"], "telephoneNumber": ["02079 460958"]}, {"emailAddress": ["dft@gmail.com"]},
        {"organisationName": ["Zenith"], "webSiteURL": ["zenith.example"]}, {"organisationName": ["Zenith Quay Ltd"], "webSiteURL": ["zenith.example"]},
        {"organisationName": ["Apex"], "webSiteURL": ["zenith.example"], "partyIdentification": ["lei:5299"], "registrationNumber": ["lei:5299"]},
        {"organisationName": ["Apax"], "partyIdentification": ["lei:5298"], "registrationNumber": ["lei:5298"]},
    ]  # fmt: skip
    engine = Engine(records, party=ORGANISATIONS)
    engine.block()
    model = engine.learn()
    every = list(itertools.combinations(range(len(records)), 2))
    engine.add_pairs("every", [a for a, _ in every], [b for _, b in every])
    asked = splinks(engine, model, "every", ORGANISATIONS)
    scorer = Scorer(decode(model.encode()))
    rows = [scorer.prepare(one) for one in records]
    weighing = Weighing(model)
    weighing.add([cells_of(row, ORGANISATIONS.columns) for row in rows])
    judged = weighing.judge(*zip(*every, strict=True))
    arrays = Arrays(records, engine.frequencies, ORGANISATIONS)
    for (a, b, weight), mine, wall in zip(asked, judged.weight, judged.wall, strict=True):
        assert abs(weight - mine) < 1e-6
        assert abs(weight - scorer.weight(rows[a], rows[b])) < 1e-6
        assert abs(weight - sum(step.weight for step in scorer.waterfall(rows[a], rows[b]))) < 1e-6
        assert bool(wall) == bool(scorer.wall(rows[a], rows[b]))
    assert [arrays.rows[place] for place in range(len(records))] == rows
    steps = judged.steps
    assert abs(steps.sum(axis=1) - judged.weight).max() < 1e-6


def test_blocking_finds_those_who_share_a_key_and_no_key_is_one_of_a_person(monkeypatch):
    records, _ = firms(count=30)
    coded, _ = ORGANISATIONS.prepared(records)
    monkeypatch.setattr(blocks, "FEW", 0)
    found = {(int(a), int(b)) for a, b in zip(*ends_of(blocks.block(coded, ORGANISATIONS.words)), strict=True)}
    holders = {}
    for number in range(len(records)):
        for key in keys_of(coded.row(number), ORGANISATIONS.words, ORGANISATIONS.mark):
            assert key.startswith("organisation|")
            holders.setdefault(key, []).append(number)
    assert found == {pair for held in holders.values() for pair in itertools.combinations(held, 2)}
    assert PEOPLE.mark == ""


def test_what_many_names_share_says_nothing():
    records = [
        {"organisationName": [f"{word} {trade}"], "telephoneNumber": ["+442079460111"]}
        for word in WORDS
        for trade in TRADES[:1]
    ]
    records += [
        {"organisationName": [name], "webSiteURL": ["block.example"]} for name in ("Onyx Energy", "Sable Dairy")
    ]
    records += [
        {"organisationName": [name], "webSiteURL": ["own.example"]}
        for name in ("Thorn Energy", "Thorn Energy Ltd", "Thorn")
    ]
    found = survey(records)
    assert found.generic == {"079460111"}
    assert found.family == {"block.example"}


def test_the_part_of_a_model_for_organisations_is_fitted_to_the_thresholds_of_people():
    records, _ = firms(count=20)
    people = resolve([{"firstName": "Ann", "lastName": "Lee"}, {"firstName": "Bob", "lastName": "Ray"}]).model
    low = Thresholds(exact=0.0, strict=-3.0, loose=-7.0)
    plain = resolve(records, party=ORGANISATIONS)
    fitted = resolve_organisations(records, people, thresholds=low)
    higher = max(getattr(plain.model.thresholds, use) - getattr(low, use) for use in ("exact", "strict", "loose"))
    assert higher > 0
    assert abs(plain.model.prior_weight - higher - fitted.model.prior_weight) < 1e-9
    assert fitted.model.thresholds == low
    assert fitted.clusters(low.strict) == plain.clusters(low.strict + higher)
    people.organisations = fitted.model
    again = resolve_organisations(records, decode(people.encode()), thresholds=low)
    assert again.clusters() == fitted.clusters()
    assert decode(people.encode()).version == people.version


def test_the_data_are_told_what_they_lack():
    found = resolve([{"addressLine1": f"{number} Mill Lane"} for number in range(4)], party=ORGANISATIONS)
    assert any("businessName" in sentence for sentence in found.lacks)
    found = resolve([{"organisationName": [name]} for name in WORDS], party=ORGANISATIONS)
    assert any("webSiteURL" in sentence for sentence in found.lacks)
