"""All facts that travel on the log. Reading this file tells the whole story.

Facts are pseudonymous: they hold record numbers and universal IDs, never an identifier or a name.
"""

from typing import Literal
from uuid import UUID

import msgspec


class Fact(msgspec.Struct, frozen=True, tag=True):
    """Something that happened; the tag on the wire is the class name."""


class Received(Fact, frozen=True, gc=False):
    """A live event came in: the one fact with personal values, under its hour's key until a day after it was folded."""

    source: int
    message: bytes
    admitted: str = ""
    """Under which tombstones it was let in, and who it was taken for (`Fence.mark`); empty where nobody was ever erased."""


class RecordsKept(Fact, frozen=True):
    """A batch of a load was committed: these records are new or changed."""

    load: int
    records: list[int]


class RecordsClosed(Fact, frozen=True):
    """These records have gone from a source that sends snapshots."""

    load: int
    records: list[int]


class IndividualsCreated(Fact, frozen=True):
    """These universal IDs are new."""

    individuals: list[UUID]


class Merged(Fact, frozen=True):
    """Several universal IDs are one person now: `gone` answer as `into` from here on."""

    into: UUID
    gone: list[UUID]


class Split(Fact, frozen=True):
    """A part of a person stands alone now, under an ID of its own (its former one, where it had one)."""

    source: UUID
    part: UUID


class Decided(Fact, frozen=True):
    """A person said that two nodes are the same, or never."""

    a: int
    b: int
    verdict: Literal["same", "never", "withdrawn"]
    actor: str


class IndividualsErased(Fact, frozen=True):
    """These universal IDs are nobody any more: what was known of them was erased."""

    individuals: list[UUID]


class ProfilesChanged(Fact, frozen=True):
    """These profiles were folded anew."""

    individuals: list[UUID]


class Folded(Fact, frozen=True):
    """The received events of these numbers (lane `received`) were folded in; the facts of the same commit say what came of it."""

    first: int
    last: int
    duplicates: list[int]
    """Those that had come before."""
    refused: list[int]
    """Those that were not folded in: kept as rejects, or dropped since they are of somebody who was erased."""


class Alerted(Fact, frozen=True):
    """Something of a live source wants a person's eye: an event's unusual volume, a contract that cannot be read."""

    source: str
    kind: str
    event: str
    """Name of the event, empty for the whole source."""
    said: str


AnyFact = (
    Received
    | RecordsKept
    | RecordsClosed
    | IndividualsCreated
    | Merged
    | Split
    | Decided
    | IndividualsErased
    | ProfilesChanged
    | Folded
    | Alerted
)
