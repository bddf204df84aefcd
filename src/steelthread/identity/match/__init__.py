"""Probabilistic matching: who is who by evidence in sum. a model of Splink 5; `docs/matching.md`."""

from steelthread.identity.match.blocking import keys_of
from steelthread.identity.match.model import Model, Thresholds, decode
from steelthread.identity.match.prepare import Values
from steelthread.identity.match.resolve import CONNECTS, Resolution, resolve
from steelthread.identity.match.scorer import Scorer, Step

__all__ = ["CONNECTS", "Model", "Resolution", "Scorer", "Step", "Thresholds", "Values", "decode", "keys_of", "resolve"]
