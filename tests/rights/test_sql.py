"""SQL for analysts: the people who allow the purpose, the fields that it shows, and no way around it."""

import json
import sys

import psycopg
import pytest
from psycopg import sql as compose
from tests import commands

from steelthread.kit import Forbidden, NotFound, open_project
from steelthread.privacy import Audit
from steelthread.rights import Consents, Saying, SqlAccess, breach, collect_questions
from steelthread.store import backup, migrate, restore
from steelthread.thread import Space

CRM = """customer_id,first_name,last_name,email,birth_date,gender,street,city,postcode
1,Ann,Needle,ann.needle@example.com,1980-02-03,F,1 Secret St,Leeds,LS1 1AA
2,Bob,Needle,bob.needle@example.com,1981-02-03,M,2 Secret St,York,YO1 1AA
3,Cid,Ray,cid.ray@example.com,1982-02-03,M,3 Secret St,Bath,BA1 1AA
"""
ORDERS = "order_id,customer_email,order_date,total,currency\no1,ann.needle@example.com,2026-01-02,10.00,GBP\no2,bob.needle@example.com,2026-01-03,20.00,GBP\n"
PURPOSES = """purposes:
  operations: {legalBasis: contract}
  marketing: {legalBasis: consent, fields: [birthDate, cityName, totals]}
  marketing.cities: {legalBasis: legitimate_interests, fields: [cityName]}
"""


@pytest.fixture
def roles(space):
    yield
    with space.database.connect() as conn:
        for one in SqlAccess(space).roles(conn):
            SqlAccess(space).revoke(one["role"], "test")


@pytest.fixture
def shop(space, load, roles):
    load("crm", CRM)
    load("orders", ORDERS)
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    say(space, "record:crm/Individual/1", "given")
    say(space, "record:crm/Individual/2", "given")
    say(space, "email:bob.needle@example.com", "withdrawn")
    return space


def say(space, ref, said, purpose="marketing"):
    with space.database.connect() as conn:
        Consents(space).say(conn, Saying(ref=ref, purpose=purpose, said=said))
        conn.commit()


@pytest.fixture
def analyst(shop):
    with psycopg.connect(SqlAccess(shop).grant("marketing", "eve", "me")["dsn"], autocommit=True) as conn:
        yield conn


def rows(conn, question):
    return conn.execute(question).fetchall()


def test_a_role_sees_who_allows_it_and_what_the_purpose_shows(shop, analyst):
    columns = [one.name for one in analyst.execute("select * from people").description]
    assert columns == ["individual_id", "first_seen", "last_seen", "birthDate"]
    assert rows(analyst, 'select "birthDate" from people') == [("1980-02-03",)]
    assert rows(analyst, 'select "cityName" from addresses') == [("Leeds",)]
    assert [(event, str(amount)) for event, amount in rows(analyst, "select event, amount from events")] == [
        ("SalesOrder", "10.00")
    ]
    say(shop, "record:crm/Individual/1", "withdrawn")
    assert rows(analyst, "select individual_id from people") == [], "from the next question on"
    say(shop, "record:crm/Individual/3", "given")
    assert rows(analyst, 'select "birthDate" from people') == [("1982-02-03",)]
    say(shop, "email:cid.ray@example.com", "restricted", "*")
    assert rows(analyst, "select individual_id from addresses") == []


def test_each_purpose_has_its_own_people_and_fields(shop):
    access = SqlAccess(shop)
    with psycopg.connect(access.grant("marketing.cities", "eve", "me")["dsn"]) as conn:
        assert [one for (one,) in rows(conn, 'select "cityName" from addresses order by 1')] == ["Bath", "Leeds"]
        with pytest.raises(psycopg.errors.UndefinedTable):
            conn.execute("select * from events")
    with psycopg.connect(access.grant("operations", "eve", "me")["dsn"]) as conn:
        assert len(rows(conn, "select * from people")) == 3
        assert rows(conn, "select count(*), sum(amount)::text from events") == [(2, "30.00")]
        told = repr([rows(conn, f"select * from {view}") for view in ("people", "addresses", "events")])
    for needle in ("Ann", "Needle", "example.com", "Secret St"):
        assert needle not in told, "what identifies lies sealed, whatever the purpose shows"


