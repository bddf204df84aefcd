"""New records against all: who is looked at, what of others is opened for it, and who finds nobody."""

import os

import pytest
from tests.thread.test_resolving import groups, rows, told

from steelthread import identity
from steelthread.identity import evidence, ledger, match
from steelthread.identity.match import CONNECTS, blocking, keys
from steelthread.rights import erase
from steelthread.thread import newcomers, opening, resolve_all, resolve_new
from steelthread.thread.people import person_entities
from steelthread.thread.space import look_up_by_key
from steelthread.thread.surroundings import Surroundings

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


def compare_all_up_to(monkeypatch, few):
    """Have all records compared with each other where they are at most so many; of more, those who share keys."""
    for module in (blocking, keys):
        monkeypatch.setattr(module, "FEW", few)


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


def test_newcomers_of_several_questions_are_compared_as_a_whole_run_does(space, told, every, monkeypatch):
    """Some are opened while the next are asked of: nobody is met twice, and nobody is left out."""
    compare_all_up_to(monkeypatch, 100)
    monkeypatch.setattr(newcomers, "_ASKED", 2)
    opened = []
    stand = newcomers.Newcomers._stand

    def watched(self, some):
        some = list(some)
        opened.extend(one.record for one in some)
        stand(self, some)

    monkeypatch.setattr(newcomers.Newcomers, "_stand", watched)
    told(every)
    assert resolve_new(space).records == len(every) - 150
    assert len(opened) == len(set(opened)) > len(every) - 150
    live = groups(space)
    whole = resolve_all(space, keep_model=True)
    assert (whole.links_closed, whole.merged, whole.split) == (0, 0, 0)
    assert groups(space) == live


LINKS = f"select a, b, weight from identity.link where closed_at is null and strength = {ledger.MODEL}"


def heavy_without_a_key(space):
    """Return the pairs that a model holds to be one person and that share no key."""
    sharing = "from identity.judged p, identity.judged q where p.record_id = a and q.record_id = b and p.keys && q.keys"
    return asked(space, f"select a, b from ({LINKS}) found where weight >= 1 and not exists (select {sharing})")


