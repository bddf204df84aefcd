"""Model links and model versions in PostgreSQL: what matching by evidence in sum writes to the ledger."""

import math
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from steelthread.identity.ledger import MODEL
from steelthread.store import Int8s, copy_streamed

Connection = psycopg.Connection[Any]


_LINK = "a, b, weight, refused, (select sum(abs(step)) from unnest(steps[2:]) step)"


class ModelLink(msgspec.Struct):
    """An open model link: two records, the weight (log2 odds of one person) and why it is a wall, if it is one."""

    a: int
    b: int
    weight: float
    wall: str
    said: float
    """What its answers come to in bits, for and against taken together."""


class Judgement(msgspec.Struct):
    """What a model says of two records; the steps sum to the weight, `levels` says which answer gave each."""

    a: int
    b: int
    weight: float
    levels: list[int]
    steps: list[float]
    wall: str


class ModelRow(msgspec.Struct):
    """A model version; what it knows of names is sealed."""

    version: str
    subject: int
    sealed: bytes
    labels: list[tuple[str, list[str]]]
    """Questions, and their answers from most alike to different."""
    exact: float
    strict: float
    loose: float
    confidence: str
    learned_at: datetime

    @property
    def threshold(self) -> float:
        """The mean weight from which people are joined."""
        return float(getattr(self, self.confidence))


_MODEL = ", ".join(ModelRow.__struct_fields__)


HEAVY = -3.0
"""Links from this weight on have indexes of their own (migration 12): no mean joins from below."""
_FEW = 50_000
"""Up to so many records are looked up by key."""
_LAST = "from identity.model order by used_at desc, number desc limit 1"


def model_in_force(conn: Connection, known: Collection[str] = ()) -> ModelRow | None:
    """Return the model version in force, if the space was ever resolved.

    What is sealed of it grows with the people it has seen, to megabytes: of a version that is `known` it is left out.
    """
    columns = _MODEL.replace("sealed", "case when version = any(%s) then ''::bytea else sealed end")
    row = conn.execute(f"select {columns} {_LAST}", (list(known),)).fetchone()
    return None if row is None else ModelRow(*row)


def count_models(conn: Connection) -> int:
    """Return how many model versions there are; 0 before the first `resolve`."""
    row = conn.execute("select count(*) from identity.model").fetchone()
    assert row is not None
    return int(row[0])


def model_version(conn: Connection, version: str) -> ModelRow | None:
    """Return a model version."""
    row = conn.execute(f"select {_MODEL} from identity.model where version = %s", (version,)).fetchone()
    return None if row is None else ModelRow(*row)


def use_model(conn: Connection, row: ModelRow, at: datetime) -> None:
    """Put a version in force; one that was kept before stays as it is."""
    kept = conn.execute(
        "update identity.model set used_at = %s, confidence = %s where version = %s", (at, row.confidence, row.version)
    )
    if not kept.rowcount:
        conn.execute(
            f"insert into identity.model ({_MODEL}, used_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (*(Jsonb(value) if isinstance(value, list) else value for value in msgspec.structs.astuple(row)), at),
        )


def threshold_in_force(conn: Connection) -> float | None:
    """Return the mean weight from which people are joined; None when no model was ever used."""
    row = conn.execute(f"select confidence, exact, strict, loose {_LAST}").fetchone()
    return None if row is None else float(row[1 + ("exact", "strict", "loose").index(row[0])])


def version_in_force(conn: Connection) -> str | None:
    """Return the version of the model in force; None when no model was ever used."""
    row = conn.execute(f"select version {_LAST}").fetchone()
    return None if row is None else str(row[0])


def model_links(conn: Connection, records: Collection[int]) -> list[ModelLink]:
    """Return the open model links with an end among these records."""
    sql = f"select {_LINK} from identity.link where closed_at is null and strength = {MODEL} and "
    ids = Int8s(records)
    rows = conn.execute(f"{sql} a = any(%s) union {sql} b = any(%s)", (ids, ids))
    return [ModelLink(*row) for row in rows]


