"""`steelthread resolve`: people's records -> matching by evidence -> model links in the ledger -> persons.

Scoring happens before the identity lane is locked; what it found is written in one transaction, so a run that is cut
off leaves nothing behind. Records that changed meanwhile are left for the next run.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, Literal, Self

import msgspec
import numpy as np
import psycopg

from steelthread import identity
from steelthread.identity import SAYS, Judgement, ModelRow, Seen, Verdicts, by_spark, load_match
from steelthread.kit import now
from steelthread.thread.asked import Asked, Read, asked
from steelthread.thread.models import knows_organisations, opened_model, sealed_model
from steelthread.thread.people import (
    DOUBTFUL,
    apart,
    numbers_of,
    organisation_entities,
    organisations,
    party_entities,
    people,
    person_entities,
)
from steelthread.thread.settling import Settling
from steelthread.thread.space import Space
from steelthread.thread.staging import Heard, Staged, stage_all
from steelthread.thread.types import LANE, Stage, silent

Connection = psycopg.Connection[Any]
Engine = Literal["duckdb", "spark"]


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


class Beside:
    """What a run over some records asks on another connection while it writes, with the lane locked: nobody else changes it."""

    def __init__(self, asked: Connection, among: Collection[int]) -> None:
        """`asked` commits by itself."""
        self._thread = ThreadPoolExecutor(1, "beside")
        self.contacts = self._thread.submit(identity.contacts_of, asked, among).result
        """Returns what rules say of the contacts of these records."""
        self.count = self._thread.submit(identity.count, asked).result
        """Returns how many individuals there were."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()


class Findings(msgspec.Struct):
    """What a model says, ready to be written."""

    judgements: list[Judgement]
    seen: dict[int, Seen]
    """The records that were looked at, but for those staged."""
    pairs: int
    homely: dict[int, tuple[str, ...]] = {}
    """Of each record looked at: the kinds of its contacts that stand in a home and not in a pocket."""
    verdicts: list[Verdicts] = []
    """Of a run over all records: what the model says, in columns."""
    staged: Staged | None = None
    """Of a run over all records: what it saw of them, on the connection."""
    homes: list[tuple[int, int]] = []
    """Where records live that were loaded before households were known: (record, keyed token)."""


def resolve_all(
    space: Space, *, keep_model: bool = False, engine: Engine = "duckdb", stage: Stage = silent
) -> ResolveResult:
    """Learn a model from all records of people, and put what it says in place of what was said before.

    With `keep_model` the model in force says anew what it has to say of all. `engine` compares the pairs. `stage` is told
    what the run is at.
    """
    began = time.monotonic()
    with space.database.connect() as conn:
        model, findings, lacks = judged_by(space, conn, keep_model=keep_model, engine=engine, stage=stage)
        result = write(space, conn, model, findings, None, stage=stage)
        conn.commit()
        conn.autocommit = True
        identity.settle_seen(conn)
    result.lacks = lacks
    result.seconds = round(time.monotonic() - began, 3)
    return result


def judged_by(
    space: Space,
    conn: Connection,
    *,
    keep_model: bool,
    engine: Engine = "duckdb",
    within: bool = False,
    stage: Stage = silent,
) -> tuple[ModelRow, Findings, list[str]]:
    """Return a model, new or the one in force, what it says of all records, and what the data lack.

    Meanwhile no transaction is open, but for one `within` which the caller has changed what is judged.
    """
    match = load_match()
    former = identity.model_in_force(conn) if keep_model else None
    kept: Any = opened_model(space, former) if former else None
    persons = _asked(space, conn, people, person_entities(space, conn), told=former is None, within=within, stage=stage)
    firms = _asked(
        space, conn, organisations, organisation_entities(space, conn), told=former is None, within=within, stage=stage
    )
    if not within:
        conn.rollback()
    stage("comparing pairs", 0, 0)
    with _compared(space, engine) as how:
        resolution = match.resolve(persons.values, kept, persons.known, persons.told, **_let_go(how))
        model = resolution.model
        lacks = resolution.lacks if len(persons.records) else []
        heard = [Heard(match.PEOPLE, persons, resolution, 0)]
        if len(firms.records) and (kept is None or kept.organisations is not None):
            fitted = model.thresholds if len(persons.records) else None
            beside = match.resolve_organisations(firms.values, model, firms.known, firms.told, thresholds=fitted, **how)
            model.organisations, model.thresholds = beside.model, beside.model.thresholds
            lacks += beside.lacks
            heard.append(Heard(match.ORGANISATIONS, firms, beside, len(model.comparisons)))
    findings = findings_of(space, conn, heard, stage)
    if not within:
        conn.commit()  # what is staged outlasts this: nobody waits for a transaction
    return former or sealed_model(space, model), findings, lacks


