"""Kit: errors, ids, clock, settings. No word of the domain."""

from steelthread.kit.clock import iso, iso_micros, microseconds, moment_of, now
from steelthread.kit.crashes import keep_values_out, place_of
from steelthread.kit.errors import (
    DISK_FULL,
    Conflict,
    Forbidden,
    Invalid,
    Misused,
    NotFound,
    Overloaded,
    SteelthreadError,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from steelthread.kit.forgetting import forget_remembered, remembered, to_be_forgotten
from steelthread.kit.ids import births, uuid7
from steelthread.kit.priority import come_soon, give_way
from steelthread.kit.settings import FILE, MailSettings, Project, Settings, open_project

__all__ = [
    "DISK_FULL",
    "FILE",
    "Conflict",
    "Forbidden",
    "Invalid",
    "MailSettings",
    "Misused",
    "NotFound",
    "Overloaded",
    "Project",
    "Settings",
    "SteelthreadError",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "births",
    "come_soon",
    "forget_remembered",
    "give_way",
    "iso",
    "iso_micros",
    "keep_values_out",
    "microseconds",
    "moment_of",
    "now",
    "open_project",
    "place_of",
    "remembered",
    "to_be_forgotten",
    "uuid7",
]
