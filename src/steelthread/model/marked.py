"""Reading YAML without losing the lines, so that each error can say where.

`yaml.compose` yields nodes with their marks; the small functions here turn a node into a value of the wanted shape or
refuse it with file and line. A message quotes keys and names of the model only: model files hold no personal values.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import msgspec
import yaml

from steelthread.kit import Invalid

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times as fast, where it is built
_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}


class Source(msgspec.Struct, frozen=True):
    """The file a node came from."""

    path: Path

    def at(self, node: yaml.Node) -> str:
        """Say where the node stands, as `folder/file.yaml:12`."""
        return f"{self.path.parent.name}/{self.path.name}:{node.start_mark.line + 1}"


def compose(source: Source) -> yaml.Node | None:
    """Read a YAML file as a tree of nodes, None for an empty file; Invalid when it is no YAML."""
    try:
        node: yaml.Node | None = yaml.compose(source.path.read_text(encoding="utf-8"), Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Invalid(
            f"{source.path.parent.name}/{source.path.name}:{line}: this is not valid YAML ({error.problem}). "
            "Check indentation, colons and quotes."
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise Invalid(f"{source.path.parent.name}/{source.path.name}: not readable as UTF-8 text.") from error
    return node


def mapping(source: Source, node: yaml.Node, known: Iterable[str] | None = None) -> dict[str, yaml.Node]:
    """Take a mapping apart; Invalid for another shape, a key that stands twice, or (with `known`) an unknown key."""
    if not isinstance(node, yaml.MappingNode):
        raise Invalid(f"{source.at(node)}: expected `key: value` lines here.")
    allowed = None if known is None else tuple(known)
    found: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = text(source, key)
        if name in found:
            raise Invalid(f"{source.at(key)}: `{name}` stands here twice. Remove one.")
        if allowed is not None and name not in allowed:
            raise Invalid(
                f"{source.at(key)}: unknown key `{name}`{nearest(name, allowed)}. Known: {', '.join(allowed)}."
            )
        found[name] = value
    return found


def text(source: Source, node: yaml.Node) -> str:
    """Read a scalar as text."""
    if not isinstance(node, yaml.ScalarNode):
        raise Invalid(f"{source.at(node)}: expected a single value here.")
    return str(node.value).strip()


def texts(source: Source, node: yaml.Node) -> tuple[str, ...]:
    """Read a list of words, or words with commas between them."""
    if isinstance(node, yaml.SequenceNode):
        return tuple(text(source, item) for item in node.value)
    return tuple(word for part in text(source, node).split(",") if (word := part.strip()))


def flag(source: Source, node: yaml.Node) -> bool:
    """Read true or false."""
    word = text(source, node).lower()
    if word not in _BOOLEANS:
        raise Invalid(f"{source.at(node)}: expected true or false here.")
    return _BOOLEANS[word]


def choice(source: Source, node: yaml.Node, subject: str, allowed: tuple[str, ...]) -> str:
    """Read one of the allowed words."""
    word = text(source, node)
    if word not in allowed:
        raise Invalid(
            f"{source.at(node)}: unknown {subject} `{word}`{nearest(word, allowed)}. Use one of {', '.join(allowed)}."
        )
    return word


def nearest(word: str, known: Iterable[str]) -> str:
    """Word a hint with the nearest known names, or nothing."""
    close = get_close_matches(word, list(known), n=3, cutoff=0.6)
    return f" (did you mean {' or '.join(f'`{name}`' for name in close)}?)" if close else ""
