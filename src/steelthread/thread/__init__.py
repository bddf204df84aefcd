"""The thread of steel: receive, map, gate, resolve, fold, publish.

Read `load` for the way of a file, `live` for that of an event, `batch` for what one transaction does, `decide` for a
person's word.
"""

from steelthread.thread.arrived import GPC
from steelthread.thread.changes import TYPES as CHANGE_TYPES
from steelthread.thread.changes import Changes, changes_since, events_of, id_changes, newest
from steelthread.thread.collector import Collector, Packed
from steelthread.thread.computing import fill_traits, sync_traits
from steelthread.thread.decide import link, unlink
from steelthread.thread.drawing import counted_in, doubted_in, quality_picture
from steelthread.thread.explaining import explanation_picture, said_of
from steelthread.thread.heard import Heard
from steelthread.thread.judging import quality
from steelthread.thread.likeness import Likeness
from steelthread.thread.live import LiveThread
from steelthread.thread.load import Loader, LoadResult, Progress
from steelthread.thread.matcher import Matcher, matches_by_itself
from steelthread.thread.newcomers import resolve_new
from steelthread.thread.planning import Plan, apply, plan
from steelthread.thread.refold import migrate
from steelthread.thread.removal import lock_identity, take_out, tell_erased
from steelthread.thread.replaying import Replayed, kept_events, replay, replay_live_rejects
from steelthread.thread.resolving import ResolveResult, resolve_all
from steelthread.thread.reviewing import review, review_queue
from steelthread.thread.space import Restored, Space
from steelthread.thread.status import LiveStatus, accepted, is_all_folded, live_status
from steelthread.thread.tail import Tail, shown
from steelthread.thread.types import LANE as OUTCOMES
from steelthread.thread.verification import verify
from steelthread.thread.worker import Worker

__all__ = [
    "CHANGE_TYPES",
    "GPC",
    "OUTCOMES",
    "Changes",
    "Collector",
    "Heard",
    "Likeness",
    "LiveStatus",
    "LiveThread",
    "LoadResult",
    "Loader",
    "Matcher",
    "Packed",
    "Plan",
    "Progress",
    "Replayed",
    "ResolveResult",
    "Restored",
    "Space",
    "Tail",
    "Worker",
    "accepted",
    "apply",
    "changes_since",
    "counted_in",
    "doubted_in",
    "events_of",
    "explanation_picture",
    "fill_traits",
    "id_changes",
    "is_all_folded",
    "kept_events",
    "link",
    "live_status",
    "lock_identity",
    "matches_by_itself",
    "migrate",
    "newest",
    "plan",
    "quality",
    "quality_picture",
    "replay",
    "replay_live_rejects",
    "resolve_all",
    "resolve_new",
    "review",
    "review_queue",
    "said_of",
    "shown",
    "sync_traits",
    "take_out",
    "tell_erased",
    "unlink",
    "verify",
]
