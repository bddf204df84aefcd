"""The consent ledger in PostgreSQL: append, read as of two times, and the derived state for questions about everybody."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg

from steelthread.privacy.decide import NodeState, fold
from steelthread.privacy.purposes import EVERYTHING, Purpose
from steelthread.privacy.types import OBJECTIONS, Statement
from steelthread.store import Byteas, Int8s, Moments, Words

Connection = psycopg.Connection[Any]
STATEMENT_COLUMNS = (
    "event_id, node_hash, scope, purpose, said, occurred_at, recorded_at, channel, valid_until, signal, source, method, "
    "actor, brand, jurisdiction, notice, notice_sha256, language, evidence, record_hash"
)
_TYPES = (
    "uuid", "bytea", "text", "text", "text", "timestamptz", "timestamptz", "text", "timestamptz", "text", "text", "text",
    "text", "text", "text", "text", "bytea", "text", "text", "bytea",
)  # fmt: skip
_APPEND = (
    f"insert into privacy.consent_event ({STATEMENT_COLUMNS}) select "
    f"{STATEMENT_COLUMNS.replace('evidence', 'evidence::jsonb')} from unnest({', '.join(f'%s::{one}[]' for one in _TYPES)}) "
    f"as told ({STATEMENT_COLUMNS}) on conflict do nothing"
)
_NAMES = [one.strip() for one in STATEMENT_COLUMNS.split(",")]
_PACKED: dict[str, Any] = {
    **{name: Words for name, kind in zip(_NAMES, _TYPES, strict=True) if kind == "text"},
    **{name: Moments for name, kind in zip(_NAMES, _TYPES, strict=True) if kind == "timestamptz"},
    **{name: Byteas for name, kind in zip(_NAMES, _TYPES, strict=True) if kind == "bytea"},
    "event_id": list,
}
"""How columns are packed; ids of events come as text, too."""
_JSON = msgspec.json.Encoder(enc_hook=str).encode
_LOCK = 7_735_002
"""Advisory lock class under which the state of a node is derived: two statements on one node wait for each other."""


def append(conn: Connection, statements: Sequence[Statement]) -> int:
    """Append statements in the caller's transaction; one that is there already (same event id) is left. Return how many were new."""
    if not statements:
        return 0
    lock_nodes(conn, {one.node for one in statements})
    return _append(conn, statements, reread=True)[0]


class Derived(NamedTuple):
    """All that was ever said of some nodes, and the number under which their state was derived from it."""

    number: int = 0
    statements: Sequence[Statement] = ()
    states: Sequence[NodeState] = ()
    """What holds of each."""
    later: Collection[bytes] = ()
    """The nodes of which something will hold some day that does not yet."""


class Before(NamedTuple):
    """Of whom anything is known before something is said, and the number under which their state will be derived."""

    number: int
    said: Collection[bytes]
    """Nodes of which something was said."""
    heard: Collection[bytes]
    """Nodes of which a signal was heard."""


def before(conn: Connection, nodes: Collection[bytes]) -> Before:
    """Return what is known of nodes that the caller has locked, which will speak."""
    with conn.cursor(binary=True) as cursor:
        row = cursor.execute(
            "with n as materialized (select unnest(%s::bytea[]) n) select nextval('privacy.derivation'), "
            "array(select n from n where exists (select from privacy.consent_event where node_hash = n)), "
            "array(select n from n where exists (select from privacy.consent_signal where node_hash = n))",
            (Byteas(sorted(nodes)),),
        ).fetchone()
    assert row is not None
    return Before(row[0], set(row[1]), set(row[2]))


def append_told(conn: Connection, statements: Sequence[Statement], known: Before | None = None) -> Derived:
    """Append as `append` does, of nodes that the caller has locked; return all that was ever said of these nodes.

    Of whom nothing was said before, nothing is read: the statements are taken as they are, so they are to be as typed.
    `known` is what `before` said of these nodes, and maybe of others.
    """
    return _append(conn, statements, known, reread=False)[1] if statements else Derived()


