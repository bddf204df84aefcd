"""Our scorer gives Splink's weights, on every pair of records with every kind of dirt."""

import logging
import random

import pytest
from splink import Linker

from steelthread.identity.match.engine import Engine
from steelthread.identity.match.model import splink_settings
from steelthread.identity.match.party import PEOPLE
from steelthread.identity.match.scorer import Scorer

FIRST = [
    "Smith",
    "Mark",
    "Mary",
    "Robert",
    "Bob",
    "Roberta",
    "Ana Maria",
    "J",
    "John",
    "Jon",
    "",
    "Marie",
    "Mary",
    "王杰",
    "Wang",
]
LAST = [
    "Smith",
    "Smyth",
    "Medina Sentosa",
    "Sentosa",
    "van den Berg",
    "Berg",
    "O'Hare",
    "",
    "Robert",
    "Jones Jr",
    "Jones Sr",
]


CLEAN = [
    {"firstName": "Ingrid", "lastName": "Bergman", "emailAddress": "ib@one.example", "birthDate": "1990-06-07"},
    {"firstName": "Ingrid", "lastName": "Bergman", "emailAddress": "ib@one.example", "birthDate": "1990-11-28"},
    {"firstName": "Bergman", "lastName": "Ingrid", "telephoneNumber": "0301 555777"},
    {"firstName": "Ingrid", "lastName": "Bergmann", "telephoneNumber": "0301 555777", "category": "nurse"},
    {"firstName": "Otto", "lastName": "Hahn", "emailAddress": "oh@one.example", "telephoneNumber": "0302 666888"},
    {"firstName": "Otto", "lastName": "Hahn", "emailAddress": "oh@one.example", "telephoneNumber": "0302 666888"},
    {"firstName": "Otto", "lastName": "Hahn", "partyIdentification": ["ssn:314159265"]},
    {"firstName": "Otto", "partyIdentification": ["ssn:314159265"]},
    {
        "firstName": "Petra",
        "lastName": "Lund",
        "emailAddress": "petra.lund@one.example",
        "telephoneNumber": "0303 777999",
        "addressLine1": "7 Rose Street",
        "cityName": "Oslo",
        "postalCodeText": "0150",
    },
    {
        "firstName": "Petra",
        "lastName": "Holm",
        "emailAddress": "petra.holm@two.example",
        "telephoneNumber": "0303 777999",
    },
    {
        "firstName": "Petra",
        "lastName": "Lund",
        "emailAddress": "petra@four.example",
        "addressLine1": "7 Rose Street",
        "cityName": "Oslo",
        "postalCodeText": "0150",
    },
    {
        "firstName": "Petra",
        "lastName": "Lund",
        "emailAddress": "plund@three.example",
        "telephoneNumber": "0303 777999",
        "addressLine1": "7 Rose Street",
        "cityName": "Oslo",
        "postalCodeText": "0150",
    },
    {"firstName": "Thorvald", "lastName": "Quisling"},
    {"firstName": "Thorvold", "lastName": "Quisling"},
    {"firstName": "Solveig", "lastName": "Abrahamsen", "telephoneNumber": "+47 950 12 345"},
    {"firstName": "Solveig", "lastName": "Abramson", "telephoneNumber": "+47 950 12 345"},
    {"firstName": "Gunnar", "lastName": "Vik", "emailAddress": "thenest@one.example"},
    {"firstName": "Gunnar", "lastName": "Vik", "emailAddress": "thenest@one.example"},
    {"firstName": "Ragnhild", "lastName": "Moe", "telephoneNumber": "+441212345678"},
    {"firstName": "Ragnhild", "lastName": "Moe", "telephoneNumber": "+441212345678"},
    {"firstName": "Sigrid", "lastName": "Undset", "emailAddress": "sigrid.undset@one.example"},
    {"firstName": "Sigrid", "lastName": "Undset", "emailAddress": "sigrid.undset@two.example"},
]


