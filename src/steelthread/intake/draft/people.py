"""Drafting people: names, contact points, documents, identifiers."""

from collections.abc import Mapping, Sequence

from steelthread.intake.draft import vocabulary
from steelthread.intake.draft.sheet import EMAILS, PHONES, Column, Sheet, quoted


def entity(name: str, attributes: list[str], extra: Sequence[str] = ()) -> list[str]:
    """Return the lines of an entity."""
    lines = [f"  - entity: {name}", *(f"    {line}" for line in extra)]
    return lines + (["    attributes:", *(f"      {line}" for line in attributes)] if attributes else [])


def has_names(sheet: Sheet) -> bool:
    """Tell whether there are names of people."""
    return sheet.has(vocabulary.NAMES["firstName"]) or sheet.has(vocabulary.NAMES["lastName"])


def names(sheet: Sheet) -> list[str]:
    """Return the lines for a person's names; of several names of a kind the first."""
    lines = []
    for attribute, known in vocabulary.NAMES.items():
        column = sheet.find(known)
        if column is None or not _is_name(column, attribute):
            continue
        sheet.use(column)
        lines.append(f"{attribute}: {quoted(column.name)}   # high, by its name")
    return lines


def _is_name(column: Column, attribute: str) -> bool:
    if attribute == "salutation" and column.plain in ("title", "prefix"):
        titles = sum(value.rstrip(".").casefold() in vocabulary.SALUTATIONS for value in column.filled)
        return titles > len(column.filled) / 2
    return not (attribute == "personName" and column.filled and max(map(len, column.filled)) > 100)


def facts(sheet: Sheet) -> list[str]:
    """Return the lines for what else is known of a person."""
    lines = []
    for attribute, known in vocabulary.PERSON.items():
        column = sheet.find(known)
        if column and (attribute != "birthDate" or sheet.may_be_birth(column)):
            sheet.use(column)
            shown = sheet.dated(column) if attribute == "birthDate" else quoted(column.name)
            lines.append(f"{attribute}: {shown}   # high, by its name")
    employer = sheet.take(vocabulary.COMPANY)
    if employer:
        lines.append(f"currentEmployerName: {quoted(employer.name)}   # medium")
    return lines


def contact_points(sheet: Sheet) -> list[str]:
    """Return e-mails, phones, addresses, loyalty numbers and documents as parts of a person."""
    lines: list[str] = []
    for column in emails(sheet):
        share = f"high, {column.share(EMAILS):.0%} of the values fit"
        lines += entity("ContactPointEmail", [f"emailAddress: {quoted(column.name)}   # {share}"])
    for column in phones(sheet):
        share = f"high, {column.share(PHONES):.0%} of the values fit"
        lines += entity("ContactPointPhone", [f"telephoneNumber: {quoted(column.name)}   # {share}"])
    lines += addresses(sheet) + socials(sheet)
    card = sheet.take(vocabulary.LOYALTY) or _key_as_card(sheet)
    if card:
        lines += entity("LoyaltyMember", [f"memberNumber: {quoted(card.name)}   # high"])
    return lines + documents(sheet, vocabulary.SCHEMES)


def documents(sheet: Sheet, schemes: Mapping[str, frozenset[str]]) -> list[str]:
    """Return the numbers by which registers and documents know a party, each with its scheme."""
    lines: list[str] = []
    for scheme, known in schemes.items():
        document = sheet.take(known)
        if document:
            number = f"identificationNumber: {quoted(document.name)}   # high"
            lines += entity("PartyIdentification", [f"partyIdentificationTypeId: {{constant: {scheme}}}", number])
    return lines


def _key_as_card(sheet: Sheet) -> Column | None:
    return next((one for one in sheet.columns if one.name in sheet.used and one.plain in vocabulary.LOYALTY), None)


