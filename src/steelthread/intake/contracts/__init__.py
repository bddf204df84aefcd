"""Tracking plans: what a live source has promised to send, as an Open Data Contract Standard 3.1 file, and what it sends."""

from steelthread.intake.contracts.alerts import Alert, end_alerts, list_alerts, open_alerts, raise_alert
from steelthread.intake.contracts.inference import closed_sets, draft_plan
from steelthread.intake.contracts.judging import Verdict, Violation, judge_event
from steelthread.intake.contracts.plan import Plan, load_plan, plan_path
from steelthread.intake.contracts.watching import (
    Shape,
    forget_volume,
    keep_violations,
    list_seen,
    list_violations,
    note_words,
    shape_of,
    violation_samples,
    volume_alerts,
    words_of,
)

__all__ = [
    "Alert",
    "Plan",
    "Shape",
    "Verdict",
    "Violation",
    "closed_sets",
    "draft_plan",
    "end_alerts",
    "forget_volume",
    "judge_event",
    "keep_violations",
    "list_alerts",
    "list_seen",
    "list_violations",
    "load_plan",
    "note_words",
    "open_alerts",
    "plan_path",
    "raise_alert",
    "shape_of",
    "violation_samples",
    "volume_alerts",
    "words_of",
]
