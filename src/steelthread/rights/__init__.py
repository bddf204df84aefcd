"""Rights: what a person may say and ask for, of the whole graph: consent, access, erasure. Above the thread, below HTTP."""

from steelthread.rights.auditing import Auditor
from steelthread.rights.consent import Consents, Saying
from steelthread.rights.erasure import Erased, erase, finish_erasures, replay_erasures
from steelthread.rights.holders import HOLDERS, Holder, Reach
from steelthread.rights.masks import Mask
from steelthread.rights.subject_access import Accessed, access

__all__ = [
    "HOLDERS",
    "Accessed",
    "Auditor",
    "Consents",
    "Erased",
    "Holder",
    "Mask",
    "Reach",
    "Saying",
    "access",
    "erase",
    "finish_erasures",
    "replay_erasures",
]
