"""Drafting consent: columns that say whether somebody may be written to, and when they said so.

Not having opted out is no consent: it is drafted as `not_asked`. Only words of our own stand in the draft, no value of
the file.
"""

import re

from steelthread.intake.draft.people import entity
from steelthread.intake.draft.sheet import Column, Sheet, quoted

_NEGATIVE = re.compile(r"optedout|optout|unsubscribed|donotcall|donotemail|donotcontact|donotmail|nomarketing")
_POSITIVE = re.compile(
    r"accepts(email|sms)?marketing|(email|sms|marketing)*consent(status)?$|optin(status)?$|subscriptionstatus|"
    r"^(is)?subscribed$|newsletter"
)
_NOT = re.compile(r"time|date|ip$|source|fax|count|rate")
_YES = ("true", "yes", "y", "1", "t", "subscribed", "opted in", "opt-in", "granted", "given")
_NO = ("false", "no", "n", "0", "f", "unsubscribed", "opted out", "opt-out", "denied", "refused")
_WHEN = {"captureDateTime": ("optintime", "consentdate", "consenttime", "consenttimestamp", "optindate"),
         "doubleOptInDateTime": ("confirmtime", "doubleoptin", "doubleoptindate", "confirmedat")}  # fmt: skip


def consents(sheet: Sheet) -> list[str]:
    """Return one part for each column that says yes or no, and one for the times alone."""
    lines: list[str] = []
    for column in sheet.columns:
        if column.name in sheet.used or _NOT.search(column.plain):
            continue
        negative = bool(_NEGATIVE.search(column.plain))
        if negative or _POSITIVE.search(column.plain):
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
        return entity("PartyConsent", [status])
    return entity("ContactPointConsent", [f"channel: {{constant: {channel}}}", status])


def _channel(name: str) -> str:
    found = (("sms", "sms"), ("call", "phone"), ("phone", "phone"), ("email", "email"), ("subscri", "email"),
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
    return entity("ContactPointConsent", ["channel: {constant: email}", given, *times])
