"""What kind of file it is, and the mapping for it."""

import re
from collections.abc import Callable, Sequence

from steelthread.intake.draft import vocabulary
from steelthread.intake.draft.consents import consents
from steelthread.intake.draft.people import (
    contact_points,
    documents,
    emails,
    entity,
    facts,
    has_names,
    identifiers,
    names,
    phones,
)
from steelthread.intake.draft.rest import settle, with_parts
from steelthread.intake.draft.sheet import Column, Sheet, plain, quoted
from steelthread.intake.readers import Format
from steelthread.intake.source import Source
from steelthread.model import Model

Lines = list[str]


def draft(
    name: str, file: str, fmt: Format, columns: Sequence[str], rows: Sequence[Sequence[str]], *,
    others: list[Source], country: str = "",
    model: Model | None = None, warnings: Sequence[str] = (),
) -> str:  # fmt: skip
    """Return the text of sources/NAME.yaml.

    `others` are the project's sources: an order's customer id that is the key of one of them refers to it. `country`
    decides between 3 April and 4 March where no value does. With `model`, columns that are left find a home by its names,
    aliases and types. `warnings` are those of reading the file.
    """
    sheet = Sheet(name, columns, rows, others, country)
    sheet.warnings += [" ".join(one.split()) for one in warnings]
    key = sheet.key()
    kind = _kind(sheet, key)
    changed = next((one for one in sheet.columns if one.tells_change and one is not key and _dated(sheet, one)), None)
    if changed:
        sheet.use(changed)
    body = kind(sheet, key)
    for column in sheet.columns:
        if column.plain in vocabulary.SECRET:
            sheet.use(column)
    if any(line == "  - entity: Individual" for line in body):
        body = with_parts(body, consents(sheet))
    if model is not None:
        body = settle(sheet, body, model)
    lines = [
        f"# Drafted by looking at the header and {len(rows)} rows. Check each guess (high, medium, low), then:",
        f"#   steelthread source preview {name}",
        f"name: {name}",
        f"file: {quoted(file)}",
        f"format: {_format(fmt)}",
    ]
    if changed:
        lines.append(f"observed_at: {sheet.dated(changed)}   # high: when the row was changed")
    lines += [f"# WARNING: {warning}" for warning in sheet.warnings] + body
    secret = [one.name for one in sheet.columns if one.plain in vocabulary.SECRET]
    if secret:
        lines.append(f"ignore: [{', '.join(map(quoted, secret))}]")
    left = [one.name for one in sheet.columns if one.name not in sheet.used and one.name not in secret]
    if left:
        lines.append("# Without a home in the model; kept sealed as they are: " + ", ".join(left).replace("\n", " "))
    return "\n".join(lines) + "\n"


def _dated(sheet: Sheet, column: Column) -> bool:
    return not column.filled or sheet.may_be_date(column)


def _kind(sheet: Sheet, key: Column | None) -> Callable[[Sheet, Column | None], Lines]:
    """Decide by the columns of the file as a whole."""
    whole = {one.plain for one in sheet.columns}
    if all(re.fullmatch(r"column\d+", one) for one in whole):
        return _unnamed
    order = whole & vocabulary.ORDER or "lineitemname" in whole
    product = whole & vocabulary.PRODUCT
    counted = product and whole & vocabulary.QUANTITY
    if order and product and (counted or not (key and key.plain in vocabulary.ORDER)):
        return _order_lines
    if order and not (key and key.plain in vocabulary.CUSTOMER):
        return _orders
    if whole & vocabulary.PAYMENT:
        return _payments
    if whole & vocabulary.CASE or len(whole & vocabulary.CASE_SIGNS) > 2:
        return _cases
    people = has_names(sheet) or sheet.has(vocabulary.EMAIL) or sheet.has(vocabulary.PHONE)
    if whole & set(vocabulary.ANONYMOUS) and not people:
        return _visits
    if product and not people and not whole & vocabulary.CUSTOMER:
        return _products
    if not has_names(sheet) and whole & (vocabulary.COMPANY | {"name"}) and whole & vocabulary.COMPANY_SIGNS:
        return _companies
    return _people


