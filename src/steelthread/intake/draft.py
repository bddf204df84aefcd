"""`source new`: a mapping drafted from header and values. It loads unedited, and quotes no value of the file."""

import re
from collections.abc import Sequence
from datetime import datetime

from steelthread.intake.readers import Format
from steelthread.intake.source import Source
from steelthread.model import Model

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}\Z")
_PHONE = re.compile(r"\+?[\d ()./-]{7,20}\Z")
_SLASHED = re.compile(r"(\d{1,2})([/.\-])(\d{1,2})\2(\d{4})\Z")

HOMES: dict[tuple[str, str], str] = {
    (
        "Individual",
        "firstName",
    ): "firstname givenname given first forename fname vorname prenom primarynamefirst namefirst",
    ("Individual", "lastName"): "lastname surname familyname last family lname nachname nom primarynamelast namelast",
    ("Individual", "middleName"): "middlename middle primarynamemiddle",
    ("Individual", "personName"): "fullname name customername personname displayname contactname primarynamefull",
    ("Individual", "nameSuffix"): "suffix namesuffix",
    ("Individual", "salutation"): "salutation title anrede prefix nameprefix",
    ("Individual", "birthDate"): "birthdate dob dateofbirth birthday geburtsdatum birth",
    ("Individual", "genderId"): "gender sex geschlecht",
    (
        "ContactPointEmail",
        "emailAddress",
    ): "email emailaddress mail primaryemail emails useremail customeremail contactemail",
    (
        "ContactPointPhone",
        "telephoneNumber",
    ): "phone phonenumber mobile telephone tel mobilephone cell cellphone telefon homephone workphone customerphone contactphone",
    (
        "ContactPointAddress",
        "addressLine1",
    ): "address1 addressline1 street streetaddress address strasse address street1 addrline1 addrfull",
    ("ContactPointAddress", "addressLine2"): "address2 addressline2 street2 addrline2",
    ("ContactPointAddress", "cityName"): "city town suburb ort stadt cityname addrcity locality",
    ("ContactPointAddress", "postalCodeText"): "postcode zip zipcode postalcode plz addrpostalcode",
    ("ContactPointAddress", "stateProvinceName"): "state province region county addrstate",
    ("ContactPointAddress", "countryName"): "country countryname countrycode land addrcountry",
    (
        "LoyaltyMember",
        "memberNumber",
    ): "loyaltynumber loyaltycard loyaltyid cardnumber membernumber loyalty loyaltycardnumber memberno",
}
"""Where a column's home is, by the names that exports give it (letters and digits only)."""

_SCHEMES = {
    "passport": "passport passportnumber", "ssn": "ssn ssnnumber socialsecuritynumber socsecid",
    "national_id": "nationalid nationalidnumber", "tax_id": "taxid taxidnumber vatid vatnumber",
    "drivers_license": "driverslicense driverslicensenumber driverlicence licencenumber",
}  # fmt: skip
_USER = {"userid", "loginid", "accountid", "login", "username"}
_ANONYMOUS = {
    "anonymousid": "anonymous_id",
    "cookieid": "cookie",
    "cookie": "cookie",
    "deviceid": "device_id",
    "visitorid": "anonymous_id",
}
_CHANGED = {
    "updatedat",
    "modifiedat",
    "lastmodified",
    "lastmodifieddate",
    "modified",
    "updated",
    "changedat",
    "lastupdated",
    "dateupdated",
}
_ORDER = {
    "orderid",
    "ordernumber",
    "orderno",
    "invoice",
    "invoiceno",
    "invoiceid",
    "receiptid",
    "receipt",
    "transactionid",
    "order",
    "receiptnumber",
}
_CUSTOMER = {"customerid", "customer", "custid", "clientid", "contactid", "customernumber", "customerno", "memberid"}
_PRODUCT = {"sku", "stockcode", "productid", "productcode", "itemid", "product", "item"}
_CASE = {"ticketid", "caseid", "casenumber", "ticket", "case"}
_SECRET = {"password", "passwordhash", "token", "secret", "salt", "passwd"}
_WHEN = {
    "orderdate",
    "invoicedate",
    "date",
    "createdat",
    "orderedat",
    "timestamp",
    "datetime",
    "purchasedat",
    "created",
    "time",
    "eventtime",
    "visitedat",
    "openedat",
}
_TOTAL = {"total", "grandtotal", "amount", "totalamount", "ordertotal", "totalprice", "sum", "value"}
_ID = re.compile(r"(^|[_\s.-])(id|key|no|nr|number|code|uuid)$|^(id|key|uuid|recid|uniqueid)$|(Id|ID)$")


