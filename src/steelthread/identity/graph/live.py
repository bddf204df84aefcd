"""The live graph: the definition applied to just the components that a batch touches.

The region is closed over every open link, refused ones included, so nothing outside can be changed by what happens
inside: the result equals the batch by construction (docs/decisions/0001-regions.md).
"""

from collections.abc import Collection
from uuid import UUID

from steelthread.identity.graph.batch import atoms
from steelthread.identity.graph.types import Link, Node, Policy, Source


class Changes:
    """What a batch changed.

    relabelled: node -> cluster, where it differs; clusters: cluster -> (members, universal ID), of the whole region;
    dissolved: clusters that are no longer; refused: link -> reason, where it differs.
    """

    def __init__(self) -> None:
        self.relabelled: dict[int, int] = {}
        self.clusters: dict[int, tuple[list[int], UUID]] = {}
        self.dissolved: list[int] = []
        self.refused: dict[Link, str] = {}


class LiveGraph:
    """The working set of one batch over a source."""

    def __init__(self, source: Source, policy: Policy) -> None:
        self._source = source
        self._policy = policy
        self._nodes: dict[int, Node] = {}
        self._links: dict[tuple[int, int, int], Link] = {}
        self._removed: set[tuple[int, int, int]] = set()
        self._cannots: set[tuple[int, int]] = set()
        self._lifted: set[tuple[int, int]] = set()
        self._new: set[int] = set()
        self._loaded: set[int] = set()
        self._touched: set[int] = set()

    def prefetch(self, clusters: Collection[int]) -> None:
        """Load the nodes of these clusters."""
        missing = [cluster for cluster in clusters if cluster not in self._loaded]
        if missing:
            for node in self._source.nodes_of_clusters(missing):
                self._nodes.setdefault(node.id, node)
            self._loaded.update(missing)

    def add_node(self, node: Node) -> None:
        """Add a node that the source does not have yet; its cluster is itself."""
        self._nodes[node.id] = node
        self._new.add(node.id)
        self._touched.add(node.id)

    def set_facts(self, node: Node) -> None:
        """Say that a node's facts changed."""
        known = self._nodes.get(node.id)
        if known is not None:
            node.cluster = known.cluster
        self._nodes[node.id] = node
        self._touched.add(node.id)

    def add_link(self, link: Link) -> None:
        """Add an open link, or put one that changed in place of its former self."""
        self._links[link.id] = link
        self._removed.discard(link.id)
        self._touched.update((link.a, link.b))

    def remove_link(self, link: Link) -> None:
        """Take a link out."""
        self._links.pop(link.id, None)
        self._removed.add(link.id)
        self._touched.update((link.a, link.b))

    def rerank_link(self, old: Link, new: Link) -> None:
        """Give a link a new rank."""
        self.remove_link(old)
        self.add_link(new)

    def add_cannot(self, a: int, b: int) -> None:
        """Forbid two nodes to be one person."""
        self._cannots.add((a, b))
        self._lifted -= {(a, b), (b, a)}
        self._touched.update((a, b))

    def remove_cannot(self, a: int, b: int) -> None:
        """Allow it again."""
        self._cannots -= {(a, b), (b, a)}
        self._lifted |= {(a, b), (b, a)}
        self._touched.update((a, b))

    def changes(self) -> Changes:
        """Compute the touched components anew."""
        region = self._region()
        links = [link for link in self._links.values() if link.a in region]
        cannots = [pair for pair in self._cannots if pair not in self._lifted]
        parts, refused = atoms([self._nodes[node] for node in sorted(region)], links, cannots, self._policy)
        changes = Changes()
        for part in parts:
            self._label(part, changes)
        former = {self._nodes[node].cluster for node in region if node not in self._new}
        changes.dissolved = sorted(former - set(changes.clusters))
        changes.refused = {link: reason for link, reason in refused.items() if link.refused != reason}
        return changes

    def _region(self) -> set[int]:
        """Close the touched nodes over clusters and open links."""
        region: set[int] = set()
        frontier = set(self._touched)
        while frontier:
            self._fetch(frontier)
            clusters = {self._nodes[node].cluster for node in frontier if node not in self._new}
            self.prefetch(clusters)
            frontier |= self._members(clusters)
            frontier -= region
            region |= frontier
            old = [node for node in frontier if node not in self._new]
            if old:
                for link in self._source.links_of_nodes(old):
                    if link.id not in self._removed:
                        self._links.setdefault(link.id, link)
                self._cannots.update(self._source.cannots_of_nodes(old))
            frontier = self._neighbours(region)
        return region

    def _members(self, clusters: set[int]) -> set[int]:
        return {node.id for node in self._nodes.values() if node.cluster in clusters}

    def _neighbours(self, region: set[int]) -> set[int]:
        found = set()
        for link in self._links.values():
            if (link.a in region) != (link.b in region):
                found.add(link.b if link.a in region else link.a)
        return found

    def _fetch(self, ids: Collection[int]) -> None:
        missing = [node for node in ids if node not in self._nodes]
        if missing:
            for node in self._source.nodes(missing):
                self._nodes.setdefault(node.id, node)

    def _label(self, part: list[Node], changes: Changes) -> None:
        """Keep the label of the largest former cluster whose name-giving node is here: the smaller side is relabelled."""
        members = {node.id for node in part}
        sizes: dict[int, int] = {}
        for node in part:
            if node.id not in self._new and node.cluster in members:
                sizes[node.cluster] = sizes.get(node.cluster, 0) + 1
        label = min(sizes, key=lambda name: (-sizes[name], name)) if sizes else min(members)
        first = min(part, key=lambda node: (not node.durable, node.birth))
        changes.clusters[label] = (sorted(members), first.birth)
        for node in part:
            if node.id in self._new or node.cluster != label:
                changes.relabelled[node.id] = label
