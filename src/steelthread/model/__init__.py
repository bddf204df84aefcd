"""The canonical model: what a person, an order or a consent is called here, and the facts that travel on the log.

The model is data. `canonical/*.yaml` holds the built-in entities: a curated part of the Cloud Information Model 1.0.0
(origin `cim@1.0.0`) and what it lacks for a Customer 360 (origin `steelthread`). A project adds its own in `model/`
(origin `project`). See docs/model.md.
"""

from steelthread.model.cim import Imported, Repair, change_enabled, enabled_names, write_whole
from steelthread.model.comparing import Change, compare, needs
from steelthread.model.conversions import Adaptation
from steelthread.model.entities import Attribute, Entity
from steelthread.model.facts import (
    Alerted,
    AnyFact,
    Decided,
    Fact,
    Folded,
    IndividualsCreated,
    IndividualsErased,
    Merged,
    ProfilesChanged,
    Received,
    RecordsClosed,
    RecordsKept,
    Split,
)
from steelthread.model.finding import find, words
from steelthread.model.formats import FORMATS, export_model, select
from steelthread.model.pages import reference
from steelthread.model.registry import Model, import_published, load_imported, load_model
from steelthread.model.searching import Found, search
from steelthread.model.touching import PARTIES, Touched, touched
from steelthread.model.translating import translate, translate_back, translations
from steelthread.model.versions import open_model, release, released, version_of

__all__ = [
    "FORMATS",
    "PARTIES",
    "Adaptation",
    "Alerted",
    "AnyFact",
    "Attribute",
    "Change",
    "Decided",
    "Entity",
    "Fact",
    "Folded",
    "Found",
    "Imported",
    "IndividualsCreated",
    "IndividualsErased",
    "Merged",
    "Model",
    "ProfilesChanged",
    "Received",
    "RecordsClosed",
    "RecordsKept",
    "Repair",
    "Split",
    "Touched",
    "change_enabled",
    "compare",
    "enabled_names",
    "export_model",
    "find",
    "import_published",
    "load_imported",
    "load_model",
    "needs",
    "open_model",
    "reference",
    "release",
    "released",
    "search",
    "select",
    "touched",
    "translate",
    "translate_back",
    "translations",
    "version_of",
    "words",
    "write_whole",
]
