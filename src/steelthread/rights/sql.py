"""SQL for analysts: a role of PostgreSQL that sees, for one purpose, the people who allow it and the fields that it shows.

Two lines. The first: a role may read the views of its purpose and nothing else; each view asks who may be used for the
purpose, in the same transaction as the question (`allowed_sql`, so a withdrawal counts at once), and gives the purpose's
fields only. The second: the views belong to a role for which row-level security on the tables below shows the same people
only, so a view that forgot to ask would still show nobody else. What identifies lies sealed: no SQL shows it.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import sql

from steelthread.kit import Forbidden, Invalid, NotFound, iso, now
from steelthread.model import PARTIES
from steelthread.privacy import EVERYTHING, Entry, Purpose, allowed_sql
from steelthread.rights.auditing import Auditor
from steelthread.rights.consent import Consents
from steelthread.rights.questions import MARK, role_prefix
from steelthread.store import SQL_SCHEMAS, drop_views
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_GATE = f"{SQL_SCHEMAS}gate"
_PEOPLE = "select cluster_id as subject, hash as node_hash from identity.node where cluster_id is not null"
_CLEAR = ("indirect", "none")
_POLICIES = {
    "profiles.profile": "individual_id in (select individual_id from {gate}())",
    "identity.cluster": "cluster_id in (select cluster_id from {gate}())",
    "identity.node": "cluster_id in (select cluster_id from {gate}())",
    "intake.record": "record_id in (select node_id from identity.node)",
    "profiles.event": "owner in (select node_id from identity.node)",
}
"""Table -> which of its rows the owner of a purpose's views sees."""
_COLUMNS = {
    "profiles.profile": "individual_id, body, records, first_seen, last_seen",
    "identity.cluster": "cluster_id, individual_id",
    "identity.node": "node_id, cluster_id",
    "intake.record": "record_id, entity_id, clear, closed_at, is_party",
    "profiles.event": "owner, entity_id, parent_id, at, amount, currency, quantity",
    "intake.entity": "entity_id, name",
}
_EDITION = 2
"""Of the gates and views: another one makes those of before stale."""
_TIMEOUT = "5min"
_DAYS = 90
_NAME = re.compile(r"[a-z][a-z0-9_]{0,15}")


