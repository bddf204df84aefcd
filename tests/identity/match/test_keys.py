"""The keys by which a newcomer finds its candidates are those by which a whole run makes its pairs."""

import random

from tests.identity.match.test_parity import CLEAN, made

from steelthread.identity.match import blocking, keys_of
from steelthread.identity.match.engine import Engine


def test_keys_are_those_that_pairs_are_made_of(monkeypatch):
    monkeypatch.setattr(blocking, "FEW", 0)
    monkeypatch.setattr(blocking, "BUDGET", 10**6)
    records = made(150) + CLEAN
    random.Random(3).shuffle(records)
    engine = Engine(records)
    engine.block()
    asked = engine.ground.ask("select record_l, record_r from candidates")
    found = set(zip(asked["record_l"].tolist(), asked["record_r"].tolist(), strict=True))
    holders = {}
    for number, row in enumerate(engine.rows):
        for key in keys_of(row):
            holders.setdefault(key, set()).add(number)
    assert found == {(a, b) for held in holders.values() for a in held for b in held if a < b}
