"""Numbers as exports write them: with currency, thousand marks, brackets for negative. Pure."""

import re
from decimal import Decimal

from steelthread.intake.types import Unreadable

_PLAIN = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,9})?")
_CURRENCY = re.compile(r"[A-Z]{0,3}[$€£¥₹₽₩₺₴₪฿]|[A-Z]{3}|kr\.?|zł|Fr\.")
_THOUSANDS = "'\u2019\u00a0\u202f "
_NUMBER = {
    mark: re.compile(
        rf"(\d{{1,3}}(?:[{grouped}]\d{{2,3}})*[{grouped}]\d{{3}}|\d*)(?:[{mark}](\d*))?(?:[eE]([+-]?\d+))?"
    )
    for mark, grouped in ((".", "," + _THOUSANDS), (",", "." + _THOUSANDS))
}
_NO_DIGIT = re.compile(r"\D")
_MOST_DIGITS = 38


def decimal(value: str, mark: str = ".") -> str:
    """Return a number in plain notation, as exactly as it is written.

    Currency signs and codes, and thousand marks at their place, are dropped; (1.50), -1.50 and 1.50- are negative. A
    mark that does not fit is never guessed away: 12,50 is not 1250.
    """
    if mark == "." and _PLAIN.fullmatch(value):
        return value
    bare, negative = _bare(value)
    match = _NUMBER[mark].fullmatch(bare)
    if match is None or not (match[1] or match[2]):
        other = "," if mark == "." else "."
        if bare and _NUMBER[other].fullmatch(bare):
            raise Unreadable(f'not a number with the decimal mark {mark}; say `decimal: "{other}"` in the mapping')
        raise Unreadable("not a number")
    whole, fraction, power = _NO_DIGIT.sub("", match[1]), match[2] or "", match[3] or "0"
    if len(whole) + len(fraction) > _MOST_DIGITS or len(power) > 3 or abs(int(power)) > _MOST_DIGITS:
        raise Unreadable(f"a number with more than {_MOST_DIGITS} digits")
    number = Decimal(f"{'-' if negative else ''}{whole or '0'}{'.' if fraction else ''}{fraction}E{power}")
    return format(number or abs(number), "f")


def _bare(value: str) -> tuple[str, bool]:
    """Take off brackets, signs and currency, in whatever order they stand."""
    bare, negative = value.strip(), False
    if bare.startswith("(") and bare.endswith(")"):
        bare, negative = bare[1:-1].strip(), True
    for _ in range(2):
        if bare[:1] in ("-", "+", "\u2212"):
            negative, bare = negative or bare[0] != "+", bare[1:].strip()
        elif bare.endswith("-"):
            negative, bare = True, bare[:-1].strip()
        if match := _CURRENCY.match(bare):
            bare = bare[match.end() :].strip()
        elif (match := _CURRENCY.search(bare)) and match.end() == len(bare):
            bare = bare[: match.start()].strip()
    return bare, negative


def integer(value: str, mark: str = ".") -> int:
    """Return a whole number of at most 64 bits; 3.0 is one."""
    number = Decimal(decimal(value, mark))
    if number != number.to_integral_value():
        raise Unreadable("not a whole number")
    if not -(1 << 63) <= number < 1 << 63:
        raise Unreadable("a whole number that is too large (64 bits)")
    return int(number)


def decimal_mark(values: list[str]) -> str:
    """Return the decimal mark, "." or ",", with which most of these numbers can be read."""
    return "," if _readable(values, ",") > _readable(values, ".") else "."


def _readable(values: list[str], mark: str) -> int:
    count = 0
    for value in values:
        try:
            decimal(value, mark)
        except Unreadable:
            continue
        count += 1
    return count
