"""Which comparisons a data set gets, from the attributes that are there. One logic for all data.

Each comparison has levels from most alike to different; the first one that holds counts. `m` is the share among pairs
of one person that we expect before any data is seen; it starts the learning and holds it where data is thin.

Evidence that goes together is one comparison: postcode and place; the contacts that a household shares. Where two
records share a contact, surname and place say little more, so these are compared apart from strangers (`at home`).
"""

import msgspec

from steelthread.identity.match.conditions import Condition


class Level(msgspec.Struct):
    """How alike. `frequency` names the column whose rarity counts; `m` and `u` are learned."""

    label: str
    condition: Condition
    m: float
    u: float = 0.0
    frequency: str = ""
    alone: float = 16.0
    """This answer alone makes the odds no better than so many to one: a contact may be shared, a number borrowed. 0: it never
    speaks for one, however seldom strangers were seen to give it."""


class Comparison(msgspec.Struct):
    """A question to two records. `silent` says when it gives no evidence; the last level is `else`."""

    name: str
    silent: Condition
    levels: list[Level]
    shared: bool = False
    """Whether a household shares it."""


ELSE: Condition = ["else"]
_SHARED: Condition = ["any", ["shares", "mails"], ["shares", "phones"], ["shares", "homes"]]
_SAME_PLACE: Condition = ["any", ["same", "postcode"], ["same", "city"]]
_NEAR_HOME: Condition = ["all", _SAME_PLACE, ["same", "house"], ["any", ["edits", "road", 2], ["jaro", "road", 0.9]]]
_SAME_ROAD: Condition = ["all", ["same", "road"], _SAME_PLACE]
AT_HOME: Condition = ["any", _SHARED, _NEAR_HOME]
_NAMED: Condition = ["not", ["null", "own_mails"]]
_DIFFER: Condition = ["all", _NAMED, ["not", ["shares", "mails"]]]
_TWO_KINDS: Condition = ["any", *(
    ["not", ["any", ["null", one], ["null", other]]]
    for one, other in (("mails", "phones"), ("mails", "homes"), ("phones", "homes"))
)]  # fmt: skip

_HOMES = 4.0
"""How good the odds are at best by a contact that stands in a home: a landline, a mailbox that is named after nobody."""
_ANOTHER = 3
"""The level of the first name at which both are names of their own."""


def _first() -> Comparison:
    return Comparison("first", ["null", "first"], [
        Level("same first name", ["same", "first"], 0.62, frequency="first"),
        Level("short form or second name", ["any", ["shares", "called"], ["shares", "given"]], 0.12),
        Level("first and last name swapped", ["cross", "first", "last"], 0.02, frequency="first"),
        Level("another name, spelled alike", [
            "all", ["not", ["null", "known"]], ["any", ["jaro", "first", 0.8], ["edits", "first", 1]],
        ], 0.04),
        Level("spelled almost alike", ["any", ["jaro", "first", 0.92], ["edits", "first", 1]], 0.10),
        Level("initial", ["within", "first", "called_letters"], 0.04),
        Level("similar first name", [
            "any", ["all", ["same", "first_sound"], ["any", ["null", "known"], ["jaro", "first", 0.65]]], ["jaro", "first", 0.8],
        ], 0.05),
        Level("different first name", ELSE, 0.05),
    ])  # fmt: skip


def _last(name: str, silent: Condition, where: str) -> Comparison:
    at_home = (0.60, 0.03, 0.01, 0.04, 0.03, 0.29) if where else (0.0,) * 6
    return Comparison(name, silent, [
        Level(f"same last name{where}", ["same", "last"], 0.75, at_home[0], frequency="" if where else "last"),
        Level(f"part of a double name{where}", ["shares", "surnames"], 0.04, at_home[1]),
        Level(f"last and first name swapped{where}", ["either", "last", "first"], 0.02, at_home[2]),
        Level(f"last name spelled almost alike{where}", ["any", ["jaro", "last", 0.92], ["edits", "last", 1]], 0.10, at_home[3]),
        Level(f"similar last name{where}", ["any", ["same", "last_sound"], ["jaro", "last", 0.84]], 0.03, at_home[4]),
        Level(f"different last name{where}", ELSE, 0.06, at_home[5]),
    ], shared=True)  # fmt: skip


