"""Headers that nobody had tuned the draft on when it met them, as other people's code and those systems' help print them.

Same form as in `headers.py`. The homes were written down before the draft was run on any of them.
"""

HELD_OUT = {
    "xero_contacts": """
*ContactName | Individual.personName or Organization.businessName | Ida Moss | Oli Fern
AccountNumber | key or Account.accountNumber | MOS001 | FER001
EmailAddress | ContactPointEmail.emailAddress | ida@example.com | oli@example.com
FirstName | Individual.firstName | Ida | Oli
LastName | Individual.lastName | Moss | Fern
POAttentionTo | | |
POAddressLine1 | ContactPointAddress.addressLine1 | 1 High Street | 2 High Street
POAddressLine2 | ContactPointAddress.addressLine2 | | Flat 2
POAddressLine3 | ContactPointAddress.addressLine3 | |
POAddressLine4 | ContactPointAddress.addressLine4 | |
POCity | ContactPointAddress.cityName | Bath | Bath
PORegion | ContactPointAddress.stateProvinceName | Somerset | Somerset
POPostalCode | ContactPointAddress.postalCodeText | BA1 1AA | BA1 1AB
POCountry | ContactPointAddress.countryName | United Kingdom | United Kingdom
SAAttentionTo | | |
SAAddressLine1 | ContactPointAddress.addressLine1 | 9 Old Road | 8 Old Road
SAAddressLine2 | ContactPointAddress.addressLine2 | |
SACity | ContactPointAddress.cityName | York | Leeds
SARegion | ContactPointAddress.stateProvinceName | Yorkshire | Yorkshire
SAPostalCode | ContactPointAddress.postalCodeText | YO1 7HH | LS1 4AB
SACountry | ContactPointAddress.countryName | United Kingdom | United Kingdom
PhoneNumber | ContactPointPhone.telephoneNumber | +441225460012 | +441225460013
FaxNumber | | +441225460092 | +441225460093
MobileNumber | ContactPointPhone.telephoneNumber | +447700900121 | +447700900123
DDINumber | ContactPointPhone.telephoneNumber | +441225460022 | +441225460023
SkypeName | ContactPointSocial.socialHandleName | ida.moss | oli.fern
BankAccountName | | Moss Ltd | Fern Ltd
BankAccountNumber | | 12345678 | 12345679
TaxNumber | PartyIdentification.identificationNumber or Organization.taxId | GB123456789 | GB987654321
AccountsReceivableTaxCodeName | | 20% | 20%
Website | PartyWebAddress.webSiteURL or Individual.webSiteURL | https://ida.example.com | https://oli.example.com
LegalName | Organization.legalName or Individual.officialName or Individual.currentEmployerName | Moss Ltd | Fern Ltd
Discount | | 0 | 5
CompanyNumber | | 0123 | 0124
DueDateBillDay | | 20 | 20
SalesAccount | | 200 | 200
BrandingTheme | | Standard | Standard
""",
    "etsy_orders": """
Sale Date | SalesOrder.purchaseOrderDate | 09/03/26 | 09/23/26
Order ID | key or SalesOrder.orderNumber | 9001 | 9002
Buyer User ID | @user_id or SalesOrder.soldToCustomerId or key | b1 | b2
Full Name | Individual.personName | Ida Moss | Oli Fern
First Name | Individual.firstName | Ida | Oli
Last Name | Individual.lastName | Moss | Fern
Number of Items | | 2 | 1
Payment Method | | Credit Card | Credit Card
Date Shipped | | 09/05/26 | 09/25/26
Street 1 | ContactPointAddress.addressLine1 | 1 High Street | 2 High Street
Street 2 | ContactPointAddress.addressLine2 | | Flat 2
Ship City | ContactPointAddress.cityName | Bath | Bath
Ship State | ContactPointAddress.stateProvinceName | Somerset | Somerset
Ship Zipcode | ContactPointAddress.postalCodeText | BA1 1AA | BA1 1AB
Ship Country | ContactPointAddress.countryName | United Kingdom | United Kingdom
Currency | SalesOrder.currencyCode | GBP | GBP
Order Value | SalesOrder.totalProductAmount | 20.00 | 10.00
Coupon Code | | SPRING |
Coupon Details | | |
Discount Amount | SalesOrder.totalAdjustmentAmount | 1.00 | 0.00
Shipping Discount | | 0.00 | 0.00
Shipping | SalesOrder.totalDeliveryAmount | 3.00 | 3.00
Sales Tax | SalesOrder.totalTaxAmount | 0.00 | 0.00
Order Total | SalesOrder.grandTotalAmount | 22.00 | 13.00
Status | SalesOrder.salesOrderStatusId | Completed | Completed
Card Processing Fees | | 0.90 | 0.50
Order Net | | 21.10 | 12.50
Adjusted Order Total | | 22.00 | 13.00
Buyer | | idamoss | olifern
Order Type | SalesOrder.salesOrderTypeId | online | online
Payment Type | | online_cc | online_cc
SKU | Product.productSKU or SalesOrderProduct.productSKU | MUG-B | MUG-R
""",
    "prestashop_customers": """
Customer ID | key | 1 | 2
Active (0/1) | | 1 | 1
Titles ID (Mr = 1, Ms = 2, else 0) | | 2 | 1
Email * | ContactPointEmail.emailAddress | ida@example.com | oli@example.com
Password * | secret | x | y
Birthday (yyyy-mm-dd) | Individual.birthDate | 1980-02-03 | 1981-05-06
Last Name * | Individual.lastName | Moss | Fern
First Name * | Individual.firstName | Ida | Oli
Newsletter (0/1) | ContactPointConsent.consentStatusId or PartyConsent.consentStatusId | 1 | 0
Opt-in (0/1) | ContactPointConsent.consentStatusId or PartyConsent.consentStatusId | 1 | 0
Registration date (yyyy-mm-dd) | Individual.customerSinceDate | 2022-01-01 | 2022-01-02
Groups (x,y,z...) | Individual.tags | 3 | 3
""",
    "eventbrite_attendees": """
Order # | key or SalesOrder.orderNumber | 1001 | 1002
Order Date | SalesOrder.purchaseOrderDate | 2024-11-29 22:28 | 2024-11-30 10:12
First Name | Individual.firstName | Ida | Oli
Last Name | Individual.lastName | Moss | Fern
Email | ContactPointEmail.emailAddress or @email | ida@example.com | oli@example.com
Quantity | SalesOrderProduct.orderedQuantity | 1 | 1
Price Tier | | |
Ticket Type | | General Admission | General Admission
Attendee # | key | 18441583423 | 18441583424
Group | | |
Order Type | SalesOrder.salesOrderTypeId | Paid Order | Paid Order
Currency | SalesOrder.currencyCode | GBP | GBP
Total Paid | SalesOrder.grandTotalAmount | 25.00 | 25.00
Fees Paid | | 2.00 | 2.00
Attendee Status | | Attending | Attending
Home Address 1 | ContactPointAddress.addressLine1 | 1 High Street | 2 High Street
Home Address 2 | ContactPointAddress.addressLine2 | | Flat 2
Home City | ContactPointAddress.cityName | Bath | Bath
Home State | ContactPointAddress.stateProvinceName | Somerset | Somerset
Home Zip | ContactPointAddress.postalCodeText | BA1 1AA | BA1 1AB
Home Country | ContactPointAddress.countryName | GB | GB
Cell Phone | ContactPointPhone.telephoneNumber or @phone | +447700900121 | +447700900123
Job Title | Individual.occupation | Buyer | Head of Buying
Company | Individual.currentEmployerName | Moss Ltd | Fern Ltd
""",
    "linkedin_connections": """
First Name | Individual.firstName | Ida | Oli
Last Name | Individual.lastName | Moss | Fern
URL | ContactPointSocial.socialHandleName or PartyWebAddress.webSiteURL or Individual.webSiteURL | https://www.linkedin.com/in/ida | https://www.linkedin.com/in/oli
Email Address | ContactPointEmail.emailAddress | ida@example.com | oli@example.com
Company | Individual.currentEmployerName | Moss Ltd | Fern Ltd
Position | Individual.occupation | Buyer | Head of Buying
Connected On | | 15 Mar 2024 | 16 Mar 2024
""",
    "constant_contact": """
Email address | ContactPointEmail.emailAddress | ida@example.com | oli@example.com
First name | Individual.firstName | Ida | Oli
Last name | Individual.lastName | Moss | Fern
Phone - home | ContactPointPhone.telephoneNumber | +441225460012 | +441225460013
Phone - mobile | ContactPointPhone.telephoneNumber | +447700900121 | +447700900123
Company | Individual.currentEmployerName | Moss Ltd | Fern Ltd
Job title | Individual.occupation | Head of Buying | Buyer
Street address line 1 - Home | ContactPointAddress.addressLine1 | 1 High Street | 2 High Street
City - Home | ContactPointAddress.cityName | Bath | Bath
State/Province - Home | ContactPointAddress.stateProvinceName | Somerset | Somerset
Zip/Postal Code - Home | ContactPointAddress.postalCodeText | BA1 1AA | BA1 1AB
Country - Home | ContactPointAddress.countryName | United Kingdom | United Kingdom
Email status | ContactPointConsent.consentStatusId | Active | Unsubscribed
Email permission status | ContactPointConsent.consentStatusId | Express | Implied
Tags | Individual.tags | vip | new
Email Lists | Individual.tags | Newsletter | Newsletter
Birthday | Individual.birthDate | 1980-02-03 | 1981-05-06
Anniversary | Individual.weddingAnniversaryDate | 2005-06-07 | 2010-07-08
Source Name | | Form | Form
Created At | | 2022-01-01 10:00:00 | 2022-01-02 10:00:00
Updated At | changed | 2023-01-01 10:00:00 | 2023-01-02 10:00:00
""",
    "lightspeed_customers": """
Internal ID | key | 1 | 2
Registered | Individual.customerSinceDate | 2022-01-01 10:00:00 | 2022-01-02 10:00:00
Language | Individual.languageCode | en | en
Firstname | Individual.firstName | Ida | Oli
LastnamePreposition | Individual.middleName | van | de
Lastname | Individual.lastName | Moss | Fern
E-Mail | ContactPointEmail.emailAddress | ida@example.com | oli@example.com
Phone | ContactPointPhone.telephoneNumber | +441225460012 | +441225460013
Mobile | ContactPointPhone.telephoneNumber | +447700900121 | +447700900123
Customer type | | private | company
Company | Individual.currentEmployerName | Moss Ltd | Fern Ltd
Coc number | | 0123 | 0124
Vat number | PartyIdentification.identificationNumber or Organization.taxId | GB123456789 | GB987654321
Attn | | |
Streetname | ContactPointAddress.addressLine1 | High Street | High Street
Address 2 | ContactPointAddress.addressLine2 | | Flat 2
Number | ContactPointAddress.houseNumber | 1 | 2
Extension | | |
Zipcode | ContactPointAddress.postalCodeText | BA1 1AA | BA1 1AB
City | ContactPointAddress.cityName | Bath | Bath
Region | ContactPointAddress.stateProvinceName | Somerset | Somerset
Country | ContactPointAddress.countryName | United Kingdom | United Kingdom
Shipping Streetname | ContactPointAddress.addressLine1 | Old Road | Old Road
Shipping Number | ContactPointAddress.houseNumber | 9 | 8
Shipping Zipcode | ContactPointAddress.postalCodeText | YO1 7HH | LS1 4AB
Shipping City | ContactPointAddress.cityName | York | Leeds
Shipping Country | ContactPointAddress.countryName | United Kingdom | United Kingdom
Groups | Individual.tags | wholesale | retail
Date of Birth | Individual.birthDate | 1980-02-03 | 1981-05-06
Gender | Individual.genderId | female | male
""",
}

