"""Bridges of a person: against a naive reading (take a node or a link away, see what falls apart), on random webs."""

import random

import pytest

from steelthread.identity.graph import Tie, bridges_of


def parts_without(nodes, pairs):
    """Return the parts into which nodes fall."""
    left, found = set(nodes), []
    while left:
        part = {min(left)}
        while True:
            more = {end for pair in pairs if part & pair for end in pair if end in left} | part
            if more == part:
                break
            part = more
        left -= part
        found.append(part)
    return found


def naive(records, ties, least):
    """Return the smaller parts of all bridges."""
    names = {node: node for node in {end for tie in ties for end in (tie.a, tie.b)} | records}
    for part in parts_without(set(names), [{tie.a, tie.b} for tie in ties if tie.strength == 0]):
        names.update(dict.fromkeys(part, min(part)))
    pairs = {frozenset((names[tie.a], names[tie.b])) for tie in ties} - {frozenset((name,)) for name in names.values()}
    nodes = set(names.values())
    held = {name: {record for record in records if names[record] == name} for name in nodes}
    cuts = []
    for node in nodes:
        rest = parts_without(nodes - {node}, [pair for pair in pairs if node not in pair])
        cuts += rest if len(rest) > 1 else []
    for pair in pairs:
        rest = parts_without(nodes, pairs - {pair})
        cuts += rest if len(rest) > 1 else []
    found = set()
    for cut in cuts:
        inside = {record for name in cut for record in held[name]}
        sides = sorted((inside, records - inside), key=lambda side: (len(side), sorted(side)))
        if len(sides[0]) >= least:
            found.add(frozenset(sides[0]))
    return found


def woven(chance):
    """Return the records and ties of a made-up person: records from 1, identifiers from 101, connected."""
    records = set(range(1, chance.randrange(2, 10)))
    identifiers = list(range(101, 101 + chance.randrange(1, 8)))
    ties, reached = [], [min(records)]
    rest = sorted(records - {min(records)}) + identifiers
    chance.shuffle(rest)
    for node in rest:
        other = chance.choice(reached)
        strength = chance.choice((0, 50, 60, 60, 60))
        ties.append(Tie(*sorted((node, other)), "phone" if strength else "must", strength))
        reached.append(node)
    for _ in range(chance.randrange(6)):
        a, b = chance.choice(reached), chance.choice(reached)
        if a != b:
            ties.append(Tie(*sorted((a, b)), "email", 50))
    return records, ties


@pytest.mark.parametrize("least", [1, 2])
@pytest.mark.parametrize("seed", range(200))
def test_bridges_are_those_of_the_definition(seed, least):
    chance = random.Random(seed)
    records, ties = woven(chance)
    found = bridges_of(records, ties, least)
    assert {bridge.parts[0] for bridge in found} == naive(records, ties, least)
    for bridge in found:
        small, large = bridge.parts
        assert (small | large, small & large) == (records, set())
        assert len(small) <= len(large)
        assert (bridge.ends[0] in small, bridge.ends[1] in large) == (True, True)
        kept = [{tie.a, tie.b} for tie in ties if tie not in bridge.ties]
        nodes = records | {end for tie in ties for end in (tie.a, tie.b)}
        assert not any(part & small and part & large for part in parts_without(nodes, kept))
    chance.shuffle(ties)
    assert [(one.parts, one.ends) for one in bridges_of(records, ties, least)] == [
        (one.parts, one.ends) for one in found
    ]


def test_two_families_at_one_number_are_parted_where_they_meet():
    ties = [Tie(1, 101, "email", 50), Tie(2, 101, "email", 50), Tie(3, 101, "email", 50)]
    ties += [Tie(4, 102, "email", 50), Tie(5, 102, "email", 50)]
    ties += [Tie(3, 103, "loyalty_number", 20), Tie(4, 103, "loyalty_number", 20)]
    found = {bridge.parts: bridge for bridge in bridges_of(range(1, 6), ties)}
    assert [*found] == [({1, 2}, {3, 4, 5}), ({4, 5}, {1, 2, 3})]  # the first: record 3 may be of the others
    bridge = found[frozenset({4, 5}), frozenset({1, 2, 3})]
    assert (bridge.ends, bridge.rule, len(bridge.ties)) == ((4, 3), "loyalty_number", 1)


def test_what_a_person_said_is_no_bridge():
    ties = [Tie(1, 101, "email", 50), Tie(2, 101, "email", 50), Tie(3, 102, "email", 50), Tie(4, 102, "email", 50)]
    assert bridges_of(range(1, 5), [*ties, Tie(2, 3, "model", 1000)])
    assert not bridges_of(range(1, 5), [*ties, Tie(2, 3, "must", 0)])


def test_who_hangs_together_in_two_ways_has_no_bridge():
    ties = [Tie(record, 101, "email", 50) for record in range(1, 5)]
    ties += [Tie(record, 102, "phone", 60) for record in range(1, 5)]
    assert not bridges_of(range(1, 5), ties)


def test_a_very_long_chain_is_walked_too():
    ties = [Tie(record + step, 100_000 + record, "phone", 60) for record in range(3000) for step in (0, 1)]
    found = bridges_of(range(3001), ties)
    assert len(found) == 50
    assert len(found[0].parts[0]) == 1500
