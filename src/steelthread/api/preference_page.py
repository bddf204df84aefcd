"""What the pages of the preference centre say: words of a language, values as a person reads them. Nothing here changes anything."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from steelthread.model import PARTIES
from steelthread.privacy import EVERYTHING, Decision, Evidence, Purpose
from steelthread.rights import PREFERENCES, Brand, Choice, Link, Offer, Standing

LANGUAGES = ("en", "de", "fr", "es")
POINTS = ("birthDate", "postalCode", "loyalty_number")
"""What a person may show of themselves, where the project knows it."""
_ROWS = 200
_TECHNICAL = frozenset({"id", "partyId"})
_ENVIRONMENT = Environment(
    loader=PackageLoader("steelthread.api", "pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip


@cache
def words_of(language: str) -> dict[str, Any]:
    """Return the words of a language."""
    text = (resources.files("steelthread.api") / "pages" / "words" / f"{language}.yaml").read_text("utf-8")
    words: dict[str, Any] = yaml.safe_load(text)
    return words


@cache
def style() -> bytes:
    """Return the one style sheet."""
    return (resources.files("steelthread.api") / "pages" / "style.css").read_bytes()


def spoken(asked: str, accepted: str, usual: str) -> str:
    """Return the language to speak: the one switched to, else the browser's first that we speak, else the link's, else English."""
    wanted = [asked, *_accepted(accepted), usual]
    found = (one.partition("-")[0].strip().lower() for one in wanted)
    return next((one for one in found if one in LANGUAGES), LANGUAGES[0])


def _accepted(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, best first (RFC 9110, 12.5.4); refused ones are left out."""
    ranked = []
    for place, part in enumerate(header[:500].split(",")):
        name, _, weight = part.partition(";")
        found = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", weight) if weight else None
        quality = float(found[1]) if found else 0.0 if weight else 1.0
        if quality > 0:
            ranked.append((-quality, place, name))
    return [name for _, _, name in sorted(ranked)]


def brand_style(brand: Brand) -> str:
    """Return the style sheet with a brand's colour."""
    return f":root {{ --brand: {brand.colour}; --ink: {brand.ink} }}\n"


