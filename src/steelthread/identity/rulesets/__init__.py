"""Rules of other systems and back: match and reconciliation rulesets of Salesforce Data Cloud, identity settings of Segment.

Pure: what they say in, what identity.yaml and profile.yaml say out, and a report in which nothing is left out silently.
"""

from steelthread.identity.rulesets.salesforce import read_salesforce, write_salesforce
from steelthread.identity.rulesets.sections import replaced_section
from steelthread.identity.rulesets.segment import read_segment, write_segment
from steelthread.identity.rulesets.types import OwnRules, TakenRules

__all__ = [
    "OwnRules",
    "TakenRules",
    "read_salesforce",
    "read_segment",
    "replaced_section",
    "write_salesforce",
    "write_segment",
]
