"""A run over all records, page by page and by two processes: the ledger and what is kept of records are as of single ones."""

import io
import os
import threading
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from rich.console import Console
from tests.thread.test_resolving import groups, rows, told  # noqa: F401  # told is a fixture

from steelthread.app import verify_space
from steelthread.cli import decisions
from steelthread.cli.shell import Common
from steelthread.identity import (
    Judgement,
    Verdicts,
    load_match,
    model_in_force,
    packed_judgements,
    replace_judgements,
    version_in_force,
)
from steelthread.identity.evidence import JUDGED, all_model_links
from steelthread.identity.match import beside
from steelthread.store import copy_streamed
from steelthread.thread import asked, resolve_all, settling, staging
from steelthread.thread.models import context_of, keys_of, opened_model
from steelthread.thread.people import people
from steelthread.vault import unseal

AT = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def paged(monkeypatch):
    """Make pages of a few records, and have a fork make every other one."""
    for module in (asked, staging, settling):
        monkeypatch.setattr(module, "_PAGE", 7)
    monkeypatch.setattr(beside, "can_fork", lambda: True)


def kept(space):
    """Return what the ledger and the model's memory hold, without the times and what is sealed."""
    with space.database.connect() as conn:
        links = conn.execute(
            f"select {JUDGED.replace('opened_at, ', '')} from identity.link where closed_at is null and strength = 1000 order by a, b"
        ).fetchall()
        judged = conn.execute("select record_id, digest, keys, subject from identity.judged order by 1").fetchall()
        common = conn.execute("select key from identity.common_key order by 1").fetchall()
        people = conn.execute("select node_id, cluster_id, atom_id from identity.node order by 1").fetchall()
        return links, judged, common, people


def test_pages_and_forks_change_nothing(space, told, paged, monkeypatch):  # noqa: F811
    told(rows())
    one = resolve_all(space)
    found = kept(space)
    assert found[0]
    assert found[1]
    monkeypatch.undo()
    other = resolve_all(space, keep_model=True)
    assert kept(space) == found
    assert (other.links_added, other.links_closed, other.merged, other.split) == (0, 0, 0, 0)
    assert one.individuals_after == other.individuals_after < one.individuals_before
    assert verify_space(space)["same"]


def test_what_a_run_keeps_of_each_record_is_what_is_kept_of_a_new_one(space, told, paged):  # noqa: F811
    told(rows())
    resolve_all(space)
    match = load_match()
    with space.database.connect() as conn:
        scorer = match.Scorer(opened_model(space, model_in_force(conn)))
        judged = {
            record: rest
            for record, *rest in conn.execute("select record_id, digest, keys, subject, sealed from identity.judged")
        }
        found = list(people(space, conn))
        assert len(found) == len(judged)
        for one in found:
            digest, keys, subject, sealed = judged[one.record]
            row = scorer.prepare(one.values)
            assert (digest, subject) == (one.digest, one.subject)
            assert keys == keys_of(space, row)
            cells = match.unpacked(unseal(space.vault.key(subject), sealed, context_of(one.record)))
            assert cells == match.cells_of(row)


def test_a_fork_that_dies_while_it_reads_or_keeps_is_done_without(space, told, paged, monkeypatch):  # noqa: F811
    told(rows())
    resolve_all(space)
    found, here = kept(space), os.getpid()
    page = asked._Reading.page

    def dies(self, records):
        if os.getpid() != here:
            os._exit(9)
        return page(self, records)

    monkeypatch.setattr(asked._Reading, "page", dies)
    resolve_all(space, keep_model=True)
    assert kept(space) == found


def test_a_run_that_fails_leaves_nothing_behind_and_the_next_one_does_all(space, told, monkeypatch):  # noqa: F811
    told(rows())
    before, alone = kept(space), groups(space)

    def fails(*_):
        raise RuntimeError("while people are computed")

    with monkeypatch.context() as patch:
        patch.setattr(settling.Settling, "_publish", fails)
        with pytest.raises(RuntimeError, match="computed"):
            resolve_all(space)
    assert kept(space) == before
    assert groups(space) == alone
    with space.database.connect() as conn:
        assert version_in_force(conn) is None
        assert conn.execute("select count(*) from pg_class where relname = 'seen' and relkind = 'r'").fetchone() == (0,)
    assert resolve_all(space).merged


