"""The thread of steel: receive, map, gate, resolve, fold, publish.

Read `load` for the way of a file, `batch` for what one transaction does, `decide` for a person's word.
"""

from steelthread.thread.changes import id_changes
from steelthread.thread.decide import link, unlink
from steelthread.thread.load import Loader, LoadResult, Progress
from steelthread.thread.space import Space
from steelthread.thread.verification import verify

__all__ = ["LoadResult", "Loader", "Progress", "Space", "id_changes", "link", "unlink", "verify"]
