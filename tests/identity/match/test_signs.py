"""What is told of two texts at a look never contradicts what comparing them sign by sign says."""

import random

import numpy as np
import pytest
from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler

from steelthread.identity.match.signs import NUMBERS, WORDS, lacking, may_be_alike, signs_of


def texts(letters, seed):
    """Return texts and, of each, some that are nearly it."""
    chance, found = random.Random(seed), []
    for _ in range(60):
        text = [chance.choice(letters) for _ in range(chance.randrange(1, 14))]
        for _ in range(5):
            found.append("".join(text))
            place = chance.randrange(len(text))
            how = chance.randrange(4)
            if how == 0:
                text[place] = chance.choice(letters)
            elif how == 1:
                text.insert(place, chance.choice(letters))
            elif how == 2 and len(text) > 1:
                text.pop(place)
            else:
                text[place:] = reversed(text[place:])
    return found


@pytest.mark.parametrize("fields", [WORDS, NUMBERS])
@pytest.mark.parametrize("letters", ["aabbbcde", "0011223456789", "abcdefghijklmnopqrstuvwxyz0123456789 -.@éß王"])
def test_no_pair_that_is_alike_is_ruled_out(letters, fields):
    words = texts(letters, 4)
    signs, heads = signs_of(words, fields)
    sizes = np.array([len(one) for one in words], dtype=np.int32)
    one, other = np.triu_indices(len(words), 1)
    differ = np.maximum(*lacking(signs[one], signs[other]))
    ends = [(own[one], own[other]) for own in (signs, sizes, heads)]
    may = {least: may_be_alike(*ends, least) for least in (0.8, 0.92)}
    ruled_out = 0
    for at, (a, b) in enumerate(zip(one.tolist(), other.tolist(), strict=True)):
        edits = DamerauLevenshtein.distance(words[a], words[b])
        alike = JaroWinkler.similarity(words[a], words[b])
        assert differ[at] <= edits
        for least, able in may.items():
            assert able[at] or alike < least, (words[a], words[b])
            ruled_out += not able[at]
    assert ruled_out > 1000
    assert (lacking(signs, signs)[0] == 0).all()
