"""Privacy: purposes, the consent ledger, `decide`. Customer data is lent, not owned."""

from steelthread.privacy.audit import Audit, Checked, Entry, Head, Kind
from steelthread.privacy.clocks import Pause, Span, add_months, answer_due, local_day, span_end
from steelthread.privacy.decide import Decider, NodeState, Subject, Use, fold
from steelthread.privacy.heard import HeardSignal, keep_signals, last_signals, signals_of, was_refused
from steelthread.privacy.jurisdictions import Jurisdictions, Law, Right, RightRule, load_jurisdictions
from steelthread.privacy.ledger import allowed_sql, append, forget_consent, lock_nodes, said_by, statements_of
from steelthread.privacy.pack_cases import Case, run_cases
from steelthread.privacy.purposes import COVERED, EVERYTHING, Purpose, Purposes, load_purposes
from steelthread.privacy.retention import RetentionRule, load_retention
from steelthread.privacy.scan import Hit, Needles, scan_database, scan_files, told
from steelthread.privacy.signals import METHODS, QUERY, Ears, Hearing, Signal, Told, found_in
from steelthread.privacy.tombstones import (
    JOURNAL,
    Line,
    Tombstones,
    count_fence,
    fence_counts,
    read_journal,
    write_journal,
)
from steelthread.privacy.types import CONSENT, NEGATIVES, Decision, Evidence, Said, Scope, Statement

__all__ = [
    "CONSENT",
    "COVERED",
    "EVERYTHING",
    "JOURNAL",
    "METHODS",
    "NEGATIVES",
    "QUERY",
    "Audit",
    "Case",
    "Checked",
    "Decider",
    "Decision",
    "Ears",
    "Entry",
    "Evidence",
    "Head",
    "HeardSignal",
    "Hearing",
    "Hit",
    "Jurisdictions",
    "Kind",
    "Law",
    "Line",
    "Needles",
    "NodeState",
    "Pause",
    "Purpose",
    "Purposes",
    "RetentionRule",
    "Right",
    "RightRule",
    "Said",
    "Scope",
    "Signal",
    "Span",
    "Statement",
    "Subject",
    "Told",
    "Tombstones",
    "Use",
    "add_months",
    "allowed_sql",
    "answer_due",
    "append",
    "count_fence",
    "fence_counts",
    "fold",
    "forget_consent",
    "found_in",
    "keep_signals",
    "last_signals",
    "load_jurisdictions",
    "load_purposes",
    "load_retention",
    "local_day",
    "lock_nodes",
    "read_journal",
    "run_cases",
    "said_by",
    "scan_database",
    "scan_files",
    "signals_of",
    "span_end",
    "statements_of",
    "told",
    "was_refused",
    "write_journal",
]