def emails(sheet: Sheet) -> list[Column]:
    """Use up and return the columns with e-mail addresses: by name, else by their values."""
    found = []
    for column in sheet.columns:
        share = column.share(EMAILS)
        named = column.fits(vocabulary.EMAIL) and (share > 0.5 or not column.filled)
        if column.name in sheet.used or column.other:
            continue
        if named or (share > 0.8 and len(column.filled) > 1):
            sheet.use(column)
            found.append(column)
    return found


def phones(sheet: Sheet) -> list[Column]:
    """Use up and return the columns with phone numbers."""
    found = []
    for column in sheet.columns:
        if column.name in sheet.used or not column.fits(vocabulary.PHONE):
            continue
        if column.share(PHONES) > 0.3 or not column.filled:
            sheet.use(column)
            found.append(column)
    return found


def addresses(sheet: Sheet) -> list[str]:
    """Return one ContactPointAddress for each group of columns (billing, shipping, ...)."""
    groups: dict[str, dict[str, str]] = {}
    first: dict[tuple[str, str], Column] = {}
    streets = {
        column.group(name) for column in sheet.columns for name in column.names if name in ("street", "streetname")
    }
    homes = {name: attribute for attribute, known in vocabulary.ADDRESS.items() for name in known}
    for column in sheet.columns:
        name = next((name for name in column.names if name in homes), None)
        if name is None and "number" in column.names and column.group("number") in streets:
            name = "number"
        if name is None or column.name in sheet.used:
            continue
        attribute = homes.get(name, "houseNumber")
        group = groups.setdefault(column.group(name), {})
        if attribute not in group:
            group[attribute] = f"{attribute}: {quoted(column.name)}   # high, by its name"
            first[column.group(name), attribute] = column
            sheet.use(column)
        elif first[column.group(name), attribute].takes_turns(column):
            both = ", ".join(quoted(one.name) for one in (first[column.group(name), attribute], column))
            group[attribute] = f"{attribute}: {{concat: [{both}]}}   # medium, each row has one of them"
            sheet.use(column)
    lines: list[str] = []
    for group in groups.values():
        lines += entity("ContactPointAddress", list(group.values()))
    return lines


def socials(sheet: Sheet) -> list[str]:
    """Return one ContactPointSocial for each network that has a column."""
    lines: list[str] = []
    for column in sheet.columns:
        network = next((word for word in column.words if word in vocabulary.NETWORKS), "")
        if not network or column.other or column.name in sheet.used or any(_is_count(value) for value in column.filled):
            continue
        sheet.use(column)
        attribute = "socialHandleId" if column.words[-1] == "id" else "socialHandleName"
        lines += entity(
            "ContactPointSocial",
            [
                f"socialNetworkProviderId: {{constant: {network}}}",
                f"{attribute}: {quoted(column.name)}   # medium, by its name",
            ],
        )
    return lines


def _is_count(value: str) -> bool:
    return value.casefold() in ("true", "false", "yes", "no") or (value.isdigit() and len(value) < 7)


def identifiers(sheet: Sheet, known: Sequence[tuple[Column, str]] = (), owner: str = "") -> list[str]:
    """Return the `identifiers:` of the mapping: those found already, user ids, cookies, devices."""
    to = f", entity: {owner}" if owner else ""
    lines = [f"  - {{kind: {kind}, column: {quoted(column.name)}{to}}}   # high" for column, kind in known]
    for column in sheet.columns:
        if column.name in sheet.used:
            continue
        if column.fits(vocabulary.USER):
            lines.append(
                f"  - {{kind: user_id, column: {quoted(column.name)}, namespace: {sheet.name}{to}}}   # medium"
            )
        elif column.plain in vocabulary.ANONYMOUS:
            lines.append(
                f"  - {{kind: {vocabulary.ANONYMOUS[column.plain]}, column: {quoted(column.name)}{to}}}   # high"
            )
        else:
            continue
        sheet.use(column)
    return ["identifiers:", *lines] if lines else []