def _append(
    conn: Connection, statements: Sequence[Statement], told_before: Before | None = None, *, reread: bool
) -> tuple[int, Derived]:
    nodes = {one.node for one in statements}
    number, said, _ = told_before or before(conn, nodes)
    known = nodes.intersection(said)
    columns = zip(
        *(
            (
                one.event_id, one.node, one.scope, one.purpose, one.said, one.occurred_at, one.recorded_at, one.channel,
                one.valid_until, one.signal, one.source, one.method, one.actor, one.brand, one.jurisdiction, one.notice,
                one.notice_sha256, one.language, _JSON(one.evidence).decode(), one.record,
            )
            for one in statements
        ),
        strict=True,
    )  # fmt: skip
    packed = [_PACKED[name](column) for name, column in zip(_NAMES, columns, strict=True)]
    new = conn.execute(_APPEND, packed).rowcount
    if reread or new < len(statements):
        known = nodes  # one of them may be there already, with other words
    told = [one for one in statements if one.node not in known]
    if known:
        conn.execute("delete from privacy.consent_state where node_hash = any(%s)", (Byteas(sorted(known)),))
        told += statements_of(conn, sorted(known))
    return new, _derive(conn, told, number, max(one.recorded_at for one in statements))


def lock_nodes(conn: Connection, nodes: Collection[bytes]) -> None:
    """Let nobody else write of these nodes before the caller's transaction ends; each may be locked again."""
    conn.execute(
        "select pg_advisory_xact_lock(%s, hashtext(encode(n, 'hex'))) from (select unnest(%s::bytea[]) n order by 1) one",
        (_LOCK, Byteas(sorted(set(nodes)))),
    )


def try_hold(conn: Connection, nodes: Collection[bytes]) -> bool:
    """Let nobody say anything of these nodes until `let_go`; False, without waiting, where somebody does so at this moment.

    It is the connection's, not the transaction's. Whoever says something waits, so what is asked meanwhile is the last word.
    """
    row = conn.execute(
        "select coalesce(bool_and(pg_try_advisory_lock_shared(%s, hashtext(encode(n, 'hex')))), true) from unnest(%s::bytea[]) n",
        (_LOCK, Byteas(sorted(set(nodes)))),
    ).fetchone()
    return bool(row and row[0])


def let_go(conn: Connection) -> None:
    """Let people speak again of all nodes that this connection held."""
    conn.execute("select pg_advisory_unlock_all()")


