"""What a country settles about a way of writing: lengths of postcodes, which of day and month comes first, units and houses."""

from steelthread.intake import country_code

MONTH_FIRST = frozenset(("US", "PH", "PR", "GU", "VI", "AS", "MP", "FM", "MH", "PW"))
"""Where 3/4/1980 is in March. Elsewhere the day comes first, but where the year does, which leaves no doubt."""
UNIT_FIRST = frozenset(("AU", "NZ"))
"""Where 2/12 is unit 2 of house 12. Elsewhere it is door 2 of house 12."""
_LENGTHS = (
    (3, "IS"),
    (4, "AT AU BE BG CH DK HU LU NO NZ PH SI TN ZA"),
    (5, "DE EE ES FI FR GR HR IT MX MY RS SE TR UA US PR"),
    (6, "CN IN RO RU SG"),
    (7, "IL JP"),
    (8, "BR"),
)  # fmt: skip
_DIGITS = {code: length for length, codes in _LENGTHS for code in codes.split()}
_ZIP_PLUS = frozenset(("", "US", "PR"))


def known_country(text: str) -> str:
    """Return a country as ISO 3166-1 alpha-2, "" for none, or one whose name is not known."""
    found = country_code(text.strip())
    return found if len(found) == 2 else ""


def has_day_ahead(country: str) -> bool:
    """Whether a country writes the day before the month; where no country is known, it does not."""
    return bool(country) and country not in MONTH_FIRST


def whole_postcode(bare: str, country: str) -> str:
    """Return a postcode (no blanks, no marks) as its country has it: zeros that a spreadsheet took away, and no ZIP+4."""
    length = _DIGITS.get(country, 0)
    if country in _ZIP_PLUS and bare.isdigit():
        if length and len(bare) == 8:
            bare = "0" + bare
        bare = bare[:5] if len(bare) == 9 else bare
    if country and bare.startswith(country.lower()) and bare[2:].isdigit():
        bare = bare[2:]
    return bare.zfill(length) if bare.isdigit() and len(bare) == length - 1 else bare
