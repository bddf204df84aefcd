"""Strings that the IAB's documents and its own encoders print, with what they say; and strings made up from bytes."""

import random
import string

LETTERS = string.ascii_letters + string.digits + "-_"
TCF = {
    # "How does a URL-based service process the TC string", TC string format v2
    "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA.IFoEUQQgAIQwgIwQABAEAAAAOIAACAIAAAAQAIAgEAACEAAAAAgAQBAAAAAAAGBAAgAAAAAAAFAAECAAAgAAQARAEQAAAAAJAAIAAgAAAYQEAAAQmAgBC3ZAYzUw": {
        "purposes": {1, 2, 3}, "vendors": {2, 6, 8}, "policy_version": 2, "cmp_id": 27, "disclosed": {2, 6, 8, 12},
    },
    # a core with vendors in bits, and a publisher's segment
    "CLcVDxRMWfGmWAVAHCENAXCkAKDAADnAABRgA5mdfCKZuYJez-NQm0TBMYA4oCAAGQYIAAAAAAEAIAEgAA.argAC0gAAAAAAAAAAAA": {
        "purposes": {1, 3, 9, 10}, "vendors": {2, 3, 6, 7, 8, 10, 12, 13, 14, 15, 16, 21}, "policy_version": 2, "cmp_id": 21, "list_version": 23,
        "screen": 2, "language": "EN", "cmp_version": 7,
    },
    # "GPP String Examples", section 2
    "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA": {"purposes": set(), "vendors": set(), "cmp_id": 31, "language": "EN"},
    "COtybn4PA_zT4KjACBENAPCIAEBAAECAAIAAAAAAAAAA": {"purposes": {2, 10}, "vendors": set()},
}  # fmt: skip
GPP = {
    # "GPP String Examples", GPP string 1.0
    "DBABMA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA": [2],
    "DBACNYA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN": [2, 6],
    "DBABjw~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN": [5, 6],
    # the same headers as "Header Examples" have them, filled to six bits
    "DBABM~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA": [2],
    "DBACNY~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN": [2, 6],
}
_CHILDREN = {1: (1,), 2: (2, 1), 3: (2, 1, 0), 5: (2, 1, 0, 2, 1)}
US = {
    # each field 1 but MspaServiceProviderMode 2; SensitiveDataProcessing 2, 1, 0, 2, ...; children 2, 1, 0, ...
    (7, 1): "BVVVkkkklWA.YA", (7, 2): "CVVVkkkkkpFY.YA", (8, 1): "BVWSSSVY.YA", (9, 1): "BVWSSVY", (10, 1): "BVWSSVg.YA",
    (11, 1): "BVVkklWA", (12, 1): "BVWSSZFg.YA", (14, 1): "BVWSSZFY.YA", (16, 1): "BVWSSVWA.YA", (17, 1): "BVWSSSSVYA.YA",
    (18, 1): "BVVkklWA.YA", (19, 1): "BVWSSVWA.YA", (20, 1): "BVWSSZFY.YA", (22, 1): "BVWSSVWA.YA",
}  # fmt: skip
US_ALSO = {
    # as printed, with other values in the lists
    (13, 1): ("BVWSSZlY", (2, 1, 0, 2, 1, 0, 2, 1), (2, 1, 2)),
    (15, 1): ("BVWSSRpFYA.YA", (2, 1, 0, 2, 1, 0, 2, 1, 0, 1, 2), (2, 1, 0)),
    (21, 1): ("BVWSSRklWA.YA", (2, 1, 0, 2, 1, 0, 2, 1, 0, 1), (2, 1, 0, 2, 1)),
}
US_LATE = {
    # as the IAB's own encoder (@iabgpp/cmpapi 3.2.0) writes them: Minnesota's values as above, of the others MspaMode 1
    "DBABIYA~BVWSSVWA.YA": (23, (2, 1, 0, 2, 1, 0, 2, 1), (1,), True),
    "DBABEYA~BVVU.YA": (24, (), (), True),
    "DBABUYA~BVVZ.kkk": (25, (2, 1, 0, 2, 1, 0, 2, 1), (2,), None),
    "DBABCYA~BVVZ.kkk": (26, (2, 1, 0, 2, 1, 0, 2, 1), (2,), None),
    "DBABSYA~BVVZ.kkk": (27, (2, 1, 0, 2, 1, 0, 2, 1), (2,), None),
}


def us_values(layout):
    """Return what the strings of `US` say under a layout."""
    said = {}
    for name, count in layout:
        if name == "SensitiveDataProcessing":
            said[name] = ((2, 1, 0) * 6)[:count]
        elif name == "KnownChildSensitiveDataConsents":
            said[name] = _CHILDREN[count]
        else:
            said[name] = (2,) if name == "MspaServiceProviderMode" else (1,)
    return said


def mutated(text, chance):
    """Return a string with some letters changed, dropped, added, doubled or cut off."""
    letters = list(text)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        place = chance.randrange(len(letters) + 1)
        how = chance.randrange(7)
        one = chance.choice(LETTERS if how else ".~ \x00é=+/0")
        if how == 1:
            letters[place:place] = [one]
        elif how == 2:
            del letters[place : place + chance.choice((1, 1, 4))]
        elif how == 3:
            letters = letters[:place]
        elif how == 4:
            letters[place:place] = letters[: chance.randrange(len(letters) + 1)]
        else:
            letters[place : place + 1] = [one]
    return "".join(letters)


def mutations(texts, count, seed):
    """Give so many mutated strings."""
    chance = random.Random(seed)
    for _ in range(count):
        yield mutated(chance.choice(texts), chance)
