"""What exports call their columns: letters and digits only, in lower case, without accents."""


def words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


PREFIXES = words(
    "default primary main mailing billing shipping delivery home work customer client contact user member person "
    "requester buyer guest recipient address addr bill ship to other personal card"
)
"""Words before a name that say which one it is, not what."""
SUFFIXES = words("value 1 home work primary")
GROUPS = words("default mailing billing shipping delivery home work other bill ship card")
"""Prefixes that tell one address from another."""

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
PERSON = {
    "birthDate": words("birthdate born dob dateofbirth birthday geburtsdatum birth datenaissance"),
    "birthPlace": words("birthplace placeofbirth"),
    "genderId": words("gender sex geschlecht"),
    "occupation": words("occupation jobtitle job profession title organizationtitle"),
    "languageCode": words("language languagecode locale preferredlanguage"),
}
ADDRESS = {
    "addressLine1": words(
        "address1 addressline1 street streetaddress streetaddress1 address strasse street1 line1 full adresse"
    ),
    "addressLine2": words("address2 addressline2 street2 line2 streetaddress2 extendedaddress"),
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
    "phone phonenumber mobile telephone tel mobilephone cell cellphone telefon homephone workphone customerphone "
    "contactphone mobilenumber mobilephonenumber telephonenumber handy phoneno mobileno telefonnummer"
)
LOYALTY = words(
    "loyaltynumber loyaltycard loyaltyid cardnumber membernumber loyalty loyaltycardnumber memberno cardno loyaltyno "
    "loyaltycardno"
)
COMPANY = words(
    "company companyname organization organisation organizationname organisationname employer accountname businessname "
    "legalname primarynameorg nameorg firma organization1name addresscompany"
)
COMPANY_FACTS = {
    "primaryIndustryName": words("industry primaryindustry sector"),
    "employeeCount": words("numberofemployees employees employeecount headcount"),
    "taxId": words("vatid vatnumber taxid taxidnumber"),
    "companyType": words("companytype"),
}
COMPANY_SIGNS = words(
    "industry website numberofemployees employees vatid lei leinumber duns annualrevenue domain sector"
)
SCHEMES = {
    "passport": words("passport passportnumber passportno"),
    "ssn": words("ssn ssnnumber socialsecuritynumber socsecid"),
    "national_id": words("nationalid nationalidnumber"),
    "tax_id": words("taxid taxidnumber vatid vatnumber taxvat taxvatnumber"),
    "drivers_license": words("driverslicense driverslicensenumber driverlicence licencenumber"),
}
USER = words("userid loginid login username")
"""Not accountid: in the CRM of a business it is the company, which its people share."""
ANONYMOUS = {
    "anonymousid": "anonymous_id", "cookieid": "cookie", "cookie": "cookie", "deviceid": "device_id",
    "visitorid": "anonymous_id",
}  # fmt: skip
CHANGED = words(
    "updatedat modifiedat lastmodified lastmodifieddate modified updated changedat lastupdated dateupdated lastchanged "
    "lastmodifiedat updateddate modifieddate"
)
ORDER = words(
    "orderid ordernumber orderno invoice invoiceno invoiceid receiptid receipt transactionid order receiptnumber "
    "receiptno invoicenumber bon"
)
CUSTOMER = words(
    "customerid customer custid clientid contactid customernumber customerno memberid kundennummer custno buyerid"
)
PRODUCT = words("sku stockcode productid productcode itemid product item lineitemsku articleno ean")
PRODUCT_TEXT = words("description productname itemname producttitle lineitemname title name item product")
QUANTITY = words("quantity qty orderedquantity lineitemquantity menge")
PRICE = words("price unitprice priceeach lineitemprice listprice preis")
TOTAL = words("total grandtotal amount totalamount ordertotal totalprice sum value summe")
CASE = words("ticketid caseid casenumber ticket case ticketnumber")
PAYMENT = words("amountrefunded paymentid chargeid paymentintentid")
SECRET = words("password passwordhash token rptoken secret salt passwd pin")
PAID = words("paidat")
WHEN = words(
    "orderdate invoicedate date createdat orderedat timestamp datetime purchasedat created time eventtime visitedat "
    "openedat soldat createdutc createddate paidat purchasedate transactiondate opened eventdate"
)
SALUTATIONS = words("mr mrs ms miss mx dr prof professor sir dame lord lady herr frau mme mlle m rev hr fr sr sra")
