"""`steelthread resolve`: people's records -> matching by evidence -> model links in the ledger -> persons.

Scoring happens before the identity lane is locked; what it found is written in one transaction, so a run that is cut
off leaves nothing behind. Records that changed meanwhile are left for the next run.
"""

import math
import time
import zlib
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import psycopg

from steelthread import identity, profiles
from steelthread.identity import SAYS, Judgement, ModelRow, Outcome, Seen, Stitch, by_spark, homes_of, load_match
from steelthread.kit import now
from steelthread.model import ProfilesChanged
from steelthread.thread.batch import LANE
from steelthread.thread.names import Names
from steelthread.thread.people import Person, apart, organisations, party_entities, people
from steelthread.thread.space import Space
from steelthread.vault import seal, unseal

Connection = psycopg.Connection[Any]
Engine = Literal["duckdb", "spark"]
_PAGE = 4000


class ResolveResult(msgspec.Struct, rename="camel"):
    """What a run did."""

    records: int
    pairs_scored: int
    links_added: int
    links_closed: int
    individuals_before: int
    individuals_after: int
    merged: int
    split: int
    seconds: float
    model: str
    lacks: list[str] = []
    """What the data lack, in sentences."""


class Findings(msgspec.Struct):
    """What a model says, ready to be written."""

    judgements: list[Judgement]
    seen: dict[int, Seen]
    """The records that were looked at."""
    pairs: int
    common: Collection[int] | None = None
    """Of a run over all records: the keys that find nobody, because too many have them."""
    homes: list[tuple[int, int]] = []
    """Where records live that were loaded before households were known: (record, keyed token)."""
    homely: dict[int, tuple[str, ...]] = {}
    """Of each record looked at: the kinds of its contacts that stand in a home and not in a pocket."""


def resolve_all(space: Space, *, keep_model: bool = False, engine: Engine = "duckdb") -> ResolveResult:
    """Learn a model from all records of people, and put what it says in place of what was said before.

    With `keep_model` the model in force says anew what it has to say of all. `engine` compares the pairs.
    """
    began = time.monotonic()
    with space.database.connect() as conn:
        model, findings, lacks = judged_by(space, conn, keep_model=keep_model, engine=engine)
        result = write(space, conn, model, findings, None)
        conn.commit()
    result.lacks = lacks
    result.seconds = round(time.monotonic() - began, 3)
    return result


def judged_by(
    space: Space, conn: Connection, *, keep_model: bool, engine: Engine = "duckdb", within: bool = False
) -> tuple[ModelRow, Findings, list[str]]:
    """Return a model, new or the one in force, what it says of all records, and what the data lack.

    Meanwhile no transaction is open, but for one `within` which the caller has changed what is judged.
    """
    match = load_match()
    former = identity.model_in_force(conn) if keep_model else None
    kept: Any = opened_model(space, former) if former else None
    persons = _asked(conn, people(space, conn), told=former is None)
    firms = _asked(conn, organisations(space, conn), told=former is None)
    if not within:
        conn.rollback()
    with _compared(space, engine) as how:
        resolution = match.resolve(persons.values, kept, persons.known, persons.told, **how)
        model = resolution.model
        lacks = resolution.lacks if persons.found else []
        heard = [Heard(match.PEOPLE, persons.found, resolution, 0)]
        if firms.found and (kept is None or kept.organisations is not None):
            fitted = model.thresholds if persons.found else None
            beside = match.resolve_organisations(firms.values, model, firms.known, firms.told, thresholds=fitted, **how)
            model.organisations, model.thresholds = beside.model, beside.model.thresholds
            lacks += beside.lacks
            heard.append(Heard(match.ORGANISATIONS, firms.found, beside, len(model.comparisons)))
    return former or sealed_model(space, model), findings_of(space, heard), lacks


class _Asked(NamedTuple):
    """Records to be compared, which of them are joined already, and what people said of pairs."""

    found: list[Person]
    known: list[tuple[int, int]]
    told: list[tuple[int, int, bool]]

    @property
    def values(self) -> list[dict[str, Any]]:
        """The records in the words of matching."""
        return [one.values for one in self.found]


def _asked(conn: Connection, parties: Iterable[Person], *, told: bool) -> _Asked:
    found = [one.alone() for one in parties]
    known = atoms_of(conn, [one.record for one in found])
    place = {one.record: number for number, one in enumerate(found)}
    known += [(place[a], place[b]) for a, b in identity.contacts_in_doubt(conn, None) if a in place and b in place]
    said = identity.decided_pairs(conn, list(place)) if told else []
    return _Asked(found, known, [(place[a], place[b], same) for a, b, same in said])


class Heard(NamedTuple):
    """What a part of a model said of all records of a kind; its answers stand behind so many others."""

    party: Any
    found: list[Person]
    resolution: Any
    behind: int