def findings_of(space: Space, conn: Connection, heard: Sequence[Heard], at: Stage = silent) -> Findings:
    """Return what the parts of a model said, ready to be written."""
    pairs = sum(one.resolution.pairs for one in heard)
    verdicts = [found for one in heard if (found := verdicts_of(one)) is not None]
    homes = [home for one in heard if one.behind == 0 for home in one.asked.homes]
    staged = stage_all(space, conn, heard, at)
    return Findings([], {}, pairs, staged.homely, verdicts, staged, homes)


def verdicts_of(heard: Heard) -> Verdicts | None:
    """Return what a run says of the pairs that say anything; None where there are no pairs."""
    judged, model = heard.resolution.judged, heard.resolution.model
    if judged is None:
        return None
    records = heard.asked.records
    walls, wall = ["", *(one.label for one in model.walls)], judged.wall.copy()
    singles = heard.asked.singles
    numbered = np.zeros(len(records), dtype=np.bool_)
    numbered[list(singles)] = True
    doubtful = (wall == 0) & (judged.weight < DOUBTFUL) & numbered[judged.left] & numbered[judged.right]
    for at in np.flatnonzero(doubtful).tolist():
        word = apart(singles[int(judged.left[at])], singles[int(judged.right[at])], float(judged.weight[at]))
        if word and word not in walls:
            walls.append(word)
        wall[at] = walls.index(word)
    one, other = records[judged.left], records[judged.right]
    return Verdicts(
        np.minimum(one, other), np.maximum(one, other), judged.weight, judged.levels, judged.steps_of, wall, walls,
        heard.behind, (judged.said >= SAYS) | (wall > 0),
    )  # fmt: skip


def _asked(
    space: Space, conn: Connection, read: Read, entities: Collection[int], *, told: bool, within: bool, stage: Stage
) -> Asked:
    return asked(space, conn, numbers_of(conn, entities), read, told=told, within=within, stage=stage)


def _let_go(how: Mapping[str, Any]) -> dict[str, Any]:
    """Have the records let go as soon as they are prepared: a million of them take a gigabyte."""
    engine_of = how.get("engine_of", load_match().Arrays)

    def made(records: list[Any], *args: Any, **kwargs: Any) -> Any:
        engine = engine_of(records, *args, **kwargs)
        records.clear()
        return engine

    return {"engine_of": made}


@contextmanager
def _compared(space: Space, engine: Engine) -> Iterator[dict[str, Any]]:
    """Say to `match.resolve` where pairs are compared."""
    if engine == "duckdb":
        yield {}
        return
    settings = space.project.settings.spark
    with by_spark(settings.master, settings.memory, space.project.temp) as engine_of:
        yield {"engine_of": engine_of}


def behind_others(levels: list[int], steps: list[float], behind: int) -> tuple[list[int], list[float]]:
    """Return answers and steps with so many answers before them that say nothing: those of a model's other part."""
    return ([0] * behind + levels, [steps[0], *([0.0] * behind), *steps[1:]]) if behind else (levels, steps)


