"""The ledger in PostgreSQL: append-only, idempotent; the derived state answers for everybody as `decide` does for one."""

import random
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest
from tests.privacy.histories import DECIDER, END, PURPOSES, QUESTIONS, history

from steelthread.privacy import Decider, Subject, allowed_sql, append, append_told, fold, forget_consent, statements_of
from steelthread.privacy.ledger import _rows

NODES = [bytes([number]) * 16 for number in range(200)]


def _made_up(seed):
    chance = random.Random(seed)
    told = []
    for number in range(0, len(NODES), 2):
        content = chance.randbytes(6 * chance.randrange(4))
        told += history(content, NODES[number : number + 2], 1 + number * 1000)
    return told


def test_everybody_at_once_is_everybody_one_by_one(space):
    told = _made_up(5)
    relation = "select get_byte(node_hash, 0) / 2 as subject, node_hash from people"
    with space.database.connect() as conn:
        conn.execute("create temp table people as select unnest(%s::bytea[]) as node_hash", (NODES,))
        for start in range(0, len(told), 50):
            append(conn, told[start : start + 50])
        assert append(conn, told) == 0, "said twice is said once"
        kept = statements_of(conn, NODES)
        assert sorted(kept, key=lambda one: one.event_id) == sorted(told, key=lambda one: one.event_id)
        differ = {}
        for purpose, channel in QUESTIONS:
            one = PURPOSES.get(purpose)
            sql, parameters = allowed_sql(one, PURPOSES.above(purpose), channel, relation)
            found = {subject for (subject,) in conn.execute(sql, {**parameters, "at": END})}
            expected = set()
            for subject in range(100):
                states = fold([said for said in told if said.node[0] // 2 == subject], END)
                if DECIDER.decide(Subject(states), purpose, channel, at=END).allow:
                    expected.add(subject)
            differ[(purpose, channel)] = found ^ expected
            assert len(expected) < 100 or not one.heeds
    assert not any(differ.values()), differ


def test_what_is_erased_is_forgotten(space):
    told = _made_up(8)
    with space.database.connect() as conn:
        append(conn, told)
        assert forget_consent(conn, NODES[:2]) > 0
        assert statements_of(conn, NODES[:2]) == []
        assert len(statements_of(conn, NODES)) == sum(said.node not in NODES[:2] for said in told)


def test_a_state_has_a_number_that_is_new_with_every_word_and_tells_of_what_holds_later(space):
    def derived(conn):
        return dict(
            conn.execute("select part::text, derived from privacy.consent_state where node_hash = %s", (NODES[0],))
        )

    one = msgspec.structs.replace(_made_up(5)[0], node=NODES[0], event_id=uuid4(), said="given", recorded_at=END)
    later = msgspec.structs.replace(one, event_id=uuid4(), occurred_at=END + timedelta(days=1))
    with space.database.connect() as conn:
        told = append_told(conn, [later])
        assert (told.statements, derived(conn)) == ([later], {"f": told.number})
        again = append_told(conn, [msgspec.structs.replace(one, occurred_at=END)])
        assert len(again.statements) == 2
        assert derived(conn) == {"c": again.number, "f": again.number}
        assert again.number != told.number


@pytest.mark.parametrize("seed", range(6))
def test_what_is_derived_is_that_of_the_whole_ledger_in_whatever_pieces_it_was_told(space, seed):
    chance = random.Random(seed)
    told = _made_up(seed)
    with space.database.connect() as conn:
        while told:
            size = chance.randint(1, 60)
            taken, told = told[:size], told[size:]
            piece = [*taken, *chance.choices(taken, k=3)]
            found, nodes = append_told(conn, piece), {one.node for one in piece}
            every, at = statements_of(conn, nodes), max(one.recorded_at for one in piece)
            assert sorted(found.statements, key=repr) == sorted(every, key=repr)
            assert list(found.states) == fold(every, at)
            assert set(found.later) == {one.node for one in every if one.occurred_at > at}
            rows = "select node_hash, part::text, purpose, channel, verdict, valid_until, derived from privacy.consent_state"
            held = conn.execute(f"{rows} where node_hash = any(%s)", (list(nodes),)).fetchall()
            expected = [row for state in fold(every, at) for row in _rows(state)]
            expected += [(node, "f", "", "", 0, None) for node in found.later]
            assert sorted(held, key=repr) == sorted(((*row, found.number) for row in expected), key=repr)


def test_the_policy_has_a_version():
    assert Decider(PURPOSES).decide(Subject([]), "marketing").policy_version == PURPOSES.version
    assert timedelta(0) < END - msgspec.convert("2026-01-01T00:00:00Z", type(END))
