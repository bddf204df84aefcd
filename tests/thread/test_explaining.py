"""Why two are one person, as words and as a picture: what it says, whom it may show, and how Chromium draws it."""

import shutil
import sys
from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient
from tests import commands
from tests.thread.test_resolving import groups, ref, rows, told  # noqa: F401  # told is a fixture

from steelthread.api import create_api, create_key
from steelthread.thread import explanation_picture, resolve_all, said_of, unlink

SVG = "{http://www.w3.org/2000/svg}"
EVIDENCE = {
    "model": "abc", "weight": 9.8, "threshold": 1.0, "wall": None,
    "waterfall": [
        {"question": "prior", "answer": "any two records", "weight": -8.0},
        {"question": "place", "answer": "different place", "weight": -1.4},
        {"question": "last", "answer": "same last name", "weight": 11.2},
        {"question": "birth", "answer": "same birth date", "weight": 8.0},
    ],
}  # fmt: skip


@pytest.fixture
def explained(space, told):  # noqa: F811
    told(rows())
    resolve_all(space)
    pair = next(sorted(group) for group in groups(space) if len(group) == 2)
    other = next(min(group) for group in groups(space) if pair[0] not in group)
    with space.database.connect() as conn:
        same = space.reader(conn).explain(ref(pair[0]), ref(pair[1]))
        two = space.reader(conn).explain(ref(pair[0]), ref(other))
    return space, pair, same, two


def texts(picture):
    return [one.text or "" for one in ET.fromstring(picture).iter(f"{SVG}text")]


def test_a_weight_in_words():
    assert said_of(EVIDENCE) == (
        "same last name (rare), same birth date: +19.2; different place: -1.4. With -8.0 for any two records: +9.8"
    )


def test_the_bars_of_a_waterfall_follow_one_another_to_the_sum():
    step = {"from": "record:a/Individual/1", "to": "record:a/Individual/2", "kind": "model", "reason": "model abc",
            "actor": "model", "at": "2026-01-01", "evidence": EVIDENCE}  # fmt: skip
    root = ET.fromstring(
        explanation_picture(
            {"same": True, "parties": ["individual"] * 2, "path": [step], "refused": [], "nearest": None}, "a", "b"
        )
    )
    bars = [one for one in root.iter(f"{SVG}rect") if one.get("class") in ("p", "m", "t")]
    ends = [(float(one.get("x")), float(one.get("x")) + float(one.get("width"))) for one in bars]
    looks = [one.get("class") for one in bars]
    assert looks == ["m", "p", "p", "m", "t"]
    (a, zero), (b, c), (d, e), (f, g), (low, high) = ends
    assert (a, c, e) == pytest.approx((b, d, g), abs=0.2)
    assert (low, high) == pytest.approx((zero, f), abs=0.2)
    per_bit = (zero - a) / 8.0
    assert high - low == pytest.approx(9.8 * per_bit, abs=0.5)


def test_one_person_and_two_are_drawn_with_all_that_is_told(explained):
    _, pair, same, two = explained
    picture = explanation_picture(same, ref(pair[0]), ref(pair[1]))
    shown = texts(picture)
    assert shown[0] == "One person"
    assert {ref(pair[0]), ref(pair[1])} <= set(shown)
    for one in same["path"][0]["evidence"]["waterfall"]:
        assert f"{one['weight']:+.2f}" in shown
        assert any(text.startswith(one["answer"][:20]) for text in shown)
    root = ET.fromstring(picture)
    said = root.find(f"{SVG}desc").text
    assert root.get("role") == "img"
    assert said_of(same["path"][0]["evidence"]) in said
    other = explanation_picture(two, "x", "y")
    assert texts(other)[0] == "Two persons"
    assert "<script" not in picture + other
    assert "href" not in picture + other


def test_what_was_refused_and_a_wall_are_drawn():
    told_ = {
        "same": False, "parties": ["individual"] * 2, "path": [],
        "refused": [{"from": "email:a<b@x.example", "to": "record:a/Individual/1", "rule": "email", "reason": "names differ"}],
        "nearest": {"from": "record:a/Individual/1", "to": "record:a/Individual/2", "evidence": {**EVIDENCE, "wall": "twins"}},
    }  # fmt: skip
    shown = texts(explanation_picture(told_, "a & b", "c\x00d"))
    assert {"a & b and cd", "email:a<b@x.example", "refused: email: names differ", "a wall: twins"} <= set(shown)
    nothing = texts(
        explanation_picture(
            {"same": False, "parties": ["individual"] * 2, "path": [], "refused": [], "nearest": None}, "a", "b"
        )
    )
    assert any("Nothing joins them" in one for one in nothing)


def test_over_http_a_picture_shows_what_the_purpose_shows(explained):
    space, pair, same, _ = explained
    (space.project.folder / "purposes.yaml").write_text(
        "purposes:\n  operations: {legalBasis: contract}\n  service: {legalBasis: contract, fields: [birthDate]}\n"
    )
    key = create_key(space, ["profiles:read"], purposes=["operations", "service"])
    client = TestClient(create_api(space), headers={"Authorization": f"Bearer {key}"})
    asked = {"a": ref(pair[0]), "b": ref(pair[1]), "form": "picture"}
    whole = client.get("/api/explain", params={**asked, "purpose": "operations"})
    assert whole.headers["content-type"].startswith("image/svg+xml")
    assert "default-src 'none'" in whole.headers["content-security-policy"]
    assert whole.text == explanation_picture(same, asked["a"], asked["b"])
    data = client.get("/api/explain", params={"a": asked["a"], "b": asked["b"], "purpose": "operations"}).json()
    assert data["path"][0]["evidence"]["waterfall"] == same["path"][0]["evidence"]["waterfall"]
    assert client.get("/api/explain", params={**asked, "form": "film", "purpose": "operations"}).status_code == 422
    unlink(space, asked["a"], asked["b"], "cousins", "ann")
    apart = client.get("/api/explain", params={**asked, "purpose": "operations"}).text
    assert texts(apart)[0] == "Two persons"


def test_the_command_line_says_it_in_words_and_draws_it(explained, tmp_path):
    space, pair, same, _ = explained
    file = tmp_path / "why.svg"
    command = [sys.executable, "-m", "steelthread", "explain", ref(pair[0]), ref(pair[1]), "--picture", str(file)]
    told_ = commands.run([*command, "--project", str(space.project.folder)], text=True, check=True)
    assert "One person." in told_.stdout
    assert said_of(same["path"][0]["evidence"]) in " ".join(told_.stdout.split())
    assert file.read_text() == explanation_picture(same, ref(pair[0]), ref(pair[1]))
    command[-1] = str(tmp_path / "nowhere" / "why.svg")
    wrong = commands.run([*command, "--project", str(space.project.folder)], text=True)
    assert wrong.returncode == 1
    assert "cannot be written" in wrong.stderr


def test_chromium_draws_it_without_asking_anybody(explained, tmp_path):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (make setup)")
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed (.ci/run installs it)")
    _, pair, same, _ = explained
    file = tmp_path / "why.svg"
    file.write_text(explanation_picture(same, ref(pair[0]), ref(pair[1])))
    asked = []
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(java_script_enabled=False, viewport={"width": 980, "height": 600})
        page.on("request", lambda one: asked.append(one.url))
        page.goto(file.as_uri())
        seen = page.get_by_role("img").aria_snapshot()
        picture = page.screenshot()
        browser.close()
    assert asked == [file.as_uri()]
    assert f"One person: {ref(pair[0])} and {ref(pair[1])}" in seen
    assert len(picture) > 10_000
