"""One transaction's work on the identity graph: evidence in, clusters and universal IDs out.

The thread says which nodes there are and which links the batch asserts or no longer asserts; `finish` opens and closes
links, turns identifiers generic and back, lets the live graph compute the clusters, and writes what changed.
"""

import weakref
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from steelthread.identity import evidence, ledger
from steelthread.identity.graph import Changes, Link, LiveGraph, Node, Policy
from steelthread.identity.ledger import APART, ASIDE, EVENTS, GENERIC, OUTSIDE, RECORD, ClusterRow, LinkRow, NodeRow
from steelthread.identity.outcomes import PIECES, busy_of, hidden_of, outcome_of, spare
from steelthread.identity.persons import PersonChanges, Region, changes_of
from steelthread.identity.recent import Recent, threshold_known
from steelthread.identity.types import Clusters, NewNode, Outcome, Pair, Rule
from steelthread.kit import births


class Stitch:
    """The graph work of one transaction; also the live graph's source of what is not loaded yet."""

    def __init__(
        self, conn: psycopg.Connection[Any], policy: Policy, generic_above: dict[int, int], at: datetime, load: int | None = None,
        recent: Recent | None = None, asked: psycopg.Connection[Any] | None = None,
    ) -> None:  # fmt: skip
        """`recent` is what the transaction before left, where nobody else had the lane since.

        `asked` is another connection for what is asked while computing: it need not wait for what is written behind. Only
        where this transaction wrote nothing of the graph before, and with the lane locked.
        """
        self._conn = conn
        self._asked = asked or conn
        self._recent = recent
        self._generic_above = generic_above
        self._at = at
        self._load = load
        self._policy = policy
        self._threshold = threshold_known(conn, recent)
        self._touched: set[int] = set()
        self._graph = LiveGraph(weakref.proxy(self), policy)  # no cycle: a batch's objects go when the batch goes
        self._windowed = {kind for kind, rules in policy.limits.items() if any(window for _, window in rules)}
        self._rows: dict[int, NodeRow] = {}
        self._original: dict[int, int] = {}
        self._before: dict[int, tuple[int, UUID]] = {}
        self._clusters: dict[int, ClusterRow] = {}
        self._new: dict[int, None] = {}
        self._pending: dict[bytes, int] = {}
        self._dirty: set[int] = set()
        self._restated: set[int] = set()
        self._walls: set[int] = set()
        self._only_restates = False
        self._evident: set[int] = set()
        self._happened: dict[int, bool] = {}  # who owns events that came and add up -> whether it owned none before
        self._deltas: dict[Pair, int] = defaultdict(int)
        self._rules: dict[Pair, Rule] = {}
        self._first: dict[Pair, int] = {}
        self._taken: dict[Pair, int] = defaultdict(int)
        self._redated: dict[Pair, int] = {}
        self._links: dict[Pair, LinkRow] = {}
        self._stored: set[Pair] = set()
        self._changed_links: set[Pair] = set()
        self._in_graph: set[Pair] = set()
        self._opened: list[Pair] = []
        self._closed: list[Pair] = []
        self._early: set[Pair] = set()  # opened and written already: what the database says of them is not news
        self._actor = ("rule", "")
        self._busy: dict[int, ClusterRow] = {}
        self._doers: list[int] = []
        self._pending_clusters = Clusters([], [], [], [], [], [])

    # -- what the live graph asks for ---------------------------------------------------------------------------

    def nodes_of_clusters(self, clusters: Collection[int]) -> Iterable[Node]:
        """Return all nodes of these atoms."""
        read = ledger.nodes_of_clusters if self._threshold is None else ledger.nodes_of_atoms
        return [self._known(row) for row in read(self._asked, clusters)]

    def rows_of_persons(self, persons: Collection[int]) -> Iterable[NodeRow]:
        """Return all nodes of these persons as the database has them, known ones as they are now."""
        return [self._known(row) for row in ledger.nodes_of_clusters(self._asked, persons)] if persons else []

    def rows(self, nodes: Collection[int]) -> Iterable[NodeRow]:
        """Return the rows of these nodes."""
        self.nodes(nodes)
        return [self._rows[node] for node in nodes]

    def former(self, node: int) -> int | None:
        """Return the person to whom a node belonged before this transaction."""
        return self._original.get(node)

    def nodes(self, ids: Collection[int]) -> Iterable[Node]:
        """Return these nodes."""
        missing = [node for node in ids if node not in self._rows]
        for row in ledger.nodes_by_id(self._asked, missing) if missing else ():
            self._known(row)
        return [self._rows[node] for node in ids]

    def links_of_nodes(self, nodes: Collection[int]) -> Iterable[Link]:
        """Return every link in force with an end among these nodes."""
        found = [row for row in ledger.links_touching(self._asked, nodes) if _pair(row) not in self._early]
        self._fetch(end for row in found for end in (row.a, row.b))
        links = []
        for row in found:
            kept = self._remember(row)
            if kept.refused not in OUTSIDE:
                links.append(ledger.graph_link(kept, self._rows[kept.a].hash, self._rows[kept.b].hash))
        return links

    def cannots_of_nodes(self, nodes: Collection[int]) -> Iterable[tuple[int, int]]:
        """Return the pairs of which a person said 'never'."""
        return ledger.cannots_touching(self._conn, nodes)

    # -- nodes ---------------------------------------------------------------------------------------------------

    def find(self, wanted: Collection[bytes]) -> dict[bytes, int]:
        """Return the numbers of the nodes with these hashes that there are."""
        found = {name: self._pending[name] for name in wanted if name in self._pending}
        rest = [name for name in wanted if name not in found]
        if self._recent is not None:
            known = {name: row for name in rest if (row := self._recent.node(name)) is not None}
            found.update((name, self._known(row).id) for name, row in known.items())
            rest = [name for name in rest if name not in known]
        rows = ledger.nodes_by_hash(self._conn, rest) if rest else ()
        found.update({row.hash: self._known(row).id for row in rows})
        return found

    def ensure(self, wanted: Sequence[NewNode]) -> dict[bytes, int]:
        """Return the number of each node, making those that are new, born in the order given."""
        specs = {spec.hash: spec for spec in reversed(wanted)}
        found = self.find(list(specs))
        missing = [spec for spec in reversed(list(specs.values())) if spec.hash not in found]
        numbers = ledger.reserve(self._conn, len(missing))
        for spec, number, birth in zip(missing, numbers, births(len(missing)), strict=True):
            found[spec.hash] = number
            self._rows[number] = NodeRow(
                number, spec.kind, spec.hash, birth, spec.durable, number, 0, "", 0, spec.seen, spec.exclusive,
                0, False, 0, self._at, number,
            )  # fmt: skip
            self._new[number] = None
            self._pending[spec.hash] = number
        for row, spec in ((self._rows[found[one.hash]], one) for one in wanted if one.exclusive):
            if not row.exclusive:  # whoever named it first did not say so
                row.exclusive = spec.exclusive
                self._walls.add(row.id)
        return found

    def sight(self, node: int, seen: int) -> None:
        """Say since when a record is known."""
        row = self._rows[node]
        if seen < row.seen:
            row.seen = seen
            self._dirty.add(node)

    def row(self, node: int) -> NodeRow:
        """Return a node that is loaded."""
        return self._rows[node]

    def facts(self, node: int, *, first_name: int, suffix: str, unique_source: int) -> None:
        """Say what a record's node knows for the constraints."""
        row = self._rows[node]
        if (row.first, row.suffix, row.unique) != (first_name, suffix, unique_source):
            row.first, row.suffix, row.unique = first_name, suffix, unique_source
            self._dirty.add(node)
            self._restated.add(node)

    def stands(self, node: int, *, is_open: bool) -> None:
        """Say whether the record of a node is open."""
        self._shows(node, RECORD, holds=is_open)

    def owns(self, node: int, *, any_event: bool = True) -> None:
        """Say whether a node owns any event."""
        self._shows(node, EVENTS, holds=any_event)

    def _shows(self, node: int, piece: int, *, holds: bool) -> None:
        row = self._rows[node]
        now = row.evidence | piece if holds else row.evidence & ~piece
        if row.evidence != now:
            row.evidence = now
            self._dirty.add(node)
        self._evident.add(node)

    def happened(self, node: int) -> None:
        """Say that a node owns an event more, which adds to what its individual has and changes nothing else of it."""
        if node not in self._happened:
            row = self._rows[node]
            self._happened[node] = not row.evidence & EVENTS
            row.evidence |= EVENTS

    def touch(self, node: int) -> None:
        """Have the individual of this node folded anew."""
        self._evident.add(node)

    # -- links ---------------------------------------------------------------------------------------------------

    def load_links(self, nodes: Collection[int]) -> list[LinkRow]:
        """Load the open links whose stronger end is one of these nodes."""
        known = [node for node in nodes if node in self._rows and node not in self._new]
        rows = ledger.links_from(self._asked, known) if known else []
        self._fetch(end for row in rows for end in (row.a, row.b))
        return [self._remember(row) for row in rows]

    def claim(self, a: int, b: int, rule: Rule, first: int) -> None:
        """Assert a link once more; `a` is the stronger node."""
        pair = (a, b, rule.strength)
        self._deltas[pair] += 1
        self._rules[pair] = rule
        self._first[pair] = min(first, self._first.get(pair, first))

    def backdate(self, a: int, b: int, rule: Rule, first: int) -> None:
        """Say that a link asserted already was first observed at an earlier time."""
        pair = (a, b, rule.strength)
        self._deltas[pair] += 0
        self._rules[pair] = rule
        self._first[pair] = min(first, self._first.get(pair, first))

    def unclaim(self, a: int, b: int, strength: int) -> None:
        """Take one assertion of a link back."""
        self._deltas[(a, b, strength)] -= 1
        self._taken[(a, b, strength)] += 1

    def weakened(self) -> dict[Pair, int]:
        """Return the links of which assertions were taken back, and how many older ones are left to each; not words."""
        pairs = {pair: taken for pair, taken in self._taken.items() if pair[2] > 0}
        if pairs:
            self._load_asserted()
        rows = {pair: self._links[pair].asserted - taken for pair, taken in pairs.items() if pair in self._links}
        return {pair: left for pair, left in rows.items() if left > 0}

    def redate(self, pair: Pair, first: int) -> None:
        """Say since when the assertions that are left hold: whoever said it first may have taken it back."""
        self._redated[pair] = first

    def decide(self, a: int, b: int, actor: str, reason: str) -> None:
        """Assert a `must` link by a person's word."""
        self._actor = (actor, reason)
        self.claim(a, b, Rule("must", 0, weak=False), 0)

    def forbid(self, a: int, b: int) -> None:
        """Let a 'never' work (the decision itself is written by the caller before)."""
        self._touched |= {a, b}
        self._prefetch()
        self._graph.add_cannot(a, b)

    def allow(self, a: int, b: int) -> None:
        """Take a 'never' out of force."""
        self._touched |= {a, b}
        self._prefetch()
        self._graph.remove_cannot(a, b)

    # -- what models say ----------------------------------------------------------------------------------------

    def retire(self, records: Collection[int]) -> None:
        """Close the model links of records that are gone."""
        if self._threshold is not None:
            self.reconsider(evidence.retire(self._conn, records, self._at))

    def reconsider(self, nodes: Collection[int]) -> None:
        """Say that model links at these nodes have changed."""
        self.nodes(sorted(nodes))
        self._touched |= set(nodes)

    def restate(self, persons: Collection[int]) -> None:
        """Ask anew what constrains these persons, and which of their identifiers are generic: the rules may have changed."""
        rows = self.rows_of_persons(persons)
        self._restated |= {row.id for row in rows}
        self._dirty |= {row.id for row in rows if row.generic != self._is_generic(row)}
        self._only_restates = True

    # -- the end of the batch ------------------------------------------------------------------------------------

    def settle(self) -> list[int]:
        """Turn the claims into links that open and close; return the identifiers that turned generic, or back.

        Call it once, after all claims and before `finish`: events look for their owners in between.
        """
        self._opened, self._closed = self._settle()
        flips = self._flip_generic()
        self._load_clusters(set(self._original.values()))  # now: asked later, it waits for all that is written behind
        self._evident |= hidden_of(self._happened, self._original, self._clusters)
        self._prefetch()
        return flips

    def write_opened(self) -> None:
        """Write the links that open before `finish` says what becomes of them: the server has them while it computes."""
        self._early = set(self._opened)
        self._changed_links -= self._early
        ledger.insert_links(self._conn, (self._links[pair] for pair in self._opened), self._at, *self._actor)

    def finish(self) -> Outcome:
        """Compute the clusters and say what changed; `write` writes it."""
        self._prefetch()
        opened, closed = self._opened, self._closed
        for number in self._new:
            self._graph.add_node(self._rows[number])
        for number in sorted((self._restated | self._walls) - self._new.keys()):
            self._graph.set_facts(self._rows[number])
        for pair in closed:
            if pair in self._in_graph:
                self._graph.remove_link(self._graph_link(pair))
        for pair in sorted(opened, key=lambda pair: (pair[2], pair[0], pair[1])):
            if self._links[pair].refused not in OUTSIDE:
                self._graph.add_link(self._graph_link(pair))
        return self._resolve()

    def _prefetch(self) -> None:
        """Load the atoms at once of which anything changes but that they own more events."""
        ends = {end for pair in (*self._opened, *self._closed) for end in pair[:2]}
        stirred = (self._evident | self._dirty | self._restated | self._walls | ends) - self._new.keys()
        self._graph.prefetch({self._rows[node].cluster for node in stirred if node in self._rows})

    def _settle(self) -> tuple[list[Pair], list[Pair]]:
        """Turn the assertions into links that open and links that close."""
        self._load_asserted()
        opened, closed = [], []
        for pair, delta in self._deltas.items():
            a, b, _ = pair
            row = self._links.get(pair)
            if row is None:
                if delta > 0:
                    rule = self._rules[pair]
                    row = LinkRow(
                        a, b, rule.name, rule.strength, rule.weak, 0.0, self._first[pair], delta, rule.refused
                    )
                    self._links[pair] = row
                    opened.append(pair)
                    self._degree(row, 1)
                continue
            self._assert_again(pair, row, delta)
            if row.asserted <= 0:
                closed.append(pair)
                self._degree(row, -1)
        if self._windowed:
            self._date_windowed(set(closed))
        return opened, closed

    def _date_windowed(self, closed: set[Pair]) -> None:
        """Identifiers whose kind is limited within a window: each is as old as the oldest link that asserts it."""
        touched = {pair[1] for pair in self._deltas if self._rows[pair[1]].kind in self._windowed}
        self._fetch_links(sorted(touched))
        firsts: dict[int, int] = {}
        for pair, link in self._links.items():
            if pair[1] in touched and pair not in closed and link.strength > 0:
                firsts[pair[1]] = min(link.first, firsts.get(pair[1], link.first))
        for node, first in firsts.items():
            if self._rows[node].seen != first:
                self._rows[node].seen = first
                self._dirty.add(node)
                self._restated.add(node)

    def _assert_again(self, pair: Pair, row: LinkRow, delta: int) -> None:
        before = self._redated.get(pair, row.first)
        if self._taken.get(pair, 0) >= row.asserted > 0 and pair in self._first:
            before = self._first[pair]  # all who said it took it back, and somebody says it anew
        first = min(before, self._first.get(pair, before))
        if first != row.first or delta:
            self._changed_links.add(pair)
        if first != row.first and row.refused not in OUTSIDE:
            old = self._graph_link(pair)
            row.first = first
            self._graph.rerank_link(old, self._graph_link(pair))
        row.first = first
        row.asserted += delta

    def _load_asserted(self) -> None:
        wanted = {a for a, b, _ in self._deltas if a not in self._new and b not in self._new}
        for row in ledger.links_from(self._asked, wanted) if wanted else ():
            self._fetch((row.a, row.b))
            self._remember(row)

    def _degree(self, link: LinkRow, delta: int) -> None:
        if link.strength > 0 and link.refused != APART:
            self._rows[link.b].degree += delta
            self._dirty.add(link.b)

    def _flip_generic(self) -> list[int]:
        """Identifiers whose degree crossed the limit of their kind: their links leave, or come back."""
        flips = []
        for node in sorted(self._dirty):
            row = self._rows[node]
            if row.generic != self._is_generic(row):
                row.generic = not row.generic
                flips.append(node)
        if flips:
            self._fetch_links(flips)
            flipped = set(flips)
            self._suspend({pair for pair in self._links if pair[0] in flipped or pair[1] in flipped})
        new_generic = {node for node in self._dirty if self._rows[node].generic}
        new_generic |= {pair[0] for pair in self._opened if self._rows[pair[0]].generic}
        for pair, link in self._links.items():
            if link.refused != APART and (pair[1] in new_generic or pair[0] in new_generic):
                link.refused = GENERIC
        return flips

    def _is_generic(self, row: NodeRow) -> bool:
        limit = self._generic_above.get(row.kind)
        return limit is not None and row.degree > limit

    def _suspend(self, pairs: set[Pair]) -> None:
        for pair in sorted(pairs):
            row = self._links[pair]
            generic = self._rows[pair[0]].generic or self._rows[pair[1]].generic
            if pair not in self._stored or row.refused == APART or (row.refused == GENERIC) == generic:
                continue
            if generic:
                self._take_out(pair)
                row.refused = GENERIC
            else:
                row.refused = ""
                self._graph.add_link(self._graph_link(pair))
                self._in_graph.add(pair)
            self._changed_links.add(pair)

    def leave_to_models(self, aside: Mapping[Pair, str], back: Collection[Pair]) -> None:
        """Set links aside of which evidence in sum is to decide, with why, and have others `back`; after `settle`."""
        self.load_links(sorted({pair[0] for pair in (*aside, *back)}))
        for pair, why in sorted(aside.items()):
            row = self._links[pair]
            if row.refused not in (GENERIC, APART, why):
                self._take_out(pair)
                row.refused = why
                self._changed_links.add(pair)
        for pair in sorted(back):
            row = self._links[pair]
            if row.refused in ASIDE:
                row.refused = ""
                self._graph.add_link(self._graph_link(pair))
                self._in_graph.add(pair)
                self._changed_links.add(pair)

    def _take_out(self, pair: Pair) -> None:
        if pair in self._in_graph:
            self._graph.remove_link(self._graph_link(pair))
            self._in_graph.discard(pair)

    def write(self) -> None:
        """Write what `finish` found."""
        pending = self._pending_clusters
        ledger.insert_nodes(self._conn, (self._rows[node] for node in self._new))
        ledger.replace_clusters(self._conn, pending.former, pending.rows)
        ledger.update_clusters(self._conn, [row for row in pending.same if row != self._clusters[row.cluster_id]])
        ledger.insert_memberships(self._conn, pending.moved)
        ledger.write_aliases(self._conn, pending.aliases, pending.created)
        ledger.update_nodes(self._conn, [self._rows[node] for node in sorted(self._dirty - self._new.keys())])
        ledger.write_walls(self._conn, [self._rows[node] for node in sorted(self._walls - self._new.keys())])
        first = {node for node, owned_none in self._happened.items() if owned_none} - self._dirty - self._new.keys()
        ledger.write_evidence(self._conn, [self._rows[node] for node in sorted(first)])
        if not self._early:
            self.write_opened()
        gone = set(self._closed)
        stored = self._changed_links & (self._stored | self._early)
        ledger.update_links(self._conn, [self._links[pair] for pair in sorted(stored) if pair not in gone])
        ledger.close_links(self._conn, self._closed, self._at)
        if self._recent is not None:
            self._recent.drop(self._rows.values(), {*self._clusters, *(row.person for row in self._rows.values())})
            self._recent.keep(self._busy, (self._rows[node] for node in self._doers))

    def individuals_before(self) -> dict[int, UUID]:
        """Return whose the clusters were that were looked at, before this transaction; after `finish`."""
        return {label: row.individual_id for label, row in self._clusters.items()}

    def _resolve(self) -> Outcome:
        changes = self._graph.changes()
        for link, reason in changes.refused.items():
            pair = link.id
            self._links[pair].refused = reason
            self._changed_links.add(pair)
        for node, atom in changes.relabelled.items():
            self._rows[node].cluster = atom
            self._dirty.add(node)
        persons = self._persons(changes)
        for node, person in persons.relabelled.items():
            row = self._rows[node]
            if row.person != person:
                row.person = person
                self._dirty.add(node)
        self._load_clusters(set(self._original.values()))
        self._before = {
            node: (cluster, self._clusters[cluster].individual_id) for node, cluster in self._original.items()
        }
        return self._individuals(persons.clusters, persons.dissolved)

    def _persons(self, changes: Changes) -> PersonChanges:
        """Return what differs of persons; without a model each atom is one."""
        if self._threshold is None:
            return PersonChanges(changes.clusters, changes.dissolved, changes.relabelled)
        self.rows_of_persons({row.person for row in map(self._rows.__getitem__, self._evident)} - self._new.keys())
        altered = {node for members, _ in changes.clusters.values() for node in members}
        region = Region(self._conn, self, self._threshold)
        region.grow(self.rows(sorted(altered | self._touched)))
        return changes_of(region, self, self._policy, changes.clusters)

    def _individuals(self, live: dict[int, tuple[list[int], UUID]], dissolved: Collection[int]) -> Outcome:
        clusters = dict(live)
        stirred = {self._rows[node].person for node in self._evident}
        busy = busy_of(self._happened, self._rows, self._clusters, {*stirred, *clusters, *dissolved})
        rest = stirred - set(clusters)
        members: dict[int, list[int]] = {cluster: [] for cluster in rest}
        for row in self._rows.values():
            if row.person in rest:
                members[row.person].append(row.id)
        for cluster in sorted(rest):
            clusters[cluster] = (members[cluster], self._clusters[cluster].individual_id)
        former = {label for label in {*clusters, *dissolved} if label in self._clusters}
        rows = [self._cluster_row(label, *content) for label, content in clusters.items()]
        same = [row for row in rows if self._keeps_its_id(row)] + [row for row, _ in busy.values()]
        changed = [row for row in rows if not self._keeps_its_id(row)]
        former_rows = sorted(former - {row.cluster_id for row in same})
        self._pending_clusters = Clusters(former_rows, changed, same, self._moved(rows, clusters), [], [])
        was = [self._clusters[label] for label in former]
        outcome, self._pending_clusters.aliases = outcome_of(rows, was, clusters, self._rows, self._before, self._load)
        self._pending_clusters.created = list(outcome.fresh)
        if self._only_restates:
            moved = {node: former for node, former, _, _ in self._pending_clusters.moved}
            came = {*stirred, *(self._rows[node].person for node in moved)}
            spare(outcome, came, outcome.fresh.union(moved.values()))
        outcome.busy = {row.individual_id: row.cluster_id for row, _ in busy.values()}
        outcome.doers = {node: row.individual_id for row, nodes in busy.values() for node in nodes}
        self._busy, self._doers = {label: row for label, (row, _) in busy.items()}, list(outcome.doers)
        return outcome

    def _cluster_row(self, label: int, members: list[int], individual: UUID) -> ClusterRow:
        evidence = sum(PIECES[self._rows[node].evidence] for node in members)
        before = self._clusters.get(label)
        load = before.load_id if before is not None and before.individual_id == individual else self._load
        return ClusterRow(label, individual, evidence, load)

    def _keeps_its_id(self, row: ClusterRow) -> bool:
        before = self._clusters.get(row.cluster_id)
        return before is not None and before.individual_id == row.individual_id

    def _moved(
        self, rows: list[ClusterRow], clusters: dict[int, tuple[list[int], UUID]]
    ) -> list[tuple[int, UUID, datetime, datetime]]:
        moved = []
        for cluster in rows:
            for node in clusters[cluster.cluster_id][0]:
                before = self._before.get(node)
                if before is not None and before[1] != cluster.individual_id:
                    row = self._rows[node]
                    moved.append((node, before[1], row.since, self._at))
                    row.since = self._at
                    self._dirty.add(node)
        return moved

    # -- remembering what was read -------------------------------------------------------------------------------

    def _known(self, row: NodeRow) -> NodeRow:
        kept = self._rows.get(row.id)
        if kept is not None:
            return kept
        self._rows[row.id] = row
        self._original[row.id] = row.person
        return row

    def _load_clusters(self, clusters: Collection[int]) -> None:
        missing = [cluster for cluster in clusters if cluster not in self._clusters]
        if self._recent is not None and missing:
            known = {label: row for label in missing if (row := self._recent.cluster(label)) is not None}
            self._clusters.update(known)
            missing = [label for label in missing if label not in known]
        for row in ledger.clusters_by_id(self._asked, missing) if missing else ():
            self._clusters[row.cluster_id] = row

    def _fetch(self, nodes: Iterable[int]) -> None:
        missing = {node for node in nodes if node not in self._rows}
        for row in ledger.nodes_by_id(self._asked, missing) if missing else ():
            self._known(row)

    def _fetch_links(self, nodes: Collection[int]) -> None:
        rows = ledger.links_touching(self._asked, [node for node in nodes if node not in self._new])
        rows = [row for row in rows if _pair(row) not in self._early]
        self._fetch(end for row in rows for end in (row.a, row.b))
        for row in rows:
            self._remember(row)

    def _remember(self, row: LinkRow) -> LinkRow:
        pair = _pair(row)
        kept = self._links.get(pair)
        if kept is None:
            self._links[pair] = kept = row
            self._stored.add(pair)
            if row.refused not in OUTSIDE:
                self._in_graph.add(pair)
        return kept

    def _graph_link(self, pair: Pair) -> Link:
        row = self._links[pair]
        return ledger.graph_link(row, self._rows[pair[0]].hash, self._rows[pair[1]].hash)


def _pair(row: LinkRow) -> Pair:
    return (row.a, row.b, row.strength)
