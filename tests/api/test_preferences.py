"""The preference centre over HTTP: what a link lets in to, what its pages change, what nobody learns."""

import io
import json
import re
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import yaml
from fastapi.testclient import TestClient
from tests import commands

from steelthread import api as api_package
from steelthread.api import create_api, create_key
from steelthread.api.preference_page import LANGUAGES, spoken, words_of
from steelthread.kit import Invalid, Misused, NotFound
from steelthread.rights import About, Brand, Consents, Links, RequestDesk, Saying, Wanted, erase
from steelthread.rights import links as links_module

CRM = """customer_id,first_name,last_name,email,phone,loyalty_number,birth_date,postcode,city,street
1,Ann,<b>Needle</b>,ann.needle@example.com,+442079460958,LN-77-1001,1980-02-03,BA1 1AA,Bath,1 High Street
2,Bob,Moss,bob.moss@example.com,+442079460999,LN-77-1002,1981-02-03,BA1 1AB,Bath,2 High Street
"""
ORDERS = """name: orders
key: order
party: {source: crm, entity: Individual, key: customer}
entities:
  - entity: SalesOrder
    attributes: {orderNumber: order, purchaseOrderDate: at, grandTotalAmount: total, currencyCode: {constant: GBP}}
"""
PURPOSES = """purposes:
  operations: {description: Running the business with you, legalBasis: contract}
  analytics: {description: Learning what helps, legalBasis: legitimate_interests, effect: profiling}
  marketing: {description: Telling you of what we offer, channels: [email, sms], covers: [direct_marketing], recipients: [Mail House Ltd], retention: 2 years}
  marketing.newsletter: {description: The newsletter, channels: [email], doubleOptIn: true, fields: [firstName, emailAddress]}
  partners: {description: Partners, legalBasis: legitimate_interests, covers: [sharing]}
"""
BRANDS = """brands:
  acme:
    name: Acme & Sons
    colour: "#0a7d55"
    contact: privacy@acme.example
    website: https://acme.example
    place: DE
    texts: {marketing.newsletter: {de: Der Rundbrief, fr: La lettre}}
  kids: {name: Acme Kids, colour: "#ffd400", purposes: [marketing]}
"""
ANN, BOB, NOBODY = "email:ann.needle@example.com", "email:bob.moss@example.com", "email:no.body@example.com"


class Visitor:
    """A person with a link, and the ledger beside."""

    def __init__(self, space):
        self.space = space
        self.api = create_api(space)
        self.client = TestClient(self.api)
        self.links = Links(space)

    def link(self, ref=ANN, **how):
        return self.links.make(Wanted(ref=ref, **how)).path

    def get(self, path, **how):
        return self.client.get(path, **how)

    def post(self, path, deed, headers=None, **form):
        return self.client.post(f"{path}/{deed}", data=form, headers=headers)

    def allowed(self, purpose, channel="", ref=ANN):
        with self.space.database.connect() as conn:
            return Consents(self.space).decide(conn, ref, purpose, channel).allow

    def say(self, purpose, said, ref=ANN, **more):
        with self.space.database.connect() as conn:
            Consents(self.space).say(conn, Saying(ref=ref, purpose=purpose, said=said, **more))
            conn.commit()

    def said(self):
        with self.space.database.connect() as conn:
            return conn.execute(
                "select purpose, channel, said from privacy.consent_event order by recorded_at, 3"
            ).fetchall()

    def cases(self):
        with self.space.database.connect() as conn:
            return RequestDesk(self.space).cases.all(conn, ["open", "paused", "done"], 100)


@pytest.fixture
def visitor(space, load):
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    (space.project.folder / "brands.yaml").write_text(BRANDS)
    load("crm", CRM)
    (space.project.sources / "orders.yaml").write_text(ORDERS)
    load("orders", "order,customer,at,total\no1,1,2026-01-02,10.00\no2,2,2026-01-03,20.00\n")
    return Visitor(space)


def test_a_link_shows_what_is_known_and_from_where_and_why(visitor):
    page = visitor.get(visitor.link(shows="authenticated"))
    assert page.status_code == 200
    for text in ("Acme &amp; Sons", "ann.needle@example.com", "1980-02-03", "BA1 1AA", "crm", "Mail House Ltd", "2 years",
                 "our contract with you", "Orders", "Running the business with you", "privacy@acme.example"):  # fmt: skip
        assert text in page.text, text
    assert "&lt;b&gt;Needle&lt;/b&gt;" in page.text, "escaped"
    assert "bob.moss" not in page.text
    assert "<script" not in page.text
    headers = page.headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert "set-cookie" not in headers


