"""Headers of well-known exports with made-up rows: (columns, rows)."""

EXPORTS = {
    "hubspot_contacts": (
        "Record ID|First Name|Last Name|Email|Phone Number|Contact owner|Lead Status|Create Date|Last Modified Date|Company name|Job Title|City|Country/Region|Postal Code",
        [
            "101|Mira|Quill|mira.quill@example.org|+44 20 7946 0011|Owner A|New|2023-01-02 10:00|2023-05-02 10:00|Quill Ltd|Buyer|Leeds|United Kingdom|LS1 4AB",
            "102|Tom|Reed|tom.reed@example.org|+44 20 7946 0012|Owner A|Open|2023-01-03 10:00|2023-05-03 10:00|Reed Ltd|Head|York|United Kingdom|YO1 7HH",
        ],
    ),
    "shopify_customers": (
        "Customer ID|First Name|Last Name|Email|Accepts Email Marketing|Default Address Company|Default Address Address1|Default Address Address2|Default Address City|Default Address Province Code|Default Address Country Code|Default Address Zip|Default Address Phone|Phone|Accepts SMS Marketing|Total Spent|Total Orders|Note|Tax Exempt|Tags",
        [
            "'7001|Ida|Moss|ida@example.com|yes||1 High Street||Bath|ENG|GB|BA1 1AA|+441225460012|+441225460012|no|12.50|1||no|vip, new",
            "'7002|Oli|Fern|oli@example.com|no||2 High Street|Flat 2|Bath|ENG|GB|BA1 1AB|||no|0.00|0||no|",
        ],
    ),
    "shopify_orders": (
        "Name|Email|Financial Status|Paid at|Fulfillment Status|Currency|Subtotal|Shipping|Taxes|Total|Created at|Lineitem quantity|Lineitem name|Lineitem price|Lineitem sku|Billing Name|Billing Street|Billing City|Billing Zip|Billing Country|Billing Phone|Shipping Name|Shipping Street|Shipping City|Shipping Zip|Shipping Country|Id",
        [
            "#1001|ida@example.com|paid|2023-04-30 11:47:08 -0400|fulfilled|GBP|20.00|3.00|0.00|23.00|2023-04-30 11:47:08 -0400|1|Mug blue|10.00|MUG-B|Ida Moss|1 High Street|Bath|BA1 1AA|GB|+441225460012|Ida Moss|1 High Street|Bath|BA1 1AA|GB|5001",
            "#1001|ida@example.com||||||||||2|Mug red|5.00|MUG-R||||||||||||",
            "#1002|oli@example.com|paid|2023-05-01 09:00:00 -0400|fulfilled|GBP|10.00|3.00|0.00|13.00|2023-05-01 09:00:00 -0400|1|Mug blue|10.00|MUG-B|Oli Fern|2 High Street|Bath|BA1 1AB|GB||Oli Fern|2 High Street|Bath|BA1 1AB|GB|5002",
        ],
    ),
    "mailchimp_members": (
        "Email Address|First Name|Last Name|Address|Phone Number|Birthday|MEMBER_RATING|OPTIN_TIME|OPTIN_IP|CONFIRM_TIME|CONFIRM_IP|LATITUDE|LONGITUDE|CC|REGION|LAST_CHANGED|LEID|EUID|NOTES|TAGS",
        [
            'ida@example.com|Ida|Moss|1 High Street Bath|||2|2022-01-01 10:00:00|192.0.2.1|2022-01-01 10:05:00|192.0.2.1|51.3|-2.3|GB|ENG|2023-01-01 08:00:00|500001|ab12cd34ef|| "new"',
            "zed@example.com|Zed|Pike||||3|2022-02-01 10:00:00|192.0.2.2|2022-02-01 10:05:00|192.0.2.2|51.4|-2.4|GB|ENG|2023-01-02 08:00:00|500002|ab12cd34eg||",
        ],
    ),
    "zendesk_tickets": (
        "Ticket ID|Subject|Status|Priority|Requester|Requester email|Assignee|Group|Created at|Updated at|Solved at|Ticket channel|Satisfaction",
        [
            "1|Where is my parcel|solved|normal|Ida Moss|ida@example.com|Agent A|Support|2023-05-02 08:00:00|2023-05-03 08:00:00|2023-05-03 08:00:00|Email|good",
            "2|Broken mug|open|high|Oli Fern|oli@example.com|Agent B|Support|2023-05-04 08:00:00|2023-05-04 09:00:00||Web|",
        ],
    ),
    "stripe_customers": (
        "id|Description|Email|Name|Created (UTC)|Delinquent|Card ID|Card Last4|Card Brand|Total Spend|Payment Count",
        [
            "cus_A1||ida@example.com|Ida Moss|2022-12-01 10:00|false|card_1|4242|Visa|23.00|1",
            "cus_A2||oli@example.com|Oli Fern|2022-12-02 10:00|false|card_2|4243|Visa|13.00|1",
        ],
    ),
    "stripe_payments": (
        "id|Created (UTC)|Amount|Amount Refunded|Currency|Fee|Status|Card ID|Customer ID|Customer Email",
        [
            "ch_1|2023-04-30 15:47|23.00|0.00|gbp|0.60|Paid|card_1|cus_A1|ida@example.com",
            "ch_2|2023-05-01 13:00|13.00|0.00|gbp|0.40|Paid|card_2|cus_A2|oli@example.com",
        ],
    ),
    "salesforce_contacts": (
        "Id|AccountId|LastName|FirstName|Salutation|Title|MailingStreet|MailingCity|MailingState|MailingPostalCode|MailingCountry|Phone|MobilePhone|Email|Birthdate|LeadSource|CreatedDate|LastModifiedDate|SystemModstamp",
        [
            "003A1|001A|Moss|Ida|Ms.|Head of Buying|1 High Street|Bath|Somerset|BA1 1AA|United Kingdom|+441225460012||ida@example.com|1980-02-03|Web|2022-01-01T10:00:00.000Z|2023-01-01T10:00:00.000Z|2023-01-01T10:00:00.000Z",
            "003A2|001A|Fern|Oli|Mr.|Buyer|2 High Street|Bath|Somerset|BA1 1AB|United Kingdom||+447700900123|oli@example.com||Web|2022-01-02T10:00:00.000Z|2023-01-02T10:00:00.000Z|2023-01-02T10:00:00.000Z",
        ],
    ),
    "salesforce_accounts": (
        "Id|Name|Type|BillingStreet|BillingCity|BillingPostalCode|BillingCountry|Phone|Website|Industry|NumberOfEmployees|Account Name",
        [
            "001A|Moss Ltd|Customer|1 High Street|Bath|BA1 1AA|United Kingdom|+441225460012|www.example.com|Retail|12|Moss Ltd",
            "001B|Fern Ltd|Customer|2 High Street|Bath|BA1 1AB|United Kingdom||www.example.org|Retail|5|Fern Ltd",
        ],
    ),
    "till_receipts": (
        "receipt_no|till|store|card_no|sold_at|sku|item|qty|price|total",
        [
            "R1|3|S01|9900112233|13/04/2023 10:15|MUG-B|Mug blue|1|10.00|10.00",
            "R1|3|S01|9900112233|13/04/2023 10:15|MUG-R|Mug red|2|5.00|10.00",
            "R2|3|S01||14/04/2023 11:00|MUG-B|Mug blue|1|10.00|10.00",
        ],
    ),
    "loyalty_members": (
        "card_no|first_name|surname|dob|mobile|email|points|tier|join_date",
        [
            "9900112233|Ida|Moss|03/02/1980|07700 900001|ida@example.com|120|gold|01/05/2019",
            "9900112234|Oli|Fern|23/02/1981|07700 900002||20|base|02/05/2019",
        ],
    ),
    "web_visits": (
        "event_id|anonymous_id|cookie_id|user_id|session_id|timestamp|event|page_url|referrer|user_agent|device_id",
        [
            "e1|an-1|ck-1||s1|2023-05-01T10:00:00Z|page_view|https://shop.example.com/|https://search.example.com/|UA|d-1",
            "e2|an-1|ck-1|u7|s1|2023-05-01T10:01:00Z|page_view|https://shop.example.com/mugs|https://shop.example.com/|UA|d-1",
        ],
    ),
    "google_contacts": (
        "Name|Given Name|Family Name|Birthday|Notes|E-mail 1 - Value|Phone 1 - Type|Phone 1 - Value|Address 1 - Street|Address 1 - City|Address 1 - Postal Code|Address 1 - Country|Organization 1 - Name",
        [
            "Ida Moss|Ida|Moss|1980-02-03||ida@example.com|Mobile|+447700900001|1 High Street|Bath|BA1 1AA|United Kingdom|Moss Ltd",
            "Oli Fern|Oli|Fern|||oli@example.com|Mobile|+447700900002|2 High Street|Bath|BA1 1AB|United Kingdom|",
        ],
    ),
    "shop_customers": (
        "customer_id|email|phone|first_name|last_name|postcode|country|password_hash|updated_at",
        [
            "C1|ida@example.com|07700 900001|Ida|Moss|BA1 1AA|GB|$2b$x|2023-01-01 10:00:00",
            "C2|oli@example.com||Oli|Fern|BA1 1AB|GB|$2b$y|2023-01-01 11:00:00",
        ],
    ),
    "shop_orders": (
        "order_id|customer_id|order_date|total|currency|status|email",
        [
            "O1|C1|2023-02-01 10:00|12.50|GBP|paid|ida@example.com",
            "O2||2023-02-02 10:00|9.00|GBP|paid|guest@example.com",
        ],
    ),
    "kunden": (
        "Kundennummer|Anrede|Vorname|Nachname|Strasse|PLZ|Ort|Land|Telefon|E-Mail|Geburtsdatum|Umsatz",
        [
            "10|Frau|Ida|Moos|Hauptstr. 1|10115|Berlin|Deutschland|030 901820|ida@example.de|03.02.1980|1.234,50",
            "11|Herr|Ole|Farn|Hauptstr. 2|10117|Berlin|Deutschland|030 901821|ole@example.de|13.02.1981|99,00",
        ],
    ),
}  # fmt: skip
