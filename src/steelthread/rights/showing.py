"""What a person shows of themselves, compared with what is on file: as keyed hashes, kept until the request is decided."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg

from steelthread.kit import Invalid, NotFound
from steelthread.profiles import Opener
from steelthread.rights.cases import Requester
from steelthread.rights.people import find_person
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_NO_POINT = ("email", "phone", "device_id", "cookie", "anonymous_id", "email_provider")
_ATTRIBUTES: Mapping[str, Sequence[str]] = {"birthDate": ("birthDate",), "postalCode": ("postalCodeText",)}
"""What people say -> the attributes of the model that hold it."""
_ALL = 9
"""More than any law asks for: where nothing is held, nothing can be disclosed."""


class Showing:
    """Compares what people say with what one space holds."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def code(self, request: UUID, code: str) -> bytes:
        """Return what is kept of a code that was sent."""
        return self._space.vault.blind("request code", f"{request} {code}")

    def point(self, conn: Connection, name: str, value: str) -> list[str]:
        """Return what is kept of something said; Invalid for what shows nothing, such as an address."""
        if name in _ATTRIBUTES:
            return [self._attribute(name, value)]
        if name in _NO_POINT or name not in self._space.rules.kinds:
            there = ", ".join(_ATTRIBUTES)
            raise Invalid(f"{name[:40]!r} shows nothing: say an identifier that is no contact, or {there}.")
        return [one.hex() for one in self._space.reader(conn).hashes(f"{name}:{value}")]

    def _attribute(self, name: str, value: str) -> str:
        return self._space.vault.blind(f"request {name}", "".join(value.split()).casefold()).hex()

    def known(self, conn: Connection, requester: Requester) -> tuple[int, bool]:
        """Return how many of the things said agree with what is on file, and whether the contact is on file too."""
        try:
            person = find_person(self._space, conn, requester.ref)
        except NotFound:
            return _ALL, True
        names = {one.hex() for one in person.nodes.values()}
        views = Opener(conn, self._space.vault, adaptation=self._space.model.adaptation).open(person.rows)
        for view in views:
            for values in (view.values, *(part for _, part in view.parts)):
                names |= {
                    self._attribute(said, str(values[name]))
                    for said, attributes in _ATTRIBUTES.items()
                    for name in attributes
                    if values.get(name)
                }
        matched = sum(1 for hashes in requester.points.values() if names & set(hashes))
        contact = self._space.reader(conn).hashes(requester.contact) if requester.contact else []
        return matched, any(one.hex() in names for one in contact)