def _birth() -> Comparison:
    return Comparison("birth", ["null", "birth"], [
        Level("same birth date", ["same", "birthday"], 0.70),
        Level("same birth year, no day known", ["same", "birth"], 0.06),
        Level("day and month swapped", ["either", "birthday", "swapped"], 0.02),
        Level("one sign of the birth date differs", ["edits", "birth", 1], 0.10),
        Level("same birth year, one without a day",
              ["all", ["same", "year"], ["null", "birthday"]], 0.03),
        Level("two signs of the birth date differ", ["edits", "birth", 2], 0.04),
        Level("same birth year", ["same", "year"], 0.02),
        Level("different birth date", ELSE, 0.03),
    ])  # fmt: skip


def _contact() -> Comparison:
    family = ["shares", "family"]
    several = ["any", ["all", ["shares", "mails"], ["shares", "phones"]], ["all", ["shares", "mails"], ["shares", "homes"]],
               ["all", ["shares", "phones"], ["shares", "homes"]]]  # fmt: skip
    return Comparison("contact", ["all", ["null", "mails"], ["null", "phones"], ["null", "address"]], [
        Level("phone and address shared, mailboxes that differ", ["all", _DIFFER, ["shares", "phones"], ["shares", "homes"]], 0.05),
        Level("phone shared, mailboxes that differ", ["all", _DIFFER, ["shares", "phones"]], 0.03, alone=_HOMES),
        Level("address shared, mailboxes that differ", ["all", _DIFFER, ["shares", "homes"]], 0.03, alone=_HOMES),
        Level("several contacts shared, a family's", ["all", family, several], 0.05),
        Level("several contacts shared", several, 0.20),
        Level("e-mail shared, a family's", ["all", family, ["shares", "mails"]], 0.03),
        Level("e-mail shared that is named after nobody", ["all", ["shares", "open"], ["shares", "mails"]], 0.03, alone=_HOMES),
        Level("e-mail shared", ["shares", "mails"], 0.20),
        Level("phone shared, a family's", ["all", family, ["shares", "phones"]], 0.03),
        Level("landline shared", ["all", ["shares", "open"], ["shares", "phones"]], 0.03, alone=_HOMES),
        Level("phone shared", ["shares", "phones"], 0.10),
        Level("address shared, a family's", ["all", family, ["shares", "homes"]], 0.03),
        Level("address shared", ["shares", "homes"], 0.10),
        Level("e-mail almost alike", ["all", ["null", "open"], ["same", "mail_digits"], ["edits", "mail", 2]], 0.05),
        Level("e-mail with another provider", [
            "all", ["null", "open"], ["same", "local"], ["any", ["null", "last"], ["shares", "surnames"], ["jaro", "last", 0.84]],
        ], 0.02, alone=_HOMES),
        Level("phone almost alike", [
            "all", ["not", ["differ", "calling"]], ["any", ["edits", "phone", 1], ["tail", "phone", 7]],
        ], 0.02),
        Level("house and road almost alike", _NEAR_HOME, 0.08),
        Level("same road", _SAME_ROAD, 0.02),
        Level("mailboxes that differ, each named after somebody", _NAMED, 0.03),
        Level("contacts of two kinds differ", _TWO_KINDS, 0.03),
        Level("no contact shared", ELSE, 0.10),
    ], shared=True)  # fmt: skip


def place() -> Comparison:
    """Postcode and place, where nothing nearer is shared."""
    return Comparison("place", ["any", AT_HOME, _SAME_ROAD, ["all", ["null", "postcode"], ["null", "city"]]], [
        Level("same postcode", ["same", "postcode"], 0.60, frequency="postcode"),
        Level("one sign of the postcode differs", ["edits", "postcode", 1], 0.08),
        Level("same place", ["same", "city"], 0.12, frequency="city"),
        Level("same postcode area", ["same", "area"], 0.05),
        Level("place spelled almost alike", ["jaro", "city", 0.9], 0.03),
        Level("different place", ELSE, 0.12),
    ], shared=True)  # fmt: skip