AROUND = {
    "the table": "select * from profiles.profile",
    "union": "select individual_id from people union select individual_id from profiles.profile",
    "cte": "with everybody as (select * from intake.record) select * from everybody",
    "another purpose": "select * from st_sql_operations.people",
    "the gate": "select * from st_sql_gate.operations()",
    "consent": "select * from privacy.consent_state",
    "keys": "select * from api.key",
    "a view": "create temp view mine as select * from identity.node; select * from mine",
    "a view in the schema": "create view st_sql_marketing.mine as select 1",
    "a function": (
        "create function pg_temp.f() returns bigint language sql security definer as 'select count(*) from profiles.event'; "
        "select pg_temp.f()"
    ),
    "a do block": "do $$ begin perform * from intake.record;end $$",
    "copy": "copy profiles.profile to stdout",
    "copy of a question": "copy (select * from intake.record) to stdout",
    "copy to a program": "copy people to program 'cat'",
    "copy from a file": "create temp table t (line text); copy t from '/etc/passwd'",
    "set role": "set role {owner}",
    "set role to the owner of the views": "set role {views}",
    "session": "set session authorization {owner}",
    "settings": "select set_config('role', '{owner}', false)",
    "no row security": "set row_security = off; select * from people",
    "no policy": "alter table profiles.profile disable row level security",
    "the gate anew": "create or replace function st_sql_gate.marketing() returns int language sql as 'select 1'",
    "a grant": "grant select on profiles.profile to {me}",
    "a membership": "grant {views} to {me}",
    "another role": "create role other superuser",
    "its own rights": "alter role {me} bypassrls",
    "writing": "delete from people",
    "xml": "select query_to_xml('select * from profiles.profile', true, true, '')",
    "statistics": "select * from pg_statistic",
    "files": "select pg_read_file('PG_VERSION')",
    "folders": "select pg_ls_dir('.')",
    "large objects": "select lo_import('/etc/passwd')",
    "extension": "create extension dblink",
}


def attempt(conn, text):
    with conn.cursor() as cursor:
        for one in text.split("; "):
            if one.startswith("copy"):
                with cursor.copy(one) as copy:
                    list(copy)
            else:
                cursor.execute(one)


@pytest.mark.parametrize("how", AROUND)
def test_there_is_no_way_around(shop, analyst, how):
    with shop.database.connect() as conn:
        owner = conn.info.user
    me = analyst.info.user
    text = AROUND[how].format(owner=owner, me=me, views=me.replace("_eve", "__owner"))
    analyst.execute("set default_transaction_read_only = off")
    with pytest.raises(psycopg.Error) as refused:
        attempt(analyst, text)
    assert not isinstance(refused.value, psycopg.errors.SyntaxError)
    analyst.execute("reset row_security")
    assert analyst.execute("select count(*) from people").fetchone() == (1,)


def test_the_planners_statistics_and_a_leaking_function_tell_nothing(shop, analyst):
    with shop.database.connect() as conn:
        conn.execute("analyze")
        conn.commit()
    tables = "('profile', 'record', 'event', 'node', 'cluster', 'consent_state')"
    assert rows(analyst, f"select tablename from pg_stats where tablename in {tables}") == []
    analyst.execute("set default_transaction_read_only = off")
    analyst.execute(
        "create function pg_temp.tell(text) returns boolean language plpgsql cost 0.0000001 as "
        "$$ begin raise notice '%', $1; return true; end $$"
    )
    told = []
    analyst.add_notice_handler(lambda one: told.append(one.message_primary) if one.severity == "NOTICE" else None)
    rows(analyst, 'select * from people where pg_temp.tell("birthDate")')
    assert told == ["1980-02-03"]


def test_the_second_line_holds_without_the_first(shop, analyst):
    """A view that forgot to ask, owned as the views are: row-level security shows the same people."""
    views = analyst.info.user.replace("_eve", "__owner")
    with shop.database.connect() as conn:
        conn.execute("create schema forgetful")
        for name, table, columns in (
            ("one", "profiles.profile", "individual_id"), ("two", "intake.record", "clear"),
            ("three", "profiles.event", "amount"), ("four", "identity.node", "node_id"),
        ):  # fmt: skip
            place, who = compose.Identifier("forgetful", name), compose.Identifier(views)
            conn.execute(compose.SQL(f"create view {{}} as select {columns} from {table}").format(place))
            conn.execute(compose.SQL("grant usage, create on schema forgetful to {}").format(who))
            conn.execute(compose.SQL("alter view {} owner to {}").format(place, who))
        conn.execute(compose.SQL("grant usage on schema forgetful to {}").format(compose.Identifier(analyst.info.user)))
        conn.execute(
            compose.SQL("grant select on all tables in schema forgetful to {}").format(
                compose.Identifier(analyst.info.user)
            )
        )
        conn.commit()
    assert len(rows(analyst, "select * from forgetful.one")) == 1
    assert ["Leeds" in str(one) for one in rows(analyst, "select * from forgetful.two")] == [True]
    assert [str(amount) for (amount,) in rows(analyst, "select * from forgetful.three")] == ["10.00"]
    assert len(rows(analyst, "select * from forgetful.four")) == 2, "her record and her address"
    with shop.database.connect() as conn:
        conn.execute("drop schema forgetful cascade")
        conn.commit()


def test_views_follow_the_purposes_and_a_role_ends(shop, analyst, tmp_path):
    access = SqlAccess(shop)
    (shop.project.folder / "purposes.yaml").write_text(PURPOSES.replace("[birthDate, cityName, totals]", "[genderId]"))
    later = SqlAccess(shop)
    with shop.database.connect() as conn:
        assert [one["stale"] for one in access.roles(conn)] == [False]
        assert [one["stale"] for one in later.roles(conn)] == [True]
    assert later.refresh_stale() == 1
    assert later.refresh_stale() == 0
    assert rows(analyst, 'select "genderId" from people') == [("F",)]
    role = analyst.info.user
    with pytest.raises(NotFound):
        later.revoke("postgres", "me")
    later.revoke(role, "me")
    with pytest.raises(psycopg.OperationalError):
        analyst.execute("select 1")
    with shop.database.connect() as conn:
        assert later.roles(conn) == []


