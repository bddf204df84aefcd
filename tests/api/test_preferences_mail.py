"""Mails of the preference centre through a real SMTP server: a yes to confirm, and a link for whoever has none."""

import re
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from tests.api.smtp import Postbox

from steelthread.api import create_api
from steelthread.kit import Invalid
from steelthread.privacy import Needles, scan_database
from steelthread.rights import Consents, Links, Mails, Wanted, access, erase

PURPOSES = """purposes:
  operations: {legalBasis: contract}
  news: {description: The newsletter, channels: [email], doubleOptIn: true}
"""
ANN, NOBODY = "ann.needle@example.com", "xyz.needle@example.com"


@pytest.fixture
def postbox():
    one = Postbox()
    yield one
    one.close()


@pytest.fixture
def site(space, load, postbox):
    load("crm", f"customer_id,first_name,email\n1,Ann,{ANN}\n")
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    mail = space.project.settings.mail
    mail.host, mail.port, mail.security, mail.sender = "127.0.0.1", postbox.port, "none", "Acme <privacy@acme.example>"
    return TestClient(create_api(space))


def allowed(space):
    with space.database.connect() as conn:
        return Consents(space).decide(conn, f"email:{ANN}", "news", "email").allow


def link_in(mail):
    return urlsplit(re.search(r"http\S+", mail.get_content())[0])


def choose(site, space, **how):
    path = Links(space).make(Wanted(ref="record:crm/Individual/1", shows="authenticated", **how)).path
    return site.post(f"{path}/choices", data={"choice:news:email": "yes", "lang": how.get("language", "en")})


def test_a_yes_of_somebody_signed_in_is_confirmed_by_the_mailbox(space, site, postbox):
    answer = choose(site, space, language="de")
    assert "Bitte bestätigen Sie Ihr Ja" in answer.text
    assert (allowed(space), postbox.got) == (False, [])
    assert Mails(space).send() == 1
    (mail,) = postbox.got
    assert (mail["To"], mail["From"], mail["Auto-Submitted"]) == (ANN, "Acme <privacy@acme.example>", "auto-generated")
    assert "bitte bestätigen" in mail["Subject"]
    assert "The newsletter" in mail.get_content()
    link = link_in(mail)
    assert site.head(f"{link.path}?{link.query}").status_code == 200
    assert site.get(f"{link.path}?{link.query}").status_code == 200
    assert not allowed(space), "whoever only looks confirms nothing"
    assert site.post(link.path, data={"token": link.query.removeprefix("token=")}).status_code == 200
    assert allowed(space)
    assert Mails(space).send() == 0, "once"


def test_without_a_server_for_mails_the_page_says_so(space, site, postbox):
    space.project.settings.mail.host = ""
    site = TestClient(create_api(space))
    assert "will send you a link" in choose(site, space).text
    assert not allowed(space)
    assert site.get("/preferences/ask").status_code == 404
    assert site.post("/preferences/ask", data={"address": ANN}).status_code == 404
    assert (Mails(space).send(), postbox.got) == (0, [])


def test_a_link_goes_to_whoever_is_known_and_the_page_is_the_same(space, site, postbox):
    page = site.get("/preferences/ask?lang=fr")
    assert 'type="email"' in page.text
    answers = [
        site.post("/preferences/ask", data={"address": one})
        for one in (ANN, NOBODY, "nonsense", "", f"{ANN}\r\nBcc: x@y.example")
    ]
    assert len({(one.status_code, one.text) for one in answers}) == 1
    assert "If we know this address" in answers[0].text
    with space.database.connect() as conn:
        rows = conn.execute("select octet_length(sealed), attempts from privacy.mail order by 1").fetchall()
    assert len(rows) == 2
    assert rows[0] == rows[1], "as much is written for one who is not known"
    assert Mails(space).send() == 1
    (mail,) = postbox.got
    assert mail["To"] == ANN
    page = site.get(link_in(mail).path)
    assert page.status_code == 200
    assert "a***" in page.text.casefold() or "ann.needle" in page.text
    for _ in range(5):
        assert site.post("/preferences/ask", data={"address": ANN}).text == answers[0].text
    assert Mails(space).send() == 2, "three a day"
    foreign = site.post("/preferences/ask", data={"address": ANN}, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403


def test_what_the_server_puts_off_is_tried_again_and_what_it_refuses_is_not(space, site, postbox):
    postbox.answers = ["451 later"]
    site.post("/preferences/ask", data={"address": ANN})
    assert (Mails(space).send(), postbox.got) == (0, [])
    with space.database.connect() as conn:
        assert conn.execute("update privacy.mail set next_at = now() returning last, attempts").fetchall() == [
            ("451", 1)
        ]
        conn.commit()
    assert Mails(space).send() == 1
    postbox.answers = ["550 nobody"]
    site.post("/preferences/ask", data={"address": ANN})
    Mails(space).send()
    postbox.close()
    site.post("/preferences/ask", data={"address": ANN})
    assert Mails(space).send() == 0
    with space.database.connect() as conn:
        rows = conn.execute(
            "select last, next_at is null, sealed is null from privacy.mail order by made_at"
        ).fetchall()
    assert rows == [("", True, True), ("550", True, True), ("ConnectionRefusedError", False, False)]
    space.project.settings.mail.sender = ""
    with pytest.raises(Invalid, match="sender"):
        Mails(space)


def test_a_mail_is_sealed_shown_and_erased(space, site, tmp_path):
    site.post("/preferences/ask", data={"address": ANN})
    with space.database.connect() as conn:
        subject, sealed = conn.execute("select subject, sealed from privacy.mail").fetchone()
        assert ANN.encode() not in sealed
    access(space, f"email:{ANN}", tmp_path / "ann", "me")
    assert (
        "Your data and your choices" in (tmp_path / "ann" / "data.json").read_text()
        or "your data and your choices" in (tmp_path / "ann" / "data.json").read_text()
    )
    erase(space, f"email:{ANN}", "me")
    assert space.vault.keys([subject]) == {}
    with space.database.connect() as conn:
        assert conn.execute("select count(*) from privacy.mail").fetchone() == (0,)
        assert scan_database(conn, Needles([ANN], derived=True))[1] == []
