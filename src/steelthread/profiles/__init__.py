"""Profiles: one per customer. Fragments, reconciliation, timeline, look-up."""

from steelthread.profiles.events import (
    Event,
    delete_events,
    delete_profiles,
    events_by_record,
    events_through,
    insert_events,
    move_events,
    traced,
    traced_since,
    write_tokens,
)
from steelthread.profiles.export import export_profiles
from steelthread.profiles.fold import RULES, Observation, Winner, reconcile
from steelthread.profiles.folder import Contribution, Folder, ProfileRules, load_profile_rules
from steelthread.profiles.read import Reader
from steelthread.profiles.tally import add as add_to_tallies
from steelthread.profiles.tally import count_anew as count_tallies
from steelthread.profiles.tally import differing as tallies_differing
from steelthread.profiles.tally import owners_of, revenue_of
from steelthread.profiles.views import Names, Opener, View

__all__ = [
    "RULES",
    "Contribution",
    "Event",
    "Folder",
    "Names",
    "Observation",
    "Opener",
    "ProfileRules",
    "Reader",
    "View",
    "Winner",
    "add_to_tallies",
    "count_tallies",
    "delete_events",
    "delete_profiles",
    "events_by_record",
    "events_through",
    "export_profiles",
    "insert_events",
    "load_profile_rules",
    "move_events",
    "owners_of",
    "reconcile",
    "revenue_of",
    "tallies_differing",
    "traced",
    "traced_since",
    "write_tokens",
]
