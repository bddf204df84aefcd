"""Is there enough to go by? Says what is missing before anybody trusts the clusters."""

from collections.abc import Mapping

from steelthread.identity.match.model import Model

_NAMES = ("first", "last", "word")
_OWN = ("birth", "mails", "phones", "numbers")
_PLACES = ("postcode", "city", "address")
FEW_PAIRS = 50.0
"""With fewer pairs of one person the model is mostly what we expect beforehand."""
RARELY = 0.2


def lacks(filled: Mapping[str, float], records: int, model: Model) -> list[str]:
    """Return what is missing, as sentences for the person who maps the data; none when nothing is.

    `filled` says per column in which share of the records it has a value.
    """

    def share(columns: tuple[str, ...]) -> float:
        return max((filled.get(column, 0.0) for column in columns), default=0.0)

    found = []
    if share(_NAMES) < RARELY:
        found.append("Fewer than one record in five has a name: map firstName and lastName, or personName.")
    if share(_OWN) < RARELY:
        found.append(
            "Hardly any record has a birth date, an e-mail address, a phone or a document's number: namesakes cannot be"
            " told apart. Map birthDate, emailAddress, telephoneNumber or partyIdentification."
        )
    if share(_PLACES) < RARELY and share(_OWN) < 2 * RARELY:
        found.append("Hardly any record has a place: map cityName, postalCodeText or addressLine1.")
    expected = model.prior * records * (records - 1) / 2
    if expected < FEW_PAIRS:
        found.append(
            f"About {expected:.0f} pairs of records are one person: too few to learn from, so the model is close to what"
            " is expected of any data. More records make it fit these."
        )
    return found
