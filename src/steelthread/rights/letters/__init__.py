"""Letters to people, in several languages: what is said at each step of a request. A project may write its own."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from importlib import resources
from pathlib import Path

import msgspec
import yaml

from steelthread.kit import Invalid

DEFAULT = "en"


class Language(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words of one language: names of rights, reasons, letters."""

    kinds: Mapping[str, str]
    reasons: Mapping[str, str]
    letters: Mapping[str, str]


class Facts(msgspec.Struct, frozen=True):
    """What a letter tells."""

    kind: str
    law: str
    received: date
    due: date
    complain: str = ""
    reason: str = ""
    code: str = ""


@lru_cache(maxsize=64)
def _language(name: str, folder: Path) -> Language | None:
    own = folder / "letters" / f"{name}.yaml"
    path = own if own.exists() else resources.files("steelthread.rights") / "letters" / f"{name}.yaml"
    if not path.is_file():
        return None
    try:
        return msgspec.convert(yaml.safe_load(path.read_text("utf-8")), Language)
    except (yaml.YAMLError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise Invalid(f"{own}: {error}. See docs/rights.md for what letters say.") from None


def render(name: str, language: str, facts: Facts, folder: Path) -> tuple[str, str]:
    """Return a letter and its language: the one asked for (`de-AT` is `de`), English where there is none."""
    wanted = language.partition("-")[0].lower()
    found = _language(wanted, folder) if wanted.isalpha() else None
    spoken = wanted if found else DEFAULT
    words = found or _language(DEFAULT, folder)
    assert words is not None
    try:
        text = words.letters[name].format(
            kind=words.kinds[facts.kind], law=facts.law, received=facts.received.isoformat(), due=facts.due.isoformat(),
            complain=facts.complain, code=facts.code, reason=words.reasons[facts.reason] if facts.reason else "",
        )  # fmt: skip
    except (KeyError, IndexError, ValueError):
        raise Invalid(f"letters/{spoken}.yaml lacks the letter {name}, or a word of it: see docs/rights.md.") from None
    return text, spoken
