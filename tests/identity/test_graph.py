"""The live graph equals the definition, whatever the history and however it is cut into batches."""

import random
from uuid import UUID

import pytest

from steelthread.identity.graph import Link, LiveGraph, Node, Policy, clusters_of


def _conflict(a, b):
    return "different first names" if a.first != b.first else None


POLICY = Policy({2: [(2, None)], 3: [(2, 50)]}, _conflict)


class World:
    """A toy store."""

    def __init__(self):
        self.rows, self.links, self.cannots = {}, {}, set()

    def nodes_of_clusters(self, clusters):
        return [node for node in self.rows.values() if node.cluster in clusters]

    def links_of_nodes(self, nodes):
        return [link for link in self.links.values() if link.a in nodes or link.b in nodes]

    def cannots_of_nodes(self, nodes):
        return [pair for pair in self.cannots if pair[0] in nodes or pair[1] in nodes]

    def nodes(self, ids):
        return [self.rows[one] for one in ids]

    def take(self, changes):
        for node, cluster in changes.relabelled.items():
            self.rows[node].cluster = cluster
        for link, reason in changes.refused.items():
            link.refused = reason


def _node(chance, number):
    kind = chance.choice([0, 0, 1, 2, 3])
    return Node(
        number, kind, number.to_bytes(16, "big"), UUID(int=number), durable=kind == 0, cluster=number,
        first=chance.choice([0, 1, 2]) if kind == 0 else 0, suffix=chance.choice(["", "", "", "jr", "sr"]) if kind == 0 else "",
        unique=chance.choice([0, 0, 0, 7]) if kind == 0 else 0, seen=chance.randrange(100),
    )  # fmt: skip


def _history(seed):
    chance = random.Random(seed)
    world = World()
    number = 0
    for _ in range(chance.randrange(2, 9)):
        graph = LiveGraph(world, POLICY)
        fresh = []
        for _ in range(chance.randrange(1, 6)):
            number += 1
            fresh.append(_node(chance, number))
            graph.add_node(fresh[-1])
        everyone = [*world.rows.values(), *fresh]
        added = []
        for _ in range(chance.randrange(1, 8)):
            a, b = chance.choice(everyone).id, chance.choice(everyone).id
            strength = chance.choice([0, 1, 2, 3])
            if a != b and (a, b, strength) not in world.links:
                key = f"{min(a, b)}-{max(a, b)}-{strength}".encode()
                link = Link(
                    a, b, strength, weak=strength > 1, weight=0, first=chance.randrange(9), key=key, id=(a, b, strength)
                )
                world_first = (b, a, strength) not in world.links and (b, a, strength) not in [one.id for one in added]
                if world_first and link.id not in [one.id for one in added]:
                    added.append(link)
                    graph.add_link(link)
        for link in chance.sample(list(world.links.values()), min(len(world.links), chance.randrange(3))):
            graph.remove_link(link)
            del world.links[link.id]
        if chance.random() < 0.4 and len(everyone) > 1:
            a, b = chance.sample([one.id for one in everyone], 2)
            world.cannots.add((a, b))
            graph.add_cannot(a, b)
        changes = graph.changes()
        world.rows.update({node.id: node for node in fresh})
        world.links.update({link.id: link for link in added})
        world.take(changes)
        _same(world, changes)
    return world


def _same(world, changes):
    partition, refused = clusters_of(world.rows.values(), world.links.values(), world.cannots, POLICY)
    groups = {}
    for node in world.rows.values():
        groups.setdefault(node.cluster, set()).add(node.id)
    expected = {}
    for node, name in partition.items():
        expected.setdefault(name, set()).add(node)
    assert sorted(map(sorted, groups.values())) == sorted(map(sorted, expected.values()))
    assert {link.key for link in world.links.values() if link.refused} == set(refused)
    for label, (members, individual) in changes.clusters.items():
        assert groups[label] == set(members)
        first = min((world.rows[one] for one in members), key=lambda node: (not node.durable, node.birth))
        assert individual == first.birth


@pytest.mark.parametrize("block", range(10))
def test_live_equals_batch(block):
    assert all(_history(seed).rows for seed in range(block * 200, block * 200 + 200))


@pytest.mark.soak
@pytest.mark.parametrize("block", range(20))
def test_live_equals_batch_soak(block):
    assert all(_history(seed).rows for seed in range(100_000 + block * 2500, 100_000 + block * 2500 + 2500))


@pytest.mark.parametrize("seed", range(50))
def test_order_does_not_matter(seed):
    world = _history(seed)
    nodes, links = list(world.rows.values()), list(world.links.values())
    expected = clusters_of(nodes, links, world.cannots, POLICY)
    random.Random(seed).shuffle(nodes)
    random.Random(seed + 1).shuffle(links)
    assert clusters_of(nodes, links, world.cannots, POLICY) == expected
