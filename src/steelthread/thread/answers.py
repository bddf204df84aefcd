"""Consent that records of files and webhooks tell reaches the ledger, in the transaction that writes the record.

A PartyConsent or ContactPointConsent of a person, a ConsentEvent. Loading the same file again changes nothing; a record
that says something else takes back what it said before. An answer is as old as its own time (`captureDateTime`), else as
the row when it first said so: a row that changes elsewhere is no new answer. A yes of which the time is not told takes
back no word that was said elsewhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psycopg

from steelthread import intake, privacy
from steelthread.intake import RecordRow, source_names
from steelthread.kit import now, uuid7
from steelthread.privacy import CONSENT, NEGATIVES, Purposes, Scope, Statement, Tombstones, load_purposes
from steelthread.thread.prepare import Prepared
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
FILE = "file"
"""The signal of a yes whose time a file does not tell."""
_ENTITIES = ("PartyConsent", "ContactPointConsent")
_EVENT = "ConsentEvent"
_POINTS = {"email": ("email",), "sms": ("phone",), "phone": ("phone",), "whatsapp": ("phone",), "push": ("device_id",)}
"""Channel -> the kinds of identifiers that it reaches."""
_CLEAR = msgspec.json.Decoder().decode


class _Answer(NamedTuple):
    """One thing that a record says, of one node."""

    node: bytes
    scope: Scope
    purpose: str
    channel: str
    said: str
    at: datetime | None
    until: datetime | None
    method: str

    def is_told_by(self, one: Statement) -> bool:
        """Whether a statement says the same; without a time of its own at whatever time."""
        same = (one.node, one.purpose, one.channel, one.said) == (self.node, self.purpose, self.channel, self.said)
        return same and one.valid_until == self.until and self.at in (None, one.occurred_at)


def tell_answers(
    space: Space, conn: Connection, rows: Sequence[RecordRow], winners: Mapping[bytes, Prepared], fresh: set[bytes]
) -> None:
    """Write what these records say of consent, and take back what they say no longer."""
    told = {row.key_hash: row for row in rows if _speaks(winners[row.key_hash])}
    looked = {*told, *({row.key_hash for row in rows} - fresh)}  # a new one may have been heard, and not been kept
    known = privacy.said_by(conn, looked) if looked else []
    if not told and not known:
        return
    purposes = _purposes(space.project.folder / "purposes.yaml")
    before: dict[bytes, list[Statement]] = {}
    for one in known:
        before.setdefault(one.record or b"", []).append(one)
    statements: list[Statement] = []
    moment = now()
    for row in rows:
        answers = list(dict.fromkeys(_answers(winners[row.key_hash], purposes))) if row.key_hash in told else []
        standing = before.get(row.key_hash, [])
        source = source_names(conn)[row.source_id][0] if answers or standing else ""
        gone = [one for one in standing if not any(answer.is_told_by(one) for answer in answers)]
        statements += [_retracted(one, min(row.observed_at, moment), moment) for one in gone]
        for answer in answers:
            if not any(answer.is_told_by(one) for one in standing):
                statements.append(_statement(answer, row.key_hash, row.observed_at, source, moment))
    privacy.append(conn, statements)


def statements_in(space: Space, one: Prepared, as_of: datetime) -> list[Statement]:
    """Return what a record says of consent, before it is kept; of whoever it is, at the time at which it says so."""
    if not _speaks(one):
        return []
    answers = dict.fromkeys(_answers(one, _purposes(space.project.folder / "purposes.yaml")))
    return [_statement(answer, one.key_hash, _observed(one, as_of), "", now()) for answer in answers]


def keep_answers(space: Space, conn: Connection, left_out: Sequence[Prepared], as_of: datetime, source: int) -> None:
    """Write what records say of consent that are not kept themselves; what one says that is older than its last word is left."""
    told = {one.key_hash: one for one in left_out if _speaks(one)}
    if not told:
        return
    known: dict[bytes, list[Statement]] = {}
    for each in privacy.said_by(conn, list(told)):
        known.setdefault(each.record or b"", []).append(each)
    stones = Tombstones(space.vault).among(conn, told)
    stored = intake.records_by_hash(conn, list(told))
    purposes, name, moment = _purposes(space.project.folder / "purposes.yaml"), source_names(conn)[source][0], now()
    statements: list[Statement] = []
    for key, one in told.items():
        standing, observed = known.get(key, []), min(_observed(one, as_of), moment)
        if key in stones or (key in stored and stored[key].observed_at > observed):
            continue
        answers = list(dict.fromkeys(_answers(one, purposes)))
        gone = [each for each in standing if not any(answer.is_told_by(each) for answer in answers)]
        statements += [_retracted(each, observed, moment) for each in gone]
        fresh = [answer for answer in answers if not any(answer.is_told_by(each) for each in standing)]
        statements += [_statement(answer, key, observed, name, moment) for answer in fresh]
    privacy.append(conn, statements)


def _observed(one: Prepared, as_of: datetime) -> datetime:
    return datetime.fromtimestamp(one.changed_at / 1_000_000, UTC) if one.changed_at else as_of


def _speaks(one: Prepared) -> bool:
    return b"Consent" in one.clear or is_event(one)


def is_event(one: Prepared) -> bool:
    """Whether a record is itself a word of consent."""
    return one.entity == _EVENT


def _answers(one: Prepared, purposes: Purposes) -> Iterable[_Answer]:
    clear = _CLEAR(one.clear)
    listed = [(entity, values) for entity, values in clear["p"] if entity in _ENTITIES]
    if is_event(one):
        listed.append((_EVENT, clear["v"]))
    for entity, values in listed:
        said, channel = str(values.get("consentStatusId", "")), str(values.get("channel", "")).casefold()
        purpose = _purpose(str(values.get("dataUsePurposeId", "")), said, purposes)
        if said not in CONSENT or not purpose:
            continue
        at = _moment(values.get("captureDateTime") or values.get("eventDateTime"))
        until, method = _moment(values.get("effectiveToDate")), str(values.get("captureSource", ""))
        for node, scope in _nodes(one, entity, channel):
            yield _Answer(node, scope, purpose, channel, said, at, until, method)
            confirmed = _moment(values.get("doubleOptInDateTime"))
            if confirmed is not None and said == "given":
                yield _Answer(node, scope, purpose, channel, "double_confirmed", confirmed, None, method)


def _purpose(named: str, said: str, purposes: Purposes) -> str:
    """Return the purpose that is meant; a no to none that there is is one to all direct marketing, a yes to it is none."""
    found = purposes.find(named) if named else None
    if found is not None:
        return found.name
    return "*direct_marketing" if said in NEGATIVES else ""


def _nodes(one: Prepared, entity: str, channel: str) -> list[tuple[bytes, Scope]]:
    """Return of what an answer is: the contact points that its channel reaches, else the person's record."""
    kinds = _POINTS.get(channel, ()) if entity != "PartyConsent" else ()
    points: list[tuple[bytes, Scope]] = [(ident.hash, "contact_point") for ident in one.idents if ident.name in kinds]
    if points:
        return points
    record = one.key_hash if one.is_party else one.party
    return [(record, "party")] if record is not None else [(ident.hash, "contact_point") for ident in one.idents]