def test_where_records_are_few_newcomers_are_compared_with_all_as_a_whole_run_does(space, told):
    """Here two at one house are heavy, and share no key."""
    found = rows(people=20, seed=1113)
    told(found[: len(found) // 2])
    resolve_all(space)
    told(found)
    assert resolve_new(space).records == len(found) - len(found) // 2
    live = groups(space)
    links = {(a, b): weight for a, b, weight in asked(space, LINKS)}
    assert heavy_without_a_key(space)
    whole = resolve_all(space, keep_model=True)
    assert (whole.links_added, whole.links_closed, whole.merged, whole.split) == (0, 0, 0, 0)
    assert groups(space) == live
    assert {(a, b): weight for a, b, weight in asked(space, LINKS)} == links


def test_newcomers_to_many_records_are_compared_by_keys(space, told, every, monkeypatch):
    told(every[:160])
    with space.database.connect() as conn:
        fresh, model = identity.unjudged(conn, person_entities(space, conn)), identity.model_in_force(conn)
        with_all = newcomers.Newcomers(space, conn, model).judge(fresh).pairs
        monkeypatch.setattr(newcomers, "_BOTH", 149)
        by_keys = newcomers.Newcomers(space, conn, model).judge(fresh).pairs
        monkeypatch.setattr(newcomers, "_BOTH", 150)
        assert 0 < by_keys < newcomers.Newcomers(space, conn, model).judge(fresh).pairs == with_all


def test_when_records_outgrow_that_all_are_compared_by_keys(space, told, monkeypatch):
    found = rows(people=20, seed=1113)
    few, half = len(found) - 4, len(found) // 2
    compare_all_up_to(monkeypatch, few)
    told(found[:half])
    first = resolve_all(space)
    told(found[:few])
    assert resolve_new(space).records == few - half
    told(found[: few + 1])
    outgrown = resolve_new(space)
    assert (outgrown.records, outgrown.model) == (few + 1, first.model)
    assert unjudged(space) == 0
    told(found)
    assert resolve_new(space).records == len(found) - few - 1
    live = groups(space)
    whole = resolve_all(space, keep_model=True)
    assert (whole.links_added, whole.links_closed, whole.merged, whole.split) == (0, 0, 0, 0)
    assert groups(space) == live


def test_what_a_whole_run_has_seen_is_written_once(space, every):
    """Its pages are visible to all from the start: whoever reads one first has not to write it anew."""
    ((pages, visible),) = asked(
        space, "select relpages, relallvisible from pg_class where oid = 'identity.judged'::regclass"
    )
    assert pages == visible > 0


def test_heavy_links_and_contacts_in_doubt_are_looked_up_in_indexes_of_their_own(space, every):
    with space.database.connect() as conn:
        look_up_by_key(conn, planned_once=True)
        records = [record for (record,) in conn.execute("select record_id from identity.judged")]
        asked_for, ask = [], conn.execute

        def watched(query, *given, **how):
            asked_for.append((query, *given))
            return ask(query, *given, **how)

        conn.execute = watched
        pairs = identity.model_pairs(conn, records, 1.0)
        doubts = list(identity.contacts_in_doubt(conn, records))
        plans = "".join(line for one in asked_for[:2] for (line,) in ask(f"explain {one[0]}", *one[1:]))
        weights = identity.model_weights(conn, records)
        assert {pair for pair, weight in weights.items() if weight >= 1.0} == set(pairs)
        assert set(doubts) <= {(a, b) for a in records for b in records}
    for index in ("link_heavy ", "link_heavy_to ", "link_aside "):
        assert index in plans


def test_links_between_few_are_looked_up_and_are_those_between_many(space, every, monkeypatch):
    with space.database.connect() as conn:
        records = [record for (record,) in conn.execute("select record_id from identity.judged")][::2]
        few = identity.model_weights(conn, records), evidence.model_links_between(conn, records)
        monkeypatch.setattr(evidence, "_FEW", 0)
        many = identity.model_weights(conn, records), evidence.model_links_between(conn, records)
    assert few[0] == many[0]
    assert len(few[0]) == len(few[1]) > 0
    assert sorted((one.a, one.b, one.weight, one.said) for one in few[1]) == sorted(
        (one.a, one.b, one.weight, one.said) for one in many[1]
    )


def test_no_mean_joins_below_the_links_that_have_an_index():
    assert CONNECTS >= evidence.HEAVY  # no threshold is below it


def before_it_is_noted(monkeypatch, work):
    """Have some work done when ids are committed, and not yet what a model has seen."""
    note = newcomers.note_seen

    def later(*given):
        work()
        return note(*given)

    monkeypatch.setattr(newcomers, "note_seen", later)


def test_ids_are_committed_before_what_was_seen_is_noted_and_a_run_cut_off_between_is_made_good(
    space, told, every, monkeypatch
):
    class CutOffError(Exception):
        pass

    def cut_off():
        raise CutOffError

    before_it_is_noted(monkeypatch, cut_off)
    told(every)
    with pytest.raises(CutOffError):
        resolve_new(space)
    live = groups(space)
    assert unjudged(space) == len(every) - 150
    monkeypatch.undo()
    again = resolve_new(space)
    assert (again.records, again.links_added, again.links_closed) == (len(every) - 150, 0, 0)
    assert (again.merged, again.split, unjudged(space)) == (0, 0, 0)
    whole = resolve_all(space, keep_model=True)
    assert (whole.merged, whole.split) == (0, 0)
    assert groups(space) == live


def test_what_changes_before_it_is_noted_waits_for_the_next_run(space, told, every, monkeypatch):
    changed = (*every[151][:5], "1 Other Road", *every[151][6:])
    before_it_is_noted(monkeypatch, lambda: told([*every[:151], changed, every[152]]))
    told(every[:153])
    assert resolve_new(space).records == 3
    assert unjudged(space) == 1
    monkeypatch.undo()
    assert resolve_new(space).records == 1
    assert unjudged(space) == 0


def test_of_whoever_is_erased_before_it_is_noted_nothing_is_kept(space, told, every, monkeypatch):
    before_it_is_noted(monkeypatch, lambda: erase(space, f"record:people/Individual/{every[152][0]}", "test"))
    told(every[:153])
    assert resolve_new(space).records == 3
    gone = "select from {} left join intake.record r using (record_id) where r.record_id is null"
    assert not asked(space, gone.format("identity.judged"))
    assert not asked(space, gone.format("identity.unjudged"))


def test_where_a_whole_run_came_before_it_is_noted_that_has_seen_all(space, told, every, monkeypatch):
    models = []
    before_it_is_noted(monkeypatch, lambda: models.append(resolve_all(space).model))
    told(every[:160])
    assert resolve_new(space).model != models[0]
    assert unjudged(space) == 0
    assert len(asked(space, "select from identity.judged")) == 160
    monkeypatch.undo()
    told(every)
    assert resolve_new(space).model == models[0]
    live = groups(space)
    assert (resolve_all(space, keep_model=True).merged, groups(space)) == (0, live)


def test_what_stands_around_records_is_the_same_bit_by_bit_and_at_once(space, told, every):
    told(every)
    resolve_new(space)
    with space.database.connect() as conn:
        model = identity.model_in_force(conn)
        records = [record for (record,) in conn.execute("select record_id from identity.judged order by 1")][::3]
        parts = []
        for pages in ([records], [[record] for record in records], [records[::-1][:9], records]):
            with Surroundings(conn, model.threshold) as around:
                for page in pages:
                    around.take(page)
                links = around.links()
            parts.append((around.members, around.atoms, around.doubted, links))
        members, atoms, _, links = parts[0]
        assert parts[1] == parts[2] == parts[0]
        assert len(members) > len(records)
        assert links == identity.model_weights(conn, members) != {}
        assert atoms == identity.atoms_of_records(conn, members)


def test_with_a_fork_that_opens_some_the_same_is_found(space, told, every, monkeypatch):
    """As with none, and with one that dies at its work."""
    compare_all_up_to(monkeypatch, 100)
    monkeypatch.setattr(newcomers, "_ASKED", 3)
    told(every)
    found, forks = [], []
    fork = opening.Opening.__enter__

    def watched(self):
        forks.append(fork(self)._fork)
        return self

    def dies(self, asked):
        os._exit(1)

    monkeypatch.setattr(match, "can_fork", lambda: True)  # threads of other tests take no part in it
    monkeypatch.setattr(opening.Opening, "__enter__", watched)
    with space.database.connect() as conn:
        fresh, model = identity.unjudged(conn, person_entities(space, conn)), identity.model_in_force(conn)
        answer = opening.Opening._answer
        for helped, work in ((10_000, answer), (1, answer), (1, dies)):
            monkeypatch.setattr(newcomers, "_HELPED", helped)
            monkeypatch.setattr(opening.Opening, "_answer", work)
            one = newcomers.Newcomers(space, conn, model).judge(fresh)
            found.append((one.pairs, [(said.a, said.b, said.weight, said.steps, said.wall) for said in one.judgements]))
    assert found[0][0] > 0
    assert found[1:] == found[:1] * 2
    assert len(forks) == 2
    assert None not in forks
