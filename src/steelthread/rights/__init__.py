"""Rights: what a person may say and ask for, of the whole graph: consent, access, erasure. Above the thread, below HTTP."""

from steelthread.rights.asking import Asking
from steelthread.rights.auditing import Auditor
from steelthread.rights.consent import Consents, Saying
from steelthread.rights.double_opt_in import DoubleOptIn
from steelthread.rights.erasure import Erased, erase, finish_erasures, replay_erasures
from steelthread.rights.glass import Glass, break_glass, close_glass, glasses_of, list_glasses, principal_name
from steelthread.rights.holders import HOLDERS, Holder, Reach
from steelthread.rights.holds import Hold, Holds, OnHold
from steelthread.rights.masks import Mask
from steelthread.rights.receipts import Receipts, check_receipt
from steelthread.rights.remainder import totals
from steelthread.rights.requests import Delay, Ground, RequestDesk, Stop
from steelthread.rights.retention import Retained, Retention
from steelthread.rights.sql import SqlAccess
from steelthread.rights.subject_access import Accessed, access
from steelthread.rights.verification import Proof

__all__ = [
    "HOLDERS",
    "Accessed",
    "Asking",
    "Auditor",
    "Consents",
    "Delay",
    "DoubleOptIn",
    "Erased",
    "Glass",
    "Ground",
    "Hold",
    "Holder",
    "Holds",
    "Mask",
    "OnHold",
    "Proof",
    "Reach",
    "Receipts",
    "RequestDesk",
    "Retained",
    "Retention",
    "Saying",
    "SqlAccess",
    "Stop",
    "access",
    "break_glass",
    "check_receipt",
    "close_glass",
    "erase",
    "finish_erasures",
    "glasses_of",
    "list_glasses",
    "principal_name",
    "replay_erasures",
    "totals",
]