def write(
    space: Space,
    conn: Connection,
    model: ModelRow,
    findings: Findings,
    among: Collection[int] | None,
    *,
    noted: bool = True,
    stage: Stage = silent,
    beside: Beside | None = None,
) -> ResolveResult:
    """Write what a model says and compute the persons anew, in the caller's transaction.

    `among` limits which links may close; what was seen of these records is noted afterwards (`note_seen`). With `noted` the
    run is kept among the runs. What stays as it is until it is asked for may be asked `beside`.
    """
    at = now()
    space.log.lock(conn, LANE)
    count = beside.count if beside else partial(int, identity.count(conn))
    former, version = identity.threshold_in_force(conn), identity.version_in_force(conn)
    model.confidence = space.rules.confidence
    identity.use_model(conn, model, at)
    settling = Settling(space, conn, at, model.threshold, stage)
    if among is None:
        stage("noting what was compared", 0, 0)
        records = _write_all(space, conn, model, findings)
        stage("writing links", 0, 0)
        rows = _said(findings, model.version, at)
        added, closed = identity.replace_judgements(conn, rows, model.version, at, version)
        merged, split = settling.settle_all(findings.homely)
        after = identity.count(conn)
    else:
        records = len(findings.seen)
        added, closed, touched = _write_some(conn, model, findings, among, at)
        if former not in (None, model.threshold):
            touched |= identity.records_joined_by_models(conn, model)
        merged, split = settling.settle(touched, among, findings.homely, beside.contacts() if beside else None)
        after = count() - merged + split  # to count a million takes a while
    result = ResolveResult(records, findings.pairs, added, closed, count(), after, merged, split, 0.0, model.version)
    if noted:
        identity.note_run(conn, at, result.model, result.records, result.pairs_scored, added, closed, count(),
                          result.individuals_after, merged, split)  # fmt: skip
    return result


def _write_all(space: Space, conn: Connection, model: ModelRow, findings: Findings) -> int:
    """Note what a run over all records saw of them; leave out of what it says those that changed since. Return how many it saw."""
    staged = findings.staged or Staged(
        identity.stage_seen(conn, identity.packed_seen(findings.seen.values())), None, {}
    )
    stale = set(identity.stale_staged(conn))
    for one in findings.verdicts:
        one.without(stale)
    findings.judgements = [one for one in findings.judgements if one.a not in stale and one.b not in stale]
    entities = party_entities(space, conn, sees_organisations=knows_organisations(model))
    identity.note_all_judged(conn, stale, entities)
    if staged.common is not None:
        identity.note_common(conn, staged.common)
    identity.add_homes(conn, [home for home in findings.homes if home[0] not in stale])
    return staged.records


def _said(findings: Findings, version: str, at: datetime) -> Iterator[bytes]:
    """Yield what a run says as rows of COPY."""
    yield from identity.packed_judgements(findings.judgements, version, at)
    for one in findings.verdicts:
        yield from one.packed(version, at)


def _write_some(
    conn: Connection, model: ModelRow, findings: Findings, among: Collection[int], at: datetime
) -> tuple[int, int, set[int]]:
    """Write what a run over some records says; return how many links it added and closed, and the records that these touch."""
    stale = _stale(conn, findings)
    kept = (one for one in findings.judgements if one.a not in stale and one.b not in stale)
    fresh = sorted(set(among) - stale)
    rows = identity.packed_judgements(kept, model.version, at)
    added, closed, touched = identity.write_judgements(conn, rows, model.version, at, fresh, model.threshold)
    touched.update(fresh)
    identity.add_homes(conn, [home for home in findings.homes if home[0] not in stale])
    return added, closed, touched


def _stale(conn: Connection, findings: Findings) -> set[int]:
    """Return the records that changed or went since they were looked at."""
    current = identity.digests_of(conn, list(findings.seen))
    return {record for record, one in findings.seen.items() if current.get(record) != one.digest}


def note_seen(space: Space, conn: Connection, model: ModelRow, findings: Findings) -> None:
    """Keep what a model has seen of some records, when it is committed who they are; commits.

    Who finds them from now on reads it. A run that is cut off before has them looked at once more, and says the same again. What
    changed or went since is left out, and so is everything when another model is in force: its run has seen all.
    """
    space.log.lock(conn, LANE)
    if not is_superseded(conn, model):
        stale = _stale(conn, findings)
        identity.note_judged(conn, (one for record, one in findings.seen.items() if record not in stale))
    conn.commit()


def is_superseded(conn: Connection, row: ModelRow) -> bool:
    """Whether another model is in force than this one."""
    present = identity.model_in_force(conn, [row.version])
    return present is None or present.version != row.version
