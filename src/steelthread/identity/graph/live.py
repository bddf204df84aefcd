"""The live graph: what a batch changes, found without looking at more than it must.

The three cases of the definition (docs/decisions/0002-three-cases.md). Adding a link between clusters A and B:

1. A is B, or nothing at all forbids to join them: they join. No link needs to be read.
2. The parts of its ends that were formed by links before it may not join: it is refused, nothing else changes.
3. Otherwise A and B are computed anew.

Taking a link out that was accepted, and changing what constraints look at, computes the cluster anew. A cluster that is
computed anew widens its region by a neighbour whenever a refused link on the border would now be accepted.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from uuid import UUID

from steelthread.identity.graph.batch import join, words_of
from steelthread.identity.graph.parts import Part, may_not_join, part_of
from steelthread.identity.graph.types import WEAK, Link, Node, Policy, Source, rank, strictness

LinkId = tuple[int, int, int]
Rank = tuple[int, float, int, bytes]


class Changes:
    """What a batch changed.

    relabelled: node -> cluster, where it differs; clusters: cluster -> (members, universal ID), of those whose members
    differ; dissolved: clusters that are no longer; refused: link -> reason, where it differs.
    """

    def __init__(self) -> None:
        self.relabelled: dict[int, int] = {}
        self.clusters: dict[int, tuple[list[int], UUID]] = {}
        self.dissolved: list[int] = []
        self.refused: dict[Link, str] = {}


class LiveGraph:
    """The working set of one batch over a source: tell it what is new, then ask for the changes once."""

    def __init__(self, source: Source, policy: Policy) -> None:
        self._source = source
        self._policy = policy
        self._nodes: dict[int, Node] = {}
        self._new: set[int] = set()
        self._former: dict[int, list[int]] = {}
        self._added: dict[LinkId, Link] = {}
        self._removed: dict[LinkId, Link] = {}
        self._pairs: list[tuple[int, int]] = []
        self._lifted: set[tuple[int, int]] = set()
        self._spoken: list[tuple[int, int]] = []
        self._restated: set[int] = set()
        self._words: dict[int, set[int]] = {}
        self._parts: dict[int, Part] = {}
        self._placed: list[Link] = []
        self._linked: dict[int, dict[LinkId, Link]] = defaultdict(dict)
        self._read: set[int] = set()
        self._refused: dict[Link, str] = {}
        self._changed: dict[int, Part] = {}

    # -- what the batch says -----------------------------------------------------------------------------------------

    def prefetch(self, clusters: Collection[int]) -> None:
        """Load the nodes of these clusters."""
        missing = [cluster for cluster in clusters if cluster not in self._former]
        if not missing:
            return
        for cluster in missing:
            self._former[cluster] = []
        fresh = []
        for node in self._source.nodes_of_clusters(missing):
            fresh.append(self._nodes.setdefault(node.id, node))
            self._former[node.cluster].append(node.id)
        self._pairs += self._source.cannots_of_nodes([node.id for node in fresh])

    def add_node(self, node: Node) -> None:
        """Add a node that the source does not have yet; its cluster is itself."""
        self._nodes[node.id] = node
        self._new.add(node.id)

    def set_facts(self, node: Node) -> None:
        """Say that what constraints look at changed in a node."""
        known = self._nodes.get(node.id)
        if known is not None:
            node.cluster = known.cluster
        self._nodes[node.id] = node
        self._restated.add(node.id)

    def add_link(self, link: Link) -> None:
        """Add an open link, or put one that changed in place of its former self."""
        self._added[link.id] = link

    def remove_link(self, link: Link) -> None:
        """Take a link out; `refused` tells whether it had been."""
        if self._added.pop(link.id, None) is None:
            self._removed.setdefault(link.id, link)

    def rerank_link(self, old: Link, new: Link) -> None:
        """Give a link a new rank."""
        self.remove_link(old)
        self.add_link(new)

    def add_cannot(self, a: int, b: int) -> None:
        """Forbid two nodes to be one person."""
        self._lifted -= {(a, b), (b, a)}
        self._spoken.append((a, b))

    def remove_cannot(self, a: int, b: int) -> None:
        """Allow it again."""
        self._lifted |= {(a, b), (b, a)}
        self._spoken.append((a, b))

    # -- what it changes ---------------------------------------------------------------------------------------------

    def changes(self) -> Changes:
        """Compute what differs."""
        self._load_touched()
        said = [*self._pairs, *self._spoken]
        self._words = words_of(pair for pair in said if pair not in self._lifted)
        self._form(self._former)
        for number in self._new:
            part = self._parts[number] = Part(self._nodes[number], self._policy, self._words)
            self._changed[id(part)] = part
        self._renew()
        self._insert()
        return self._report()

    def _load_touched(self) -> None:
        ends = {end for link in (*self._added.values(), *self._removed.values()) for end in (link.a, link.b)}
        ends.update(end for pair in self._spoken for end in pair)
        self._load((ends | self._restated) - self._new)

    def _load(self, nodes: Collection[int]) -> None:
        """Load the whole clusters of these nodes."""
        unknown = [node for node in nodes if node not in self._nodes]
        if unknown:
            for node in self._source.nodes(unknown):
                self._nodes.setdefault(node.id, node)
        self.prefetch({self._nodes[node].cluster for node in nodes})

    def _form(self, clusters: Iterable[int]) -> None:
        for cluster in clusters:
            members = self._former[cluster]
            if members and members[0] not in self._parts:
                part = part_of((self._nodes[node] for node in members), self._policy, self._words)
                self._parts.update(dict.fromkeys(members, part))

    def _reach(self, nodes: Collection[int]) -> None:
        """Have the parts of these nodes, which may lie outside what was loaded."""
        missing = [node for node in nodes if node not in self._parts]
        if missing:
            before = len(self._pairs)
            self._load(missing)
            for a, b in self._pairs[before:]:
                if (a, b) not in self._lifted:
                    self._words.setdefault(a, set()).add(b)
                    self._words.setdefault(b, set()).add(a)
            self._form({self._nodes[node].cluster for node in missing})

    def _read_links(self, nodes: Iterable[int]) -> None:
        """Have all links of these nodes: those of the source, less what the batch took, plus what it gave so far."""
        wanted = list(nodes)
        if wanted and self._placed:
            for link in self._placed:
                self._know(link)
            self._placed.clear()
        missing = [node for node in wanted if node not in self._read and node not in self._new]
        if not missing:
            return
        self._read.update(missing)
        for link in self._source.links_of_nodes(missing):
            if link.id not in self._removed and link.id not in self._added:
                self._know(link)

    def _know(self, link: Link) -> None:
        if link.id not in self._linked[link.a]:
            self._linked[link.a][link.id] = link
            self._linked[link.b][link.id] = link

    def _renew(self) -> None:
        """Compute the clusters anew in which an accepted link or a fact went."""
        dirty: dict[int, Part] = {}
        for link in self._removed.values():
            if not link.refused:
                dirty[id(self._parts[link.a])] = self._parts[link.a]
        for node in self._restated - self._new:
            dirty[id(self._parts[node])] = self._parts[node]
        for a, b in self._spoken:
            if self._parts[a] is self._parts[b] or (a, b) in self._lifted:
                dirty.update({id(part): part for part in (self._parts[a], self._parts[b])})
        self._read_links(node.id for part in dirty.values() for node in part.nodes)
        while dirty:
            _, part = dirty.popitem()
            self._recompute([part], dirty)

    def _recompute(self, region: list[Part], dirty: dict[int, Part]) -> None:
        """Apply the definition to a region; widen it while a refused link on its border would be accepted."""
        while True:
            for part in region:
                dirty.pop(id(part), None)
            nodes = {node.id: node for part in region for node in part.nodes}
            self._read_links(nodes)
            links = {link.id: link for node in nodes for link in self._linked[node].values()}
            self._reach([end for link in links.values() for end in (link.a, link.b) if end not in nodes])
            parts, verdicts, wider = self._greedy(nodes, sorted(links.values(), key=rank), dirty)
            if not wider:
                break
            region = [*region, *wider.values()]
        self._refused.update(verdicts)
        for part in region:
            self._changed.pop(id(part), None)
        self._parts.update(parts)
        self._changed.update({id(part): part for part in parts.values()})

    def _greedy(
        self, nodes: dict[int, Node], links: list[Link], dirty: dict[int, Part]
    ) -> tuple[dict[int, Part], dict[Link, str], dict[int, Part]]:
        """Return the parts, the verdicts, and the neighbours by which the region must widen."""
        parts = {number: Part(node, self._policy, self._words) for number, node in nodes.items()}
        verdicts: dict[Link, str] = {}
        wider: dict[int, Part] = {}
        for link in links:
            one, other = parts.get(link.a), parts.get(link.b)
            if one is None or other is None:
                inner, outer = (one, link.b) if one is not None else (other, link.a)
                neighbour = self._parts[outer]
                assert inner is not None
                if id(neighbour) in dirty or self._would_accept(inner, outer, link):
                    wider[id(neighbour)] = neighbour
            elif one is not other:
                reason = verdicts[link] = may_not_join(one, other, strictness(link), self._policy)
                if not reason:
                    join(parts, one, other)
            else:
                verdicts[link] = ""
        return parts, verdicts, wider

    def _would_accept(self, inner: Part, outer: int, link: Link) -> bool:
        """Whether a refused link on the border would be accepted: ask the far end alone, all of it, then its part."""
        kind, neighbour = strictness(link), self._parts[outer]
        if not may_not_join(inner, neighbour, kind, self._policy):
            return True
        alone = Part(self._nodes[outer], self._policy, self._words)
        if may_not_join(inner, alone, kind, self._policy):
            return False
        return not may_not_join(inner, self._part_before(outer, rank(link)), kind, self._policy)

    def _part_before(self, node: int, limit: Rank) -> Part:
        """Return the part of a node that links before a rank have formed: inside a cluster every link is accepted."""
        inside = self._parts[node]
        self._read_links(one.id for one in inside.nodes)
        found, stack = {node}, [node]
        while stack:
            for link in self._linked[stack.pop()].values():
                for end in (link.a, link.b):
                    if end not in found and self._parts.get(end) is inside and rank(link) < limit:
                        found.add(end)
                        stack.append(end)
        return part_of((self._nodes[one] for one in found), self._policy, self._words)

    # -- adding links ------------------------------------------------------------------------------------------------

    def _insert(self) -> None:
        """Add the new links in canonical order: those of the first case at once, the others after reading once."""
        later = [link for link in sorted(self._added.values(), key=rank) if not self._joins(link)]
        ends = {id(part): part for link in later for part in (self._parts[link.a], self._parts[link.b])}
        self._read_links(node.id for part in ends.values() for node in part.nodes)
        for link in later:
            if not self._joins(link) and not self._refuses(link):
                self._placed.append(link)
                self._recompute([self._parts[link.a], self._parts[link.b]], {})

    def _joins(self, link: Link) -> bool:
        """Case 1: one cluster already, or nothing at all forbids it."""
        parts = self._parts
        one, other = parts[link.a], parts[link.b]
        if one is not other:
            if may_not_join(one, other, WEAK, self._policy):
                return False
            if len(one.nodes) < len(other.nodes):
                one, other = other, one
            self._changed.pop(id(other), None)
            join(parts, one, other)
            self._changed[id(one)] = one
        if link.refused:
            self._refused[link] = ""
        self._placed.append(link)
        return True

    def _refuses(self, link: Link) -> bool:
        """Case 2: what stood before the link forbids it."""
        limit = rank(link)
        one, other = self._part_before(link.a, limit), self._part_before(link.b, limit)
        reason = may_not_join(one, other, strictness(link), self._policy)
        if reason:
            self._refused[link] = reason
            self._placed.append(link)
        return bool(reason)

    # -- the report --------------------------------------------------------------------------------------------------

    def _report(self) -> Changes:
        changes = Changes()
        former: set[int] = set()
        standing: set[int] = set()
        new = self._new
        for part in self._changed.values():
            old = [node.cluster for node in part.nodes if node.id not in new]
            former.update(old)
            if not self._stands(part, old):
                self._label(part.nodes, changes)
            else:
                standing.add(old[0])
        changes.dissolved = sorted(former - standing - set(changes.clusters))
        changes.refused = {link: reason for link, reason in self._refused.items() if link.refused != reason}
        return changes

    def _stands(self, part: Part, old: list[int]) -> bool:
        """Whether a part is a former cluster, none of whose facts were told anew."""
        if not old or len(old) != len(part.nodes) or len(old) != len(self._former[old[0]]) or len(set(old)) != 1:
            return False
        return not any(node.id in self._restated for node in part.nodes)

    def _label(self, part: list[Node], changes: Changes) -> None:
        """Keep the label of the largest former cluster whose name-giving node is here: the smaller side is relabelled."""
        new, first = self._new, part[0]
        members = {node.id for node in part}
        sizes: dict[int, int] = {}
        for node in part:
            if node.id not in new and node.cluster in members:
                sizes[node.cluster] = sizes.get(node.cluster, 0) + 1
            if node.durable > first.durable or (node.durable == first.durable and node.birth < first.birth):
                first = node
        label = min(sizes, key=lambda name: (-sizes[name], name)) if sizes else min(members)
        changes.clusters[label] = (sorted(members), first.birth)
        for node in part:
            if node.cluster != label or node.id in new:
                changes.relabelled[node.id] = label
