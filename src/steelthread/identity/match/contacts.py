"""Phones, e-mail addresses and numbers of documents for matching."""

import re
from functools import lru_cache

import msgspec

from steelthread.identity.normalise import provider_key

_ADDRESS = re.compile(r"[^\s<>\"',;]+@[^\s<>\"',;]+")
_LETTERS = re.compile(r"[a-z]{2,}")


class Mailbox(msgspec.Struct, frozen=True):
    """An e-mail address: the mailbox, what stands before the @, and its words, which may be a name."""

    key: str
    local: str
    words: tuple[str, ...]


@lru_cache(maxsize=262_144)
def parse_mailbox(text: str) -> Mailbox | None:
    """Read an e-mail address, also out of `Jay Jones <jones@mail.example>`."""
    found = _ADDRESS.search(text.casefold())
    if not found or "@" not in found.group(0)[1:-1]:
        return None
    key = provider_key(found.group(0))
    local = key.rpartition("@")[0]
    return Mailbox(key, local, tuple(_LETTERS.findall(local)))


@lru_cache(maxsize=262_144)
def parse_phone(text: str) -> str:
    """Return the last nine digits (the national part in nearly all plans), "" for less than seven or a test number."""
    digits = re.sub(r"[^0-9]", "", text)
    if len(digits) < 7 or len(set(digits)) < 3:
        return ""
    return digits[-9:]


@lru_cache(maxsize=262_144)
def parse_number(text: str) -> str:
    """Return the number of a document without marks; one of a single repeated sign is none."""
    bare = re.sub(r"[^a-z0-9]", "", text.casefold())
    return bare if len(set(bare)) > 1 else ""