def said(chance, count, answers):
    """Return what a model says of pairs, as objects."""
    found = []
    for one in range(count):
        steps = chance.normal(size=answers + 1).round(3).tolist()
        levels = chance.integers(0, 4, answers).tolist()
        found.append(
            Judgement(one + 1, one + 2 + count, sum(steps), levels, steps, ("", "twins", "zwei Käufer")[one % 3])
        )
    return found


def columns(found, behind=0):
    """Return the same as columns."""
    walls = ["", "twins", "zwei Käufer"]
    steps = np.array([[one.steps[0], *one.steps[1 + behind :]] for one in found])
    return Verdicts(
        np.array([one.a for one in found]), np.array([one.b for one in found]), np.array([one.weight for one in found]),
        np.array([one.levels[behind:] for one in found], dtype=np.uint8), lambda part: steps[part],
        np.array([walls.index(one.wall) for one in found], dtype=np.uint8), walls, behind,
    )  # fmt: skip


@pytest.mark.parametrize("behind", [0, 3])
@pytest.mark.parametrize("count", [1, 5, 70])
def test_columns_and_objects_give_the_same_rows(space, count, behind, monkeypatch):
    monkeypatch.setattr("steelthread.identity.verdicts._PORTION", 16)
    found = [
        msgspec.structs.replace(
            one, levels=[0] * behind + one.levels, steps=[one.steps[0], *([0.0] * behind), *one.steps[1:]]
        )
        for one in said(np.random.default_rng(count), count, 5)
    ]
    stored = []
    for packed in (packed_judgements(found, "m", AT), columns(found, behind).packed("m", AT)):
        with space.database.connect() as conn:
            assert copy_streamed(conn, f"identity.link ({JUDGED})", packed) == count
            stored.append(conn.execute("select * from identity.link order by a, b").fetchall())
            steps = conn.execute("select a, levels, steps, refused from identity.link order by a").fetchall()
            conn.rollback()
    assert stored[0] == stored[1]
    assert steps == [(one.a, one.levels, one.steps, one.wall) for one in found]


def test_records_that_changed_meanwhile_are_left_out():
    verdicts = columns(said(np.random.default_rng(1), 9, 2))
    verdicts.without([2, 15])
    kept = list(zip(verdicts.a[verdicts.kept].tolist(), verdicts.b[verdicts.kept].tolist(), strict=True))
    assert kept == [(one, one + 10) for one in range(1, 10) if one not in (2, 5)]
    assert b"".join(verdicts.packed("m", AT)).count(b"model m") == 7


def test_what_is_said_again_stays_and_another_model_replaces_all(space):
    found = said(np.random.default_rng(2), 12, 3)
    with space.database.connect() as conn:

        def replaced(judgements, version, former):
            return replace_judgements(conn, packed_judgements(judgements, version, AT), version, AT, former)

        assert replaced(found, "one", None) == (12, 0)
        assert replaced([*found[1:], msgspec.structs.replace(found[0], weight=77.0)], "one", "one") == (1, 1)
        assert {link.a: link.weight for link in all_model_links(conn)}[found[0].a] == 77.0
        assert replaced(found[:5], "two", "one") == (5, 12)
        assert len(all_model_links(conn)) == 5
        assert conn.execute("select count(*) from identity.link").fetchone() == (18,)


def test_a_run_says_what_it_is_at(space, told, paged):  # noqa: F811
    told(rows())
    at = []
    resolve_all(space, stage=lambda *stage: at.append(stage))
    names = list(dict.fromkeys(name for name, _, _ in at))
    assert names == [
        "reading records", "comparing pairs", "keeping what was compared", "noting what was compared", "writing links", "computing people",
    ]  # fmt: skip
    for name in names:
        done = [(part, of) for stage, part, of in at if stage == name]
        assert done == sorted(done)
        assert all(part <= of for part, of in done)
    assert len({part for name, part, _ in at if name == "reading records"}) > 5


def test_the_bar_has_no_thread_that_would_keep_a_run_from_forking(monkeypatch):
    monkeypatch.setattr(decisions, "err", Console(file=io.StringIO(), force_terminal=True))
    with decisions._bar(Common()) as bar:
        bar.update(bar.add_task("reading records", total=10), completed=5)
        bar.refresh()
        assert not [one for one in threading.enumerate() if "refresh" in type(one).__name__.lower()]
        assert "reading records" in decisions.err.file.getvalue()
