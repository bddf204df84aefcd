"""Retention: what is kept long enough goes, by the rules of retention.yaml, but for what is on hold; with a report."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from steelthread import intake
from steelthread.intake import RecordRow
from steelthread.kit import Invalid, now, uuid7
from steelthread.privacy import Entry, RetentionRule, allowed_sql, load_purposes, load_retention, zone_of
from steelthread.rights.auditing import Auditor
from steelthread.rights.consent import Consents
from steelthread.rights.erasure import expire, finish_erasures
from steelthread.rights.holders import HOLDERS, Reach
from steelthread.rights.tables import Tables
from steelthread.thread import Space, lock_identity, take_out

Connection = psycopg.Connection[Any]
_PAGE = 2000
_PEOPLE = "select cluster_id as subject, hash as node_hash from identity.node where cluster_id is not null"
_HELD = (
    "select n.cluster_id from identity.node n join privacy.hold h on h.node_hash = n.hash "
    "where h.lifted_at is null and h.until > %(now)s and n.cluster_id is not null"
)


class Retained(msgspec.Struct, rename="camel"):
    """What a run did, or with a dry run would do."""

    run_id: UUID
    at: datetime
    dry_run: bool
    due: dict[str, int]
    """How many events, people, rejects, requests."""
    stores: dict[str, int]
    """Rows that went, by table."""
    on_hold: int
    """People who would have gone, or whose events would, but for a legal hold."""
    keys_destroyed: int = 0
    tables: list[dict[str, Any]] = []
    """Rows that went of the company's own tables: of those who went, and of whoever was erased and brought back there."""


def run_daily(space: Space, actor: str, at: datetime | None = None) -> Retained | None:
    """Run what retention.yaml says, when the time of the day has come and nobody has run it since; None when it is not due."""
    said, moment = space.project.settings.retention.daily_at, at or now()
    if not said or not (space.project.folder / "retention.yaml").exists():
        return None
    zone = space.project.settings.project.time_zone
    try:
        hour = time.fromisoformat(said)
    except ValueError:
        raise Invalid(f"daily_at under [retention] is a time of day such as 03:00, not {said[:20]!r}.") from None
    local = moment.astimezone(zone_of(zone))
    begins = datetime.combine(local.date(), hour, local.tzinfo)
    if local < begins:
        begins -= timedelta(days=1)
    with space.database.connect() as conn:
        row = conn.execute("select max(at) from privacy.retention_run").fetchone()
    if row and row[0] is not None and row[0] >= begins:
        return None
    return Retention(space, moment).run(actor)