def _key_line(sheet: Sheet, key: Column | None) -> str:
    if key is None:
        sheet.warnings.append(
            "no column is unique, never empty and named like an id: the whole row is the key, "
            "so a row that changes is a new row"
        )
        return "key: {row_hash: true}"
    sheet.use(key)
    return f"key: {quoted(key.name)}   # high: unique and never empty in the sample"


def _unnamed(sheet: Sheet, key: Column | None) -> Lines:
    """Guess at a log of purchases without a header: a number that comes again, a date, an amount at the end."""
    times = [one for one in sheet.columns if one.complete and sheet.is_date(one)]
    rest = [one for one in sheet.columns if one not in times]
    if not times or not rest or rest[0].unique or not rest[0].complete:
        sheet.warnings.append("the columns have no names: give them some in a first line, or write the attributes here")
        return [_key_line(sheet, key), "entities:", *entity("Individual", []), *contact_points(sheet)]
    sheet.warnings.append("the columns have no names: what they mean is a guess")
    for column in (times[0], rest[0], rest[-1]):
        sheet.use(column)
    order = [f"purchaseOrderDate: {sheet.dated(times[0])}   # low"]
    if rest[-1] is not rest[0]:
        order.append(f"grandTotalAmount: {sheet.number(rest[-1])}   # low")
    person = entity("Individual", [], [f"key: {quoted(rest[0].name)}   # low: whose it is"])
    return [_key_line(sheet, key), "entities:", *entity("SalesOrder", order), *person]


def _people(sheet: Sheet, key: Column | None) -> Lines:
    lines = [_key_line(sheet, key), "entities:"]
    company = sheet.find({"primarynameorg", "nameorg"}, exact=True)
    if company is None:
        lines += entity("Individual", names(sheet) + facts(sheet))
    else:
        sheet.use(company)
        column = quoted(company.name)
        lines += entity(
            "Individual", names(sheet) + facts(sheet), [f"when: {{column: {column}, empty: true}}   # medium: a person"]
        )
        lines += entity(
            "Organization", [f"businessName: {column}   # high"], [f"when: {{column: {column}, not_empty: true}}"]
        )
    numbers = documents(sheet, vocabulary.REGISTERS) if company else []
    return lines + contact_points(sheet) + numbers + identifiers(sheet)


def _companies(sheet: Sheet, key: Column | None) -> Lines:
    lines = [_key_line(sheet, key), "entities:"]
    name = sheet.take({"name"}, exact=True) or sheet.take(vocabulary.COMPANY)
    attributes = [f"businessName: {quoted(name.name)}   # high"] if name else []
    for attribute, known in vocabulary.COMPANY_FACTS.items():
        column = sheet.take(known, exact=True)
        if column:
            attributes.append(f"{attribute}: {quoted(column.name)}   # medium")
    numbers = documents(sheet, vocabulary.REGISTERS)
    return lines + entity("Organization", attributes) + contact_points(sheet) + numbers


def _orders(sheet: Sheet, key: Column | None) -> Lines:
    number = next((one for one in sheet.columns if one.plain in vocabulary.ORDER and one.complete), None)
    own = number if number and number.unique else key
    lines = [_key_line(sheet, own), "entities:"]
    head = _order_head(sheet, number)
    party, person = _whose(sheet, own)
    lines += entity("SalesOrder", head, party)
    return lines + person + _loose_identifiers(sheet, person)


def _order_head(sheet: Sheet, number: Column | None) -> Lines:
    head = []
    if number:
        sheet.use(number)
        head.append(f"orderNumber: {quoted(number.name)}   # high")
    time = sheet.take(vocabulary.WHEN - vocabulary.PAID, exact=True) or sheet.take(vocabulary.PAID, exact=True)
    if time:
        head.append(f"purchaseOrderDate: {sheet.dated(time)}   # high")
    total = sheet.take(vocabulary.TOTAL, exact=True)
    if total:
        head.append(f"grandTotalAmount: {sheet.number(total)}   # medium")
    for attribute, known in (
        ("currencyCode", {"currency", "currencycode"}), ("salesOrderStatusId", {"status", "orderstatus", "financialstatus"})
    ):  # fmt: skip
        column = sheet.take(known, exact=True)
        if column:
            head.append(f"{attribute}: {quoted(column.name)}   # high")
    return head


