"""Made-up organisations as several systems know them, with the truth: typed names, legal forms, abbreviations, moves, groups, office blocks.

What makes it hard: the companies of a group share a name's first words, a domain, a switchboard and a head office, and are
not one; an office block and its switchboard are shared by strangers; what a record lacks, it lacks.
"""

import random
from typing import Any

_STEMS = [
    "Alder",
    "Amber",
    "Arden",
    "Aspen",
    "Beacon",
    "Birch",
    "Boreal",
    "Brook",
    "Cairn",
    "Cedar",
    "Cobalt",
    "Copper",
    "Corvus",
    "Delta",
    "Ember",
    "Falcon",
    "Fenwick",
    "Granite",
    "Harbour",
    "Hazel",
    "Heron",
    "Indigo",
    "Juniper",
    "Kestrel",
    "Lark",
    "Linden",
    "Lumen",
    "Maple",
    "Marlow",
    "Meridian",
    "Nimbus",
    "Norden",
    "Oakley",
    "Onyx",
    "Orchard",
    "Osprey",
    "Pelham",
    "Pinnacle",
    "Quarry",
    "Raven",
    "Ridley",
    "Rowan",
    "Sable",
    "Severn",
    "Solent",
    "Sterling",
    "Summit",
    "Tamar",
    "Thorn",
    "Umber",
    "Verdant",
    "Vesper",
    "Walden",
    "Weaver",
    "Willow",
    "Wren",
    "Yarrow",
    "Zephyr",
    "Müller",
    "Schröder",
    "Özgür",
    "Kovač",
    "Dvořák",
    "Løvås",
    "Šimek",
    "Núñez",
]
_TRADES = [
    "Foods",
    "Logistics",
    "Systems",
    "Services",
    "Manufacturing",
    "Engineering",
    "Technology",
    "Construction",
    "Laboratories",
    "Transport",
    "Textiles",
    "Interiors",
    "Energy",
    "Packaging",
    "Motors",
    "Instruments",
    "Publishing",
    "Consulting",
    "Insurance",
    "Pharmacy",
    "Bakery",
    "Brewery",
    "Dairy",
    "Optics",
    "Plastics",
    "Printing",
    "Shipping",
    "Timber",
]
_FORMS = {
    "GB": ("Ltd", "Limited", "PLC"),
    "DE": ("GmbH", "AG", "GmbH & Co. KG"),
    "US": ("Inc", "Inc.", "LLC", "Corporation"),
    "FR": ("SARL", "SA"),
}
_SHORT = {
    "Manufacturing": "Mfg", "Engineering": "Eng", "Technology": "Tech", "Laboratories": "Labs", "Services": "Svcs", "Systems": "Sys",
    "Construction": "Constr", "Transport": "Trans", "Insurance": "Insur", "International": "Intl",
}  # fmt: skip
_PLAIN = str.maketrans(
    {"ü": "ue", "ö": "oe", "Ö": "Oe", "č": "c", "ř": "r", "á": "a", "ø": "o", "å": "a", "Š": "S", "ú": "u", "ñ": "n"}
)
_STREETS = [
    "Mill Lane",
    "High Street",
    "Station Road",
    "Church Street",
    "Park Avenue",
    "Victoria Road",
    "Queen Street",
    "Canal Walk",
    "Bridge Road",
]
_CITIES = {
    "GB": "Leeds Bath York Derby Hull Exeter Truro Luton".split(), "DE": "Hamburg Bremen Kassel Mainz Trier Ulm Jena Kiel".split(),  # noqa: SIM905
    "US": "Dayton Toledo Akron Boise Tulsa Fresno Macon Salem".split(), "FR": "Lyon Lille Metz Nantes Nice Rennes Tours Brest".split(),  # noqa: SIM905
}  # fmt: skip
_FREE = ("gmail.com", "web.de", "outlook.com", "orange.fr")


