"""Who asks? Pure: what still must be shown before a request is granted, by the tier that the law sets for it.

Kinds of proof are kept, never the proof (GDPR Art. 11, 12(6); 11 CCR 7060).
"""

from collections.abc import Collection
from typing import Literal

Asker = Literal["self", "agent", "parent", "household"]
Proof = Literal[
    "contact_email", "contact_phone", "authenticated", "declaration", "permission", "confirmed", "parent", "document",
    "sim_swap",
]  # fmt: skip
"""What was shown. `sim_swap` takes something away: a phone number that was moved of late shows nothing."""
ATTESTED: tuple[Proof, ...] = (
    "authenticated", "declaration", "permission", "confirmed", "parent", "document", "sim_swap",
)  # fmt: skip
"""What an operator or the company's login attests; control of a contact is shown by a code alone."""


def missing(points: int, asker: Asker, proofs: Collection[str], known_points: int, *, declaration: bool) -> list[str]:
    """Return what is still to be shown; nothing when the request may be granted.

    `known_points` counts what the person said that agrees with what is stored, contacts not among it: whoever writes to
    us knows an address, so knowing it shows nothing. A login, or a document that an operator saw, shows a reasonable
    degree by itself; a right that takes no points takes no proof.
    """
    if points == 0:
        return []
    if asker == "household":
        return ["each member of a household asks for themselves: one member's data is never told to another"]
    lacks: list[str] = []
    contacts = len({"contact_email", "contact_phone"} & set(proofs)) - (
        "sim_swap" in proofs and "contact_phone" in proofs
    )
    strong = "authenticated" in proofs or "document" in proofs
    if not strong and contacts == 0:
        lacks.append("control of a contact on file: the code that was sent")
    shown = contacts + known_points + (2 if strong else 0)
    more = points - shown - len(lacks)
    if more > 0:
        lacks.append(f"{more} more of what is on file, such as a loyalty number, an order, a day of birth")
    if declaration and "authenticated" not in proofs and "declaration" not in proofs:
        lacks.append("a signed declaration")
    if asker == "agent":
        lacks += [] if "permission" in proofs else ["the person's signed permission for the agent"]
        lacks += [] if "confirmed" in proofs else ["the person's own word that the agent may ask"]
    if asker == "parent" and "parent" not in proofs:
        lacks.append("that they are a parent or guardian")
    return lacks