def findings_of(space: Space, heard: Sequence[Heard]) -> Findings:
    """Return what the parts of a model said, ready to be written."""
    match = load_match()
    findings = Findings([], {}, 0, [])
    common: list[int] = []
    for party, found, resolution, behind in heard:
        seen = {one.record: one for one in seen_of(space, zip(found, resolution.rows, strict=True), party)}
        findings.seen |= seen
        findings.judgements += judgements(resolution.model, resolution.judged, found, behind)
        findings.pairs += resolution.pairs
        keys = np.fromiter(chain.from_iterable(one.keys for one in seen.values()), np.int64)
        common += match.common_of(keys, len(found))
        if party is match.PEOPLE:
            token = space.vault.token
            findings.homes = [(one.record, token(home)) for one in found for home in homes_of(one.values, [one.values])]
            findings.homely = {
                one.record: homely_contacts(row) for one, row in zip(found, resolution.rows, strict=True)
            }
    findings.common = common
    return findings


@contextmanager
def _compared(space: Space, engine: Engine) -> Iterator[dict[str, Any]]:
    """Say to `match.resolve` where pairs are compared."""
    if engine == "duckdb":
        yield {}
        return
    settings = space.project.settings.spark
    with by_spark(settings.master, settings.memory, space.project.temp) as engine_of:
        yield {"engine_of": engine_of}


def atoms_of(conn: Connection, records: Sequence[int]) -> list[tuple[int, int]]:
    """Return pairs of places in `records` that rules and people have joined already: a chain through each atom."""
    atoms = identity.atoms_of_records(conn, records)
    last: dict[int, int] = {}
    pairs = []
    for place, record in enumerate(records):
        atom = atoms[record]
        if atom in last:
            pairs.append((last[atom], place))
        last[atom] = place
    return pairs


def judgements(model: Any, judged: Any, found: Sequence[Person], behind: int = 0) -> Iterator[Judgement]:
    """Yield what a run says of the pairs that say anything; its answers stand behind so many others that are silent."""
    if judged is None:
        return
    said = abs(judged.steps[:, 1:]).sum(axis=1) >= SAYS
    walls = ["", *(wall.label for wall in model.walls)]
    rows = zip(judged.left, judged.right, judged.levels, judged.steps, judged.wall, said, strict=True)
    for left, right, levels, steps, wall, speaks in rows:
        one, other = found[int(left)], found[int(right)]
        parts = steps.tolist()
        weight = sum(parts)
        word = walls[int(wall)] or apart(one.singles, other.singles, weight)
        if speaks or word:
            a, b = sorted((one.record, other.record))
            yield Judgement(a, b, weight, *behind_others(levels.tolist(), parts, behind), word)


def behind_others(levels: list[int], steps: list[float], behind: int) -> tuple[list[int], list[float]]:
    """Return answers and steps with so many answers before them that say nothing: those of a model's other part."""
    return ([0] * behind + levels, [steps[0], *([0.0] * behind), *steps[1:]]) if behind else (levels, steps)


