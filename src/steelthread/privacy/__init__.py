"""Privacy: purposes, the consent ledger, `decide`. Customer data is lent, not owned."""

from steelthread.privacy.audit import Audit, Checked, Entry, Head
from steelthread.privacy.decide import Decider, NodeState, Subject, Use, fold
from steelthread.privacy.ledger import allowed_sql, append, forget_consent, statements_of
from steelthread.privacy.purposes import EVERYTHING, Purpose, Purposes, load_purposes
from steelthread.privacy.types import Decision, Evidence, Said, Scope, Statement

__all__ = [
    "EVERYTHING",
    "Audit",
    "Checked",
    "Decider",
    "Decision",
    "Entry",
    "Evidence",
    "Head",
    "NodeState",
    "Purpose",
    "Purposes",
    "Said",
    "Scope",
    "Statement",
    "Subject",
    "Use",
    "allowed_sql",
    "append",
    "fold",
    "forget_consent",
    "load_purposes",
    "statements_of",
]