class Retention:
    """The retention of one space, at a moment."""

    def __init__(self, space: Space, at: datetime | None = None) -> None:
        """`at` is another moment than now, to see what would go then."""
        self._space = space
        self._consents = Consents(space)
        self.at = at or now()
        folder = space.project.folder
        self._rules = load_retention(folder / "retention.yaml", load_purposes(folder / "purposes.yaml"))

    def run(self, actor: str, *, dry_run: bool = False) -> Retained:
        """Delete what is due; with `dry_run` say what would go, and change nothing."""
        told = Retained(uuid7(), self.at, dry_run, {}, {}, 0)
        stores: Counter[str] = Counter()
        keys: list[int] = []
        with self._space.database.connect() as conn:
            lock_identity(self._space, conn)
            self._prepare(conn)
            told.on_hold = self._on_hold(conn)
            events, people = self._events(conn), self._people(conn)
            told.due = {"events": len(events), "people": len(people)}
            for start in range(0, len(events), _PAGE):
                keys += self._drop(conn, events[start : start + _PAGE], stores)
            for individual in people:
                keys += expire(self._space, conn, individual, stores)
            for of, table, column in (("rejects", "intake.reject", "at"), ("requests", "privacy.request", "closed_at")):
                told.due[of] = self._rows(conn, of, table, column, stores, keys)
            told.stores = {table: count for table, count in sorted(stores.items()) if count}
            if dry_run:
                conn.rollback()
                return told
            told.keys_destroyed = len(self._space.vault.keys(keys))
            content = msgspec.to_builtins(told)
            conn.execute("insert into privacy.retention_run values (%s, %s, %s)", (told.run_id, now(), Jsonb(content)))
            Auditor(self._space).note(
                conn, Entry("action", actor, "retention run", details={"run": str(told.run_id), **told.due})
            )
            conn.execute(
                "insert into privacy.erasure (request_id, at, subjects) values (%s, %s, %s)", (told.run_id, now(), keys)
            )
            conn.commit()
        finish_erasures(self._space)
        with self._space.database.connect() as conn:
            swept = Tables(self._space).sweep(conn, everybody=True)
        told.tables = [one.told(one.rows) for one in swept]
        return told

    # -- what is due ---------------------------------------------------------------------------------------------

    def _prepare(self, conn: Connection) -> None:
        """Make tables of who may be used for each purpose of a rule: sets, whatever their size."""
        law = self._consents.jurisdictions.law(self._consents.place, self.at.date())
        conn.execute("create temp table retention_allowed (purpose text, subject bigint) on commit drop")
        for name in sorted({rule.purpose for rule in self._rules if rule.purpose}):
            effective = law.effective(self._consents.purposes.get(name), "")
            if effective.forbidden:
                continue
            above = self._consents.purposes.above(effective.purpose.name)
            sql, parameters = allowed_sql(effective.purpose, above, "", _PEOPLE)
            conn.execute(
                f"insert into retention_allowed select %(rule)s::text, subject from ({sql}) one",
                {**parameters, "rule": name, "at": self.at},
            )
        conn.execute("create index on retention_allowed (purpose, subject)")

    def _due(self, rules: Sequence[RetentionRule], moment: str, parameters: dict[str, Any]) -> str:
        """Return the condition under which a row is due: a valid rule's time has passed, or none is valid any more."""
        valid, passed = [], []
        for number, rule in enumerate(rules):
            parameters |= {f"purpose{number}": rule.purpose, f"cutoff{number}": rule.cutoff(self.at)}
            held = (
                "exists (select from retention_allowed a where a.subject = c.cluster_id and a.purpose = %(purpose{})s)"
            )
            is_valid = f"(c.cluster_id is null or {held.format(number)})" if rule.purpose else "true"
            seen = f"coalesce(c.last_seen, {moment})" if rule.after == "lastSeen" else moment
            valid.append(is_valid)
            passed.append(f"({is_valid} and {seen} < %(cutoff{number})s)")
        return f"({' or '.join(passed)} or not ({' or '.join(valid)}))"

    def _events(self, conn: Connection) -> list[int]:
        """Return the records of events that are due, with all that hangs below them."""
        rules = [rule for rule in self._rules if rule.of == "events"]
        if not rules:
            return []
        names = intake.entity_names(conn)
        groups: dict[tuple[RetentionRule, ...], list[int]] = {}
        for number, name in names.items():
            those = tuple(rule for rule in rules if not rule.entities or self._is_one(name, rule.entities))
            if those:
                groups.setdefault(those, []).append(number)
        found: list[int] = []
        for those, entities in groups.items():
            parameters: dict[str, Any] = {"entities": entities, "now": self.at}
            due = self._due(those, "coalesce(e.at, r.first_observed_at)", parameters)
            rows = conn.execute(
                "with recursive c as (select n.node_id, n.cluster_id, p.last_seen from identity.node n join identity.cluster k "
                "using (cluster_id) left join profiles.profile p using (individual_id)), due as (select e.record_id from "
                "profiles.event e join intake.record r using (record_id) left join c on c.node_id = e.owner where e.parent_id "
                f"is null and e.entity_id = any(%(entities)s) and {due} and (c.cluster_id is null or c.cluster_id not in "
                f"({_HELD})) union select e.record_id from profiles.event e join due d on e.parent_id = d.record_id) "
                "select record_id from due",
                parameters,
            )
            found += [record for (record,) in rows]
        return sorted(set(found))

    def _is_one(self, name: str, entities: Sequence[str]) -> bool:
        return any(name == one or self._space.model.is_a(name, one) for one in entities)

    def _people(self, conn: Connection) -> list[UUID]:
        rules = [rule for rule in self._rules if rule.of == "people"]
        if not rules:
            return []
        parameters: dict[str, Any] = {"now": self.at}
        due = self._due(rules, "c.folded_at", parameters)
        rows = conn.execute(
            "with c as (select k.cluster_id, k.individual_id, p.last_seen, p.folded_at from identity.cluster k join "
            f"profiles.profile p using (individual_id)) select individual_id from c where {due} and cluster_id not in ({_HELD})",
            parameters,
        )
        return [individual for (individual,) in rows]

    def _on_hold(self, conn: Connection) -> int:
        row = conn.execute(f"select count(distinct cluster_id) from ({_HELD}) held", {"now": self.at}).fetchone()
        assert row is not None
        return int(row[0])

    # -- going ---------------------------------------------------------------------------------------------------

    def _drop(self, conn: Connection, events: Sequence[int], stores: Counter[str]) -> list[int]:
        rows: list[RecordRow] = intake.records_by_id(conn, events)
        reach = Reach(records=list(events))
        before = {one.table: len(one.found(conn, reach)) for one in HOLDERS if one.by}  # what taking out deletes itself
        take_out(self._space, conn, rows, self.at)
        for one in HOLDERS:
            if one.by:
                stores[one.table] += max(before[one.table], len(one.erase(conn, reach)))
        return self._own(conn, rows)

    def _own(self, conn: Connection, rows: Sequence[RecordRow]) -> list[int]:
        """Return the data keys that nothing else needs."""
        subjects = {row.subject for row in rows} - {
            subject for (subject,) in conn.execute("select subject from intake.source")
        }
        still = conn.execute("select distinct subject from intake.record where subject = any(%s)", (list(subjects),))
        return sorted(subjects - {subject for (subject,) in still})

    def _rows(self, conn: Connection, of: str, table: str, column: str, stores: Counter[str], keys: list[int]) -> int:
        """Delete rows whose time has passed; return how many."""
        cutoffs = [rule.cutoff(self.at) for rule in self._rules if rule.of == of]
        if not cutoffs:
            return 0
        gone = conn.execute(f"delete from {table} where {column} < %s returning *", (max(cutoffs),))
        names = [one.name for one in gone.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in gone.fetchall()]
        stores[table] += len(rows)
        if of == "rejects":
            common = {subject for (subject,) in conn.execute("select subject from intake.source")}
            keys += sorted({row["subject"] for row in rows} - common)
        else:
            numbers = [row["request_id"] for row in rows]
            steps = conn.execute("delete from privacy.request_step where request_id = any(%s)", (numbers,))
            stores["privacy.request_step"] += steps.rowcount
        return len(rows)
