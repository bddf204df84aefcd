"""Drafting consent: columns that say whether somebody may be written to, and when they said so.

Not having opted out is no consent: it is drafted as `not_asked`. Only words of our own stand in the draft, no value of
the file.
"""

import re

from steelthread.intake.draft.people import entity
from steelthread.intake.draft.sheet import Column, Sheet, quoted

_NEGATIVE = re.compile(
    r"opt(ed)?out|unsubscribed?|(do|dont)(es)?not(allow)?(bulk)?(call|phone|e?mail|contact|market|sms|text|post)|"
    r"nomarketing|blacklist|blocklist|suppressed"
)
_POSITIVE = re.compile(
    r"accepts?(email|sms|direct)?marketing|(email|sms|marketing)*(consent|permission)(status)?$|"
    r"opt(ed)?in(status)?$|subscri(ption|ber)status|(email|sms)(marketing)?status$|^(is|email|sms)?subscribed$|newsletter|"
    r"receives?.*(emails?|newsletters?|offers|marketing|sms)$|marketing(emails?|sms|allowed)$"
)
_NOT = re.compile(r"time|date|ip$|source|fax|count|rate|reason|review")
_YES = (
    "true",
    "yes",
    "y",
    "1",
    "t",
    "subscribed",
    "active",
    "opted in",
    "opt-in",
    "granted",
    "given",
    "allow",
    "allowed",
)
_NO = (
    "false",
    "no",
    "n",
    "0",
    "f",
    "unsubscribed",
    "opted out",
    "opt-out",
    "denied",
    "refused",
    "do not allow",
    "blocked",
)
_PURPOSE = "dataUsePurposeId: {constant: marketing}   # medium: the purpose of purposes.yaml that it is about"
_ANSWERS = frozenset((*_YES, *_NO))
_WHEN = {"captureDateTime": ("optintime", "consentdate", "consenttime", "consenttimestamp", "optindate"),
         "doubleOptInDateTime": ("confirmtime", "doubleoptin", "doubleoptindate", "confirmedat")}  # fmt: skip


def consents(sheet: Sheet) -> list[str]:
    """Return one part for each column that says yes or no, and one for the times alone."""
    lines: list[str] = []
    for column in sheet.columns:
        if column.name in sheet.used or _NOT.search(column.bare):
            continue
        negative = bool(_NEGATIVE.search(column.bare))
        if column.filled and not any(value.casefold() in _ANSWERS for value in column.filled):
            continue
        if negative or _POSITIVE.search(column.bare):
            sheet.use(column)
            lines += _said(column, negative=negative)
    return lines + _times(sheet)


def _said(column: Column, *, negative: bool) -> list[str]:
    """Draft the answer: what means yes, what no, and whatever else means that nobody asked."""
    yes, no = ("refused", "not_asked") if negative else ("given", "refused")
    table = ", ".join(f'"{word}": {answer}' for words, answer in ((_YES, yes), (_NO, no)) for word in words)
    status = (
        f"consentStatusId: {{column: {quoted(column.name)}, lookup: {{{table}}}, default: not_asked}}"
        "   # medium: check what each value means"
    )
    channel = _channel(column.plain)
    if not channel:
        return entity("PartyConsent", [_PURPOSE, status])
    return entity("ContactPointConsent", [f"channel: {{constant: {channel}}}", _PURPOSE, status])


def _channel(name: str) -> str:
    found = (("sms", "sms"), ("call", "phone"), ("phone", "phone"), ("email", "email"), ("subscri", "email"),
             ("post", "post"), ("bulkmail", "post"),
             ("newsletter", "email"))  # fmt: skip
    return next((channel for word, channel in found if word in name), "")


def _times(sheet: Sheet) -> list[str]:
    """Draft an answer of which only the time is told: who has one said yes, by e-mail."""
    times = []
    for attribute, names in _WHEN.items():
        column = sheet.find(frozenset(names), exact=True)
        if column and sheet.may_be_date(column):
            sheet.use(column)
            times.append(f"{attribute}: {sheet.dated(column)}   # medium")
    if not times:
        return []
    given = "consentStatusId: {constant: given}   # medium: whoever has a time said yes"
    return entity("ContactPointConsent", ["channel: {constant: email}", _PURPOSE, given, *times])
