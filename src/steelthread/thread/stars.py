"""Which identifiers an event, or a person's record, ties together, and under which rule.

An event's identifiers are tied to its strongest one, a record's to the record. Beside a customer's, those of a visitor may
join nobody: `visitors` of identity.yaml.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping

from steelthread.identity import Kind, Rule, Stitch
from steelthread.thread.prepare import Ident, Prepared
from steelthread.thread.space import Space

RECORD_KIND = 0
Trace = list[tuple[int, int]]
"""(node, kind) of what an event names, the strongest first."""


class Stars:
    """Ties what is told together, in one transaction."""

    def __init__(self, space: Space, stitch: Stitch) -> None:
        self._space = space
        self._stitch = stitch

    def rules(self, idents: Collection[Ident]) -> list[Rule]:
        """Return under which rule each identifier of a person's record is tied to it."""
        known = not all(self._space.rules.is_visitors(ident.name) for ident in idents)
        return [self._rule(ident.kind, known=known) for ident in idents]

    def trace(self, one: Prepared, nodes: Mapping[bytes, int]) -> Trace:
        """Return the trace of an event."""
        if one.party is None and len(one.idents) == 1:  # as most events are
            (ident,) = one.idents
            return [(nodes[ident.hash], self._space.node_kind(ident.kind).index)]
        trace = {nodes[one.party]: RECORD_KIND} if one.party else {}
        for ident in sorted(one.idents, key=self._place):
            trace.setdefault(nodes[ident.hash], self._space.node_kind(ident.kind).index)
        return list(trace.items())

    def claim(self, trace: Trace, first: int) -> None:
        """Tie what an event names that was first observed at a time."""
        for node, rule in self._tied(trace):
            self._stitch.claim(trace[0][0], node, rule, first)

    def backdate(self, trace: Trace, first: int) -> None:
        """Say that an event was first observed at an earlier time."""
        for node, rule in self._tied(trace):
            self._stitch.backdate(trace[0][0], node, rule, first)

    def unclaim(self, traces: Collection[Trace]) -> None:
        """Take back what events asserted, under the rules of then: what the project had tied otherwise goes first."""
        said: dict[tuple[int, int], dict[int, str]] = defaultdict(dict)
        for link in self._stitch.load_links({trace[0][0] for trace in traces if trace}):
            said[link.a, link.b][link.strength] = link.rule
        for trace in traces:
            for node, rule in self._tied(trace):
                self._stitch.unclaim(trace[0][0], node, self._former(rule, said.get((trace[0][0], node), {})))

    def _former(self, rule: Rule, said: Mapping[int, str]) -> int:
        """Return the strength under which a rule said something; `said` is what was said of the two, by strength."""
        own = {strength for strength, name in said.items() if name == rule.name} or said.keys()
        other = self._other(rule)
        if other in own or rule.strength in own:
            return other if other in own else rule.strength
        return min((strength for strength in own if said[strength] == rule.name), default=rule.strength)

    def _tied(self, trace: Trace) -> list[tuple[int, Rule]]:
        if len(trace) < 2:  # as of most events
            return []
        center, kind = trace[0]
        known = kind == RECORD_KIND or not self._space.rules.is_visitors(self._space.kind(kind).name)
        return [(node, self._rule(kind, known=known)) for node, kind in trace[1:] if node != center]

    def _rule(self, kind: int, *, known: bool) -> Rule:
        one = self._space.kind(kind)
        rule = Rule(one.name, one.strength, one.weak)
        return rule.apart() if known and self._space.rules.is_visitors(one.name) else rule

    def _other(self, rule: Rule) -> int:
        """Return the strength that a rule's links have where visitors are treated the other way."""
        plain = self._space.rules.kinds.get(rule.name) or Kind(rule.name, strength=rule.strength)
        return plain.strength if rule.refused else Rule(plain.name, plain.strength, plain.weak).apart().strength

    def _place(self, ident: Ident) -> tuple[bool, int, bytes]:
        kind = self._space.kind(ident.kind)
        return self._space.rules.is_visitors(kind.name), kind.strength, ident.hash