class SqlAccess:
    """The SQL of one space's analysts."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._consents = Consents(space)

    def grant(self, purpose: str, name: str, actor: str, days: int = _DAYS) -> dict[str, Any]:
        """Make a role for somebody and a purpose, and what it sees; its password is returned once.

        For somebody who has one already the password and the time are made anew.
        """
        if not _NAME.fullmatch(name) or not 1 <= days <= 3660:
            raise Invalid("A name is a small letter, then up to 15 of a-z, 0-9 and _; days are 1 to 3660.")
        found = self._consents.purposes.get(purpose)
        password, until = secrets.token_urlsafe(24), now() + timedelta(days=days)
        with self._space.database.connect() as conn, _explained():
            role = self._login(conn, found.name, name)
            self._make(conn, found)
            if not _exists(conn, role):
                conn.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
            conn.execute(
                sql.SQL("alter role {} login connection limit 5 password {} valid until {}").format(
                    sql.Identifier(role), sql.Literal(_scram(conn, password, role)), sql.Literal(until.isoformat())
                )
            )
            self._let_in(conn, role, found.name)
            told = {"role": role, "until": iso(until)}
            Auditor(self._space).note(conn, Entry("action", actor, "sql grant", (), found.name, told))
            conn.commit()
        parts = psycopg.conninfo.conninfo_to_dict(self._space.database.conninfo)
        parts |= {"user": role, "password": password}
        return {**told, "purpose": found.name, "dsn": psycopg.conninfo.make_conninfo("", **parts)}

    def revoke(self, role: str, actor: str) -> None:
        """Take a role away; NotFound when it is not one of these."""
        with self._space.database.connect() as conn, _explained():
            if role not in {one["role"] for one in self.roles(conn)}:
                raise NotFound(f"{role[:80]} is no role of an analyst of this project; see: steelthread sql list")
            named = sql.Identifier(role)
            conn.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", (role,))
            conn.execute(sql.SQL("grant {} to current_user").format(named))
            conn.execute(sql.SQL("drop owned by {}").format(named))
            conn.execute(sql.SQL("drop role {}").format(named))
            Auditor(self._space).note(conn, Entry("action", actor, "sql revoke", details={"role": role}))
            conn.commit()

    def refresh(self) -> int:
        """Make all views anew, by the purposes, laws and model of now; return of how many purposes."""
        with self._space.database.connect() as conn, _explained():
            granted = {one["purpose"] for one in self.roles(conn)}
            known = [one for one in self._consents.purposes if one.name in granted]
            drop_views(conn)
            for one in known:
                self._make(conn, one)
            for one in self.roles(conn):
                if one["purpose"] in self._consents.purposes:
                    self._let_in(conn, one["role"], one["purpose"])
            conn.commit()
        return len(known)

    def roles(self, conn: Connection) -> list[dict[str, Any]]:
        """List the roles: purpose, until when, and whether the views are those of the present purposes."""
        prefix = role_prefix(conn)
        rows = conn.execute(
            "select r.rolname, r.rolvaliduntil, shobj_description(r.oid, 'pg_authid') from pg_roles r "
            "where r.rolcanlogin and starts_with(r.rolname, %s) order by 1",
            (prefix,),
        ).fetchall()
        return [
            {
                "role": role, "purpose": purpose or "", "until": iso(until),
                "stale": self._digest_of(conn, purpose or "") != self._digest(purpose or ""),
            }
            for role, until, purpose in rows
        ]  # fmt: skip

    def refresh_stale(self) -> int:
        """Make the views anew when any is not of the present purposes; return of how many purposes."""
        with self._space.database.connect() as conn:
            stale = any(one["stale"] for one in self.roles(conn))
        return self.refresh() if stale else 0

    # -- names -------------------------------------------------------------------------------------------------------

    def _login(self, conn: Connection, purpose: str, name: str) -> str:
        return f"{role_prefix(conn)}{_word(purpose)}_{name}"

    def _owner(self, conn: Connection, purpose: str) -> str:
        return f"{role_prefix(conn)}{_word(purpose)}__owner"

    # -- making ------------------------------------------------------------------------------------------------------

    def _make(self, conn: Connection, purpose: Purpose) -> None:
        """Make schema, gate, policies and views of a purpose."""
        law = self._consents.jurisdictions.law(self._consents.place, now().date())
        effective = law.effective(purpose, "")
        if effective.forbidden:
            raise Forbidden(f"{purpose.name} is forbidden here: {effective.forbidden}.")
        owner, schema = self._owner(conn, purpose.name), _schema(purpose.name)
        if not _exists(conn, owner):
            conn.execute(sql.SQL("create role {} nologin noinherit").format(sql.Identifier(owner)))
        conn.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(owner)))
        gate = self._gate(conn, effective.purpose, owner)
        self._lower_tables(conn, purpose, owner, gate)
        named = sql.Identifier(schema)
        conn.execute(sql.SQL("drop schema if exists {} cascade").format(named))
        conn.execute(sql.SQL("create schema {}").format(named))
        conn.execute(sql.SQL("grant usage, create on schema {} to {}").format(named, sql.Identifier(owner)))
        for view, text in self._views(purpose, gate):
            place = sql.Identifier(schema, view)
            conn.execute(sql.SQL("create view {} with (security_barrier) as ").format(place) + sql.SQL(text))
            conn.execute(sql.SQL("alter view {} owner to {}").format(place, sql.Identifier(owner)))
        conn.execute(sql.SQL("revoke create on schema {} from {}").format(named, sql.Identifier(owner)))
        digest = sql.Literal(self._digest(purpose.name))
        conn.execute(sql.SQL("comment on schema {} is {}").format(named, digest))

    def _gate(self, conn: Connection, purpose: Purpose, owner: str) -> str:
        """Make the function that says who may be used for a purpose, as its caller could not: it reads with our rights."""
        gate = f"{_GATE}.{_word(purpose.name)}"
        asked, parameters = allowed_sql(purpose, self._consents.purposes.above(purpose.name), "", _PEOPLE)
        text = psycopg.ClientCursor(conn).mogrify(asked.replace("%(at)s", "now()"), parameters)
        conn.execute(f"create schema if not exists {_GATE}")
        conn.execute(f"drop function if exists {gate}() cascade")
        body = (
            f"select c.cluster_id, c.individual_id from identity.cluster c join ({text}) a on a.subject = c.cluster_id "
            f"where c.evidence > 0 and (select {self._heard(conn)}({sql.Literal(purpose.name).as_string(conn)}))"
        )
        conn.execute(
            f"create function {gate}() returns table (cluster_id bigint, individual_id uuid) language sql stable "
            f"security definer set search_path = pg_catalog, pg_temp as {sql.Literal(body).as_string(conn)}"
        )
        conn.execute(f"revoke all on function {gate}() from public")
        conn.execute(sql.SQL(f"grant usage on schema {_GATE} to {{}}").format(sql.Identifier(owner)))
        conn.execute(sql.SQL(f"grant execute on function {gate}() to {{}}").format(sql.Identifier(owner)))
        return gate

    def _heard(self, conn: Connection) -> str:
        """Make the function that has the server's log tell who asks for what, whatever becomes of the transaction.

        Beside a line of level LOG a server writes the statement, values and all, unless it is told not to; not so beside a
        warning, which a server writes unless it is told not to.
        """
        told = f"'{MARK}% for % at % in %', session_user, purpose, extract(epoch from statement_timestamp()), pg_backend_pid()"
        conn.execute(
            f"create or replace function {_GATE}.heard(purpose text) returns boolean language plpgsql volatile "
            "security definer set search_path = pg_catalog, pg_temp as $heard$ begin "
            "if current_setting('log_min_error_statement') in ('fatal', 'panic') "
            f"or current_setting('log_min_messages') in ('error', 'log', 'fatal', 'panic') then raise log {told}; "
            f"else raise warning {told}; end if; return true; end $heard$"
        )
        conn.execute(f"revoke all on function {_GATE}.heard(text) from public")
        return f"{_GATE}.heard"

    def _lower_tables(self, conn: Connection, purpose: Purpose, owner: str, gate: str) -> None:
        """Let the owner of the views read the tables below, the rows of people who allow the purpose only."""
        named = sql.Identifier(owner)
        for schema in ("profiles", "identity", "intake"):
            conn.execute(sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(schema), named))
        for table, columns in _COLUMNS.items():
            conn.execute(sql.SQL(f"grant select ({columns}) on {table} to {{}}").format(named))
        policy = sql.Identifier(f"{SQL_SCHEMAS}{_word(purpose.name)}")
        for table, condition in _POLICIES.items():
            conn.execute(f"alter table {table} enable row level security")
            conn.execute(sql.SQL(f"drop policy if exists {{}} on {table}").format(policy))
            conn.execute(
                sql.SQL(
                    f"create policy {{}} on {table} for select to {{}} using ({condition.format(gate=gate)})"
                ).format(policy, named)
            )

    def _let_in(self, conn: Connection, role: str, purpose: str) -> None:
        named, schema = sql.Identifier(role), sql.Identifier(_schema(purpose))
        conn.execute(sql.SQL("grant usage on schema {} to {}").format(schema, named))
        conn.execute(sql.SQL("grant select on all tables in schema {} to {}").format(schema, named))
        gate = f"{_GATE}.{_word(purpose)}"  # called with the asker's rights from within views, and named by no asker
        conn.execute(sql.SQL(f"grant execute on function {gate}() to {{}}").format(named))
        conn.execute(sql.SQL("comment on role {} is {}").format(named, sql.Literal(purpose)))
        for name, value in (
            ("search_path", _schema(purpose)), ("statement_timeout", _TIMEOUT), ("default_transaction_read_only", "on"),
        ):  # fmt: skip
            conn.execute(sql.SQL("alter role {} set {} = {}").format(named, sql.Identifier(name), sql.Literal(value)))

    # -- views -------------------------------------------------------------------------------------------------------

    def _views(self, purpose: Purpose, gate: str) -> Iterator[tuple[str, str]]:
        """Yield (name, question) of every view of a purpose."""
        people = [f"(p.body #>> '{{attributes,{one},value}}') as \"{one}\"" for one in self._clear(purpose, PARTIES)]
        if _shows(purpose, "records"):
            people.append("p.records")
        columns = ", ".join(["p.individual_id", "p.first_seen", "p.last_seen", *people])
        mine = f"individual_id in (select individual_id from {gate}())"
        yield "people", f"select {columns} from profiles.profile p where p.{mine}"
        parts = [
            f"(part.value -> 1 ->> '{one}') as \"{one}\"" for one in self._clear(purpose, ("ContactPointAddress",))
        ]
        if parts:
            yield (
                "addresses",
                (
                    f"select c.individual_id, {', '.join(parts)} from intake.record r join identity.node n on n.node_id = r.record_id "
                    "join identity.cluster c using (cluster_id) cross join lateral jsonb_array_elements(r.clear -> 'p') part "
                    f"where r.closed_at is null and r.is_party and part.value ->> 0 = 'ContactPointAddress' and c.{mine}"
                ),
            )
        money = ", e.amount, e.currency, e.quantity" if _shows(purpose, "totals") else ""
        if money or _shows(purpose, "counts"):
            yield (
                "events",
                (
                    f"select c.individual_id, t.name as event, e.at{money} from profiles.event e join identity.node n on n.node_id = "
                    "e.owner join identity.cluster c using (cluster_id) join intake.entity t using (entity_id) "
                    f"where e.parent_id is null and c.{mine}"
                ),
            )

    def _clear(self, purpose: Purpose, entities: Sequence[str]) -> list[str]:
        """Return the attributes of entities that lie in the clear and that a purpose shows; the others lie sealed."""
        return sorted(
            {
                one.name
                for name in entities
                for one in self._space.model.entity(name).attributes.values()
                if one.privacy in _CLEAR and not one.identity and _shows(purpose, one.name)
            }
        )

    def _digest(self, purpose: str) -> str:
        """Return what the views of a purpose are made of, in short; empty for a purpose that is gone."""
        found = self._consents.purposes.find(purpose)
        if found is None:
            return ""
        law = self._consents.jurisdictions.law(self._consents.place, now().date())
        told = repr(
            (_EDITION, self._consents.purposes.version, law.version, self._consents.place, list(self._views(found, "")))
        )
        return f"views for SQL, {hashlib.sha256(told.encode()).hexdigest()[:16]}"

    def _digest_of(self, conn: Connection, purpose: str) -> str:
        row = conn.execute(
            "select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = %s", (_schema(purpose),)
        ).fetchone()
        return str(row[0]) if row and row[0] else "none"


class _explained:  # noqa: N801  # it reads as what it does
    """Say what a database user lacks who may not make roles."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            raise Forbidden(
                "The database user of this project may not make roles: an administrator says `alter role USER createrole`, "
                "or runs this command with an own [database] url."
            ) from None


def _shows(purpose: Purpose, field: str) -> bool:
    return EVERYTHING in purpose.fields or field in purpose.fields


def _word(purpose: str) -> str:
    """Return a purpose as a word of SQL, its own also where two differ by their dots only."""
    plain = re.sub(r"[^a-z0-9]", "_", purpose.lower())[:24]
    return plain if plain == purpose else f"{plain}_{hashlib.sha256(purpose.encode()).hexdigest()[:4]}"


def _schema(purpose: str) -> str:
    return f"{SQL_SCHEMAS}{_word(purpose)}"


def _exists(conn: Connection, role: str) -> bool:
    return conn.execute("select from pg_roles where rolname = %s", (role,)).fetchone() is not None


def _scram(conn: Connection, password: str, role: str) -> str:
    """Return what the server keeps of a password: made here, so that the password itself is in no statement and no log."""
    return conn.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