def model_links_between(conn: Connection, records: Collection[int]) -> list[ModelLink]:
    """Return the open model links between these records."""
    with conn.cursor(binary=True) as cursor:
        return [ModelLink(*row) for row in cursor.execute(*_between(_LINK, records)).fetchall()]


def _between(columns: str, records: Collection[int]) -> tuple[str, tuple[Int8s, Int8s]]:
    """Return SQL for the open model links between these records.

    Those of a few are looked up by one end: a plan that knows nothing of a list of the other ends would go through it for each.
    """
    ends = "a = any(%s) and b = any(%s)"
    link = "identity.link"
    if len(records) <= _FEW:
        link, ends = (
            "unnest(%s::int8[]) one join identity.link on a = one",
            "(b in (select unnest(%s::int8[]))) is true",
        )
    ids = Int8s(records)
    return f"select {columns} from {link} where closed_at is null and strength = {MODEL} and {ends}", (ids, ids)


def model_pairs(
    conn: Connection, records: Collection[int], least: float, *, walls: bool = True
) -> list[tuple[int, int]]:
    """Return the ends of the open model links of at least this weight with an end among these records.

    Without `walls` those are left out that keep two records apart.
    """
    scope = "" if walls else " and refused = ''"
    if least >= HEAVY:
        scope += f" and weight >= {HEAVY:.0f}"  # says which index knows them
    sql = f"select a, b from identity.link where closed_at is null and strength = {MODEL}{scope} and weight >= %s and "
    ids = Int8s(records)
    return conn.execute(f"{sql} a = any(%s) union {sql} b = any(%s)", (least, ids, least, ids)).fetchall()


