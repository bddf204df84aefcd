"""Signals of consent managers: TC strings, GPP strings, US Privacy strings, Google Consent Mode, categories."""

from steelthread.privacy.signals.gpp import GppString, read_gpp, read_usp, write_gpp
from steelthread.privacy.signals.hearing import METHODS, QUERY, SIGNAL_FIELDS, Ears, Hearing, Signal, Told, found_in
from steelthread.privacy.signals.tcf import TcString, Vendors, read_tcf, write_tcf

__all__ = [
    "METHODS",
    "QUERY",
    "SIGNAL_FIELDS",
    "Ears",
    "GppString",
    "Hearing",
    "Signal",
    "TcString",
    "Told",
    "Vendors",
    "found_in",
    "read_gpp",
    "read_tcf",
    "read_usp",
    "write_gpp",
    "write_tcf",
]
