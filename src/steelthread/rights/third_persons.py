"""What an answer to one person must not tell of others (GDPR Art. 15(4)): recipients of gifts, household, agents, staff.

Identifiers are recognised wherever they stand. A name is recognised by what its attribute or column is called, in what
happened (orders, cases, visits); in a person's own records it is the person's. A name within running text is not
recognised.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from steelthread.profiles import View
from steelthread.rights.people import Person

HIDDEN = "(of somebody else)"
_ADDRESS = re.compile(r"[^\s@,;:<>()\[\]\"']+@[^\s@,;:<>()\[\]\"']+\.[^\s@,;:<>()\[\]\"'.]+")
_PHONE = re.compile(r"\+\d[\d ()/.-]{6,18}\d")
_NAMES = re.compile(
    r"(name|recipient|assignee|agent|beneficiary|addressee|gift_?to|ship_?to|deliver(ed|y)?_?to|sold_?by|served_?by|handled_?by"
    r"|attention|care_?of|guest|companion|contact_?person|empfaenger|destinataire|destinatario)$",
    re.IGNORECASE,
)
_NO_PERSON = re.compile(
    r"(product|item|brand|event|page|file|campaign|store|shop|device|browser|os|country|state|city|category|currency|channel"
    r"|company|account|organi[sz]ation|screen|app|host|domain|plan|order|source)_?name$|^name$",
    re.IGNORECASE,
)
_NATIONAL = 9


class ThirdPersons:
    """Knows what is a person's own, and hides what is another's."""

    def __init__(self, person: Person, views: Sequence[View], keep: Iterable[str] = ()) -> None:
        """`keep` are addresses that are nobody's: the company's own."""
        own = set(person.nodes.values())
        self._others = [value.casefold() for name, value in person.values if name not in own]
        self._parties = {row.record_id for row in person.rows if row.is_party}
        self._own = {value.casefold() for name, value in person.values if name in own}
        self._own |= {one.casefold() for one in keep if one}
        names: list[list[str]] = []
        for view in views:
            if view.record_id in self._parties:
                self._own |= set(_strings([view.values, [part for _, part in view.parts], view.extras]))
                names.append([str(view.values.get(one) or "") for one in ("firstName", "lastName")])
        for first, last in names:
            self._own |= {f"{first} {last}".casefold(), f"{last} {first}".casefold(), f"{last}, {first}".casefold()}
        self._digits = {digits[-_NATIONAL:] for digits in map(_digits, self._own) if len(digits) >= _NATIONAL}

    def own(self, value: Any) -> None:
        """Say that all of this is the person's own: a refused row of hers or his, with whatever is wrong in it."""
        told = set(_strings(value))
        self._own |= told | {found.casefold().rstrip(".") for one in told for found in _ADDRESS.findall(one)}
        numbers = [one for text in told for one in (text, *_PHONE.findall(text))]
        self._digits |= {digits[-_NATIONAL:] for digits in map(_digits, numbers) if len(digits) >= _NATIONAL}

    def value(self, view: View, name: str, value: Any) -> Any:
        """Return what may be told of a value of a record."""
        last = name.rpartition(".")[2]
        if view.record_id in self._parties or not isinstance(value, str) or value.casefold() in self._own:
            return value
        return HIDDEN if _NAMES.search(last) and not _NO_PERSON.search(last) else value

    def clean(self, value: Any) -> Any:
        """Return what may be told of anything: without others' identifiers; sealed bytes as hexadecimal digits."""
        if isinstance(value, dict):
            return {name: self.clean(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean(one) for one in value]
        if isinstance(value, str):
            return self._text(value)
        return value.hex() if isinstance(value, bytes | memoryview) else value

    def _text(self, text: str) -> str:
        folded = text.casefold()
        if any(one in folded for one in self._others):
            return HIDDEN
        if "@" in text:
            text = _ADDRESS.sub(lambda found: self._kept(found, self._own, found.group().casefold().rstrip(".")), text)
        if "+" in text:
            text = _PHONE.sub(lambda found: self._kept(found, self._digits, _digits(found.group())[-_NATIONAL:]), text)
        return text

    def _kept(self, found: "re.Match[str]", own: Collection[str], key: str) -> str:
        return found.group() if key in own else HIDDEN


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, str) and value:
        yield value.casefold()