def test_a_link_by_mail_hides_values_until_more_is_shown(visitor):
    path = visitor.link()
    page = visitor.get(path).text
    assert "1980-02-03" not in page
    assert "BA1 1AA" not in page
    assert "1•••" in page
    wrong = visitor.post(path, "show", birthDate="1999-09-09")
    assert "does not fit" in wrong.text
    assert "1980-02-03" not in wrong.text
    right = visitor.post(str(wrong.url.path), "show", birthDate="1980-02-03", postalCode="ba1 1aa")
    assert "1980-02-03" in right.text
    assert "for one hour" in right.text
    package = visitor.post(str(right.url.path), "copy")
    assert package.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(package.content)) as archive:
        assert sorted(archive.namelist()) == ["data.json", "index.html", "portable.json"]
        assert b"ann.needle@example.com" in archive.read("data.json")
        assert b"bob.moss" not in archive.read("data.json")
    assert "handed out" in visitor.post(str(right.url.path), "copy").text
    (case,) = visitor.cases()
    assert (case.kind, case.state, case.manner, case.proofs) == (
        "access",
        "done",
        "preference centre",
        ["contact_email"],
    )


def test_tries_to_show_are_counted(visitor):
    path = visitor.link()
    for _ in range(5):
        answer = visitor.post(path, "show", postalCode="wrong")
        assert answer.status_code == 200
        path = str(answer.url.path)
    assert "too many tries" in visitor.post(path, "show", postalCode="BA1 1AA", birthDate="1980-02-03").text


def test_a_login_downloads_at_once(visitor):
    package = visitor.post(visitor.link("loyalty_number:LN-77-1001", shows="authenticated"), "copy")
    assert package.headers["content-disposition"] == 'attachment; filename="my-data.zip"'
    assert "nothing to copy" in visitor.post(visitor.link(NOBODY, shows="authenticated"), "copy").text
    assert [one.proofs for one in visitor.cases()] == [["authenticated"], ["authenticated"]]


def test_choices_are_kept_with_what_was_shown(visitor):
    path = visitor.link(brand="acme")
    assert not visitor.allowed("marketing", "email")
    done = visitor.post(
        path, "choices", **{"choice:marketing:email": "yes", "choice:marketing.newsletter:email": "yes", "lang": "de"}
    )
    assert "gespeichert" in done.text
    assert visitor.allowed("marketing", "email")
    assert not visitor.allowed("marketing", "sms")
    assert visitor.allowed("marketing.newsletter", "email"), "the button in the mailbox confirms it"
    with visitor.space.database.connect() as conn:
        rows = conn.execute(
            "select source, brand, language, length(notice_sha256), jurisdiction from privacy.consent_event"
        ).fetchall()
    assert set(rows) == {("preference centre", "acme", "de", 32, "DE")}
    again = visitor.post(path, "choices", **{"choice:marketing:email": "yes"})
    assert "Nothing was changed" in again.text
    visitor.post(path, "choices", **{"choice:marketing:email": "no", "choice:analytics:": "no"})
    assert not visitor.allowed("marketing", "email")
    assert not visitor.allowed("marketing.newsletter", "email"), "a no counts for all below"
    assert not visitor.allowed("analytics")
    assert visitor.said()[-2:] == [
        ("analytics", "", "objected"),
        ("marketing", "email", "withdrawn"),
    ] or visitor.said()[-2:] == [("marketing", "email", "withdrawn"), ("analytics", "", "objected")]


def test_a_yes_opens_its_own_contact_only_but_a_login_all_of_the_channel(visitor):
    visitor.post(visitor.link(), "choices", **{"choice:marketing:sms": "yes"})
    assert not visitor.allowed("marketing", "sms", "phone:+442079460958")
    assert visitor.said() == []
    assert 'name="choice:marketing:sms" value="yes" disabled' in visitor.get(visitor.link()).text
    visitor.post(
        visitor.link("loyalty_number:LN-77-1001", shows="authenticated"), "choices", **{"choice:marketing:sms": "yes"}
    )
    assert visitor.allowed("marketing", "sms", "phone:+442079460958")
    assert not visitor.allowed("marketing", "sms", "phone:+442079460999")


def test_a_yes_to_one_channel_after_a_no_to_all(visitor):
    visitor.say("marketing", "withdrawn")
    assert not visitor.allowed("marketing", "email")
    visitor.post(visitor.link(), "choices", **{"choice:marketing:email": "yes"})
    assert visitor.allowed("marketing", "email")
    assert not visitor.allowed("marketing", "sms")
    assert not visitor.allowed("marketing", "sms", "phone:+442079460958")


