"""What exports call their columns: letters and digits only, in lower case, without accents."""


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


PREFIXES = words(
    "default primary main mailing billing shipping delivery invoice home work business office private customer client "
    "contact user member person subscriber requester buyer guest recipient attendee address addr bill ship to other personal "
    "card postal permanent registered preferred current alternate alternative secondary additional"
)
"""Words before a name that say which one it is, not what."""
SUFFIXES = words(
    "value home work primary business office private personal main other mobile cell mailing billing shipping delivery"
)
"""Words behind a name that say which one it is; numbers do as well."""
GROUPS = words(
    "default mailing billing shipping delivery invoice home work business office private other bill ship card postal "
    "permanent registered secondary additional alternate alternative"
)
"""Words that tell one address from another."""
OTHERS = words(
    "assistant spouse partner manager emergency parent mother father child owner assignee agent rep representative "
    "salesperson seller referrer referred referral creator creatorid supervisor guardian phonetic yomi created modified "
    "employer"
)
"""Words of a column that is about somebody else, or about how a name sounds."""

NAMES = {
    "firstName": words("firstname givenname given first forename fname vorname prenom namefirst voornaam nombre"),
    "lastName": words(
        "lastname surname familyname last family lname nachname nom namelast achternaam apellido apellidos"
    ),
    "middleName": words("middlename middle namemiddle"),
    "personName": words("fullname name customername personname displayname contactname namefull clientname membername"),
    "nameSuffix": words("suffix namesuffix"),
    "salutation": words("salutation title anrede prefix nameprefix honorific"),
}
NETWORKS = words("facebook twitter linkedin instagram skype youtube tiktok xing pinterest snapchat telegram")
PERSON = {
    "birthDate": words("birthdate born dob dateofbirth birthday geburtsdatum birth datenaissance"),
    "birthPlace": words("birthplace placeofbirth"),
    "genderId": words("gender sex geschlecht"),
    "occupation": words("occupation jobtitle job profession title organizationtitle position designation jobrole"),
    "languageCode": words("language languagecode locale preferredlanguage"),
}
ADDRESS = {
    "addressLine1": words(
        "address1 addressline1 street streetname streetaddress streetaddress1 streetaddressline1 addressstreet address strasse "
        "street1 line1 full adresse"
    ),
    "addressLine2": words(
        "address2 addressline2 street2 line2 streetaddress2 streetaddressline2 extendedaddress unitnumber apartment apartmentnumber "
        "apt aptnumber flatnumber suite suitenumber"
    ),
    "addressLine3": words("address3 addressline3 street3 line3"),
    "addressLine4": words("address4 addressline4 street4 line4"),
    "houseNumber": words("streetnumber housenumber hausnummer houseno"),
    "cityName": words("city town suburb ort stadt cityname locality ville"),
    "postalCodeText": words("postcode zip zipcode postalcode plz postcodefake codepostal"),
    "stateProvinceName": words(
        "state province region stateregion county statecode provincecode stateprovince bundesland"
    ),
    "countryName": words("country countryname countrycode land countryregion pays cc"),
}
EMAIL = words("email emailaddress mail emails useremail customeremail contactemail emailid courriel")
PHONE = words(
    "phone phonenumber phones phonenumbers mobile telephone tel mobilephone cell cellphone telefon homephone workphone customerphone "
    "contactphone mobilenumber mobilephonenumber telephonenumber handy phoneno mobileno telefonnummer telno telnumber "
    "cellnumber cellphonenumber ddi ddinumber directdial directline directnumber landline landlinenumber sms whatsapp whatsappnumber smsnumber msisdn"
)
LOYALTY = words(
    "loyaltynumber loyaltycard loyaltyid cardnumber membernumber loyalty loyaltycardnumber memberno cardno loyaltyno "
    "loyaltycardno"
)
COMPANY = words(
    "company companyname organization organisation organizationname organisationname employer employername accountname businessname "
    "legalname tradingname accountorganisation primarynameorg nameorg firma organization1name addresscompany"
)
COMPANY_FACTS = {
    "primaryIndustryName": words("industry primaryindustry sector"),
    "employeeCount": words("numberofemployees employees employeecount headcount"),
    "taxId": words("vatid vatnumber taxid taxidnumber"),
    "companyType": words("companytype"),
}
COMPANY_SIGNS = words(
    "industry website numberofemployees employees vatid vatnumber lei leinumber duns dunsnumber annualrevenue domain sector "
    "companynumber companyregistrationnumber registrationnumber"
)
SCHEMES = {
    "passport": words("passport passportnumber passportno"),
    "ssn": words("ssn ssnnumber socialsecuritynumber socsecid"),
    "national_id": words("nationalid nationalidnumber"),
    "tax_id": words(
        "taxid taxidnumber taxnumber taxno vat vatid vatno vatnumber vatregistrationnumber taxregistrationnumber taxvat "
        "taxvatnumber taxcode fiscalcode"
    ),
    "drivers_license": words("driverslicense driverslicensenumber driverlicence licencenumber"),
}
REGISTERS = {
    "registration_number": words(
        "registrationnumber registrationno companyregistrationnumber companyregistrationno companynumber companyno "
        "companyregno registerednumber registeredcompanynumber registryid crn handelsregisternummer registernummer hrb siren "
        "kvknumber organisationnumber organizationnumber"
    ),
    "lei": words("lei leinumber leicode legalentityidentifier"),
    "duns": words("duns dunsnumber dunsno"),
}
"""Numbers by which registers know organisations."""
KEYS = words(
    "accountnumber accountno accountcode accountref customercode customerref clientcode contactcode membercode usercode"
)
"""Names of a key that do not end like one."""
USER = words("userid loginid login username")
"""Not accountid: in the CRM of a business it is the company, which its people share."""
ANONYMOUS = {
    "anonymousid": "anonymous_id", "cookieid": "cookie", "cookie": "cookie", "deviceid": "device_id",
    "visitorid": "anonymous_id",
}  # fmt: skip
CHANGES = words("updated update modified modification changed change edited edit modify")
CHANGED_BESIDE = words(
    "last date time at on datetime timestamp utc gmt record contact person customer user profile subscriber account member"
)
"""Words that a column may have beside one of `CHANGES` and still say when the row was changed."""
ORDER = words(
    "orderid ordernumber orderno invoice invoiceno invoiceid receiptid receipt transactionid order receiptnumber "
    "receiptno invoicenumber bon ordernum orderref orderreference salenumber saleid"
)
CUSTOMER = words(
    "customerid customer custid clientid contactid customernumber customerno memberid kundennummer custno buyerid"
)
PRODUCT = words(
    "sku stockcode productid productcode productsku itemsku itemid itemnumber itemno itemcode product item lineitemsku "
    "articleno articlenumber ean"
)
PRODUCT_TEXT = words(
    "description productname itemname itemtitle productdescription itemdescription producttitle lineitemname title name item product"
)
QUANTITY = words(
    "quantity qty orderedquantity quantityordered quantitypurchased itemquantity productquantity lineitemquantity menge"
)
PRICE = words("price unitprice unitcost itemprice itemcost productprice priceeach lineitemprice listprice preis")
TOTAL = words("total grandtotal totalpaid amountpaid amount totalamount ordertotal totalprice sum value summe")
CASE = words("ticketid caseid casenumber ticket case ticketnumber")
CASE_SIGNS = words(
    "subject requester requestername submitter reporter assignee agent priority tickettype casetype ticketstatus casestatus "
    "solvedat resolvedat resolvedtime resolutiontime satisfaction satisfactionscore"
)
"""Three of them say that a row is a case, whatever its number is called."""
PAYMENT = words("amountrefunded paymentid chargeid paymentintentid")
SECRET = words("password passwordhash token rptoken secret salt passwd pin")
PAID = words("paidat datepaid paiddate")
WHEN = words(
    "orderdate invoicedate date createdat orderedat timestamp datetime purchasedat created time eventtime visitedat "
    "openedat soldat createdutc createddate createdtime createdon creationdate creationtime datecreated dateplaced placedat "
    "ordertime orderplaced saledate saletime datetimeofsale paidat datepaid paiddate purchasedate transactiondate opened "
    "eventdate"
)
CLOSED = words(
    "closedat solvedat resolvedat closed closedtime closedon closeddate dateclosed resolvedtime resolvedon resolveddate "
    "completedat solved"
)
SALUTATIONS = words("mr mrs ms miss mx dr prof professor sir dame lord lady herr frau mme mlle m rev hr fr sr sra")
