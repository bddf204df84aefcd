"""Privacy: purposes, the consent ledger, `decide`. Customer data is lent, not owned."""

from steelthread.privacy.audit import Audit, Checked, Entry, Head, Kind
from steelthread.privacy.decide import Decider, NodeState, Subject, Use, fold
from steelthread.privacy.ledger import allowed_sql, append, forget_consent, statements_of
from steelthread.privacy.purposes import EVERYTHING, Purpose, Purposes, load_purposes
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
    "EVERYTHING",
    "JOURNAL",
    "Audit",
    "Checked",
    "Decider",
    "Decision",
    "Entry",
    "Evidence",
    "Head",
    "Hit",
    "Kind",
    "Line",
    "Needles",
    "NodeState",
    "Purpose",
    "Purposes",
    "Said",
    "Scope",
    "Statement",
    "Subject",
    "Tombstones",
    "Use",
    "allowed_sql",
    "append",
    "count_fence",
    "fence_counts",
    "fold",
    "forget_consent",
    "load_purposes",
    "read_journal",
    "scan_database",
    "scan_files",
    "statements_of",
    "told",
    "write_journal",
]
