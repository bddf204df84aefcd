"""The canonical model: what a person, an order or a consent is called here, and the facts that travel on the log.

The model is data. `canonical/*.yaml` holds the built-in entities: a curated part of the Cloud Information Model 1.0.0
(origin `cim@1.0.0`) and what it lacks for a Customer 360 (origin `steelthread`). A project adds its own in `model/`
(origin `project`). See docs/model.md.
"""

from steelthread.model.entities import Attribute, Entity
from steelthread.model.facts import (
    AnyFact,
    Decided,
    Fact,
    Folded,
    IndividualsCreated,
    Merged,
    ProfilesChanged,
    Received,
    RecordsClosed,
    RecordsKept,
    Split,
)
from steelthread.model.finding import find
from steelthread.model.registry import Model, load_model

__all__ = [
    "AnyFact",
    "Attribute",
    "Decided",
    "Entity",
    "Fact",
    "Folded",
    "IndividualsCreated",
    "Merged",
    "Model",
    "ProfilesChanged",
    "Received",
    "RecordsClosed",
    "RecordsKept",
    "Split",
    "find",
    "load_model",
]