def plain(name: str) -> str:
    """Return a column name as letters and digits only, in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


class _Column:
    """A column with what its sample says."""

    def __init__(self, name: str, values: list[str]) -> None:
        self.name = name
        self.plain = plain(name)
        self.filled = [value for value in values if value and value.lower() not in {"null", "nan", "none", "n/a"}]
        self.complete = len(self.filled) == len(values) and bool(values)
        self.unique = len(set(self.filled)) == len(self.filled)

    def share(self, pattern: re.Pattern[str]) -> float:
        """Return how many of the values fit, 0 to 1."""
        return sum(bool(pattern.match(value)) for value in self.filled) / len(self.filled) if self.filled else 0.0


class Draft:
    """A mapping on its way to text."""

    def __init__(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], others: list[Source]) -> None:
        self.name = name
        self.columns = [_Column(one, [row[index] for row in rows]) for index, one in enumerate(columns)]
        self.others = others
        self.used: dict[str, str] = {}
        self.warnings: list[str] = []

    def find(self, names: set[str]) -> _Column | None:
        """Return the first unused column with one of these names."""
        return next((one for one in self.columns if one.plain in names and one.name not in self.used), None)

    def take(self, names: set[str]) -> _Column | None:
        """Return and use up a column."""
        found = self.find(names)
        if found:
            self.used[found.name] = found.plain
        return found

    def key(self) -> _Column | None:
        """Return the key: unique, never empty, named like an id."""
        fit = [one for one in self.columns if one.complete and one.unique and _ID.search(one.name)]
        subject = self.name.rstrip("s").casefold()
        fit.sort(key=lambda one: (subject not in one.plain, not one.plain.endswith("id"), self.columns.index(one)))
        return fit[0] if fit else None


def draft(
    name: str,
    file: str,
    fmt: Format,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    model: Model,
    *,
    others: list[Source],
) -> str:
    """Return the text of sources/NAME.yaml."""
    work = Draft(name, columns, rows, others)
    key = work.key()
    body = _body(work, key, model)
    head = [
        f"# Drafted by looking at the header and {len(rows)} rows. Check each guess (high, medium, low), then:",
        f"#   steelthread source preview {name}",
        f"name: {name}",
        f"file: {_quoted(file)}",
        f"format: {_format(fmt)}",
    ]
    changed = next((one for one in work.columns if one.plain in _CHANGED and one is not key), None)
    if changed:
        work.used[changed.name] = "observed_at"
        head.append(f"observed_at: {_column(changed, date=True)}   # high: when the row was changed")
    lines = head + [f"# WARNING: {warning}" for warning in work.warnings] + body
    secret = [one.name for one in work.columns if one.plain in _SECRET]
    if secret:
        lines.append(f"ignore: [{', '.join(map(_quoted, secret))}]")
    left = [one.name for one in work.columns if one.name not in work.used and one.name not in secret]
    if left:
        lines.append("# Without a home in the model; kept sealed as they are: " + ", ".join(left).replace("\n", " "))
    return "\n".join(lines) + "\n"


def _body(work: Draft, key: _Column | None, model: Model) -> list[str]:
    names = {one.plain for one in work.columns}
    has_person = bool(
        names & set(HOMES[("Individual", "firstName")].split() + HOMES[("Individual", "lastName")].split())
    )
    if names & _ORDER and (names & _PRODUCT) and not (key and key.plain in _ORDER):
        return _lines_of_orders(work, key)
    if names & _ORDER and not has_person:
        return _events(work, key, "SalesOrder", _ORDER, "orderNumber", "purchaseOrderDate")
    if names & _CASE and not has_person:
        return _events(work, key, "Case", _CASE, "caseNumber", "openedDateTime")
    if (
        names & set(_ANONYMOUS)
        and not has_person
        and not names & set(HOMES[("ContactPointEmail", "emailAddress")].split())
    ):
        return _events(work, key, "WebsiteEngagement", set(), "", "eventDateTime")
    return _person(work, key, model)


def _key_line(work: Draft, key: _Column | None) -> str:
    if key is None:
        work.warnings.append(
            "no column is unique, never empty and named like an id: the whole row is the key, so a row that changes is a new row"
        )
        return "key: {row_hash: true}"
    work.used[key.name] = "key"
    return f"key: {_quoted(key.name)}   # high: unique and never empty in the sample"


def _person(work: Draft, key: _Column | None, model: Model) -> list[str]:
    lines = [_key_line(work, key), "entities:"]
    found: dict[str, list[str]] = {"Individual": []}
    parts: list[tuple[str, list[str]]] = []
    for (entity, attribute), names in HOMES.items():
        if attribute not in model.entity(entity).attributes:
            continue
        for column in [one for one in work.columns if one.plain in names.split() and one.name not in work.used]:
            sure = _sure(column, attribute)
            if not sure:
                continue
            work.used[column.name] = attribute
            line = f"      {attribute}: {_column(column, date=attribute == 'birthDate')}   # {sure}"
            if entity in ("ContactPointEmail", "ContactPointPhone", "LoyaltyMember"):
                parts.append((entity, [line]))
            elif attribute not in "".join(found.get(entity, [])):
                found.setdefault(entity, []).append(line)
            else:
                del work.used[column.name]
    for column in work.columns:
        if column.name not in work.used and column.share(_EMAIL) > 0.8 and len(column.filled) > 1:
            work.used[column.name] = "emailAddress"
            parts.append(
                ("ContactPointEmail", [f"      emailAddress: {_column(column)}   # medium: the values look like it"])
            )
    for scheme, names in _SCHEMES.items():
        document = work.take(set(names.split()))
        if document:
            constant = f"      partyIdentificationTypeId: {{constant: {scheme}}}"
            parts.append(
                ("PartyIdentification", [constant, f"      identificationNumber: {_column(document)}   # high"])
            )
    lines += _entity("Individual", found.pop("Individual"))
    for entity, attributes in [*found.items(), *parts]:
        lines += _entity(entity, attributes)
    return lines + _identifiers(work)


def _sure(column: _Column, attribute: str) -> str:
    if attribute == "emailAddress":
        share = column.share(_EMAIL)
        return f"high, {share:.0%} of the values fit" if share > 0.5 or not column.filled else ""
    if attribute == "telephoneNumber":
        share = column.share(_PHONE)
        return (
            f"{'high' if share > 0.8 else 'medium'}, {share:.0%} of the values fit"
            if share > 0.3 or not column.filled
            else ""
        )
    if attribute in ("salutation", "personName") and column.plain in ("title", "name"):
        return "medium, by its name" if column.filled and max(map(len, column.filled)) < 80 else ""
    return "high, by its name"


def _entity(entity: str, attributes: list[str], extra: Sequence[str] = ()) -> list[str]:
    lines = [f"  - entity: {entity}", *(f"    {line}" for line in extra)]
    return lines + (["    attributes:", *attributes] if attributes else ["    attributes: {}"])


def _events(work: Draft, key: _Column | None, entity: str, ids: set[str], number: str, when: str) -> list[str]:
    own = next((one for one in work.columns if one.plain in ids and one.complete and one.unique), None) or key
    lines = [_key_line(work, own), "entities:"]
    attributes = [f"      {number}: {_quoted(own.name)}   # high"] if own and number else []
    time = work.take(_WHEN)
    if time:
        attributes.append(f"      {when}: {_column(time, date=True)}   # high")
    attributes += _measures(work) if entity == "SalesOrder" else _subject(work, entity)
    mail = work.take(set(HOMES[("ContactPointEmail", "emailAddress")].split()))
    phone = work.take(set(HOMES[("ContactPointPhone", "telephoneNumber")].split()))
    customer = _customer(work)
    loyalty = work.take(set(HOMES[("LoyaltyMember", "memberNumber")].split()))
    lines += _entity(entity, attributes, [f"party: {customer}"] if customer else [])
    extra = [(mail, "email"), (phone, "phone"), (loyalty, "loyalty_number")]
    return lines + _identifiers(work, [(column, kind) for column, kind in extra if column])


def _measures(work: Draft) -> list[str]:
    lines = []
    total = work.take(_TOTAL)
    if total:
        lines.append(f"      grandTotalAmount: {_quoted(total.name)}   # medium")
    currency = work.take({"currency", "currencycode"})
    if currency:
        lines.append(f"      currencyCode: {_quoted(currency.name)}   # high")
    return lines


def _subject(work: Draft, entity: str) -> list[str]:
    lines = []
    for attribute, names in (
        ("subject", {"subject", "topic"}),
        ("status", {"status"}),
        ("pageUrl", {"url", "page", "pageurl"}),
    ):
        column = work.find(names)
        if column and entity == "Case" and attribute in ("subject", "status"):
            work.used[column.name] = attribute
            lines.append(f"      {attribute}: {_quoted(column.name)}   # high")
    return lines


def _customer(work: Draft) -> str:
    column = work.take(_CUSTOMER)
    if column is None:
        return ""
    source = work.name
    for other in work.others:
        if isinstance(other.key, str) and plain(other.key) == column.plain:
            close = other.name.split("_")[0] == work.name.split("_")[0]
            source = other.name if close or source == work.name else source
    return f"{{source: {source}, key: {_quoted(column.name)}}}   # medium: whose it is"


def _lines_of_orders(work: Draft, key: _Column | None) -> list[str]:
    order, product = work.take(_ORDER), work.take(_PRODUCT)
    assert order is not None
    assert product is not None
    customer = _customer(work)
    time = work.take(_WHEN)
    lines = [_key_line(work, key), "entities:"]
    attributes = []
    quantity = work.take({"quantity", "qty", "orderedquantity"})
    price = work.take({"price", "unitprice", "priceeach"})
    total = work.take({"linetotal", *_TOTAL})
    text = work.take({"description", "productname", "itemname", "producttitle"})
    for column, attribute in ((quantity, "orderedQuantity"), (price, "unitPriceAmount"), (total, "totalLineAmount")):
        if column:
            attributes.append(f"      {attribute}: {_quoted(column.name)}   # high")
    lines += _entity("SalesOrderProduct", attributes, ["parent: SalesOrder"])
    head = [f"      orderNumber: {_quoted(order.name)}   # high"]
    if time:
        head.append(f"      purchaseOrderDate: {_column(time, date=True)}   # high")
    party = [f"party: {customer}"] if customer else []
    lines += _entity("SalesOrder", head, [f"key: {_quoted(order.name)}", *party])
    names = [f"      productSKU: {_quoted(product.name)}   # high"]
    if text:
        names.append(f"      name: {_quoted(text.name)}   # medium")
    return lines + _entity("Product", names, [f"key: {_quoted(product.name)}"]) + _identifiers(work)


def _identifiers(work: Draft, known: Sequence[tuple[_Column, str]] = ()) -> list[str]:
    lines = [f"  - {{kind: {kind}, column: {_quoted(column.name)}}}   # high" for column, kind in known]
    for column in work.columns:
        if column.name in work.used:
            continue
        if column.plain in _USER:
            lines.append(f"  - {{kind: user_id, column: {_quoted(column.name)}, namespace: {work.name}}}   # medium")
        elif column.plain in _ANONYMOUS:
            lines.append(f"  - {{kind: {_ANONYMOUS[column.plain]}, column: {_quoted(column.name)}}}   # high")
        else:
            continue
        work.used[column.name] = "identifier"
    return ["identifiers:", *lines] if lines else []


def _column(column: _Column, *, date: bool = False) -> str:
    form = _date_format(column) if date else ""
    return f'{{column: {_quoted(column.name)}, date: "{form}"}}' if form else _quoted(column.name)


def _date_format(column: _Column) -> str:
    """Return the format of day/month dates; none is needed for ISO and compact ones."""
    found = [match for match in map(_SLASHED.match, column.filled) if match]
    if not found or len(found) < len(column.filled) / 2:
        return _long_format(column)
    mark = found[0][2]
    month_first = any(int(match[3]) > 12 for match in found) and not any(int(match[1]) > 12 for match in found)
    return f"%m{mark}%d{mark}%Y" if month_first else f"%d{mark}%m{mark}%Y"


def _long_format(column: _Column) -> str:
    for form in ("%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M", "%m/%d/%y"):
        try:
            for value in column.filled[:200]:
                datetime.strptime(value, form)  # noqa: DTZ007  # only whether it fits
        except ValueError:
            continue
        return form if column.filled else ""
    return ""


def _quoted(text: str) -> str:
    return (
        text
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text)
        and text.casefold() not in {"yes", "no", "on", "off", "true", "false", "null", "y", "n"}
        else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )


def _format(fmt: Format) -> str:
    words = [f"type: {fmt.type}"]
    if fmt.type == "csv":
        mark = {"\t": '"\\t"'}.get(fmt.delimiter, f'"{fmt.delimiter}"')
        words += [f"delimiter: {mark}", f"encoding: {fmt.encoding}", f"header: {str(bool(fmt.header)).lower()}"]
    return "{" + ", ".join(words) + "}"
