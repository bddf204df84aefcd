"""New records against all: who is looked at, what of others is opened for it, and who finds nobody."""

import pytest
from tests.thread.test_resolving import groups, rows, told

from steelthread import identity
from steelthread.identity.match import blocking
from steelthread.thread import newcomers, resolve_all, resolve_new
from steelthread.thread.people import person_entities

__all__ = ["told"]


@pytest.fixture
def every(space, told):
    """Load and resolve most of the records; return all."""
    found = rows(people=80)
    told(found[:150])
    resolve_all(space)
    return found


def asked(space, question):
    with space.database.connect() as conn:
        return conn.execute(question).fetchall()


def unjudged(space):
    return len(asked(space, "select from identity.unjudged"))


def test_records_that_came_or_changed_since_are_remembered(space, told, every):
    assert unjudged(space) == 0
    changed = [(*row[:5], "1 Other Road", *row[6:]) for row in every[:4]]
    told(changed + every[4:160])
    assert unjudged(space) == 14
    assert resolve_new(space).records == 14
    assert unjudged(space) == 0
    told(every)
    assert unjudged(space) == len(every) - 160 + 4
    resolve_all(space, keep_model=True)
    assert unjudged(space) == 0


def test_before_the_first_run_nothing_is_remembered(space, told):
    told(rows(people=5))
    assert unjudged(space) == 0
    assert resolve_new(space).records == len(rows(people=5))
    assert unjudged(space) == 0


def test_others_are_opened_as_the_model_saw_them(space, told, every, monkeypatch):
    """Only the newcomers themselves are read from their records."""
    opened = []
    people = newcomers.people

    def watched(space, conn, records):
        found = list(people(space, conn, records))
        opened.extend(one.record for one in found)
        return found

    monkeypatch.setattr(newcomers, "people", watched)
    told(every)
    done = resolve_new(space)
    assert done.links_added > 0
    assert len(opened) == len(set(opened)) == done.records == len(every) - 150


def test_records_that_a_former_release_saw_are_read_from_themselves(space, told, every):
    with space.database.connect() as conn:
        conn.execute("update identity.judged set subject = null, sealed = null")
        conn.commit()
    told(every)
    resolve_new(space)
    live = groups(space)
    whole = resolve_all(space, keep_model=True)
    assert (whole.merged, whole.split) == (0, 0)
    assert groups(space) == live


def test_few_newcomers_are_looked_up_by_key_and_many_as_the_planner_likes(space, told, every, monkeypatch):
    scans = []
    judge = newcomers.Newcomers.judge

    def watched(self, fresh):
        scans.append(self._conn.execute("show enable_seqscan").fetchone()[0])
        return judge(self, fresh)

    monkeypatch.setattr(newcomers.Newcomers, "judge", watched)
    told(every[:160])
    assert resolve_new(space).records == 10
    monkeypatch.setattr(newcomers, "FEW", 2)
    told(every[:170])
    assert resolve_new(space).records == 10
    assert scans == ["off", "on"]


def test_keys_that_are_too_common_find_nobody(space, told, monkeypatch):
    monkeypatch.setattr(blocking, "FEW", 100)
    monkeypatch.setattr(blocking, "_SPARE", 0)
    monkeypatch.setattr(blocking, "BUDGET", 5)
    every = rows(people=80)
    told(every[:150])
    resolve_all(space)
    most = asked(
        space,
        "select max(held) from (select count(*) as held from identity.judged, unnest(keys) key "
        "where key not in (select key from identity.common_key) group by key) h",
    )[0][0]
    least = asked(
        space,
        "select min(held) from (select count(*) as held from identity.judged, unnest(keys) key "
        "join identity.common_key using (key) group by key) h",
    )[0][0]
    assert most < least
    told(every)
    with space.database.connect() as conn:
        fresh, model = identity.unjudged(conn, person_entities(space, conn)), identity.model_in_force(conn)
        few = newcomers.Newcomers(space, conn, model).judge(fresh).pairs
        conn.execute("delete from identity.common_key")
        assert 0 < few < newcomers.Newcomers(space, conn, model).judge(fresh).pairs
        conn.rollback()


def test_the_sealed_part_of_a_model_is_read_once_and_stays(space, told, every):
    """What a model of a million people has sealed are megabytes: no run of newcomers reads or writes them again."""
    told(every[:160])
    resolve_new(space)
    with space.database.connect() as conn:
        row = identity.model_in_force(conn)
        known = identity.model_in_force(conn, space.matching)
        assert known is not None
        assert (known.version, known.sealed, known.threshold) == (row.version, b"", row.threshold)
        assert identity.threshold_in_force(conn) == row.threshold
        assert len(row.sealed) > 1000
        space.matching.clear()
    told(every)
    assert resolve_new(space).model == row.version
    with space.database.connect() as conn:
        assert identity.model_in_force(conn).sealed == row.sealed
