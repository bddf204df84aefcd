"""From records to clusters: families, twins, generations, namesakes; models as JSON; what is missing is said."""

import random

import pytest

from steelthread.identity.match import Scorer, decode, resolve
from steelthread.identity.match.sufficiency import lacks

FIRST = "anna bruno clara david elena frank greta hugo irene jakob karla lukas maria nils olga peter rosa simon tessa ulrich".split()  # noqa: SIM905
LAST = "berger fischer gruber huber kaiser lang mayer novak pichler reiter steiner wagner weber winkler zeller auer".split()  # noqa: SIM905


def town(families, seed=1):
    """Families at one address with one phone; each person is there two or three times, once with a typing error."""
    chance = random.Random(seed)
    records, truth = [], []
    for family in range(families):
        last = chance.choice(LAST) + chance.choice(["", "er", "mann", "inger", "hofer", "bauer"])
        home = {
            "addressLine1": f"{chance.randrange(1, 99)} Ring {chance.randrange(99)}",
            "postalCodeText": f"{chance.randrange(1000, 9999)}",
        }
        phone = f"+4366{chance.randrange(10**8):08d}"
        for member, first in enumerate(chance.sample(FIRST, chance.choice([1, 2, 3]))):
            born = f"{chance.randrange(1940, 2010)}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}"
            for copy in range(chance.choice([1, 2, 3])):
                typed = last[:2] + last[3:] if copy == 1 else last
                record = {"firstName": first, "lastName": typed, "telephoneNumber": phone, **home}
                if copy != 2:
                    record["birthDate"] = born
                records.append(record)
                truth.append((family, member))
    return records, truth


@pytest.fixture(scope="module")
def resolved():
    records, truth = town(500)
    special = [
        {"firstName": "Max", "lastName": "Zwilling", "birthDate": "1999-05-05", "telephoneNumber": "0660 1234567", "addressLine1": "1 Zwei 1", "postalCodeText": "1010"},
        {"firstName": "Moritz", "lastName": "Zwilling", "birthDate": "1999-05-05", "telephoneNumber": "0660 1234567", "addressLine1": "1 Zwei 1", "postalCodeText": "1010"},
        {"firstName": "Karl", "lastName": "Senft Sr", "telephoneNumber": "0660 7654321", "addressLine1": "2 Drei 1", "postalCodeText": "1020"},
        {"firstName": "Karl", "lastName": "Senft Jr", "telephoneNumber": "0660 7654321", "addressLine1": "2 Drei 1", "postalCodeText": "1020"},
    ]  # fmt: skip
    return records + special, [*truth, "max", "moritz", "sr", "jr"], resolve(records + special)


def pairs(labels):
    groups = {}
    for place, label in enumerate(labels):
        groups.setdefault(label, []).append(place)
    return {(a, b) for group in groups.values() for a in group for b in group if a < b}


def test_families_who_share_everything_stay_people(resolved):
    _, truth, found = resolved
    made, true = pairs(found.clusters()), pairs(truth)
    assert len(made & true) / len(made) > 0.99
    assert len(made & true) / len(true) > 0.9


def test_twins_and_generations_are_kept_apart_at_every_threshold(resolved):
    records, _, found = resolved
    for threshold in (found.model.thresholds.exact, found.model.thresholds.strict, found.model.thresholds.loose):
        labels = found.clusters(threshold)
        assert labels[-4] != labels[-3]
        assert labels[-2] != labels[-1]
    scorer = Scorer(found.model)
    rows = [scorer.prepare(record) for record in records[-4:]]
    assert "twins" in scorer.wall(rows[0], rows[1])
    assert "Jr/Sr" in scorer.wall(rows[2], rows[3])


def test_a_different_first_name_weighs_against_and_a_shared_home_weighs_little(resolved):
    _, _, found = resolved
    levels = {(one.name, level.label): level.m / level.u for one in found.model.comparisons for level in one.levels}
    assert levels["first", "different first name"] < 1 / 8
    assert levels["last_home", "same last name, at one home"] < 4


def test_a_model_as_json_gives_the_same_clusters(resolved):
    records, _, found = resolved
    model = decode(found.model.encode())
    assert model.version == found.model.version
    again = resolve(records, model)
    assert pairs(again.clusters()) == pairs(found.clusters())


def test_any_order_of_the_records_gives_the_same_clusters():
    records, _ = town(60, seed=4)
    order = list(range(len(records)))
    random.Random(2).shuffle(order)
    straight, turned = resolve(records), resolve([records[place] for place in order])
    there = {(min(order[a], order[b]), max(order[a], order[b])) for a, b in pairs(turned.clusters())}
    assert there == pairs(straight.clusters())


def test_two_hundred_candidates_at_once_weigh_what_each_weighs_alone(resolved):
    records, _, found = resolved
    scorer = Scorer(found.model)
    first, *others = [scorer.prepare(record) for record in records[:201]]
    assert scorer.weights(first, others) == pytest.approx([scorer.weight(first, other) for other in others], abs=1e-9)


def test_it_says_what_is_missing(resolved):
    assert resolved[2].lacks == []
    poor = resolve([{"firstName": first, "lastName": last} for first in FIRST for last in LAST[:3]])
    assert any("namesakes" in one for one in poor.lacks)
    assert any("too few to learn from" in one for one in poor.lacks)


GOOD = {"first": 1.0, "birth": 1.0, "mails": 1.0, "city": 1.0}
NAMES = "Fewer than one record in five has a name"
OWN = "namesakes cannot be told apart"
PLACE = "Hardly any record has a place"


@pytest.mark.parametrize(
    ("filled", "expected"),
    [
        ({}, []),
        ({"first": 0.19}, [NAMES]),
        ({"first": 0.0, "word": 0.2}, []),
        ({"birth": 0.19, "mails": 0.19}, [OWN]),
        ({"birth": 0.0, "mails": 0.0, "phones": 0.2}, []),
        ({"city": 0.19}, []),
        ({"birth": 0.39, "mails": 0.0, "city": 0.19}, [PLACE]),
        ({"birth": 0.40, "mails": 0.0, "city": 0.19}, []),
        ({"birth": 0.39, "mails": 0.0, "city": 0.0, "postcode": 0.2}, []),
        ({"first": 0.0, "birth": 0.0, "mails": 0.0, "city": 0.0}, [NAMES, OWN, PLACE]),
    ],
)
def test_what_is_missing_is_said_from_a_fifth_of_the_records_on(resolved, filled, expected):
    records, _, found = resolved
    told = lacks(GOOD | filled, len(records), found.model)
    assert len(told) == len(expected)
    assert all(part in sentence for part, sentence in zip(expected, told, strict=True))


def test_records_with_neither_names_nor_places_are_said_to_lack_them():
    poor = resolve([{"emailAddress": f"{number % 30}@mail.example"} for number in range(60)])
    assert any(NAMES in one for one in poor.lacks)
    bare = resolve([{"firstName": first, "lastName": last} for first in FIRST for last in LAST[:3]])
    assert any(PLACE in one for one in bare.lacks)


def test_nothing_and_one_record():
    assert resolve([{"firstName": "Anna"}]).clusters() == [0]
    assert resolve([]).clusters() == []
