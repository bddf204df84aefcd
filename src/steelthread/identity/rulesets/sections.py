"""Changing one section of a YAML file of the project and leaving every other line, comments too, as it is."""

import re
from typing import Any

import yaml


def replaced_section(text: str, name: str, content: Any) -> str:
    """Return the text with the top-level section `name` holding this content; it is added when it is missing."""
    section = yaml.safe_dump({name: content}, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    found = re.search(rf"^{re.escape(name)}:.*?(?=^[^\s-]|\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        return f"{text.rstrip()}\n\n{section}" if text.strip() else section
    gap = "\n" if found.group(0).endswith("\n\n") else ""
    return text[: found.start()] + section + gap + text[found.end() :]
