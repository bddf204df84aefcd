"""Each curated entity against the import, attribute by attribute: every difference has a reason in the file."""

from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path

import pytest
import yaml

from steelthread.model import import_published, load_imported, load_model

PUBLISHED = Path(__file__).parents[2].parent / "shared" / "data" / "cim" / "model.jsonld"
REASONS = yaml.safe_load((resources.files("steelthread.model") / "cim" / "differences.yaml").read_text("utf-8"))


def differences(curated, imported):
    """Yield (kind, entity, attribute) wherever a curated entity says something else than the import."""
    for one in curated.values():
        if one.origin != "cim@1.0.0":
            continue
        other = imported[one.name]
        if one.parent != other.parent:
            yield "parent", one.name, ""
        for name in {**one.attributes, **other.attributes}:
            ours, theirs = one.attributes.get(name), other.attributes.get(name)
            if theirs is None:
                yield "added", one.name, name
            elif ours is None:
                yield "left_out", one.name, name
            else:
                compared = ("type", "references", "many", "inverse_of", "identity", "privacy")
                yield from ((kind, one.name, name) for kind in compared if getattr(ours, kind) != getattr(theirs, kind))


def fits(reason, kind, entity, attribute):
    return (
        reason["difference"] == kind
        and entity in reason.get("entities", [entity])
        and any(fnmatchcase(attribute, pattern) for pattern in reason["attributes"])
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    if not PUBLISHED.exists():
        pytest.skip("shared/data is not here")
    folder = tmp_path_factory.mktemp("model")
    import_published(folder, PUBLISHED)
    return list(differences(load_model().entities, load_imported(folder).entities))


def test_every_difference_has_a_reason(found):
    assert len(found) > 300
    assert [one for one in found if not any(fits(reason, *one) for reason in REASONS)] == []


def test_every_reason_is_of_a_difference(found):
    idle = [
        (reason["difference"], pattern)
        for reason in REASONS
        for pattern in reason["attributes"]
        if not any(fits({**reason, "attributes": [pattern]}, *one) for one in found)
    ]
    assert idle == []
    assert all(reason["reason"].endswith(".") for reason in REASONS)
