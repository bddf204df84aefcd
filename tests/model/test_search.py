"""Finding one's way: the search answers in the words of people, the reference pages are those of the model."""

import re
from pathlib import Path

import pytest

from steelthread.model import import_published, load_imported, load_model, reference, search

MODEL = load_model()
DOCS = Path(__file__).parents[2] / "docs" / "model"
PUBLISHED = Path(__file__).parents[2].parent / "shared" / "data" / "cim" / "model.jsonld"


@pytest.mark.parametrize(
    ("question", "entity", "attribute"),
    [
        ("loyalty points", "LoyaltyMember", "pointsBalance"),
        ("date of birth", "Individual", "birthDate"),
        ("birthday", "Individual", "birthDate"),
        ("email address", "ContactPointEmail", "emailAddress"),
        ("post code", "ContactPointAddress", "postalCodeText"),
        ("order total", "SalesOrder", "grandTotalAmount"),
        ("ticket", "Case", None),
        ("shopping cart", "ShoppingCart", None),
        ("cookie", "ContactPointApp", "cookieIdText"),
        ("churn", "Customer", "churnScore"),
        ("Geburtsdatum", "Individual", "birthDate"),
        ("when a message came back", "ContactPointEmail", "emailLatestBounceDateTime"),
        ("the kind of a case", "Case", "caseType"),
    ],
)
def test_questions_find_their_answer_among_the_first(question, entity, attribute):
    first = [(one.entity, one.attribute) for one in search(MODEL, question)[:4]]
    assert (entity, attribute) in first, first


def test_answers_are_ranked_and_limited():
    found = search(MODEL, "name", 7)
    assert len(found) == 7
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert search(MODEL, "zzzzqqqq") == []
    assert search(MODEL, "   ") == []
    assert sum(one.attribute == "partyTypeId" for one in search(MODEL, "kind of party", 50)) == 1  # not once per heir


def test_the_import_is_searched_too(tmp_path):
    if not PUBLISHED.exists():
        pytest.skip("shared/data is not here")
    import_published(tmp_path, PUBLISHED)
    found = search(load_imported(tmp_path), "bankruptcy date")
    assert (found[0].entity, found[0].attribute) == ("Organization", "bankruptcyDate")


def test_the_pages_in_the_docs_are_those_of_the_model():
    pages = reference(MODEL)
    assert {path.name for path in DOCS.glob("*.md")} == set(pages)
    stale = [name for name, text in pages.items() if (DOCS / name).read_text("utf-8") != text]
    assert stale == [], "run: steelthread model reference --out docs/model"


def test_every_link_of_the_pages_leads_to_a_heading():
    pages = reference(MODEL)
    headings = {
        name: {one.lower() for one in re.findall(r"^## (\w+)$", text, re.MULTILINE)} for name, text in pages.items()
    }
    for name, text in pages.items():
        for page, anchor in re.findall(r"\]\((\w+\.md)?#(\w+)\)", text):
            assert anchor in headings[page or name], (name, page, anchor)
    for entity in MODEL.entities.values():
        text = pages[f"{entity.area}.md"]
        assert f"## {entity.name}\n" in text
        assert "```mermaid" in text
        for one in entity.attributes.values():
            assert f"`{one.name}`" in text or entity.parent or one.name == "id"