def _moment(said: Any) -> datetime | None:
    if not isinstance(said, str) or not said:
        return None
    moment = datetime.fromisoformat(said)  # canonical: mapping has checked it
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _statement(answer: _Answer, record: bytes, observed: datetime, source: str, moment: datetime) -> Statement:
    dated = answer.at is not None or answer.said in NEGATIVES
    return Statement(
        event_id=uuid7(), node=answer.node, scope=answer.scope, purpose=answer.purpose, said=answer.said,  # type: ignore[arg-type]  # one of CONSENT
        occurred_at=min(answer.at or observed, moment), recorded_at=moment, channel=answer.channel,
        valid_until=answer.until, signal="" if dated else FILE, source=source, method=answer.method or "file",
        record=record,
    )  # fmt: skip


def _retracted(one: Statement, at: datetime, moment: datetime) -> Statement:
    """Take a statement back: from the time of the row on that says otherwise, at the earliest from when it was said."""
    return msgspec.structs.replace(
        one, event_id=uuid7(), said="retracted", occurred_at=max(at, one.occurred_at), recorded_at=moment, valid_until=None,
        evidence={"corrects": str(one.event_id)},
    )  # fmt: skip


def _purposes(path: Path) -> Purposes:
    return _read(path, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int) -> Purposes:
    return load_purposes(path)