class _Firm:
    def __init__(self, chance: random.Random, group: "_Firm | None", blocks: list[tuple[str, str, str]]) -> None:
        self.country = group.country if group else chance.choice([*_FORMS])
        self.form = chance.choice(_FORMS[self.country])
        words = [chance.choice(_STEMS)] + ([chance.choice(_STEMS)] if chance.random() < 0.5 else [])
        self.words = [*group.words[:1], chance.choice(_TRADES)] if group else [*words, chance.choice(_TRADES)]
        if chance.random() < 0.1:
            self.words.append("International")
        self.number, self.vat = f"{chance.randrange(10**7, 10**8)}", f"{self.country}{chance.randrange(10**8, 10**9)}"
        own = "".join(self.words).translate(_PLAIN).lower()
        self.domain = group.domain if group and chance.random() < 0.6 else f"{own}.example"
        self.phone = group.phone if group and chance.random() < 0.4 else _phone(chance)
        self.place = (
            group.place
            if group and chance.random() < 0.4
            else chance.choice(blocks)
            if chance.random() < 0.15
            else _place(chance, self.country)
        )


def _phone(chance: random.Random) -> str:
    return f"+44{chance.randrange(10**9, 10**10)}"


def _place(chance: random.Random, country: str) -> tuple[str, str, str]:
    at = chance.randrange(8)
    code = f"{chance.randrange(10)}{at}" if country == "GB" else f"{at}{chance.randrange(100):02}"
    postcode = f"{'ABCDEFGH'[at]}{code} {chance.randrange(10)}XY" if country == "GB" else f"{1 + at}0{code}"
    return f"{chance.randrange(1, 200)} {chance.choice(_STREETS)}", _CITIES[country][at], postcode


def _typed(chance: random.Random, word: str) -> str:
    at = chance.randrange(1, max(2, len(word) - 1))
    return chance.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + chance.choice("aeiorst") + word[at + 1 :],
        )
    )


def _name(chance: random.Random, firm: _Firm) -> str:
    words = [*firm.words]
    if chance.random() < 0.25:
        words = [_SHORT.get(word, word) for word in words]
    if chance.random() < 0.15:
        at = chance.randrange(len(words))
        words[at] = _typed(chance, words[at])
    if chance.random() < 0.05 and len(words) > 2:
        words.pop()
    if chance.random() < 0.04:
        words.reverse()
    if chance.random() < 0.2:
        words = [word.translate(_PLAIN) for word in words]
    form = "" if chance.random() < 0.3 else chance.choice(_FORMS[firm.country]) if chance.random() < 0.15 else firm.form
    name = " ".join([*words, form]).strip()
    return name.upper() if chance.random() < 0.1 else name


def _record(chance: random.Random, firm: _Firm) -> dict[str, Any]:
    row: dict[str, Any] = {"organisationName": [_name(chance, firm)]}
    place = firm.place if chance.random() < 0.9 else _place(chance, firm.country)
    if chance.random() < 0.85:
        row |= dict(zip(("addressLine1", "cityName", "postalCodeText"), place, strict=True))
    if chance.random() < 0.55:
        row["telephoneNumber"] = [firm.phone if chance.random() < 0.9 else _phone(chance)]
    if chance.random() < 0.5:
        row["webSiteURL"] = [f"https://www.{firm.domain}/"]
    if chance.random() < 0.4:
        row["emailAddress"] = [f"info@{firm.domain if chance.random() < 0.8 else chance.choice(_FREE)}"]
    numbers = [
        f"{scheme}:{value}"
        for scheme, value, often in (("registration_number", firm.number, 0.35), ("vat", firm.vat, 0.25))
        if chance.random() < often
    ]
    if numbers:
        row["partyIdentification"] = numbers
        row["registrationNumber"] = [one for one in numbers if one.startswith("registration_number")]
    return row


def companies(count: int, seed: int) -> tuple[list[dict[str, Any]], list[int]]:
    """Return records of so many organisations, one to four of each, and which organisation each is."""
    chance = random.Random(seed)
    blocks = [_place(chance, chance.choice([*_FORMS])) for _ in range(max(3, count // 100))]
    firms: list[_Firm] = []
    names: set[tuple[str, ...]] = set()

    def found_one(group: _Firm | None) -> _Firm:
        while True:
            firm = _Firm(chance, group, blocks)
            if tuple(firm.words) not in names:
                names.add(tuple(firm.words))
                return firm

    while len(firms) < count:
        head = found_one(None)
        firms.append(head)
        if chance.random() < 0.12:
            firms += [found_one(head) for _ in range(chance.randrange(1, 5))]
    found = [
        (_record(chance, firm), number)
        for number, firm in enumerate(firms)
        for _ in range(chance.choice((1, 2, 2, 3, 4)))
    ]
    chance.shuffle(found)
    return [record for record, _ in found], [number for _, number in found]
