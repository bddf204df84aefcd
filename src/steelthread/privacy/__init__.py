"""Privacy: purposes, the consent ledger, `decide`. Customer data is lent, not owned."""

from steelthread.privacy.access import (
    DEFAULT_POLICIES,
    PARTS,
    Access,
    Principal,
    Ruling,
    permits_operators,
    read_operators,
    read_policies,
)
from steelthread.privacy.audit import Audit, Checked, Entry, Head, Kind
from steelthread.privacy.clocks import Pause, Span, add_months, answer_due, local_day, span_end, zone_of
from steelthread.privacy.decide import Decider, NodeState, Subject, Use, fold
from steelthread.privacy.heard import HeardSignal, keep_signals, last_signals, signals_of, were_refused
from steelthread.privacy.jurisdictions import Jurisdictions, Law, Right, RightRule, load_jurisdictions
from steelthread.privacy.ledger import (
    STATEMENT_COLUMNS,
    allowed_sql,
    append,
    forget_consent,
    let_go,
    lock_nodes,
    said_by,
    statements_of,
    try_hold,
)
from steelthread.privacy.needles import Needles
from steelthread.privacy.pack_cases import Case, run_cases
from steelthread.privacy.policy import Policy
from steelthread.privacy.purposes import COVERED, EVERYTHING, Purpose, Purposes, load_purposes
from steelthread.privacy.retention import RetentionRule, load_retention
from steelthread.privacy.scan import Hit, scan_files, told
from steelthread.privacy.scan_beside import scan_everything
from steelthread.privacy.scan_tables import scan_database
from steelthread.privacy.signals import METHODS, QUERY, Ears, Hearing, Signal, Told, found_in
from steelthread.privacy.tombstones import (
    JOURNAL,
    Line,
    Tombstones,
    count_fence,
    fence_counts,
    is_behind,
    read_journal,
    write_journal,
)
from steelthread.privacy.types import CONSENT, NEGATIVES, Decision, Evidence, Said, Scope, Statement

__all__ = [
    "CONSENT",
    "COVERED",
    "DEFAULT_POLICIES",
    "EVERYTHING",
    "JOURNAL",
    "METHODS",
    "NEGATIVES",
    "PARTS",
    "QUERY",
    "STATEMENT_COLUMNS",
    "Access",
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
    "Policy",
    "Principal",
    "Purpose",
    "Purposes",
    "RetentionRule",
    "Right",
    "RightRule",
    "Ruling",
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
    "is_behind",
    "keep_signals",
    "last_signals",
    "let_go",
    "load_jurisdictions",
    "load_purposes",
    "load_retention",
    "local_day",
    "lock_nodes",
    "permits_operators",
    "read_journal",
    "read_operators",
    "read_policies",
    "run_cases",
    "said_by",
    "scan_database",
    "scan_everything",
    "scan_files",
    "signals_of",
    "span_end",
    "statements_of",
    "told",
    "try_hold",
    "were_refused",
    "write_journal",
    "zone_of",
]