def homely_contacts(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the kinds of a prepared record's contacts that all stand in a home, if it has any of the kind."""
    free = set(row["open"] or ())
    kinds = (("mails", ("email", "email_provider")), ("phones", ("phone",)))
    return tuple(kind for column, names in kinds if row[column] and free.issuperset(row[column]) for kind in names)


def seen_of(space: Space, rows: Iterable[tuple[Person, Mapping[str, Any]]], party: Any) -> Iterator[Seen]:
    """Yield records of a kind with the keyed hashes by which each is found, and what is compared of it, sealed."""
    match = load_match()
    rows = iter(rows)
    while page := list(islice(rows, _PAGE)):
        keys = space.vault.keys({one.subject for one, _ in page})
        for one, row in page:
            key = keys.get(one.subject)  # None: destroyed meanwhile, and the record goes with it
            sealed = seal(key, match.packed(row, party.columns), context_of(one.record)) if key else b""
            hashes = array("q", keys_of(space, {one.record: row}, party)[one.record])
            yield Seen(one.record, one.digest, hashes, one.subject, sealed)


def context_of(record: int) -> bytes:
    """Return what the sealed values of a record, as a model sees it, are bound to."""
    return b"judged " + record.to_bytes(8, "big")


def keys_of(space: Space, rows: Mapping[int, Any], party: Any = None) -> dict[int, list[int]]:
    """Return the keyed hashes by which each of these prepared records is found; of people's where no kind is given."""
    match, token = load_match(), space.vault.token
    party = party or match.PEOPLE
    keys = {record: match.keys_of(row, party.words, party.mark) for record, row in rows.items()}
    return {record: sorted({token(f"match|{key}") for key in own}) for record, own in keys.items()}


def sealed_model(space: Space, model: Any) -> ModelRow:
    """Return a model as it is kept: what it knows of names and contacts is sealed under a subject of its own."""
    ((subject, key),) = space.vault.new_subjects(1)
    thresholds = model.thresholds
    comparisons = [*model.comparisons, *(model.organisations.comparisons if model.organisations else ())]
    labels = [(one.name, [level.label for level in one.levels]) for one in comparisons]
    sealed = seal(key, zlib.compress(model.encode(), 6), b"model " + model.version.encode())
    return ModelRow(
        model.version, subject, sealed, labels, thresholds.exact, thresholds.strict, thresholds.loose, space.rules.confidence,
        now(),
    )  # fmt: skip


def opened_model(space: Space, row: ModelRow) -> Any:
    """Return the model of a row; the last one is kept open."""
    if row.version not in space.matching:
        text = zlib.decompress(unseal(space.vault.key(row.subject), row.sealed, b"model " + row.version.encode()))
        space.matching = {row.version: load_match().decode(text)}
    return space.matching[row.version]


def knows_organisations(row: ModelRow) -> bool:
    """Whether a model has a part for organisations."""
    return any(question.startswith("firm") for question, _ in row.labels)


def write(
    space: Space,
    conn: Connection,
    model: ModelRow,
    findings: Findings,
    among: Collection[int] | None,
    *,
    noted: bool = True,
) -> ResolveResult:
    """Write what a model says and compute the persons anew, in the caller's transaction.

    `among` limits which links may close; with `noted` the run is kept among the runs.
    """
    at = now()
    space.log.lock(conn, LANE)
    before = identity.count(conn)
    current = identity.digests_of(conn, list(findings.seen))
    stale = {record for record, one in findings.seen.items() if current.get(record) != one.digest}
    former = identity.threshold_in_force(conn)
    model.confidence = space.rules.confidence
    identity.use_model(conn, model, at)
    kept = [one for one in findings.judgements if one.a not in stale and one.b not in stale]
    fresh = None if among is None else sorted(set(among) - stale)
    heavy = -math.inf if fresh is None else model.threshold
    added, closed, touched = identity.write_judgements(conn, kept, model.version, at, fresh, heavy)
    touched.update(fresh or ())
    identity.note_judged(
        conn,
        (one for record, one in findings.seen.items() if record not in stale),
        party_entities(space, conn, sees_organisations=knows_organisations(model)) if among is None else None,
    )
    if findings.common is not None:
        identity.note_common(conn, findings.common)
    identity.add_homes(conn, [home for home in findings.homes if home[0] not in stale])
    if among is None or former not in (None, model.threshold):
        touched |= identity.records_joined_by_models(conn, model)
    merged, split = _Settling(space, conn, at, model.threshold).settle(touched, among, findings.homely)
    after = before - merged + split if among is not None else identity.count(conn)  # of a million it takes a while
    result = ResolveResult(
        len(findings.seen), findings.pairs, added, closed, before, after, merged, split, 0.0, model.version
    )
    if noted:
        identity.note_run(conn, at, result.model, result.records, result.pairs_scored, added, closed, before,
                          result.individuals_after, merged, split)  # fmt: skip
    return result


class _Settling:
    """Computes persons anew, page by page, within one transaction."""

    def __init__(self, space: Space, conn: Connection, at: datetime, threshold: float) -> None:
        self._space = space
        self._threshold = threshold
        self._conn = conn
        self._at = at
        self._names = Names(space.vault, conn, space.rules.threshold)
        self._policy = space.policy(self._names.conflict)
        self._merged = self._split = 0

    def settle(
        self,
        touched: Collection[int],
        among: Collection[int] | None,
        homely: Mapping[int, Collection[str]],
    ) -> tuple[int, int]:
        """Compute the persons of these records anew; return how many individuals went and came."""
        doubts = identity.doubted(self._conn, among, homely, self._names.learn, self._names.conflict, self._threshold)
        for page in _pages(self._conn, {*touched, *doubts.records}):
            stitch = Stitch(self._conn, self._policy, self._space.generic_above, self._at)
            stitch.reconsider(page)
            stitch.settle()
            own = doubts.among(page)
            stitch.leave_to_models(own.aside, own.back)
            self._publish(stitch, stitch.finish())
        return self._merged, self._split

    def _publish(self, stitch: Stitch, outcome: Outcome) -> None:
        stitch.write()
        if outcome.touched or outcome.gone:
            profiles.delete_profiles(self._conn, outcome.gone)
            self._space.folder(self._conn).fold(outcome.touched)
            facts = [*outcome.facts, ProfilesChanged(individuals=sorted(outcome.touched))]
            self._space.log.append(self._conn, LANE, facts)
        self._merged += len(outcome.gone)
        self._split += len(outcome.fresh)


def _pages(conn: Connection, touched: Collection[int]) -> Iterator[list[int]]:
    """Yield pages of records; those that model links or rules connect stand on one page, as far as links go."""
    groups: dict[int, list[int]] = defaultdict(list)
    for record, name in identity.components_of(conn, touched).items():
        groups[name].append(record)
    page: list[int] = []
    for group in groups.values():
        page += group
        if len(page) >= _PAGE:
            yield page
            page = []
    if page:
        yield page
