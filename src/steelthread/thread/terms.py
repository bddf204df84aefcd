"""What decides over the events of a live source: its file and its contract, read anew when they change.

While one of them cannot be read, and nothing is known of what it said before, the events of this source wait as rejects;
those of the others do not wait for it.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec
import psycopg

from steelthread import intake
from steelthread.identity import Identifiers
from steelthread.intake import LiveFile, Message, Plan, Reject, Source, moment
from steelthread.kit import Invalid, NotFound, Unavailable
from steelthread.thread.admission import BLOCKED
from steelthread.thread.prepare import Preparer
from steelthread.thread.space import Space
from steelthread.thread.types import SourceFacts
from steelthread.vault import Vault

Connection = psycopg.Connection[Any]
WAITS = "waits: its source's contract or file cannot be read"
"""Reason of the rejects that are folded in as soon as the files are mended."""
Trouble = Literal["contract.unreadable", "source.unreadable"]
_JSON = msgspec.json.Encoder(order="sorted").encode


class Terms(msgspec.Struct, frozen=True):
    """What a source's files say."""

    changed: tuple[int, int]
    """When the file and the contract were changed."""
    namespace: str = intake.SHARED_NAMESPACE
    mapping: Source | None = None
    plan: Plan | None = None
    trouble: Trouble = "contract.unreadable"
    problem: str = ""
    """Why they cannot be read, empty when they can."""

    @property
    def apart(self) -> str:
        """What goes before the keys of records that SDKs tell of: a mapping's documents may have the same, and are others."""
        return intake.SDK if self.mapping else ""


class Known:
    """A live source as the thread knows it: its terms, and what prepares its events. Without readable terms they wait."""

    def __init__(self, space: Space, conn: Connection, number: int, name: str, terms: Terms) -> None:
        country = space.project.settings.project.country
        self.terms, self.trouble = terms, terms.problem
        self.name, self.namespace, self.plan = name, terms.namespace, terms.plan
        self.facts = SourceFacts(number, 0, unique=False)
        if terms.problem:
            self.load = intake.begin_replay(conn, number, moment(0), 0)
            return
        mapping = terms.mapping
        source = mapping or Source(name=name, entities=[], key="")
        digest = space.vault.digest(mapping.digest.encode() if mapping else b"live")
        _, subject, edition = intake.source_row(conn, space.vault, name, source.priority, digest, unique=source.unique)
        self.mapping = intake.DocumentMapping(mapping, space.model, country) if mapping else None
        self.facts = SourceFacts(number, subject, unique=False)
        self.load = intake.begin_replay(conn, number, moment(0), edition)
        self.preparer = preparer_of(space, name, mapping)

    def key_hash(self, vault: Vault, record: tuple[str, str]) -> bytes:
        """Return the name of a record, (entity, key), that SDKs tell of."""
        return intake.key_hash(vault, self.name, record[0], self.terms.apart + record[1])


def preparer_of(space: Space, name: str, mapping: Source | None) -> Preparer:
    """Return what prepares the events of a source, which has a mapping of its own or speaks the words of Segment."""
    source = mapping or Source(name=name, entities=[], key="")
    country = space.project.settings.project.country
    return Preparer(source, space.model, space.vault, Identifiers(space.rules, space.model, name, country), live=True)


def terms_of(space: Space, name: str) -> Terms:
    """Read what decides over a source's events."""
    changed = changed_at(space, name)
    try:
        file, mapping = source_file(space, name)
    except Unavailable as error:
        return Terms(changed, trouble="source.unreadable", problem=str(error))
    namespace = file.user_namespace or intake.SHARED_NAMESPACE
    try:
        return Terms(changed, namespace, mapping, intake.load_plan(space.project.folder, name))
    except Invalid as error:
        return Terms(changed, namespace, mapping, problem=str(error))


def source_file(space: Space, name: str) -> tuple[LiveFile, Source | None]:
    """Read a source's file. What it says decides who is who: without it no event can be folded in."""
    try:
        return intake.load_live(space.project.folder, name, space.model)
    except (Invalid, NotFound) as error:
        raise Unavailable(str(error)) from None


def waiting(message: Message) -> Reject:
    """Return an event as a reject that waits for its source's files."""
    return Reject(0, "", WAITS, True, BLOCKED, [_JSON(message).decode()])


def changed_at(space: Space, name: str) -> tuple[int, int]:
    """Return when a source's file and its contract were changed, 0 for one that is not there."""
    folder = space.project.folder
    return _touched(folder / "sources" / f"{name}.yaml"), _touched(intake.plan_path(folder, name))


def _touched(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