# Met for the first time after the draft had been mended on those above.
MET_LAST = {
    "thunderbird_addresses": """
First Name | Individual.firstName | Ida | Oli
Last Name | Individual.lastName | Moss | Fern
Display Name | Individual.personName | Ida Moss | Oli Fern
Nickname | Individual.preferredName | Idy | Ol
Primary Email | ContactPointEmail.emailAddress | ida@example.com | oli@example.com
Secondary Email | ContactPointEmail.emailAddress | ida2@example.com | oli2@example.com
Screen Name | | |
Work Phone | ContactPointPhone.telephoneNumber | +441225460022 | +441225460023
Home Phone | ContactPointPhone.telephoneNumber | +441225460012 | +441225460013
Fax Number | | +441225460092 | +441225460093
Pager Number | | |
Mobile Number | ContactPointPhone.telephoneNumber | +447700900121 | +447700900123
Home Address | ContactPointAddress.addressLine1 | 1 High Street | 2 High Street
Home Address 2 | ContactPointAddress.addressLine2 | | Flat 2
Home City | ContactPointAddress.cityName | Bath | Bath
Home State | ContactPointAddress.stateProvinceName | Somerset | Somerset
Home ZipCode | ContactPointAddress.postalCodeText | BA1 1AA | BA1 1AB
Home Country | ContactPointAddress.countryName | United Kingdom | United Kingdom
Work Address | ContactPointAddress.addressLine1 | 9 Old Road | 8 Old Road
Work Address 2 | ContactPointAddress.addressLine2 | |
Work City | ContactPointAddress.cityName | York | Leeds
Work State | ContactPointAddress.stateProvinceName | Yorkshire | Yorkshire
Work ZipCode | ContactPointAddress.postalCodeText | YO1 7HH | LS1 4AB
Work Country | ContactPointAddress.countryName | United Kingdom | United Kingdom
Job Title | Individual.occupation | Head of Buying | Buyer
Department | | Buying | Buying
Organization | Individual.currentEmployerName | Moss Ltd | Fern Ltd
Web Page 1 | PartyWebAddress.webSiteURL or Individual.webSiteURL | https://ida.example.com | https://oli.example.com
Web Page 2 | | |
Birth Year | Individual.birthDateYear | 1980 | 1981
Birth Month | Individual.birthDateMonth | 2 | 5
Birth Day | Individual.birthDateDay | 3 | 6
Custom 1 | | |
Notes | Individual.noteText | likes mugs |
""",
    "ebay_orders": """
Sales Record Number | key or SalesOrder.orderNumber | 112 | 113
Order Number | key or SalesOrder.orderNumber | 24-14934-88735 | 24-14934-88736
Buyer Username | @user_id or key or SalesOrder.soldToCustomerId | idamoss | olifern
Buyer Name | Individual.personName | Ida Moss | Oli Fern
Buyer Email | ContactPointEmail.emailAddress or @email | ida@example.com | oli@example.com
Buyer Note | SalesOrder.description | leave with the neighbour |
Buyer Address 1 | ContactPointAddress.addressLine1 | 1 High Street | 2 High Street
Buyer Address 2 | ContactPointAddress.addressLine2 | | Flat 2
Buyer City | ContactPointAddress.cityName | Bath | Bath
Buyer State | ContactPointAddress.stateProvinceName | Somerset | Somerset
Buyer Zip | ContactPointAddress.postalCodeText | BA1 1AA | BA1 1AB
Buyer Country | ContactPointAddress.countryName | United Kingdom | United Kingdom
Ship To Name | | Ida Moss | Oli Fern
Ship To Phone | ContactPointPhone.telephoneNumber or @phone | +441225460012 | +441225460013
Ship To Address 1 | ContactPointAddress.addressLine1 | 1 High Street | 2 High Street
Ship To Address 2 | ContactPointAddress.addressLine2 | | Flat 2
Ship To City | ContactPointAddress.cityName | Bath | Bath
Ship To State | ContactPointAddress.stateProvinceName | Somerset | Somerset
Ship To Zip | ContactPointAddress.postalCodeText | BA1 1AA | BA1 1AB
Ship To Country | ContactPointAddress.countryName | United Kingdom | United Kingdom
Item Number | key or SalesOrderProduct.productSKU or Product.productSKU | 318508625049 | 318508625050
Item Title | Product.name or SalesOrderProduct.name | Mug blue | Mug red
Custom Label | Product.productSKU or SalesOrderProduct.productSKU | MUG-B | MUG-R
Sold Via Promoted Listings | | No | No
Quantity | SalesOrderProduct.orderedQuantity | 1 | 2
Sold For | SalesOrderProduct.unitPriceAmount or SalesOrder.totalProductAmount or SalesOrderProduct.totalLineAmount | 20.00 | 10.00
Shipping And Handling | SalesOrder.totalDeliveryAmount | 3.00 | 3.00
Total Price | SalesOrder.grandTotalAmount | 23.00 | 13.00
Sale Date | SalesOrder.purchaseOrderDate | 2026-07-25 | 2026-07-26
Transaction ID | | 1001 | 1002
""",
    "amazon_orders": """
order-id | key or SalesOrder.orderNumber | 111-2222222-3333333 | 123-4567890-1234567
order-item-id | key | 11111111111111 | 22222222222222
purchase-date | SalesOrder.purchaseOrderDate | 2009-01-01T10:50:49-08:00 | 2009-01-02T10:50:49-08:00
payments-date | | 2009-01-05T10:50:49-08:00 | 2009-01-06T10:50:49-08:00
buyer-email | ContactPointEmail.emailAddress or @email | ida@example.com | oli@example.com
buyer-name | Individual.personName | Ida Moss | Oli Fern
buyer-phone-number | ContactPointPhone.telephoneNumber or @phone | +441225460012 | +441225460013
sku | Product.productSKU or SalesOrderProduct.productSKU or key | MUG-B | MUG-R
product-name | Product.name or SalesOrderProduct.name | Mug blue | Mug red
quantity-purchased | SalesOrderProduct.orderedQuantity | 1 | 2
currency | SalesOrder.currencyCode | GBP | GBP
item-price | SalesOrderProduct.unitPriceAmount | 20.00 | 10.00
item-tax | SalesOrderProduct.totalTaxAmount | 0.00 | 0.00
shipping-price | SalesOrder.totalDeliveryAmount | 3.00 | 3.00
shipping-tax | | 0.00 | 0.00
ship-service-level | | Standard | Standard
recipient-name | | Ida Moss | Oli Fern
ship-address-1 | ContactPointAddress.addressLine1 | 1 High Street | 2 High Street
ship-address-2 | ContactPointAddress.addressLine2 | | Flat 2
ship-address-3 | ContactPointAddress.addressLine3 | |
ship-city | ContactPointAddress.cityName | Bath | Bath
ship-state | ContactPointAddress.stateProvinceName | Somerset | Somerset
ship-postal-code | ContactPointAddress.postalCodeText | BA1 1AA | BA1 1AB
ship-country | ContactPointAddress.countryName | GB | GB
ship-phone-number | ContactPointPhone.telephoneNumber or @phone | +441225460012 | +441225460013
""",
}
MET_LAST |= {
    "givebutter_contacts": """
Givebutter Contact ID | key | 101 | 102
Contact External ID | | x-1 | x-2
Prefix | Individual.salutation | Ms | Mr
First Name | Individual.firstName | Ida | Oli
Middle Name | Individual.middleName | Ann | Max
Last Name | Individual.lastName | Moss | Fern
Primary Email | ContactPointEmail.emailAddress | ida@example.com | oli@example.com
Primary Phone Number | ContactPointPhone.telephoneNumber | +441225460012 | +441225460013
Email Addresses | ContactPointEmail.emailAddress | ida@example.com | oli@example.com
Phone Numbers | ContactPointPhone.telephoneNumber | +441225460012 | +441225460013
Gender | Individual.genderId | female | male
Date of Birth | Individual.birthDate | 1980-02-03 | 1981-05-06
Employer | Individual.currentEmployerName | Moss Ltd | Fern Ltd
Title | Individual.occupation | Head of Buying | Buyer
Household Name | Household.name | Moss | Fern
Household Envelope Name | Individual.mailingName | The Mosses | The Ferns
Is Household Primary Contact | | Yes | Yes
Tags | Individual.tags | vip | new
Notes | Individual.noteText | likes mugs |
Email Subscription Status | ContactPointConsent.consentStatusId | subscribed | unsubscribed
Phone Subscription Status | ContactPointConsent.consentStatusId | subscribed | unsubscribed
Address Subscription Status | ContactPointConsent.consentStatusId or PartyConsent.consentStatusId | subscribed | subscribed
""",
    "woocommerce_orders": """
Order Number | key or SalesOrder.orderNumber | 5001 | 5002
Order Status | SalesOrder.salesOrderStatusId | completed | processing
Order Date | SalesOrder.purchaseOrderDate | 2025-04-01 | 2025-04-02
Customer Note | SalesOrder.description | leave with the neighbour |
First Name (Billing) | Individual.firstName | Ida | Oli
Last Name (Billing) | Individual.lastName | Moss | Fern
Company (Billing) | Individual.currentEmployerName | Moss Ltd | Fern Ltd
Address 1&2 (Billing) | ContactPointAddress.addressLine1 | 1 High Street | 2 High Street Flat 2
City (Billing) | ContactPointAddress.cityName | Bath | Bath
State Code (Billing) | ContactPointAddress.stateProvinceName | SOM | SOM
Postcode (Billing) | ContactPointAddress.postalCodeText | BA1 1AA | BA1 1AB
Country Code (Billing) | ContactPointAddress.countryName | GB | GB
Email (Billing) | ContactPointEmail.emailAddress or @email | ida@example.com | oli@example.com
Phone (Billing) | ContactPointPhone.telephoneNumber or @phone | +441225460012 | +441225460013
First Name (Shipping) | | Ida | Oli
Last Name (Shipping) | | Moss | Fern
Address 1&2 (Shipping) | ContactPointAddress.addressLine1 | 1 High Street | 2 High Street
City (Shipping) | ContactPointAddress.cityName | Bath | Bath
State Code (Shipping) | ContactPointAddress.stateProvinceName | SOM | SOM
Postcode (Shipping) | ContactPointAddress.postalCodeText | BA1 1AA | BA1 1AB
Country Code (Shipping) | ContactPointAddress.countryName | GB | GB
Order Subtotal Amount | SalesOrder.totalProductAmount | 30.00 | 31.00
Order Total Amount | SalesOrder.grandTotalAmount | 36.00 | 37.00
Order Shipping Amount | SalesOrder.totalDeliveryAmount | 6.00 | 6.00
Cart Discount Amount | SalesOrder.totalAdjustmentAmount | 0.00 | 0.00
Order Refund Amount | SalesOrder.refundedAmount | 0.00 | 0.00
Item # | | 1 | 1
SKU | Product.productSKU or SalesOrderProduct.productSKU | MUG-B | MUG-R
Item Name | Product.name or SalesOrderProduct.name | Mug blue | Mug red
Quantity | SalesOrderProduct.orderedQuantity | 1 | 2
Item Cost | SalesOrderProduct.unitPriceAmount | 30.00 | 15.50
""",
}
