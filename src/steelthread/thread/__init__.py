"""The thread of steel: receive, map, gate, resolve, fold, publish.

Read `load` for the way of a file, `live` for that of an event, `batch` for what one transaction does, `decide` for a
person's word.
"""

from steelthread.thread.changes import id_changes
from steelthread.thread.collector import Collector
from steelthread.thread.decide import link, unlink
from steelthread.thread.likeness import Likeness
from steelthread.thread.live import LiveThread
from steelthread.thread.load import Loader, LoadResult, Progress
from steelthread.thread.newcomers import resolve_new
from steelthread.thread.planning import Plan, apply, plan
from steelthread.thread.resolving import ResolveResult, resolve_all
from steelthread.thread.reviewing import review, review_queue
from steelthread.thread.space import Space
from steelthread.thread.status import LiveStatus, live_status
from steelthread.thread.verification import verify
from steelthread.thread.worker import Worker

__all__ = [
    "Collector",
    "Likeness",
    "LiveStatus",
    "LiveThread",
    "LoadResult",
    "Loader",
    "Plan",
    "Progress",
    "ResolveResult",
    "Space",
    "Worker",
    "apply",
    "id_changes",
    "link",
    "live_status",
    "plan",
    "resolve_all",
    "resolve_new",
    "review",
    "review_queue",
    "unlink",
    "verify",
]
