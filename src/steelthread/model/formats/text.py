"""Writing YAML that people can read and compare."""

from typing import Any

import yaml

_DUMPER: type = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the C one is ten times as fast, where it is built


def yaml_text(content: Any) -> str:
    """Write YAML in the order given, without anchors."""
    text: str = yaml.dump(content, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=120)
    return text