def test_objection_stops_all_marketing_and_can_be_taken_back(visitor):
    path = visitor.link()
    visitor.post(path, "choices", **{"choice:marketing:email": "yes"})
    done = visitor.post(path, "object")
    assert "Direct marketing has stopped" in done.text
    assert not visitor.allowed("marketing", "email")
    (case,) = visitor.cases()
    assert (case.kind, case.state) == ("objection", "done")
    assert "All direct marketing was stopped on" in visitor.get(path).text
    visitor.post(path, "resume")
    assert visitor.allowed("marketing", "email")
    assert not visitor.allowed("marketing", "sms"), "it opens nothing by itself"


def test_why_it_came_and_one_click_stops_it(visitor):
    visitor.say("marketing", "given", channel="email")
    about = About("marketing", "email", "Spring sale")
    path = visitor.link(about=about)
    page = visitor.get(path).text
    for text in ("Why did I get this message?", "Spring sale", "your consent", "you agreed on", "Mail House Ltd"):
        assert text in page
    answer = visitor.client.post(f"{path}/stop", content=b"List-Unsubscribe=One-Click", follow_redirects=False)
    assert answer.status_code == 303
    assert not visitor.allowed("marketing", "email")
    assert "These messages are stopped" in visitor.get(path).text
    assert visitor.said()[-1] == ("marketing", "email", "withdrawn")


def test_erasure_is_asked_for_at_the_desk(visitor):
    path = visitor.link()
    assert "tick the box" in visitor.post(path, "erase").text
    assert visitor.cases() == []
    assert "We have your request (number" in visitor.post(path, "erase", sure="yes").text
    (case,) = visitor.cases()
    assert (case.kind, case.state, case.proofs, case.place) == ("erasure", "open", ["contact_email"], "DE")
    with visitor.space.database.connect() as conn:
        assert RequestDesk(visitor.space).lacks(conn, case) != [], "a mailbox alone erases nobody"


def test_what_was_shown_counts_for_the_erasure_too(visitor):
    shown = visitor.post(visitor.link(), "show", birthDate="1980-02-03")
    visitor.post(str(shown.url.path), "erase", sure="yes")
    (case,) = [one for one in visitor.cases() if one.kind == "erasure"]
    done = RequestDesk(visitor.space).run(case.request_id, "me")
    assert done["rows"] > 0
    page = visitor.get(visitor.link(shows="authenticated")).text
    assert "has been erased" in page
    assert "Needle" not in page.replace("ann.needle", "")
    with visitor.space.database.connect() as conn, pytest.raises(NotFound):
        visitor.space.reader(conn).profile(ANN)


def test_who_was_erased_comes_back_by_own_will(visitor):
    erase(visitor.space, ANN, "me")
    path = visitor.link()
    visitor.post(path, "choices", **{"choice:marketing:email": "no"})
    assert visitor.said() == []
    visitor.post(path, "choices", **{"choice:marketing:email": "yes"})
    assert visitor.allowed("marketing", "email")


@pytest.mark.parametrize(
    "deed", ["", "/choices", "/stop", "/show", "/copy", "/erase", "/object", "/resume", "/nothing"]
)
def test_links_that_do_not_work_are_all_the_same(visitor, monkeypatch, deed):
    good = visitor.link()
    late = visitor.link(hours=0.001)
    other = visitor.links.path(msgspec.structs.replace(visitor.links.open(good.rpartition("/")[2]), brand="gone"))
    at = links_module.now() + timedelta(minutes=1)
    monkeypatch.setattr(links_module, "now", lambda: at)
    changed = f"{good[:-9]}{'B' if good[-9] == 'A' else 'A'}{good[-8:]}"  # the last letter has bits that say nothing
    bad = [late, other, changed, "/preferences/x", "/preferences/" + "A" * 200, f"{good}A"]
    ask = visitor.client.post if deed else visitor.client.get
    answers = [ask(f"{path}{deed}") for path in bad]
    assert {one.status_code for one in answers} == {404}
    assert len({one.text for one in answers}) == 1
    assert "This link does not work" in answers[0].text


def test_a_link_for_nobody_looks_like_one(visitor):
    page = visitor.get(visitor.link(NOBODY))
    assert page.status_code == 200
    assert "We know nothing about you" in page.text


def test_links_of_another_use_or_key_do_not_open(visitor, other_space):
    with pytest.raises(NotFound):
        Links(other_space).open(visitor.link().rpartition("/")[2])
    assert "ann" not in visitor.link()
    assert "needle" not in visitor.link().casefold()


def test_foreign_sites_cannot_send_the_forms(visitor):
    path = visitor.link()
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert visitor.post(path, "object", headers, sure="yes").status_code == 403
    assert visitor.cases() == []
    assert (
        visitor.post(path, "object", {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}).status_code
        == 200
    )


def test_looking_changes_nothing(visitor):
    path = visitor.link(about=About("marketing", "email"))
    for _ in range(2):
        assert visitor.client.head(path).status_code == 200
        assert visitor.get(f"{path}?note=saved&case=x").status_code == 200
    assert visitor.get(f"{path}/stop").status_code in (404, 405)
    assert visitor.said() == []
    assert visitor.cases() == []


