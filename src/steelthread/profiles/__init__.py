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
from steelthread.profiles.segment import external_ids, links, segment_event, traits
from steelthread.profiles.tally import add as add_to_tallies
from steelthread.profiles.tally import count_anew as count_tallies
from steelthread.profiles.tally import differing as tallies_differing
from steelthread.profiles.tally import owners_of
from steelthread.profiles.timeline import ORDER_COMPLETED, Entry, Wanted, parsed_cursor
from steelthread.profiles.timeline import shown as shown_entry
from steelthread.profiles.views import Names, Opener, View

__all__ = [
    "ORDER_COMPLETED",
    "RULES",
    "Contribution",
    "Entry",
    "Event",
    "Folder",
    "Names",
    "Observation",
    "Opener",
    "ProfileRules",
    "Reader",
    "View",
    "Wanted",
    "Winner",
    "add_to_tallies",
    "count_tallies",
    "delete_events",
    "delete_profiles",
    "events_by_record",
    "events_through",
    "export_profiles",
    "external_ids",
    "insert_events",
    "links",
    "load_profile_rules",
    "move_events",
    "owners_of",
    "parsed_cursor",
    "reconcile",
    "segment_event",
    "shown_entry",
    "tallies_differing",
    "traced",
    "traced_since",
    "traits",
    "write_tokens",
]