def model_weights(conn: Connection, records: Collection[int]) -> dict[tuple[int, int], float]:
    """Return the weights of the open model links between these records."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(*_between("a, b, weight", records)).fetchall()
    return {(a, b): weight for a, b, weight in rows}


def model_weights_from(conn: Connection, records: Collection[int]) -> dict[tuple[int, int], float]:
    """Return the weights of the open model links whose lesser end is among these records."""
    sql = f"select a, b, weight from identity.link where closed_at is null and strength = {MODEL} and a = any(%s)"
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(sql, (Int8s(records),)).fetchall()
    return {(a, b): weight for a, b, weight in rows}


def all_model_links(conn: Connection) -> list[ModelLink]:
    """Return every open model link."""
    sql = f"select {_LINK} from identity.link where closed_at is null and strength = {MODEL}"
    return [ModelLink(*row) for row in conn.execute(sql)]


def retire(conn: Connection, records: Collection[int], at: datetime) -> set[int]:
    """Close what the model said of records that are gone; return the records at either end."""
    ids = Int8s(records)
    rows = conn.execute(
        f"update identity.link set closed_at = %s, asserted = 0 where closed_at is null and strength = {MODEL} "
        "and (a = any(%s) or b = any(%s)) returning a, b",
        (at, ids, ids),
    ).fetchall()
    conn.execute("delete from identity.judged where record_id = any(%s)", (ids,))
    return {end for row in rows for end in row}


JUDGED = "a, b, strength, weak, weight, first, asserted, opened_at, rule, refused, actor, levels, steps"
"""The columns of what a model says of two records, as `verdicts` packs them into rows of COPY."""


def write_judgements(
    conn: Connection,
    rows: Iterable[bytes],
    version: str,
    at: datetime,
    among: Sequence[int],
    heavy: float = -math.inf,
) -> tuple[int, int, set[int]]:
    """Put what a model says of some records in place of what was said before; return (added, closed, records at changed links).

    `among` are the records looked at: links of theirs that are not said again close. Of links that are new only those that
    are `heavy` tell, the others matter where such ones connect. Links that are said again as they stand stay as they are;
    engines may differ in the last digits.
    """
    _stage(conn, rows, analyze=len(among) > _FEW)
    ids = Int8s(among)
    closed = conn.execute(
        f"{_CLOSE} and (l.a = any(%s) or l.b = any(%s)) and {_UNSAID} returning l.a, l.b",
        (at, ids, ids, f"model {version}"),
    ).fetchall()
    added = conn.execute(f"{_ADD} returning a, b, weight").fetchall()
    conn.execute("drop table judgement")
    told = [*closed, *((a, b) for a, b, weight in added if weight >= heavy)]
    return len(added), len(closed), {end for pair in told for end in pair}


def replace_judgements(
    conn: Connection, rows: Iterable[bytes], version: str, at: datetime, former: str | None
) -> tuple[int, int]:
    """Put what a model says of all records in place of all that was said before; return (added, closed).

    Another version than the `former` one says nothing again, so its links are written at once, without a look at the others.
    """
    if former == version:
        _stage(conn, rows)
        closed = conn.execute(f"{_CLOSE} and {_UNSAID}", (at, f"model {version}")).rowcount
        added = conn.execute(_ADD).rowcount
        conn.execute("drop table judgement")
    else:
        closed = conn.execute(_CLOSE, (at,)).rowcount
        added = copy_streamed(conn, f"identity.link ({JUDGED})", rows)
    conn.execute("analyze identity.link")  # else whoever asks for model links may be planned as if there were none
    return added, closed


_CLOSE = (
    f"update identity.link l set closed_at = %s, asserted = 0 where l.closed_at is null and l.strength = {MODEL}"  # at
)
_UNSAID = (
    "not exists (select from judgement j where j.a = l.a and j.b = l.b and abs(j.weight - l.weight) < 1e-9 "
    "and j.refused = l.refused and l.rule = %s)"
)
_ADD = (
    f"insert into identity.link ({JUDGED}) select {JUDGED} from judgement "
    "on conflict (a, b, strength) where closed_at is null do nothing"
)


def _stage(conn: Connection, rows: Iterable[bytes], *, analyze: bool = True) -> None:
    """Have what a model says in a table of this transaction, to be compared with what was said before."""
    conn.execute(f"create temporary table judgement on commit drop as select {JUDGED} from identity.link with no data")
    copy_streamed(conn, "judgement", rows)
    conn.execute("create index on judgement (a, b)")
    if analyze:
        conn.execute("analyze judgement")


class Answer(msgspec.Struct):
    """One part of a weight: the question, the answer that holds, and what it adds (log2 odds)."""

    question: str
    answer: str
    weight: float


class Waterfall(msgspec.Struct):
    """What a weight is made of; the answers sum to it."""

    model: str
    weight: float
    threshold: float
    wall: str
    answers: list[Answer]

    def told(self) -> dict[str, Any]:
        """Return it as a reader gets it."""
        return {
            "model": self.model, "weight": self.weight, "threshold": self.threshold, "wall": self.wall or None,
            "waterfall": [msgspec.structs.asdict(one) for one in self.answers],
        }  # fmt: skip


def waterfall_of(conn: Connection, a: int, b: int) -> Waterfall | None:
    """Return what the model in force says of two records, None when it says nothing."""
    low, high = sorted((a, b))
    row = conn.execute(
        "select rule, weight, levels, steps, refused from identity.link "
        f"where closed_at is null and strength = {MODEL} and a = %s and b = %s",
        (low, high),
    ).fetchone()
    if row is None:
        return None
    model = model_version(conn, row[0].removeprefix("model "))
    assert model is not None
    answers = [Answer("prior", "any two records", row[3][0])]
    for (question, labels), level, step in zip(
        model.labels, row[2], row[3][1:], strict=False
    ):  # of people the answers of the first part stand
        if level:
            answers.append(Answer(question, labels[len(labels) - level], step))
    return Waterfall(model.version, row[1], model.threshold, row[4], answers)


def persons_of(conn: Connection, records: Collection[int]) -> dict[int, UUID]:
    """Return the individual of each of these records."""
    rows = conn.execute(
        "select node_id, individual_id from identity.node join identity.cluster using (cluster_id) "
        "where node_id = any(%s)",
        (Int8s(records),),
    )
    return dict(rows.fetchall())


def atoms_of_records(conn: Connection, records: Collection[int]) -> dict[int, int]:
    """Return the atom of each of these records: what rules and people have joined."""
    rows = conn.execute(
        "select node_id, coalesce(atom_id, cluster_id) from identity.node where node_id = any(%s)", (Int8s(records),)
    )
    return dict(rows.fetchall())


def digests_of(conn: Connection, records: Collection[int]) -> dict[int, bytes]:
    """Return the digest of the present version of each of these records that is open."""
    rows = conn.execute(
        "select record_id, digest from intake.record where closed_at is null and record_id = any(%s)", (Int8s(records),)
    )
    return dict(rows.fetchall())


def records_joined_by_models(conn: Connection, row: ModelRow) -> set[int]:
    """Return a record of every person of several atoms, and of every pair that may make one: who moves with a threshold."""
    rows = conn.execute(
        "select node_id from identity.node where atom_id is not null and kind = 0 "
        f"union select a from identity.link where closed_at is null and strength = {MODEL} and weight >= %s "
        "and refused = ''",
        (row.threshold,),
    )
    return {record for (record,) in rows}


def persons_in_question(conn: Connection, threshold: float) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the persons of several atoms, and pairs of persons that a link may join: whoever a whole run may move.

    Persons go by their labels, which are nodes of theirs. An atom that is a person by itself, and of which no link says
    enough, stays one whatever else was said of it.
    """
    several = conn.execute("select distinct cluster_id from identity.node where atom_id is not null").fetchall()
    with conn.cursor(binary=True) as cursor:
        pairs = cursor.execute(
            "select distinct p.cluster_id, q.cluster_id from identity.link l join identity.node p on p.node_id = l.a "
            f"join identity.node q on q.node_id = l.b where l.closed_at is null and l.strength = {MODEL} and l.weight >= %s "
            "and l.refused = '' and coalesce(p.atom_id, p.cluster_id) <> coalesce(q.atom_id, q.cluster_id)",
            (threshold,),
        ).fetchall()
    return [label for (label,) in several], pairs


