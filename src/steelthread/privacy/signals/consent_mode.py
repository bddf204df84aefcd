"""Google Consent Mode, version 2: as an object of words, and as the parameters `gcs` and `gcd` of Google's tags. Pure.

"Consent mode reference", Google tag platform. `gcs` is `G1` and a digit for ad_storage and for analytics_storage. `gcd`
has a letter for each of ad_storage, analytics_storage, ad_user_data and ad_personalization, which also tells a default
of the page from what a person chose: only what was chosen (`update`) says anything here.
"""

import re
from typing import Any

from steelthread.kit import Invalid

TYPES = (
    "ad_storage", "analytics_storage", "ad_user_data", "ad_personalization", "functionality_storage",
    "personalization_storage", "security_storage",
)  # fmt: skip
_GCS = re.compile(r"G1([01-])([01-])")
_GCD = re.compile(r"1[0-9]([a-z])[0-9]([a-z])[0-9]([a-z])[0-9]([a-z])[0-9](?:[a-z][0-9])*[a-z0-9]*")
_CHOSEN = {"r": True, "n": True, "v": True, "q": False, "m": False, "u": False}
"""Letters of `gcd` after an update; l: nothing is known, p and t: denied or granted by default, nobody was asked."""
_UNASKED = "lpt"


def read_words(said: Any) -> dict[str, bool]:
    """Read an object such as {"ad_storage": "granted"}: the words of `gtag('consent', 'update', ...)`."""
    if not isinstance(said, dict):
        raise Invalid("the consent of Google Consent Mode is no object")
    found = {}
    for name in TYPES:
        if name in said:
            if said[name] not in ("granted", "denied"):
                raise Invalid(f"{name} is neither granted nor denied")
            found[name] = said[name] == "granted"
    return found


def read_gcs(text: str) -> dict[str, bool]:
    """Read `gcs`."""
    fits = _GCS.fullmatch(text)
    if fits is None:
        raise Invalid("gcs is G1 and two of 0, 1 and -")
    return {name: digit == "1" for name, digit in zip(TYPES, fits.groups(), strict=False) if digit != "-"}


def read_gcd(text: str) -> dict[str, bool]:
    """Read `gcd`."""
    fits = _GCD.fullmatch(text)
    if fits is None:
        raise Invalid("gcd is not of the form 1nxnxnxnxn")
    letters = dict(zip(TYPES, fits.groups(), strict=False))
    if any(letter not in _CHOSEN and letter not in _UNASKED for letter in letters.values()):
        raise Invalid("gcd has a letter that there is not")
    return {name: _CHOSEN[letter] for name, letter in letters.items() if letter in _CHOSEN}