def _others() -> dict[str, Comparison]:
    return {
        "word": Comparison(
            "word",
            ["any", ["null", "names"], ["neither", "word"], ["all", AT_HOME, ["within", "word", "surnames"]]],
            [
                Level("its only name is a name of the other", ["within", "word", "names"], 0.75, frequency="word"),
                Level("its only name is like one", ["any", ["shares", "called"], ["near", "word", "first", 0.88], ["near", "word", "last", 0.88], ["jaro", "word", 0.88]], 0.05),
                Level("its only name is another", ELSE, 0.20),
            ],
        ),
        "middle": Comparison("middle", ["null", "middle"], [
            Level("same middle name", ["shares", "middle"], 0.60),
            Level("same middle initial", ["shares", "middle_letters"], 0.15),
            Level("different middle name", ELSE, 0.25),
        ]),
        "gender": Comparison("gender", ["any", ["null", "gender"], ["same", "first"]], [
            Level("same gender", ["same", "gender"], 0.95),
            Level("different gender", ELSE, 0.05),
        ]),
        "category": Comparison("category", ["null", "category"], [
            Level("same occupation", ["same", "category"], 0.80, frequency="category"),
            Level("different occupation", ELSE, 0.20),
        ]),
        "number": Comparison("number", ["not", ["shares", "schemes"]], [
            Level("same number of a document, with different names", ["shares", "lent"], 0.05),
            Level("same number of a document", ["shares", "numbers"], 0.80),
            Level("number of a document almost alike", ["edits", "number", 2], 0.10),
            Level("different number of a document", ELSE, 0.05),
        ]),
    }  # fmt: skip


class Wall(msgspec.Struct):
    """What keeps two records apart whatever their weight is."""

    label: str
    condition: Condition


def _other_name() -> Condition:
    """Two first names that are not one: different, or alike and both known as names of their own."""
    first = _first()
    conditions = [level.condition for level in first.levels[:-1]]
    another: Condition = ["all", ["not", ["any", *conditions[:_ANOTHER]]], conditions[_ANOTHER]]
    return ["all", ["not", first.silent], ["any", another, ["not", ["any", *conditions]]]]


TWINS: Condition = [
    "all", AT_HOME, _other_name(), ["not", ["shares", "numbers"]], ["not", ["edits", "number", 1]],
]  # fmt: skip
"""Two at one home with two first names. On one birthday they are twins, if the data has families at all."""


_OTHER_BIRTH: Condition = ["not", ["any", ["null", "birth"], ["same", "birth"], ["same", "year"], ["either", "birthday", "swapped"],
                                   ["edits", "birth", 1], ["edits", "birth", 2]]]  # fmt: skip
"""Two birth dates that are none, written wrongly."""
_ONE_TOLD: Condition = [
    "all", ["null", "generation"], ["not", ["neither", "generation"]], AT_HOME, _OTHER_BIRTH,
    ["not", ["shares", "numbers"]], ["not", ["edits", "number", 1]],
]  # fmt: skip
"""Who is called junior or senior has a namesake at home: one born on quite another day is that one, told without it."""


def walls(*, families: bool) -> list[Wall]:
    """Return what two records of one person never have."""
    found = [
        Wall("different generations (Jr/Sr)", ["differ", "generation"]),
        Wall("one of them junior or senior, at one home, born on another day", _ONE_TOLD),
    ]
    if families:
        twins = ["all", ["same", "birthday"], TWINS]
        found.append(Wall("born on one day at one home, with different first names: twins", twins))
    return found


def choose(filled: dict[str, float]) -> list[Comparison]:
    """Choose the comparisons for columns by the share of records in which each is filled."""

    def there(*columns: str) -> bool:
        return any(filled.get(column, 0.0) > 0 for column in columns)

    others = _others()
    home = there("mails", "phones", "homes")
    chosen = []
    if there("first"):
        chosen.append(_first())
    if there("last"):
        stranger: Condition = ["any", ["null", "last"], AT_HOME] if home else ["null", "last"]
        chosen.append(_last("last", stranger, ""))
        if home:
            chosen.append(_last("last_home", ["any", ["null", "last"], ["not", AT_HOME]], ", at one home"))
    chosen += [others[name] for name in ("word", "middle") if there(name)]
    if there("birth"):
        chosen.append(_birth())
    if there("mails", "phones", "address"):
        chosen.append(_contact())
    if there("postcode", "city"):
        chosen.append(place())
    chosen += [
        others[name]
        for name, column in (("gender", "gender"), ("category", "category"), ("number", "numbers"))
        if there(column)
    ]
    return chosen