def made(count, seed=5):
    chance = random.Random(seed)

    def maybe(value):
        return value if chance.random() < 0.7 else ""

    return [
        {
            "firstName": chance.choice(FIRST),
            "lastName": chance.choice(LAST),
            "birthDate": maybe(
                chance.choice(["1980-03-04", "1980-04-03", "1980-03-05", "1980", "4 Mar 1981", "1980-13-45"])
            ),
            "emailAddress": maybe(
                chance.choice(
                    [
                        "q77@mail.example",
                        "q78@mail.example",
                        "q77@post.example",
                        "longer.name5@mail.example",
                        "longer.nane5@mail.example",
                        "bob.smith@mail.example",
                        "bobsmith@mail.example",
                        "ana@mail.example",
                    ]
                )
            ),
            "telephoneNumber": maybe(
                chance.choice(["+44 7911 123456", "07911 123457", "07911 999999", "07911 888881", "0207 946 0000"])
            ),
            "addressLine1": maybe(
                chance.choice(
                    [
                        "12 Mill Lane",
                        "12 Mil Ln",
                        "PO Box 7",
                        "14 Mill Lane, Leeds LS1 4DY",
                        "3 High Street",
                        "9 High Street",
                    ]
                )
            ),
            "cityName": maybe(chance.choice(["Leeds", "Leedss", "York"])),
            "postalCodeText": maybe(chance.choice(["LS1 4DY", "LS1 4DX", "LS1 9AA", "YO1 7HH"])),
            "gender": maybe(chance.choice("mf")),
            "category": maybe(chance.choice(["baker", "priest"])),
            "middleName": maybe(chance.choice(["Anne", "A", "Bea"])),
            "partyIdentification": [
                maybe(chance.choice(["ssn:123-45-6789", "ssn:123-45-6780", "ssn:987-65-4321", "ssn:555-11-2222"]))
                or "ssn:0"
            ],
        }
        for _ in range(count)
    ]


def splinks(engine, model, pairs, party=PEOPLE):
    """Return (record, other, weight) as Splink itself weighs the pairs of a table."""
    ground = engine.ground
    frequent = {level.frequency for one in model.comparisons for level in one.levels if level.frequency}
    ground.make("bare", f"select record, {', '.join((*party.texts, *party.lists))} from people")
    linker = Linker(ground.api.register("bare"), splink_settings(model, ground.dialect), log_level=logging.ERROR)
    for name in frequent:
        ground.make(
            f"tf_{name}",
            f"select {name}, min(tf_{name}) as tf_{name} from people where {name} is not null group by {name}",
        )
        linker.table_management.register_term_frequency_lookup(ground.api.register(f"tf_{name}"), name)
    predicted = engine.predict(linker, pairs)
    found = engine.ground.ask(f"select record_l, record_r, match_weight from {predicted} order by 1, 2")
    engine.ground.drop(predicted)
    return list(zip(*(found[name].tolist() for name in ("record_l", "record_r", "match_weight")), strict=True))


@pytest.fixture(scope="module")
def scored():
    records = made(148) + CLEAN
    engine = Engine(records)
    engine.block()
    model = engine.learn()
    every = [(a, b) for a in range(len(records)) for b in range(a + 1, len(records))]
    engine.add_pairs("every", [a for a, _ in every], [b for _, b in every])
    judged = engine.judge(model, "every")
    found = splinks(engine, model, "every")
    assert [(a, b) for a, b, _ in found] == list(zip(judged.left, judged.right, strict=True))
    assert max(abs(weight - mine) for (_, _, weight), mine in zip(found, judged.weight, strict=True)) < 1e-6
    return model, engine.rows, [(*one, wall) for one, wall in zip(found, judged.wall, strict=True)]


def test_every_weight_is_splinks_to_a_millionth(scored):
    model, rows, found = scored
    scorer = Scorer(model)
    assert len(found) == 170 * 169 // 2
    worst = max(abs(scorer.weight(rows[a], rows[b]) - weight) for a, b, weight, _ in found)
    assert worst < 1e-6


def test_every_level_occurs_in_the_test(scored):
    model, rows, found = scored
    scorer = Scorer(model)
    seen = {step.label for a, b, _, _ in found for step in scorer.waterfall(rows[a], rows[b])}
    missing = {level.label for one in model.comparisons for level in one.levels} - seen
    assert not missing


def test_a_waterfall_sums_to_the_weight(scored):
    model, rows, found = scored
    scorer = Scorer(model)
    for a, b, _, _ in found[::7]:
        assert sum(step.weight for step in scorer.waterfall(rows[a], rows[b])) == pytest.approx(
            scorer.weight(rows[a], rows[b])
        )


def test_the_order_of_two_records_does_not_matter(scored):
    model, rows, found = scored
    scorer = Scorer(model)
    for a, b, _, wall in found[::5]:
        assert scorer.weight(rows[a], rows[b]) == pytest.approx(scorer.weight(rows[b], rows[a]))
        assert bool(scorer.wall(rows[a], rows[b])) == bool(wall) == bool(scorer.wall(rows[b], rows[a]))


def test_weights_from_levels_are_splinks_too():
    records = made(120) + CLEAN
    engine = Engine(records)
    engine.block()
    model = engine.learn()
    left, right, weight = engine.candidates(model, -1000.0)
    engine.add_pairs("again", left, right)
    splink = {(a, b): found for a, b, found in splinks(engine, model, "again")}
    assert max(abs(splink[a, b] - found) for a, b, found in zip(left, right, weight, strict=True)) < 1e-6