def statements_of(conn: Connection, nodes: Collection[bytes]) -> list[Statement]:
    """Return everything that was said of these nodes, in the order of both times."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            f"select {STATEMENT_COLUMNS} from privacy.consent_event where node_hash = any(%s) "
            "order by occurred_at, recorded_at, event_id",
            (Byteas(nodes),),
        ).fetchall()
    return [Statement(*row) for row in rows]


def said_by(conn: Connection, records: Collection[bytes]) -> list[Statement]:
    """Return what records of files say, without what they took back."""
    rows = conn.execute(
        f"select {STATEMENT_COLUMNS} from privacy.consent_event where record_hash = any(%s) order by recorded_at, event_id",
        (Byteas(sorted(records)),),
    ).fetchall()
    found = [Statement(*row) for row in rows]
    gone = {one.evidence.get("corrects") for one in found if one.said == "retracted"}
    return [one for one in found if one.said != "retracted" and str(one.event_id) not in gone]


def forget_consent(conn: Connection, nodes: Collection[bytes]) -> int:
    """Delete what was said of nodes that are erased; return how many rows of ledger and state went."""
    packed = (Byteas(nodes),)
    count = conn.execute("delete from privacy.consent_event where node_hash = any(%s)", packed).rowcount
    count += conn.execute("delete from privacy.consent_signal where node_hash = any(%s)", packed).rowcount
    return count + conn.execute("delete from privacy.consent_state where node_hash = any(%s)", packed).rowcount


def _derive(conn: Connection, told: Sequence[Statement], number: int, at: datetime) -> Derived:
    states = fold(told, at)
    rows = [row for state in states for row in _rows(state)]
    later = {one.node for one in told if one.occurred_at > at}
    rows += [(node, "f", "", "", 0, None) for node in sorted(later)]
    if rows:
        node, part, purpose, channel, verdict, until = zip(*rows, strict=True)
        conn.execute(
            'insert into privacy.consent_state select node, part::"char", purpose, channel, verdict, until, %s from unnest('
            "%s::bytea[], %s::text[], %s::text[], %s::text[], %s::int8[], %s::timestamptz[]) "
            "as told (node, part, purpose, channel, verdict, until)",
            (number, Byteas(node), Words(part), Words(purpose), Words(channel), Int8s(verdict), Moments(until)),
        )
    return Derived(number, told, states, later)


def _rows(state: NodeState) -> Iterable[tuple[Any, ...]]:
    for (purpose, channel), register in state.consent.items():
        said = register.said
        if register.negative:
            verdict = -2 if said.said in OBJECTIONS else -1
        else:
            verdict = 0 if said.said == "expired" else 2 if register.confirmed else 1
        yield state.node, "c", purpose, channel, verdict, said.valid_until
    for purpose in state.restricted:
        yield state.node, "r", purpose, "", -3, None
    if state.minor is not None:
        yield state.node, "m", EVERYTHING, "", -3, None
    for purpose in state.authorised:
        yield state.node, "a", purpose, "", 3, None


def allowed_sql(purpose: Purpose, above: Sequence[str], channel: str, relation: str) -> tuple[str, dict[str, Any]]:
    """Return the question "who of these may be used for it?" as SQL over `relation` (subject, node_hash), and its parameters.

    It gives the subjects for whom `decide` says yes, as a set: the second form of the same rules. `at` is a parameter
    that the caller sets: up to when a yes must last. For a place take the purpose as its law has it (`Law.effective`).
    `work_mem` of 64MB, `jit` off and `parallel_tuple_cost` of .01 make it fast (benchmarks/privacy.py).
    """
    channels = "" if not channel else "and s.channel in ('', %(channel)s)"
    against = []
    if not purpose.despite_restriction:
        against.append("(s.part = 'r' and s.purpose = any(%(above)s))")
    if purpose.legal_basis == "consent" or purpose.effect != "ordinary" or "sharing" in purpose.covers:
        against.append(
            "(s.part = 'm' and s.node_hash not in "
            "(select node_hash from privacy.consent_state where part = 'a' and purpose = %(purpose)s))"
        )
    if purpose.heeds:
        against.append(f"(s.part = 'c' and s.verdict < 0 and s.purpose = any(%(above)s) {channels})")
    no = " or ".join(against) or "false"
    parameters = {"above": list(above), "channel": channel, "purpose": purpose.name}
    if purpose.legal_basis != "consent":
        refused = (
            f"select r.subject from ({relation}) r join "
            f"(select s.node_hash from privacy.consent_state s where s.verdict < 0 and ({no})) s using (node_hash)"
        )
        return f"select subject from ({relation}) r except {refused}", parameters
    least = 2 if purpose.double_opt_in else 1
    yes = (
        f"s.part = 'c' and s.purpose = %(purpose)s and s.verdict >= {least} and s.channel in ('', %(channel)s) "
        "and (s.valid_until is null or s.valid_until > %(at)s)"
    )
    sql = (
        f"select r.subject from ({relation}) r join (select s.node_hash, (s.verdict > 0) as yes "
        f"from privacy.consent_state s where ({yes}) or (s.verdict < 0 and ({no}))) s using (node_hash) "
        "group by r.subject having bool_and(s.yes)"
    )
    return sql, parameters
