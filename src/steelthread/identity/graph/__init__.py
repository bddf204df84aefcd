"""The identity graph, pure: links in, clusters and universal IDs out."""

from steelthread.identity.graph.batch import atoms, clusters_of
from steelthread.identity.graph.live import Changes, LiveGraph
from steelthread.identity.graph.types import Link, Node, Policy, Source, rank

__all__ = ["Changes", "Link", "LiveGraph", "Node", "Policy", "Source", "atoms", "clusters_of", "rank"]
