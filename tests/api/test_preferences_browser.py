"""The preference centre in Chromium: axe-core finds nothing, it works by keyboard, without scripts, narrow and dark."""

import contextlib
import os
import shutil
import socket
import threading
import time
import zipfile
from pathlib import Path

import pytest
import uvicorn

from steelthread.api import create_api
from steelthread.rights import About, Consents, Links, Saying, Wanted

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (make setup)")
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed (make setup)"
)
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.parametrize("server", ["embedded"], indirect=True),
    pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed (.ci/run installs it)"),
]
ANN = "email:ann.needle@example.com"
CRM = """customer_id,first_name,last_name,email,phone,loyalty_number,birth_date,postcode,city,street
1,Ann,Needle,ann.needle@example.com,+442079460958,LN-77-1001,1980-02-03,BA1 1AA,Bath,1 High Street
"""
PURPOSES = """purposes:
  operations: {description: Running the business with you, legalBasis: contract}
  analytics: {description: Learning what helps our customers, legalBasis: legitimate_interests, effect: profiling}
  marketing: {description: Telling you of what we offer, channels: [email, sms, post], covers: [direct_marketing], recipients: [Mail House Ltd], retention: 2 years}
  marketing.newsletter: {description: The newsletter, channels: [email], doubleOptIn: true, fields: [firstName, emailAddress]}
"""
BRANDS = """brands:
  acme: {name: Acme & Sons, colour: "#0a7d55", contact: privacy@acme.example, website: "https://acme.example"}
  kids: {name: Acme Kids, colour: "#ffd400", contact: privacy@acme.example}
"""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def site(space, load):
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    (space.project.folder / "brands.yaml").write_text(BRANDS)
    load("crm", CRM)
    with space.database.connect() as conn:
        Consents(space).say(conn, Saying(ref=ANN, purpose="marketing", said="given", channel="email"))
        Consents(space).say(conn, Saying(ref=ANN, purpose="marketing", said="refused", channel="sms"))
        conn.commit()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_api(space), port=port, log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    links = Links(space)
    yield lambda **how: f"http://127.0.0.1:{port}{links.make(Wanted(**{'ref': ANN, **how})).path}"
    server.should_exit = True
    thread.join(timeout=30)