def labels_of(conn: Connection, nodes: Collection[int]) -> dict[int, int]:
    """Return the person of each of these nodes, by its label."""
    sql = "select node_id, cluster_id from identity.node where node_id = any(%s)"
    with conn.cursor(binary=True) as cursor:
        return dict(cursor.execute(sql, (Int8s(nodes),)).fetchall())


def components_of(conn: Connection, records: Collection[int]) -> dict[int, int]:
    """Return a group for each of these records: those that model links connect stand in one."""
    return grouped(records, model_weights(conn, list(records)) if records else ())


def grouped(things: Iterable[int], pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return a group for each of these things: those that pairs connect stand in one."""
    parent = {one: one for one in things}

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for a, b in pairs:
        parent[root(a)] = root(b)
    return {one: root(one) for one in sorted(parent)}


def atoms_around(conn: Connection, records: Collection[int]) -> dict[int, int]:
    """Return the open records in the atoms of these records, and these, each with its atom."""
    rows = conn.execute(
        "with given as materialized (select node_id, coalesce(atom_id, cluster_id) as atom from identity.node "
        "where node_id = any(%s)), own as (select distinct atom from given) select node_id, atom from given "
        "union select node_id, own.atom from own join identity.node n on n.cluster_id = own.atom and n.atom_id is null "
        "where n.kind = 0 and n.evidence > 0 "
        "union select node_id, own.atom from own join identity.node n on n.atom_id = own.atom where n.kind = 0 and n.evidence > 0",
        (Int8s(records),),
    )
    return dict(rows.fetchall())


def count_records(conn: Connection) -> int:
    """Return how many open records of parties there are."""
    row = conn.execute("select count(*) from identity.node where kind = 0 and evidence > 0").fetchone()
    assert row is not None
    return int(row[0])


def note_run(conn: Connection, at: datetime, model: str, *counts: int) -> None:
    """Keep what a run did: records, pairs, links added and closed, individuals before and after, merged, split."""
    conn.execute(
        "insert into identity.run (at, model, records, pairs, added, closed, before, after, merged, split) "
        "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (at, model, *counts),
    )
