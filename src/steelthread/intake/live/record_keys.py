"""Keys of the records that live events give: no two events of a source have the same, whoever gave them their ids. Pure.

A client's id is the key of what its SDK tells. The id of a webhook or a CloudEvent is its source's own and may be the
same: before its key stands `source/`. Where a mapping gives documents keys, `sdk/` stands before those of SDKs.
"""

SDK = "sdk/"
_OWN, _SHARED = "source/", "space/"


def event_key(name: str, *, per_source: bool) -> str:
    """Return the key of an event's record, from the id that tells it from others in its source or in the whole space."""
    if per_source:
        return _OWN + name
    return _SHARED + name if name.startswith((_OWN, _SHARED)) else name


def id_of(key: str) -> str:
    """Return the id of the event whose record has this key, as its sender gave it."""
    key = key.removeprefix(SDK)
    return key.partition("/")[2] if key.startswith((_OWN, _SHARED)) else key