def _order_lines(sheet: Sheet, key: Column | None) -> Lines:
    order = sheet.take(vocabulary.ORDER, exact=True) or sheet.take({"name"}, exact=True)
    product = sheet.take({"sku", "stockcode", "lineitemsku"}, exact=True) or sheet.take(vocabulary.PRODUCT, exact=True)
    assert order is not None
    assert product is not None
    attributes = []
    for attribute, named in (("orderedQuantity", vocabulary.QUANTITY), ("unitPriceAmount", vocabulary.PRICE),
                             ("totalLineAmount", {"linetotal", "lineamount"})):  # fmt: skip
        number = sheet.take(named, exact=True)
        if number:
            attributes.append(f"{attribute}: {sheet.number(number)}   # high")
    text = sheet.take(vocabulary.PRODUCT_TEXT, exact=True)
    lines = [_key_line(sheet, sheet.line_key() or (key if key is not order else None)), "entities:"]
    column = quoted(order.name)
    lines += entity("SalesOrderProduct", attributes, [f"parent: {{entity: SalesOrder, key: {column}}}"])
    time = sheet.find(vocabulary.WHEN - vocabulary.PAID, exact=True) or sheet.find(vocabulary.PAID, exact=True)
    head = _order_head(sheet, order)
    once = time is not None and not time.complete
    when = [f"when: {{column: {quoted(time.name)}, not_empty: true}}   # the first row of each order"] if time else []
    party, person = _whose(sheet, order)
    if once and person:
        person[1:1] = [f"    {line}" for line in when]
    lines += entity("SalesOrder", head, [f"key: {column}", *(when if once else []), *party])
    labels = [f"productSKU: {quoted(product.name)}   # high"]
    if text:
        labels.append(f"name: {quoted(text.name)}   # medium")
    lines += entity("Product", labels, [f"key: {quoted(product.name)}"])
    return lines + person + _loose_identifiers(sheet, person or entity("SalesOrder", []))


def _whose(sheet: Sheet, own: Column | None) -> tuple[Lines, Lines]:
    """Return (lines of `party`, lines of the person that the file itself has).

    A customer id refers to the source of which it is the key. Where there is none, the file has the customers itself:
    by that id, or, where only a name is given, one for each record.
    """
    customer = sheet.take(vocabulary.CUSTOMER, exact=True)
    other = _source_of(sheet, customer) if customer else ""
    if customer and other:
        return [f"party: {{source: {other}, key: {quoted(customer.name)}}}   # medium: whose it is"], []
    key = customer or own
    found = names(sheet)
    if key is None or (customer is None and not found):
        return [], []
    parts = contact_points(sheet) if found else []
    return [], entity("Individual", found, [f"key: {quoted(key.name)}   # medium: whose it is"]) + parts


def _source_of(sheet: Sheet, customer: Column) -> str:
    """Return the source whose key the customer id is: of the same name, in the same family of sources first."""
    family = sheet.name.split("_")[0]
    fit = [
        other for other in sheet.others
        if isinstance(other.key, str) and other.primary == "Individual"
        and (plain(other.key) == customer.plain
             or (plain(other.key) == "id" and plain(other.name).removesuffix("s").endswith(customer.plain.removesuffix("id"))))
    ]  # fmt: skip
    near = [other for other in fit if other.name.split("_")[0] == family]
    chosen = near or (fit if len(fit) == 1 else [])
    return chosen[0].name if chosen else ""


def _loose_identifiers(sheet: Sheet, person: Lines) -> Lines:
    """Return e-mail, phone and loyalty number of an event as identifiers; of the person where the row has one."""
    found = [(column, "email") for column in emails(sheet)[:1]] + [(column, "phone") for column in phones(sheet)[:1]]
    card = sheet.take(vocabulary.LOYALTY)
    if card:
        found.append((card, "loyalty_number"))
    owner = person[0].removeprefix("  - entity: ") if person else ""
    return identifiers(sheet, found, owner)


