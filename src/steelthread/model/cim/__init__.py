"""Taking in the Cloud Information Model 1.0.0 as published: one JSON-LD file, repaired, kept as one JSON file of ours.

`published` reads the file, `repairing` mends what is wrong in it and says why, `protection` gives privacy classes,
`importing` joins the three to entities, `keeping` writes and reads the result and gives a project the entities that it
enabled.
"""

from steelthread.model.cim.importing import Imported, import_cim
from steelthread.model.cim.keeping import (
    change_enabled,
    definitions,
    enabled_names,
    keep,
    kept_entities,
    read_entities,
    write_entities,
    write_whole,
)
from steelthread.model.cim.repairing import Repair

__all__ = [
    "Imported",
    "Repair",
    "change_enabled",
    "definitions",
    "enabled_names",
    "import_cim",
    "keep",
    "kept_entities",
    "read_entities",
    "write_entities",
    "write_whole",
]
