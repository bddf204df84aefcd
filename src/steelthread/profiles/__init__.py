"""Profiles: one per customer. Fragments, reconciliation, timeline, look-up."""

from steelthread.profiles.assemble import CONTACT_VALUE
from steelthread.profiles.computed.definition import ORDER_COMPLETED
from steelthread.profiles.computed.store import Computed, Filling, Happened, filling, forget_old
from steelthread.profiles.computed.store import define as define_traits
from steelthread.profiles.computed.store import defined as defined_traits
from steelthread.profiles.events import (
    Event,
    adopt,
    await_parents,
    delete_events,
    delete_profiles,
    events_by_record,
    events_through,
    insert_events,
    moment_of,
    move_events,
    traced,
    traced_since,
    write_tokens,
)
from steelthread.profiles.export import export_profiles
from steelthread.profiles.fold import RULES, Observation, Winner, reconcile
from steelthread.profiles.folder import Contribution, Folder, Gathered, ProfileRules, load_profile_rules
from steelthread.profiles.household import Household, Lodger, household_of, households
from steelthread.profiles.keys import RecordKeys
from steelthread.profiles.read import Reader
from steelthread.profiles.segment import audiences, external_ids, first_message, links, segment_event, traits
from steelthread.profiles.sums import Sums
from steelthread.profiles.tally import EVENTS_SQL, Tallies, evidence_differing, owners_of, owning, revenue_of
from steelthread.profiles.tally import add as add_to_tallies
from steelthread.profiles.tally import count_anew as count_tallies
from steelthread.profiles.tally import differing as tallies_differing
from steelthread.profiles.tally import sums as tallies_of
from steelthread.profiles.timeline import Entry, Wanted, parsed_cursor
from steelthread.profiles.timeline import shown as shown_entry
from steelthread.profiles.views import Names, Opener, View

__all__ = [
    "CONTACT_VALUE",
    "EVENTS_SQL",
    "ORDER_COMPLETED",
    "RULES",
    "Computed",
    "Contribution",
    "Entry",
    "Event",
    "Filling",
    "Folder",
    "Gathered",
    "Happened",
    "Household",
    "Lodger",
    "Names",
    "Observation",
    "Opener",
    "ProfileRules",
    "Reader",
    "RecordKeys",
    "Sums",
    "Tallies",
    "View",
    "Wanted",
    "Winner",
    "add_to_tallies",
    "adopt",
    "audiences",
    "await_parents",
    "count_tallies",
    "define_traits",
    "defined_traits",
    "delete_events",
    "delete_profiles",
    "events_by_record",
    "events_through",
    "evidence_differing",
    "export_profiles",
    "external_ids",
    "filling",
    "first_message",
    "forget_old",
    "household_of",
    "households",
    "insert_events",
    "links",
    "load_profile_rules",
    "moment_of",
    "move_events",
    "owners_of",
    "owning",
    "parsed_cursor",
    "reconcile",
    "revenue_of",
    "segment_event",
    "shown_entry",
    "tallies_differing",
    "tallies_of",
    "traced",
    "traced_since",
    "traits",
    "write_tokens",
]