def test_a_migration_and_a_backup_go_past_the_views(shop, analyst, tmp_path):
    backup(shop.project, shop.database, tmp_path / "backup")
    with shop.database.connect() as conn:
        conn.execute("delete from store.migration where package = 'api' and number = 3")
        conn.execute("alter table api.key drop column name, drop column roles, drop column attributes")
        conn.commit()
        assert migrate(conn) == 1
    with pytest.raises(psycopg.Error):
        rows(analyst, "select * from people")
    SqlAccess(shop).refresh()
    assert len(rows(analyst, "select * from people")) == 1
    restore(shop.project, tmp_path / "backup", force=True)
    with Space(open_project(shop.project.folder)) as again:
        assert SqlAccess(again).refresh_stale() == 1
    assert len(rows(analyst, "select * from people")) == 1


def test_a_database_user_who_may_not_make_roles_is_told(shop):
    with shop.database.connect() as conn:
        conn.execute("create role plain login password 'plain'")
        conn.execute("grant all on all tables in schema privacy, profiles, identity, intake, api, store to plain")
        conn.execute("grant usage on schema privacy, profiles, identity, intake, api, store to plain")
        conn.commit()
    try:
        project = shop.project
        parts = {**psycopg.conninfo.conninfo_to_dict(shop.database.conninfo), "user": "plain", "password": "plain"}
        database = type(shop.database)(psycopg.conninfo.make_conninfo("", **parts), None)
        with Space(project, database) as other, pytest.raises(Forbidden, match="createrole"):
            SqlAccess(other).grant("marketing", "eve", "me")
    finally:
        with shop.database.connect() as conn:
            conn.execute("drop owned by plain")
            conn.execute("drop role plain")
            conn.commit()


def test_the_command_line(shop):
    def run(*words):
        command = [sys.executable, "-m", "steelthread", *words, "--project", str(shop.project.folder), "--json"]
        return json.loads(commands.run(command, text=True, check=True).stdout)

    told = run("sql", "grant", "marketing", "--name", "zoe", "--days", "7")
    with psycopg.connect(told["dsn"]) as conn:
        assert len(rows(conn, "select * from people")) == 1
    assert [one["role"] for one in run("sql", "list")] == [told["role"]]
    assert run("sql", "refresh") == {"purposes": 1}
    run("sql", "revoke", told["role"])
    assert run("sql", "list") == []


def asked(space):
    with space.database.connect() as conn:
        told = [json.loads(body) for _, body, _ in Audit(space.vault).entries(conn)]
    return [one for one in told if one["what"] == "sql"]


def test_what_analysts_ask_is_in_the_audit_log(shop, server):
    granted = SqlAccess(shop).grant("marketing", "eve", "me")
    log = server.logs / "postgresql.log"
    collect_questions(shop, log)
    with psycopg.connect(granted["dsn"]) as conn:
        conn.execute('select "birthDate" from people where "birthDate" = $needle$1980-02-03$needle$')
        conn.rollback()
        conn.execute("select count(*) from events, addresses")
        conn.rollback()
        conn.execute("select 1")
    assert collect_questions(shop, log) == 2, "each question once, also of two views, also when it was rolled back"
    assert collect_questions(shop, log) == 0
    told = asked(shop)
    assert {(one["actor"], one["purpose"]) for one in told} == {(f"analyst {granted['role']}", "marketing")}
    assert all(one["details"]["asked"] > "2026" for one in told)
    assert "1980-02-03" not in log.read_text()
    with shop.database.connect() as conn:
        found = breach(shop, conn, actor=f"analyst {granted['role']}")
        assert (len(found.people), found.reads) == (3, {"sql": 2})
        assert Audit(shop.vault).verify(conn).good


def test_nobody_asks_in_anothers_name_or_unheard(shop, server, analyst):
    log = server.logs / "postgresql.log"
    collect_questions(shop, log)
    forged = "steelthread question: st_other for operations at 1.5 in 1"
    for text in (forged, f"x\n2026-11-26 08:00:00.000 UTC [1] st_other LOG:  {forged}"):
        rows_of = compose.SQL("do $do$ begin raise log '%', {}; end $do$").format(compose.Literal(text))
        analyst.execute(rows_of)
    for setting in ("log_min_messages", "log_destination", "log_line_prefix"):
        with pytest.raises(psycopg.Error):
            analyst.execute(f"set {setting} = 'panic'")
    collect_questions(shop, log)
    assert [one["actor"] for one in asked(shop)] == []
    with pytest.raises(NotFound):
        collect_questions(shop, log.with_name("nothing.log"))
