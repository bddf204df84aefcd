"""Rights: what a person may say and ask for, of the whole graph: consent, access, erasure. Above the thread, below HTTP."""

from steelthread.rights.asking import Asking
from steelthread.rights.auditing import Auditor
from steelthread.rights.batches import BatchErased, erase_batch, go_on, unfinished_batches, write_certificates
from steelthread.rights.brands import Brand
from steelthread.rights.breaches import Breach, breach
from steelthread.rights.choices import Choice, Choices, Offer, Shown, Standing
from steelthread.rights.consent import Consents, Saying
from steelthread.rights.double_opt_in import DoubleOptIn
from steelthread.rights.erasure import Erased, erase, finish_erasures, replay_erasures
from steelthread.rights.erasures import list_erasures, show_erasure
from steelthread.rights.gate import Gate, Judged
from steelthread.rights.glass import Glass, break_glass, close_glass, glasses_of, list_glasses, principal_name
from steelthread.rights.granting import Granted, carry_on, erase_requested
from steelthread.rights.holders import HOLDERS, Holder, Reach
from steelthread.rights.holds import Hold, Holds, OnHold
from steelthread.rights.links import PATH as PREFERENCES
from steelthread.rights.links import About, Link, Links, Made, Wanted
from steelthread.rights.mail import Mails
from steelthread.rights.masks import Mask
from steelthread.rights.opendsr.configuration import PATH as OPENDSR
from steelthread.rights.opendsr.controller import Controller
from steelthread.rights.opendsr.notices import standing
from steelthread.rights.opendsr.processor import Processor
from steelthread.rights.processing import Delivered, Processing, record_of_processing
from steelthread.rights.questions import collect_questions, embedded_log
from steelthread.rights.receipts import Receipts, check_receipt
from steelthread.rights.remainder import totals
from steelthread.rights.requests import Delay, Ground, RequestDesk, Stop
from steelthread.rights.retention import Retained, Retention, run_daily
from steelthread.rights.sql import SqlAccess
from steelthread.rights.subject_access import Accessed, access, known_of
from steelthread.rights.tables import Swept, Tables
from steelthread.rights.tracing import Edge, lineage, openlineage, through
from steelthread.rights.verification import Proof

__all__ = [
    "HOLDERS",
    "OPENDSR",
    "PREFERENCES",
    "About",
    "Accessed",
    "Asking",
    "Auditor",
    "BatchErased",
    "Brand",
    "Breach",
    "Choice",
    "Choices",
    "Consents",
    "Controller",
    "Delay",
    "Delivered",
    "DoubleOptIn",
    "Edge",
    "Erased",
    "Gate",
    "Glass",
    "Granted",
    "Ground",
    "Hold",
    "Holder",
    "Holds",
    "Judged",
    "Link",
    "Links",
    "Made",
    "Mails",
    "Mask",
    "Offer",
    "OnHold",
    "Processing",
    "Processor",
    "Proof",
    "Reach",
    "Receipts",
    "RequestDesk",
    "Retained",
    "Retention",
    "Saying",
    "Shown",
    "SqlAccess",
    "Standing",
    "Stop",
    "Swept",
    "Tables",
    "Wanted",
    "access",
    "breach",
    "break_glass",
    "carry_on",
    "check_receipt",
    "close_glass",
    "collect_questions",
    "embedded_log",
    "erase",
    "erase_batch",
    "erase_requested",
    "finish_erasures",
    "glasses_of",
    "go_on",
    "known_of",
    "lineage",
    "list_erasures",
    "list_glasses",
    "openlineage",
    "principal_name",
    "record_of_processing",
    "replay_erasures",
    "run_daily",
    "show_erasure",
    "standing",
    "through",
    "totals",
    "unfinished_batches",
    "write_certificates",
]
