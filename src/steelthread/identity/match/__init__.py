"""Probabilistic matching: who is who by evidence in sum. a model of Splink 5; `docs/matching.md`."""

from steelthread.identity.match.arrays import Arrays, Weighing
from steelthread.identity.match.beside import Answering, can_fork, pages_beside
from steelthread.identity.match.blocking import common_of, compares_all, keys_of
from steelthread.identity.match.columns import nothing_collected
from steelthread.identity.match.joining import CONNECTS
from steelthread.identity.match.model import Model, Thresholds, decode
from steelthread.identity.match.party import ORGANISATIONS, PEOPLE, Party
from steelthread.identity.match.prepare import Values, cells_of, numbers_of, packed, unpacked
from steelthread.identity.match.resolve import Resolution, components_up_to, resolve, resolve_organisations
from steelthread.identity.match.scorer import Scorer, Step

__all__ = [
    "CONNECTS",
    "ORGANISATIONS",
    "PEOPLE",
    "Answering",
    "Arrays",
    "Model",
    "Party",
    "Resolution",
    "Scorer",
    "Step",
    "Thresholds",
    "Values",
    "Weighing",
    "can_fork",
    "cells_of",
    "common_of",
    "compares_all",
    "components_up_to",
    "decode",
    "keys_of",
    "nothing_collected",
    "numbers_of",
    "packed",
    "pages_beside",
    "resolve",
    "resolve_organisations",
    "unpacked",
]