@contextlib.contextmanager
def opened(**how):
    """Open a page of Chromium, and look at what it asks for and complains of."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(locale="en-GB", **how)
        page = context.new_page()
        page.foreign = []
        page.on("request", lambda one: None if one.url.startswith("http://127.0.0.1") else page.foreign.append(one.url))
        page.refused = []
        page.on("console", lambda one: None if "404 (Not Found)" in one.text else page.refused.append(one.text))
        yield page
        assert page.foreign == [], "nothing is fetched from elsewhere"
        assert page.refused == [], "the content security policy refused something, or a script failed"
        context.close()
        browser.close()


def assert_accessible(page):
    found = axe.Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
    assert found.violations_count == 0, found.generate_report()
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 0, "it scrolls in one direction only (WCAG 1.4.10)"


def picture(page, name):
    """Keep a picture where STEELTHREAD_PICTURES says, for people to look at."""
    if folder := os.environ.get("STEELTHREAD_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def check_every_page(site, scheme, width, brand):
    with opened(color_scheme=scheme, viewport={"width": width, "height": 900}) as page:
        for shows in ("contact", "authenticated"):
            page.goto(site(brand=brand, shows=shows, about=About("marketing", "email", "Spring sale")))
            assert page.locator("h1").count() == 1
            assert_accessible(page)
            picture(page, f"{brand}-{scheme}-{width}-{shows}")
        for language in ("de", "fr", "es"):
            page.goto(site(brand=brand) + f"?lang={language}")
            assert_accessible(page)
            picture(page, f"{brand}-{scheme}-{width}-{language}")
        page.goto(site(brand=brand)[:-8])
        assert_accessible(page)
        picture(page, f"{brand}-{scheme}-{width}-closed")


@pytest.mark.parametrize(
    ("scheme", "width", "brand"),
    [("light", 1280, "acme"), ("dark", 320, "acme"), ("light", 320, "kids"), ("dark", 1280, "kids")],
)  # any two of the three in each combination
def test_every_page_is_accessible(site, scheme, width, brand):
    check_every_page(site, scheme, width, brand)


@pytest.mark.soak
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("brand", ["acme", "kids"])
def test_every_page_is_accessible_soak(site, scheme, width, brand):
    check_every_page(site, scheme, width, brand)


def test_a_person_goes_through_it_without_scripts(site, space, tmp_path):
    with opened(java_script_enabled=False, accept_downloads=True) as page:
        page.goto(site(brand="acme", about=About("marketing", "email", "Spring sale")))
        page.get_by_role("button", name="Stop these messages").click()
        assert "That is stopped" in page.get_by_role("status").inner_text()
        news = page.get_by_role("radiogroup", name="The newsletter: e-mail")
        news.get_by_label("Yes").check()
        post = page.get_by_role("radiogroup", name="Telling you of what we offer: post")
        assert not post.get_by_label("Yes").is_checked()
        assert not post.get_by_label("No").is_checked()
        post.get_by_label("No").check()
        page.get_by_role("button", name="Save my choices").click()
        assert "saved" in page.get_by_role("status").inner_text()
        assert (
            "you said no on" in page.get_by_role("radiogroup", name="Telling you of what we offer: post").inner_text()
        )
        page.get_by_role("link", name="Deutsch").click()
        assert page.get_by_role("heading", level=1).inner_text() == "Ihre Daten und Ihre Entscheidungen"
        page.get_by_role("link", name="English").click()
        page.get_by_label("Date of birth").fill("1980-02-03")
        page.get_by_role("button", name="Show that it is me").click()
        assert "1 High Street" in page.get_by_role("table").inner_text()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download everything").click()
        download.value.save_as(tmp_path / "my-data.zip")
        page.get_by_label("I want everything about me erased").check()
        page.get_by_role("button", name="Ask for erasure").click()
        assert "We have your request (number" in page.get_by_role("status").inner_text()
    with zipfile.ZipFile(tmp_path / "my-data.zip") as archive:
        assert b"1 High Street" in archive.read("index.html")
    with space.database.connect() as conn:
        said = conn.execute(
            "select purpose, channel, said from privacy.consent_event order by recorded_at, said"
        ).fetchall()
        kinds = conn.execute("select kind, state from privacy.request order by received_at").fetchall()
    assert ("marketing", "email", "withdrawn") in said
    assert ("marketing.newsletter", "email", "double_confirmed") in said
    assert ("marketing", "post", "refused") in said
    assert kinds == [("access", "done"), ("erasure", "open")]


def test_it_works_by_keyboard_alone(site):
    with opened(viewport={"width": 1280, "height": 900}) as page:
        page.goto(site(brand="acme", about=About("marketing", "email", "Spring sale")))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0, "seen when it has the focus"
        seen = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            told = page.evaluate(
                "(() => { const one = document.activeElement, box = one.getBoundingClientRect(), style = getComputedStyle(one);"
                " return [one.tagName, one.innerText || one.name || '', style.outlineStyle, box.height] })()"
            )
            if told[0] == "BODY":
                break
            seen.add((told[0], told[1]))
            assert told[2] == "solid", f"the focus can be seen on {told}"
        for name in ("Stop these messages", "Save my choices", "Show that it is me", "Ask for erasure"):
            assert ("BUTTON", name) in seen
        sizes = page.eval_on_selector_all(
            "button, input:not([type=hidden])", "all => all.map(one => Math.min(one.offsetWidth, one.offsetHeight))"
        )
        assert min(sizes) >= 20
        labels = page.eval_on_selector_all("label", "all => all.map(one => one.offsetHeight)")
        assert min(labels) >= 24, "what is pressed is large enough (WCAG 2.5.8)"
