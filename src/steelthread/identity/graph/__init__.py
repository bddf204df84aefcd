"""The identity graph, pure: links in, clusters and universal IDs out."""

from steelthread.identity.graph.batch import atoms, clusters_of, words_of
from steelthread.identity.graph.bridges import Bridge, Tie, bridges_of
from steelthread.identity.graph.live import Changes, LiveGraph
from steelthread.identity.graph.parts import Part, part_of
from steelthread.identity.graph.persons import ENOUGH, SAYS, WHOLE, Evidence, connected, groups_of, micro, share_of
from steelthread.identity.graph.types import Link, Node, Policy, Source, rank

__all__ = [
    "ENOUGH",
    "SAYS",
    "WHOLE",
    "Bridge",
    "Changes",
    "Evidence",
    "Link",
    "LiveGraph",
    "Node",
    "Part",
    "Policy",
    "Source",
    "Tie",
    "atoms",
    "bridges_of",
    "clusters_of",
    "connected",
    "groups_of",
    "micro",
    "part_of",
    "rank",
    "share_of",
    "words_of",
]
