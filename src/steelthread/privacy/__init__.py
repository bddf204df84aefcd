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
from steelthread.privacy.clocks import Pause, Span, add_months, answer_due, local_day, span_end
from steelthread.privacy.decide import Decider, NodeState, Subject, Use, fold
from steelthread.privacy.jurisdictions import Jurisdictions, Law, Right, RightRule, load_jurisdictions
from steelthread.privacy.ledger import STATEMENT_COLUMNS, allowed_sql, append, forget_consent, statements_of
from steelthread.privacy.pack_cases import Case, run_cases
from steelthread.privacy.purposes import COVERED, EVERYTHING, Purpose, Purposes, load_purposes
from steelthread.privacy.retention import RetentionRule, load_retention
from steelthread.privacy.scan import Hit, Needles, scan_database, scan_files, told
from steelthread.privacy.tombstones import (
    JOURNAL,
    Line,
    Tombstones,
    count_fence,
    fence_counts,
    read_journal,
    write_journal,
)
from steelthread.privacy.types import Decision, Evidence, Said, Scope, Statement

__all__ = [
    "COVERED",
    "DEFAULT_POLICIES",
    "EVERYTHING",
    "JOURNAL",
    "PARTS",
    "STATEMENT_COLUMNS",
    "Access",
    "Audit",
    "Case",
    "Checked",
    "Decider",
    "Decision",
    "Entry",
    "Evidence",
    "Head",
    "Hit",
    "Jurisdictions",
    "Kind",
    "Law",
    "Line",
    "Needles",
    "NodeState",
    "Pause",
    "Principal",
    "Purpose",
    "Purposes",
    "RetentionRule",
    "Right",
    "RightRule",
    "Ruling",
    "Said",
    "Scope",
    "Span",
    "Statement",
    "Subject",
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
    "load_jurisdictions",
    "load_purposes",
    "load_retention",
    "local_day",
    "permits_operators",
    "read_journal",
    "read_operators",
    "read_policies",
    "run_cases",
    "scan_database",
    "scan_files",
    "span_end",
    "statements_of",
    "told",
    "write_journal",
]
