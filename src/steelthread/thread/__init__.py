"""The thread of steel: receive, map, gate, resolve, fold, publish.

Read `load` for the way of a file, `live` for that of an event, `batch` for what one transaction does, `decide` for a
person's word.
"""

from steelthread.thread.changes import id_changes
from steelthread.thread.collector import Collector
from steelthread.thread.decide import link, unlink
from steelthread.thread.live import LiveThread
from steelthread.thread.load import Loader, LoadResult, Progress
from steelthread.thread.refold import migrate
from steelthread.thread.space import Space
from steelthread.thread.status import LiveStatus, live_status
from steelthread.thread.verification import verify
from steelthread.thread.worker import Worker

__all__ = [
    "Collector",
    "LiveStatus",
    "LiveThread",
    "LoadResult",
    "Loader",
    "Progress",
    "Space",
    "Worker",
    "id_changes",
    "link",
    "live_status",
    "migrate",
    "unlink",
    "verify",
]