class Page:
    """One page in one language for one brand."""

    def __init__(self, brand: Brand, language: str) -> None:
        self.brand = brand
        self.language = language
        self.words = words_of(language)
        self._names: Mapping[str, str] = {}

    def render(self, template: str, title: str, **content: Any) -> str:
        """Return a page."""
        names = {one: words_of(one)["name"] for one in LANGUAGES}
        return _ENVIRONMENT.get_template(template).render(
            brand=self.brand, language=self.language, words=self.words, languages=names, title=title, base=PREFERENCES,
            **content,
        )  # fmt: skip

    def closed(self, *, ask: bool = False) -> str:
        """Return the page of a link that does not work: always the same; with the way to a new one where mails can go."""
        return self.render("closed.html", self.words["closed_title"], ask=ask)

    def asking(self) -> str:
        """Return the form for whoever has no link."""
        return self.render("ask.html", self.words["ask_title"])

    def asked(self) -> str:
        """Return the page after it: always the same."""
        return self.render("asked.html", self.words["ask_title"])

    def failed(self, text: str, back: str) -> str:
        """Return the page of something that did not work."""
        return self.render("failed.html", self.words["failed_title"], text=text, back=back)

    def whole(
        self, link: Link, here: str, standing: Standing, known: Sequence[dict[str, Any]], *, full: bool, note: str = "",
        problem: str = "", points: Sequence[str] = POINTS, declaration: bool = False, why: Choice | None = None,
        purposes: Mapping[str, Purpose] | None = None,
    ) -> str:  # fmt: skip
        """Return the page of a person."""
        self._names = {name: one.description or name for name, one in (purposes or {}).items()}
        rows, counts = self._known(known, link, full=full)
        return self.render(
            "page.html", self.words["title"], here=here, standing=standing, offers=self._offers(standing.offers),
            needed=[self._needed(one) for one in standing.needed], rows=rows, counts=counts, full=full, points=points,
            note=self.words.get(note, note), problem=self.words.get(problem, problem), declaration=declaration,
            shown_ref=link.ref.partition(":")[2], why=self._why(link, why, purposes or {}),
            stopped=self._day(standing.stopped) if standing.stopped else "",
            marketing=any("direct_marketing" in one.purpose.covers for one in standing.offers),
        )  # fmt: skip

    # -- choices -------------------------------------------------------------------------------------------------

    def digests(self, offers: Sequence[Offer]) -> dict[str, str]:
        """Return, per purpose, the SHA-256 of what the page says of it: its name, legal basis, recipients, time."""
        return {
            one["purpose"]: hashlib.sha256(
                "\n".join(one[part] for part in ("text", "basis", "recipients", "retention")).encode()
            ).hexdigest()
            for one in self._offers(offers)
        }

    def _offers(self, offers: Sequence[Offer]) -> list[dict[str, Any]]:
        return [
            {**self._needed(one.purpose), "choices": [self._choice(choice) for choice in one.choices]} for one in offers
        ]

    def _needed(self, purpose: Purpose) -> dict[str, Any]:
        text, lang = self.brand.text(purpose.name, self.language, purpose.description or purpose.name)
        return {
            "purpose": purpose.name, "text": text, "lang": "" if lang == self.language else lang,
            "basis": self.words["bases"][purpose.legal_basis],
            "recipients": ", ".join(purpose.recipients) or self.words["nobody"],
            "retention": purpose.retention or self.words["kept_open"],
        }  # fmt: skip

    def _choice(self, choice: Choice) -> dict[str, Any]:
        field = field_of(choice)
        channels = self.words["channels"]
        return {
            "field": field, "id": re.sub(r"[^A-Za-z0-9]", "-", field), "allowed": choice.allowed, "opens": choice.opens,
            "no": not choice.allowed and choice.asked, "reasons": self.reasons(choice.decision),
            "channel": channels.get(choice.channel, choice.channel) if choice.channel else self.words["whole"],
        }  # fmt: skip

    def reasons(self, decision: Decision) -> list[str]:
        """Return why it may be done, or not, as a person reads it."""
        if decision.evidence:
            told = [self._evidence(one, decision) for one in decision.evidence]
            return list(dict.fromkeys(told))
        first = decision.reasons[0] if decision.reasons else ""
        if decision.allow:
            basis = first.partition(":")[0]
            return [self.words["basis_is"].format(basis=self.words["bases"].get(basis, basis))]
        return [self.words["no_consent"] if first.startswith("no consent") else self.words["other"]]

    def _evidence(self, one: Evidence, decision: Decision) -> str:
        pending = any(reason.startswith("confirmation pending") for reason in decision.reasons)
        template = (
            self.words["pending"] if pending and one.said == "given" else self.words["said"].get(one.said, one.said)
        )
        text: str = template.format(date=self._day(one.at))
        if one.said in ("given", "double_confirmed", "expired") or one.purpose == "":
            return text
        of = {"*direct_marketing": self.words["all_marketing"], EVERYTHING: self.words["everything"]}.get(
            one.purpose, ""
        )
        by = self.words["by_signal"] if any("signal" in reason for reason in decision.reasons) else ""
        return text + (f" ({of})" if of else "") + (f"; {by}" if by else "")

    def _day(self, at: datetime) -> str:
        return (
            at.date().isoformat()
            if self.language == "en"
            else f"{at:%d.%m.%Y}"
            if self.language == "de"
            else f"{at:%d/%m/%Y}"
        )

    # -- why it came ---------------------------------------------------------------------------------------------

    def _why(self, link: Link, choice: Choice | None, purposes: Mapping[str, Purpose]) -> dict[str, Any] | None:
        if link.about is None or choice is None:
            return None
        purpose = purposes[choice.purpose]
        fields = "" if EVERYTHING in purpose.fields else ", ".join(self._label(one)[0] for one in purpose.fields)
        return {
            **self._needed(purpose), "name": link.about.name, "allowed": choice.allowed,
            "sent": self._day(link.about.sent_at) if link.about.sent_at else "",
            "reasons": self.reasons(choice.decision), "fields": fields or self.words["data_all"],
        }  # fmt: skip

    # -- what is known -------------------------------------------------------------------------------------------

    def _label(self, attribute: str) -> tuple[str, str]:
        """Return what an attribute is called, and the language of that: empty for the page's own."""
        last = attribute.rpartition(".")[2]
        own = self.words["attributes"].get(last)
        return (own, "") if own else (_spelt(last), "" if self.language == "en" else "en")

    def _known(
        self, records: Sequence[dict[str, Any]], link: Link, *, full: bool
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        counts: dict[str, dict[str, Any]] = {}
        own = link.ref.partition(":")[2].casefold()
        for record in records:
            day = (record["firstObservedAt"] or "")[:10]
            if record["entity"] not in PARTIES:
                one = counts.setdefault(record["entity"], {"count": 0, "from": set(), "first": day})
                one["count"] += 1
                one["from"].add(record["source"])
                one["first"] = min(one["first"], day)
                continue
            for told in record["values"]:
                name = told["attribute"].rpartition(".")[2]
                if told["value"] in (None, "", []) or name in _TECHNICAL:
                    continue
                row = rows.setdefault((name, str(told["value"])), {"told": told, "from": set(), "first": day})
                row["from"].add(record["source"])
                row["first"] = min(row["first"], day)
        shown = [self._row(one, own, full=full) for one in list(rows.values())[:_ROWS]]
        return shown, [self._count(name, one) for name, one in sorted(counts.items())]

    def _row(self, row: dict[str, Any], own: str, *, full: bool) -> dict[str, Any]:
        told = row["told"]
        value = str(told["value"])
        label, lang = self._label(told["attribute"])
        uses = [
            {"text": self.brand.text(one["purpose"], self.language, self._names.get(one["purpose"], one["purpose"]))[0], "basis": self.words["bases"][one["legalBasis"]]}
            for one in told["purposes"]
        ]  # fmt: skip
        kept = [one for one in told["retention"] if one != "until you ask, or the business ends"]
        return {
            "label": label, "lang": lang, "value": value if full or value.casefold() == own else f"{value[:1]}•••",
            "sources": ", ".join(sorted(row["from"])), "since": self.words["since"].format(date=row["first"]), "uses": uses,
            "recipients": ", ".join(told["recipients"]) or self.words["nobody"],
            "retention": ", ".join(kept) or self.words["kept_open"],
        }  # fmt: skip

    def _count(self, entity: str, one: dict[str, Any]) -> dict[str, Any]:
        own = self.words["entities"].get(entity)
        return {
            "label": own or _spelt(entity), "lang": "" if own or self.language == "en" else "en", "count": one["count"],
            "sources": ", ".join(sorted(one["from"])), "since": self.words["since"].format(date=one["first"]),
        }  # fmt: skip


def field_of(choice: Choice) -> str:
    """Return the name under which a form tells a choice."""
    return f"choice:{choice.purpose}:{choice.channel}"


def _spelt(name: str) -> str:
    """Return the words of a name: `nameSuffix` is `Name suffix`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").capitalize()