def test_looking_is_told_to_the_audit_log(visitor):
    visitor.get(visitor.link())
    visitor.api.state.desk.queue.flush()
    with visitor.space.database.connect() as conn:
        bodies = [bytes(one).decode() for (one,) in conn.execute("select body from privacy.audit")]
    assert any('"preferences"' in one and '"the person"' in one for one in bodies)
    assert not any("needle" in one.casefold() for one in bodies)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_speaks_every_language(visitor, language):
    words = words_of(language)
    page = visitor.get(
        visitor.link(about=About("marketing", "email")), headers={"Accept-Language": f"xx, {language};q=0.9, en;q=0.1"}
    )
    assert f'<html lang="{language}">' in page.text
    for name in ("title", "choices_title", "known_title", "copy_title", "erase_title", "why_title"):
        assert words[name].replace("'", "&#39;") in page.text
    switched = visitor.get(f"{visitor.link(language='de')}?lang={language}").text
    assert f'<html lang="{language}">' in switched
    assert set(words) == set(words_of("en"))
    for part in ("bases", "channels", "said", "points"):
        assert set(words[part]) == set(words_of("en")[part])


def test_the_language_is_the_switch_then_the_browser_then_the_link():
    assert spoken("fr", "de", "es") == "fr"
    assert spoken("xx", "pt, es-MX;q=0.8, de;q=0.9", "") == "de"
    assert spoken("", "*", "es") == "es"
    assert spoken("", "de;q=0, en;q=zero", "") == "en"


def test_a_brand_has_its_own_page(visitor):
    kids = visitor.get(visitor.link(brand="kids")).text
    assert "Acme Kids" in kids
    assert "Learning what helps" not in re.sub(r"(?s)<section id=.known.*?</section>", "", kids)
    assert "Der Rundbrief" in visitor.get(f"{visitor.link(brand='acme')}?lang=de").text
    assert "#ffd400" in visitor.get("/preferences/brand/kids.css").text
    assert "--ink: #000000" in visitor.get("/preferences/brand/kids.css").text
    assert visitor.get("/preferences/brand/none.css").status_code == 404
    assert visitor.get("/preferences/style.css").headers["content-type"].startswith("text/css")
    with pytest.raises(NotFound):
        visitor.link(brand="other")


def test_text_on_any_colour_can_be_read():
    def luminance(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for number in range(0, 0xFFFFFF, 65_793 // 3):
        colour = f"#{number:06x}"
        one, other = sorted((luminance(colour), luminance(Brand(colour=colour).ink)))
        assert (other + 0.05) / (one + 0.05) >= 4.5, colour


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (Wanted(ref="individual:018f0000-0000-7000-8000-000000000000"), Invalid), (Wanted(ref="user_id:ann"), Invalid),
        (Wanted(ref=ANN, hours=1000), Misused), (Wanted(ref=ANN, about=About("nothing")), Invalid), (Wanted(ref="ann"), Misused),
    ],
)  # fmt: skip
def test_what_no_link_is_made_for(visitor, wanted, error):
    with pytest.raises(error):
        visitor.links.make(wanted)


def test_links_by_command_and_over_http(visitor):
    command = [
        sys.executable,
        "-m",
        "steelthread",
        "preferences",
        "link",
        ANN,
        "--project",
        str(visitor.space.project.folder),
    ]
    made = json.loads(commands.run([*command, "--json"], text=True, check=True).stdout)
    assert made["url"] == f"http://127.0.0.1:8360{made['path']}"
    assert visitor.get(made["path"]).status_code == 200
    key = {"Authorization": f"Bearer {create_key(visitor.space, ['preferences:link'])}"}
    body = {"ref": ANN, "brand": "kids", "about": {"purpose": "marketing", "channel": "email"}}
    answer = visitor.client.post("/api/preferences/links", json=body, headers=key)
    assert answer.status_code == 201
    assert "Acme Kids" in visitor.get(answer.json()["path"]).text
    assert visitor.client.post("/api/preferences/links", json={"ref": ANN, "x": 1}, headers=key).status_code == 400
    assert visitor.client.post("/api/preferences/links", json=body).status_code == 401


def test_no_template_switches_escaping_off():
    folder = Path(api_package.__file__).parent / "pages"
    texts = [path.read_text() for path in folder.glob("*.html")]
    assert len(texts) == 6
    assert not any(word in text for text in texts for word in ("|safe", "autoescape", "<script", "style=", "onclick"))
    assert all(isinstance(yaml.safe_load(path.read_text()), dict) for path in (folder / "words").glob("*.yaml"))
