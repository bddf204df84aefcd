"""Double opt-in over HTTP: pending opens nothing, mail scanners confirm nothing, a link works once and not for ever."""

from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient

from steelthread.api import create_api, create_key
from steelthread.rights import double_opt_in

PURPOSES = "purposes:\n  operations: {legalBasis: contract}\n  news: {doubleOptIn: true, channels: [email], description: News & <offers>}\n"
BODY = {"ref": "email:ann@example.com", "purpose": "news", "said": "given", "channel": "email", "language": "de"}


@pytest.fixture
def client(space):
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    key = create_key(space, ["consents:write", "decisions:read"])
    return TestClient(create_api(space), headers={"Authorization": f"Bearer {key}"})


def say(client, **more):
    answer = client.post("/api/consents", json={**BODY, **more})
    assert answer.status_code == 201
    return answer.json().get("confirm", "")


def allowed(client):
    return client.get("/api/decisions", params={"ref": BODY["ref"], "purpose": "news", "channel": "email"}).json()[
        "allow"
    ]


def press(client, link):
    token = parse_qs(urlsplit(link).query)["token"][0]
    return client.post("/consents/confirm", data={"token": token}, headers={"Authorization": ""})


def test_14_only_the_button_confirms_and_only_once(client):
    link = say(client)
    assert "ann" not in link
    assert not allowed(client), "pending opens nothing"
    for method in ("HEAD", "GET", "GET", "OPTIONS", "PUT"):
        seen = client.request(method, link, headers={"User-Agent": "MailScanner", "Authorization": ""})
        assert not allowed(client), method
    page = client.get(link)
    assert page.status_code == 200
    assert "Bitte bestätigen Sie" in page.text
    assert "News &amp; &lt;offers&gt;" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert client.post(link).status_code == 403, "the token in the link is not the form's"
    assert not allowed(client)
    done = press(client, link)
    assert (done.status_code, "bestätigt" in done.text) == (200, True)
    assert allowed(client)
    assert press(client, link).status_code == 409, "no replay"
    assert client.get(link).status_code == 409
    assert seen.status_code == 405


def test_14_late_wrong_and_overtaken_links_are_refused(client, monkeypatch):
    link = say(client)
    for wrong in (
        link[:-1] + ("0" if link[-1] != "0" else "1"),
        link.replace(".", "", 1),
        "/consents/confirm?token=x.y.z",
    ):
        assert press(client, wrong).status_code == 403
    event, until, mac = parse_qs(urlsplit(link).query)["token"][0].split(".")
    assert press(client, f"/consents/confirm?token={event}.{int(until, 16) + 9:x}.{mac}").status_code == 403
    say(client, said="withdrawn")
    assert press(client, link).status_code == 409, "a no since"
    second, third = say(client), say(client)
    assert press(client, second).status_code == 409, "the later mail counts"
    assert not allowed(client)
    monkeypatch.setattr(double_opt_in, "_DAYS", -1)
    late = say(client)
    assert press(client, late).status_code == 409
    monkeypatch.undo()
    assert press(client, third).status_code == 409
    assert not allowed(client)
    assert press(client, say(client)).status_code == 200
    assert allowed(client)


def test_a_yes_that_needs_no_confirmation_has_no_link(client):
    assert say(client, purpose="operations", channel="") == ""
    assert say(client, said="refused") == ""
