"""Log: append-only facts with gap-free numbers, named readers, keyed partitions.

Nobody calls forward: a stage appends facts, the next stage reads them with its own cursor and commits its result and
its cursor in one transaction (exactly once inside the database).
"""

from steelthread.log.append import Log, Numbered, channel

__all__ = ["Log", "Numbered", "channel"]
