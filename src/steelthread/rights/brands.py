"""`brands.yaml`: the faces under which people meet the company in the preference centre: name, colour, contact, purposes."""

import re

import msgspec
import yaml

from steelthread.kit import Invalid, NotFound, Project

DEFAULT_BRAND = "default"
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


class Brand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A brand as its page shows it."""

    key: str = ""
    name: str = ""
    colour: str = "#1d4f91"
    """Of the page's head and its buttons, as `#rrggbb`; the text on it is black or white, whichever reads better."""
    contact: str = ""
    """Where people write to: an e-mail address."""
    website: str = ""
    url: str = ""
    """Under which address the outside reaches this server, such as https://privacy.example.com; by default host and port."""
    place: str = ""
    """Whose law counts for its people, such as DE or US-CA; the project's by default."""
    purposes: list[str] = []
    """The purposes on its page, each with all below it; all by default."""
    texts: dict[str, dict[str, str]] = {}
    """Purpose -> language -> what it is called on the page; by default its description in purposes.yaml."""

    def shows(self, purpose: str) -> bool:
        """Whether a purpose is on the page."""
        return not self.purposes or any(purpose == one or purpose.startswith(f"{one}.") for one in self.purposes)

    def text(self, purpose: str, language: str, fallback: str) -> tuple[str, str]:
        """Return what a purpose is called in a language, and the language that it is really in: empty for unknown."""
        said = self.texts.get(purpose, {})
        return (said[language], language) if language in said else (fallback, "")

    @property
    def ink(self) -> str:
        """Black or white, whichever has the better contrast on the colour: at least 4.5 to 1 (WCAG 2.2, 1.4.3)."""
        light = _luminance(self.colour)
        return "#000000" if (light + 0.05) / 0.05 > 1.05 / (light + 0.05) else "#ffffff"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    brands: dict[str, Brand] = {}


def load_brands(project: Project) -> dict[str, Brand]:
    """Read brands.yaml; without one the project itself is the brand. Invalid when it cannot be understood."""
    path = project.folder / "brands.yaml"
    try:
        content = yaml.safe_load(path.read_text("utf-8")) if path.exists() else None
        brands = msgspec.convert(content or {}, _File).brands
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Invalid(f"{path} is not valid YAML: mend it, then read again.") from None
    except msgspec.ValidationError as error:
        raise Invalid(f"{path}: {error}. See docs/preferences.md for what a brand may say.") from None
    for key, one in brands.items():
        if not _COLOUR.fullmatch(one.colour):
            raise Invalid(f"{path}: the colour of {key} is #rrggbb, such as #1d4f91.")
    controller = project.settings.controller
    name = controller.name or project.settings.project.name
    plain = Brand(DEFAULT_BRAND, name, contact=controller.contact)
    named = {
        key: msgspec.structs.replace(one, key=key, name=one.name or name, contact=one.contact or controller.contact)
        for key, one in brands.items()
    }
    return named or {DEFAULT_BRAND: plain}


def find_brand(brands: dict[str, Brand], key: str) -> Brand:
    """Return a brand; the first one when none is named. NotFound says which there are."""
    if not key:
        return next(iter(brands.values()))
    if key not in brands:
        raise NotFound(f"brands.yaml has no brand {key[:40]!r}; there are: {', '.join(brands)}.")
    return brands[key]


def _luminance(colour: str) -> float:
    """Return the relative luminance of a colour (WCAG 2.2, the definition of that name)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
