"""`purposes.yaml`: what customer data is used for, on what ground, through which channels, and who may see what for it.

A purpose's name is its place in the hierarchy: `marketing.newsletter` lies below `marketing`. What denies a purpose
denies all below it; what allows it allows nothing below it.
"""

import hashlib
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from steelthread.kit import Invalid

LegalBasis = Literal[
    "consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests"
]
"""The grounds of GDPR Art. 6(1), a to f."""
Effect = Literal["ordinary", "profiling", "significant"]
"""What a use does to a person; `significant` in the sense of GDPR Art. 22."""
Cover = Literal["direct_marketing", "sharing", "targeted_advertising", "sensitive"]
"""What the laws speak of in particular: direct marketing (GDPR Art. 21(2)), sale or sharing with third parties for their
own use (CCPA 1798.120), advertising by what somebody does elsewhere (Colo. 6-1-1306(1)(a)(I)(A)), sensitive data beyond what the service needs (1798.121, GDPR Art. 9)."""
EVERYTHING = "*"
"""The root of the hierarchy: what is said of it holds for every purpose."""
COVERED: dict[str, Cover] = {
    "*direct_marketing": "direct_marketing", "*sharing": "sharing", "*targeted_advertising": "targeted_advertising",
    "*sensitive": "sensitive",
}  # fmt: skip
"""Further roots: what is said of one holds for every purpose that covers it."""
_LAWS = 3
"""Version of the rules in `decide`: part of the policy version."""
_NO_SAY = ("legal_obligation", "vital_interests")


class Purpose(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A use of data. Without a legal basis it needs consent (GDPR Art. 25: the default is no)."""

    name: str = ""
    description: str = ""
    legal_basis: LegalBasis = "consent"
    channels: list[str] = []
    effect: Effect = "ordinary"
    retention: str = ""
    recipients: list[str] = []
    fields: tuple[str, ...] = (EVERYTHING,)
    """Attributes that a profile shows for this purpose; `*` shows all."""
    can_opt_out: bool | None = None
    """Whether a person's no counts; by default always but for duties by law and vital interests."""
    double_opt_in: bool = False
    """Whether a yes counts only when it was confirmed."""
    despite_restriction: bool = False
    """Whether it goes on while processing is restricted (GDPR Art. 18(2): storage, legal claims)."""
    covers: tuple[Cover, ...] = ()
    """What of it the laws speak of in particular; what one covers, all below it cover."""
    basis_in: dict[str, LegalBasis] = {}
    """Another legal basis at a place (`US-CA`) or under a pack (`ccpa`)."""
    soft_opt_in: bool = False
    """Whether it tells own customers of similar goods, with a way out in each message (ePrivacy Directive, Art. 13(2))."""
    also_known_as: list[str] = []
    """Names elsewhere, such as `iab:4`, `fides:marketing.advertising` or `salesforce:Marketing`."""

    @property
    def heeds(self) -> bool:
        """Whether a person's no counts."""
        return self.legal_basis not in _NO_SAY if self.can_opt_out is None else self.can_opt_out


class Purposes:
    """All purposes of a project: the policy, with its version."""

    def __init__(self, purposes: dict[str, Purpose]) -> None:
        self._purposes = {name: msgspec.structs.replace(one, name=name) for name, one in purposes.items()}
        self._names: dict[str, str] = {}
        for name, one in self._purposes.items():
            self._place(name)
            for other in one.also_known_as:
                self._names[other] = name
        for name, one in sorted(self._purposes.items()):
            inherited: set[Cover] = {
                cover for above in self.above(name) if above in self._purposes for cover in self._purposes[above].covers
            }
            if "targeted_advertising" in inherited:  # California calls it sharing (CCPA 1798.140(ah))
                inherited.add("sharing")
            self._purposes[name] = msgspec.structs.replace(one, covers=tuple(sorted(inherited)))
        content = msgspec.json.encode(self._purposes, order="sorted")
        self.version = f"{_LAWS}-{hashlib.sha256(content).hexdigest()[:12]}"

    def _place(self, name: str) -> None:
        parent = name.rpartition(".")[0]
        if name == EVERYTHING or not all(name.split(".")):
            raise Invalid(f"{name} is no name of a purpose in purposes.yaml: say words with dots between, such as a.b.")
        if parent and parent not in self._purposes:
            raise Invalid(f"{name} in purposes.yaml lies below {parent}, which is not there: add it.")

    def __iter__(self) -> Any:
        return iter(self._purposes.values())

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    def find(self, name: str) -> Purpose | None:
        """Return a purpose by its name, here or elsewhere."""
        return self._purposes.get(self._names.get(name, name))

    def get(self, name: str) -> Purpose:
        """Return a purpose; Invalid says which there are."""
        found = self.find(name)
        if found is None:
            there = ", ".join(sorted(self._purposes)) or "none yet"
            raise Invalid(f"purposes.yaml has no purpose {name[:80]!r}; there are: {there}.")
        return found

    def told(self, name: str, channel: str) -> tuple[str, str]:
        """Return purpose and channel as a log may hold them: by our names, and empty where there is none; else they are anybody's words."""
        found = self.find(name)
        there = {one for purpose in self._purposes.values() for one in purpose.channels}
        return found.name if found else "", channel if channel in there else ""

    def above(self, name: str) -> tuple[str, ...]:
        """Return a purpose and all above it, the roots included."""
        parts = name.split(".")
        known = self._purposes.get(name)
        covered = [root for root, cover in COVERED.items() if known is not None and cover in known.covers]
        return (*(".".join(parts[:end]) for end in range(len(parts), 0, -1)), *covered, EVERYTHING)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    purposes: dict[str, Purpose] | None = None


def load_purposes(path: Path) -> Purposes:
    """Read purposes.yaml; a file that is not there names none. Invalid when it cannot be understood."""
    try:
        content = yaml.safe_load(path.read_text("utf-8")) if path.exists() else None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Invalid(f"{path} is not valid YAML: mend it, then read again.") from None
    try:
        return Purposes(msgspec.convert(content or {}, _File).purposes or {})
    except msgspec.ValidationError as error:
        raise Invalid(f"{path}: {error}. See docs/privacy.md for what a purpose may say.") from None
