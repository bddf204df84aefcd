"""Average linkage of atoms against a naive reading of the definition, on random evidence, walls and constraints."""

import random
from itertools import combinations
from uuid import UUID

import pytest

from steelthread.identity.graph import Node, Policy, groups_of, micro, part_of, share_of
from steelthread.identity.graph.parts import may_not_join
from steelthread.identity.graph.types import RULE, SUM, WEAK, WORD
from steelthread.identity.persons import grouped_atoms

LOGIN, NUMBER = 5, 6
"""Groups of which a person has one: an outright wall, and one that the model weighs itself."""
POLICY = Policy({2: [(2, None)]}, lambda a, b: None, weighed=[NUMBER])


def made(chance):
    """Return atoms (lists of nodes), words, and evidence between records of different atoms."""
    atoms, numbers = [], iter(range(1, 1000))
    for _ in range(chance.randrange(2, 9)):
        nodes = []
        for _ in range(chance.randrange(1, 4)):
            number = next(numbers)
            nodes.append(
                Node(number, chance.choice((0, 0, 2)), number.to_bytes(8), UUID(int=number), True, number,
                     suffix=chance.choice(("", "", "", "jr", "sr")), unique=chance.choice((0, 0, 0, 7)),
                     exclusive=chance.choice((0, 0, 0, LOGIN, NUMBER)))
            )  # fmt: skip
        told = [node.exclusive for node in nodes if node.exclusive]
        if len({node.suffix for node in nodes} - {""}) < 2 and len(told) == len(set(told)):
            atoms.append(nodes)
    if not atoms:
        return made(chance)
    words = {}
    for _ in range(chance.randrange(3)):
        a, b = (chance.choice(chance.choice(atoms)).id for _ in range(2))
        if a != b:
            words.setdefault(a, set()).add(b)
            words.setdefault(b, set()).add(a)
    evidence = []
    for one, other in combinations(range(len(atoms)), 2):
        for _ in range(chance.choice((0, 0, 1, 2))):
            weight = chance.choice((None, -4.0, -1.0, 0.5, 1.0, 3.0, 20.0)) if chance.random() < 0.9 else None
            share = chance.choice((1, 40, 300, 1000))
            evidence.append((one, other, weight if weight is None else micro(weight), share))
    return atoms, words, evidence


def naive(atoms, words, evidence, threshold):
    """Join the best pair again and again, asking everything anew each time."""
    groups = [[place] for place in range(len(atoms))]
    while True:
        best = None
        for one, other in combinations(groups, 2):
            said = [(w, share) for a, b, w, share in evidence if (a in one and b in other) or (b in one and a in other)]
            if not said or any(weight is None for weight, _ in said):
                continue
            mean = sum(weight * share for weight, share in said) / sum(share for _, share in said)
            if mean < threshold * 1_000_000:
                continue
            parts = [
                part_of([node for place in group for node in atoms[place]], POLICY, words) for group in (one, other)
            ]
            if may_not_join(*parts, SUM, POLICY):
                continue
            names = sorted(min(node.hash for place in group for node in atoms[place]) for group in (one, other))
            rank = (-mean, *names)
            if best is None or rank < best[0]:
                best = (rank, one, other)
        if best is None:
            return {frozenset(group) for group in groups}
        _, one, other = best
        groups = [group for group in groups if group not in (one, other)] + [one + other]


@pytest.mark.parametrize("seed", range(300))
def test_groups_are_those_of_the_definition(seed):
    chance = random.Random(seed)
    atoms, words, evidence = made(chance)
    threshold = chance.choice((-2.0, 0.0, 1.0))
    expected = naive(atoms, words, evidence, threshold)
    parts = [part_of(nodes, POLICY, words) for nodes in atoms]
    assert {frozenset(one) for one in groups_of(parts, evidence, threshold, POLICY)} == expected
    for _ in range(3):  # the order in which evidence is told does not matter
        chance.shuffle(evidence)
        found = grouped_atoms(len(atoms), evidence, threshold, POLICY, parts.__getitem__)
        assert {frozenset(one) for one in found} == expected


def test_two_of_which_a_person_has_one_are_an_outright_wall_or_the_models_own_to_weigh():
    """Of 300 worlds: nobody ever has two logins, in many only for the wall; two numbers stand in nobody's way."""
    walled = numbers = 0
    for seed in range(300):
        chance = random.Random(seed)
        atoms, words, evidence = made(chance)
        parts = [part_of(nodes, POLICY, words) for nodes in atoms]
        free = [part_of([open_to_all(node) for node in nodes], POLICY, words) for nodes in atoms]
        found = groups_of(parts, evidence, 0.0, POLICY)
        for group in found:
            told = [node.exclusive for place in group for node in atoms[place]]
            assert told.count(LOGIN) < 2, seed
            numbers += told.count(NUMBER) > 1
        walled += {frozenset(one) for one in found} != {
            frozenset(one) for one in groups_of(free, evidence, 0.0, POLICY)
        }
    assert walled > 10
    assert numbers > 10


def open_to_all(node):
    """Return the node without what is exclusive."""
    return Node(node.id, node.kind, node.hash, node.birth, True, node.cluster, suffix=node.suffix, unique=node.unique)


@pytest.mark.parametrize(
    ("group", "strictness", "forbidden"),
    [(LOGIN, WORD, False), (LOGIN, RULE, True), (LOGIN, WEAK, True), (LOGIN, SUM, True),
     (NUMBER, WORD, False), (NUMBER, RULE, True), (NUMBER, WEAK, True), (NUMBER, SUM, False)],
)  # fmt: skip
def test_which_links_two_exclusive_identifiers_keep_from_joining(group, strictness, forbidden):
    one, other, third = (
        part_of([Node(n, 0, bytes([n]), UUID(int=n), True, n, exclusive=group if n < 3 else 0)], POLICY, {})
        for n in (1, 2, 3)
    )
    assert bool(may_not_join(one, other, strictness, POLICY)) is forbidden
    assert not may_not_join(one, third, strictness, POLICY)
    assert not may_not_join(one, one, strictness, POLICY)


def test_who_says_nothing_speaks_neither_for_nor_against():
    parts = [part_of([Node(n, 0, bytes([n]), UUID(int=n), True, n)], POLICY, {}) for n in range(3)]
    two = [(0, 1, micro(4), 1000), (0, 2, micro(2), 1000)]
    assert groups_of(parts, two, 0.0, POLICY) == [[0, 1, 2]]
    assert groups_of(parts, [*two, (1, 2, micro(-9), 1000)], 0.0, POLICY) == [[0, 1], [2]]


def test_who_says_little_is_heard_little():
    parts = [part_of([Node(n, 0, bytes([n]), UUID(int=n), True, n)], POLICY, {}) for n in range(3)]
    two = [(0, 1, micro(4), 1000), (0, 2, micro(2), 1000)]
    assert groups_of(parts, [*two, (1, 2, micro(-9), share_of(3.0))], 0.0, POLICY) == [[0, 1, 2]]
    assert groups_of(parts, [*two, (1, 2, micro(-9), share_of(30.0))], 0.0, POLICY) == [[0, 1], [2]]
    assert [share_of(said) for said in (0.0, 1.0, 15.0, 30.0, 90.0)] == [1, 33, 500, 1000, 1000]