def _payments(sheet: Sheet, key: Column | None) -> Lines:
    lines = [_key_line(sheet, key), "entities:"]
    attributes = [f"paymentNumber: {quoted(key.name)}   # high"] if key else []
    time = sheet.take(vocabulary.WHEN, exact=True)
    if time:
        attributes.append(f"paymentEffectiveDate: {sheet.dated(time)}   # high")
    amount = sheet.take(vocabulary.TOTAL, exact=True)
    if amount:
        attributes.append(f"paymentAmount: {sheet.number(amount)}   # high")
    for attribute, known in (("amountCurrency", {"currency", "currencycode"}), ("paymentStatusId", {"status"}),
                             ("salesOrderId", {"orderid"})):  # fmt: skip
        column = sheet.take(known, exact=True)
        if column:
            attributes.append(f"{attribute}: {quoted(column.name)}   # high")
    party, person = _whose(sheet, key)
    return lines + entity("Payment", attributes, party) + person + _loose_identifiers(sheet, person)


def _cases(sheet: Sheet, key: Column | None) -> Lines:
    number = sheet.find(vocabulary.CASE, exact=True)
    own = number if number and number.complete and number.unique else key
    lines = [_key_line(sheet, own), "entities:"]
    attributes = [f"caseNumber: {quoted(number.name)}   # high"] if number else []
    if number:
        sheet.use(number)
    time = sheet.take(vocabulary.WHEN, exact=True)
    if time:
        attributes.append(f"openedDateTime: {sheet.dated(time)}   # high")
    closed = sheet.take(vocabulary.CLOSED, exact=True)
    if closed:
        attributes.append(f"closedDateTime: {sheet.dated(closed)}   # high")
    for attribute, known in (
        ("subject", {"subject", "topic"}), ("status", {"status"}), ("priority", {"priority"}),
        ("channel", {"channel", "ticketchannel"}), ("contactName", {"requester", "requestername"}),
    ):  # fmt: skip
        column = sheet.take(known, exact=True)
        if column:
            attributes.append(f"{attribute}: {quoted(column.name)}   # high")
    party, person = _whose(sheet, own)
    return lines + entity("Case", attributes, party) + person + _loose_identifiers(sheet, person)


def _visits(sheet: Sheet, key: Column | None) -> Lines:
    lines = [_key_line(sheet, key), "entities:"]
    attributes = []
    time = sheet.take(vocabulary.WHEN, exact=True)
    if time:
        attributes.append(f"eventDateTime: {sheet.dated(time)}   # high")
    for attribute, known in (
        ("pageUrl", {"url", "page", "pageurl"}), ("eventType", {"event", "eventtype", "eventname", "type"}),
        ("referrerUrl", {"referrer", "referer"}), ("userAgent", {"useragent"}), ("sessionId", {"sessionid", "session"}),
    ):  # fmt: skip
        column = sheet.take(known, exact=True)
        if column:
            attributes.append(f"{attribute}: {quoted(column.name)}   # high")
    party, person = _whose(sheet, None)
    return lines + entity("WebsiteEngagement", attributes, party) + person + identifiers(sheet)


def _products(sheet: Sheet, key: Column | None) -> Lines:
    product = sheet.find(vocabulary.PRODUCT, exact=True)
    own = product if product and product.complete and product.unique else key
    lines = [_key_line(sheet, own), "entities:"]
    attributes = [f"productSKU: {quoted(product.name)}   # high"] if product else []
    if product:
        sheet.use(product)
    text = sheet.take(vocabulary.PRODUCT_TEXT, exact=True)
    if text:
        attributes.append(f"name: {quoted(text.name)}   # medium")
    price = sheet.take(vocabulary.PRICE, exact=True)
    if price:
        attributes.append(f"mSRPAmount: {sheet.number(price)}   # medium")
    return lines + entity("Product", attributes)


def _format(fmt: Format) -> str:
    parts = [f"type: {fmt.type}"]
    if fmt.type == "csv":
        mark = {"\t": '"\\t"'}.get(fmt.delimiter, f'"{fmt.delimiter}"')
        parts += [f"delimiter: {mark}", f"encoding: {fmt.encoding}", f"header: {str(bool(fmt.header)).lower()}"]
    parts += [f"{word}: {quoted(value)}" for word in ("member", "sheet", "root") if (value := getattr(fmt, word))]
    return "{" + ", ".join(parts) + "}"
