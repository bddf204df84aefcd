"""Rights: what a person may say and ask for, of the whole graph: consent, access, erasure. Above the thread, below HTTP."""

from steelthread.rights.auditing import Auditor
from steelthread.rights.consent import Consents, Saying

__all__ = ["Auditor", "Consents", "Saying"]
