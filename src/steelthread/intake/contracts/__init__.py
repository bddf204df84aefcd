"""Tracking plans: what a live source has promised to send, as an Open Data Contract Standard 3.1 file, and what it sends."""

from steelthread.intake.contracts.inference import draft_plan
from steelthread.intake.contracts.judging import Verdict, Violation, judge_event
from steelthread.intake.contracts.plan import Plan, load_plan, plan_path
from steelthread.intake.contracts.watching import (
    forget_volume,
    keep_violations,
    list_seen,
    list_violations,
    note_words,
    violation_samples,
    volume_alerts,
    words_of,
)

__all__ = [
    "Plan",
    "Verdict",
    "Violation",
    "draft_plan",
    "forget_volume",
    "judge_event",
    "keep_violations",
    "list_seen",
    "list_violations",
    "load_plan",
    "note_words",
    "plan_path",
    "violation_samples",
    "volume_alerts",
    "words_of",
]
