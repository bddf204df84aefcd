"""What a signal of a consent manager says in the words of the ledger, purpose by purpose. Pure.

A signal is a whole state: TC string, GPP string, US Privacy string, Google Consent Mode, the categories that the SDKs of
Segment, RudderStack and Jitsu send. `purposes.yaml` maps it by the names that its purposes have elsewhere
(`alsoKnownAs`). It fails closed: what cannot be read gives no yes, and a no where the law takes silence for one.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

import msgspec

from steelthread.kit import Invalid
from steelthread.privacy.purposes import Purpose, Purposes
from steelthread.privacy.signals import consent_mode
from steelthread.privacy.signals.gpp import TCF_EU, GppString, UspString, UsSection, read_gpp, read_usp
from steelthread.privacy.signals.tcf import FEATURES, PURPOSES, TcString, read_tcf
from steelthread.privacy.types import Said

Signal = Literal["tcf", "gpp", "usp", "google", "categories"]
METHODS: Mapping[Signal, str] = {
    "tcf": "IAB TC string", "gpp": "IAB GPP string", "usp": "IAB US Privacy string", "google": "Google Consent Mode",
    "categories": "categories of a consent manager",
}  # fmt: skip
OWN_CHANNELS = ("web", "app")
"""Channels that a yes in a browser or an app opens, of a purpose that names its channels: it is no yes to mail."""
TCF_LASTS = timedelta(days=390)
"""How long a TC string counts: thirteen months of thirty days, after which people are asked again."""
_SHARING, _TARGETED, _SENSITIVE = "*sharing", "*targeted_advertising", "*sensitive"
_TCF_CANADA = 5
_STRINGS: tuple[tuple[Signal, tuple[str, ...]], ...] = (
    ("tcf", ("tcString", "IABTCF_TCString")),
    ("gpp", ("gppString", "IABGPP_HDR_GppString")),
    ("usp", ("uspString", "IABUSPrivacy_String")),
)
_GOOGLE = ("consentMode", "gcs", "gcd", *consent_mode.TYPES)
QUERY = {
    "gdpr_consent": "tcString", "gpp": "gppString", "us_privacy": "uspString", "gcs": "gcs", "gcd": "gcd",
    "gdpr": "gdprApplies",
}  # fmt: skip
"""Parameters of a URL that bring signals (IAB: "Full TC String passing", GPP, US Privacy; Google's tags)."""
Verdict = Callable[[Purpose, list[str]], bool | None]
_SPOKEN = frozenset({name for _, names in _STRINGS for name in names} | set(_GOOGLE))
"""Fields of `consent` that are read, but for the categories."""
SIGNAL_FIELDS = ("consent", "consentManagement", "consentQuery")
"""The fields of an event's context in which signals stand."""
_SHORT = 4096
_PACK = msgspec.json.Encoder().encode
_PACK_EXACTLY = msgspec.msgpack.Encoder().encode
_UNPACK = msgspec.msgpack.Decoder().decode
_WRITE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=str).encode


class Told(msgspec.Struct, frozen=True):
    """One thing that a signal says; `expired` ends a no that it said before, and gives no yes."""

    purpose: str
    said: Said
    channel: str = ""


class Hearing(msgspec.Struct, frozen=True):
    """A signal, understood as far as it can be."""

    signal: Signal
    told: tuple[Told, ...] = ()
    problem: str = ""
    """Why it, or a part of it, cannot be read; empty when it can."""
    chosen_at: datetime | None = None
    """When the person chose, where the signal tells it, perhaps to the day only."""
    lasts: timedelta | None = None
    """How long a yes counts from then on."""


def found_in(context: Mapping[str, Any]) -> tuple[tuple[Signal, str], ...]:
    """Return the signals of an event's context, each as it came: strings letter by letter, objects as JSON.

    `consent` is what the client says, `consentManagement` RudderStack's form of it, `consentQuery` the URL's parameters.
    """
    if "consentManagement" in context or "consentQuery" in context:
        said = {name: context[name] for name in SIGNAL_FIELDS if name in context}
    elif "consent" in context:
        said = {"consent": context["consent"]}
    else:
        return ()
    try:
        packed = _PACK_EXACTLY(said)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _found(said)  # what is none of JSON's
    return _remembered(packed) if len(packed) <= _SHORT else _found(said)


@lru_cache(maxsize=4096)
def _remembered(packed: bytes) -> tuple[tuple[Signal, str], ...]:
    """Return the signals of the fields of a context: people of one site send the same few."""
    return _found(_UNPACK(packed))


def _found(context: Mapping[str, Any]) -> tuple[tuple[Signal, str], ...]:
    said, query = context.get("consent"), context.get("consentQuery")
    listed: dict[Signal, list[str]] = {}
    for one in (said, query):
        if not isinstance(one, dict) or _SPOKEN.isdisjoint(one):
            continue
        strings = (
            _STRINGS[1:] if one.get("gdprApplies") in (False, 0, "0") else _STRINGS
        )  # a TC string means nothing then
        for signal, names in strings:
            listed.setdefault(signal, []).extend(_text(one[name]) for name in names if one.get(name))
        google = {name: one[name] for name in _GOOGLE if name in one}
        if google:
            listed.setdefault("google", []).append(_text(google))
    found = [(signal, _only(texts)) for signal, texts in listed.items() if texts]
    categories = {}
    if isinstance(said, dict) and "categoryPreferences" in said:
        categories["categoryPreferences"] = said["categoryPreferences"]
    elif said is not None and not isinstance(said, dict):
        categories["consent"] = said
    if "consentManagement" in context:
        categories["consentManagement"] = context["consentManagement"]
    return (*found, ("categories", _text(categories))) if categories else tuple(found)


def _text(said: Any) -> str:
    if isinstance(said, str):
        return said
    try:
        return _written(_PACK(said))
    except (TypeError, ValueError, OverflowError):
        return _WRITE(said)  # what is none of JSON's


@lru_cache(maxsize=4096)
def _written(packed: bytes) -> str:
    """Return JSON in the one form in which it is compared: people of one site send the same few objects."""
    return _WRITE(json.loads(packed))


def _only(texts: Iterable[str]) -> str:
    """Return the one text; several that differ are kept together, which nothing can read."""
    return "\n".join(dict.fromkeys(texts))


class Ears:
    """Hears signals under one policy."""

    def __init__(self, purposes: Purposes) -> None:
        self._purposes = purposes
        self.hear: Callable[[Signal, str], Hearing] = lru_cache(maxsize=4096)(self._hear)

    def _hear(self, signal: Signal, content: str) -> Hearing:
        try:
            if signal == "tcf":
                return self._tcf(signal, read_tcf(content))
            if signal == "gpp":
                return self._gpp(read_gpp(content))
            if signal == "usp":
                return Hearing(signal, _roots([read_usp(content)]))
            if signal == "google":
                return Hearing(signal, self._told("google", _by_name(_google(json.loads(content)))))
            return Hearing(signal, self._told("category", self._by_category(_categories(json.loads(content)))))
        except Invalid as error:
            return self._unreadable(signal, f"{METHODS[signal]} cannot be read: {error}")

    def _unreadable(self, signal: Signal, problem: str) -> Hearing:
        """Fail closed: no yes; an objection to what goes on without one; sale and sharing are opted out of."""
        schemes = {"google": ("google",), "categories": ("category",), "usp": ()}.get(signal, ("iab",))
        told = [
            Told(one.name, "objected")
            for one in self._purposes
            if one.heeds and one.legal_basis != "consent" and any(_names(one, scheme) for scheme in schemes)
        ]
        if signal in ("gpp", "usp"):
            told += [Told(_SHARING, "opted_out"), Told(_TARGETED, "opted_out")]
        return Hearing(signal, tuple(told), problem)

    def _told(self, scheme: str, verdict: Verdict) -> tuple[Told, ...]:
        told: list[Told] = []
        for one in self._purposes:
            names = _names(one, scheme)
            if not one.heeds or not (names or scheme == "category"):
                continue
            allowed = verdict(one, names)
            if allowed:
                channels = [channel for channel in OWN_CHANNELS if channel in one.channels] if one.channels else [""]
                told += [Told(one.name, "given", channel) for channel in channels]
                told += [] if "" in channels else [Told(one.name, "expired")]
            elif allowed is not None:
                told.append(Told(one.name, "refused" if one.legal_basis == "consent" else "objected"))
        return tuple(told)

    def _by_category(self, categories: dict[str, bool] | None) -> Verdict:
        """Go by the categories that a purpose names, else by the one of its own name; of an empty list all are a no."""

        def verdict(one: Purpose, names: list[str]) -> bool | None:
            wanted = [name.casefold() for name in names] or [one.name.casefold()]
            if categories is None:
                return False if names else None
            return _together([categories.get(name) for name in wanted])

        return verdict

    def _tcf(self, signal: Signal, said: TcString) -> Hearing:
        problems: dict[str, None] = {}

        def verdict(one: Purpose, names: list[str]) -> bool | None:
            purposes, features, vendors = _iab(names)
            if not purposes and not features and not vendors:
                return None
            by_interest = one.legal_basis != "consent"
            granted = all(said.purpose(number) or (by_interest and said.interest(number)) for number in purposes)
            granted &= all(said.feature(number) for number in features)
            for vendor in vendors if granted else ():
                reason = said.vendor(vendor, purposes)
                granted &= not reason
                if reason:
                    problems[reason] = None
            return granted

        told = self._told("iab", verdict)
        return Hearing(signal, told, "; ".join(problems), said.updated_at, TCF_LASTS)

    def _gpp(self, said: GppString) -> Hearing:
        told: list[Told] = []
        chosen_at, lasts, problems = None, None, []
        tcf = said.sections.get(TCF_EU)
        if isinstance(tcf, TcString):
            heard = self._tcf("gpp", tcf)
            told += heard.told
            chosen_at, lasts = heard.chosen_at, heard.lasts
            problems += [heard.problem] if heard.problem else []
        told += _roots(said.sections[number] for number in said.sections)
        unknown = sorted(number for number, one in said.sections.items() if not isinstance(one, _KNOWN))
        if unknown:
            problems.append(f"sections of the GPP string that cannot be read: {', '.join(map(str, unknown))}")
        if any(number > _TCF_CANADA for number in unknown):  # one of the United States: whatever it says, it is a no
            told = [one for one in told if not one.purpose.startswith("*")]
            told += [Told(_SHARING, "opted_out"), Told(_TARGETED, "opted_out")]
        return Hearing("gpp", tuple(told), "; ".join(problems), chosen_at, lasts)


_KNOWN = (TcString, UsSection, UspString)


def _roots(sections: Iterable[Any]) -> tuple[Told, ...]:
    """Return what the sections of the United States say of sale, sharing, targeted advertising and sensitive data."""
    values: dict[str, list[int]] = {_SHARING: [], _TARGETED: [], _SENSITIVE: []}
    for one in sections:
        if isinstance(one, UspString):
            values[_SHARING].append({"Y": 1, "N": 2}.get(one.opted_out.upper(), 0))
        elif isinstance(one, UsSection):
            values[_SHARING] += [*one.of("SaleOptOut"), *one.of("SharingOptOut"), 1 if one.gpc else 0]
            values[_SHARING] += [value for value in one.of("KnownChildSensitiveDataConsents") if value == 1]
            values[_TARGETED] += one.of("TargetedAdvertisingOptOut")
            values[_SENSITIVE] += one.of("SensitiveDataProcessing")
    told = []
    for root, found in values.items():
        if 1 in found:
            told.append(Told(root, "limited" if root == _SENSITIVE else "opted_out"))
        elif 2 in found:
            told.append(Told(root, "given"))
    return tuple(told)


def _names(one: Purpose, scheme: str) -> list[str]:
    front = f"{scheme}:"
    return [name.removeprefix(front) for name in one.also_known_as if name.startswith(front)]


def _iab(names: Iterable[str]) -> tuple[list[int], list[int], list[int]]:
    """Read the IAB names of a purpose: `4`, `feature:1`, `vendor:755`; one that is none of these is never consented to."""
    found: dict[str, list[int]] = {"": [], "feature": [], "vendor": []}
    most = {"": PURPOSES, "feature": FEATURES, "vendor": 0xFFFF}
    for name in names:
        kind, _, number = name.rpartition(":")
        fits = kind in found and number.isdecimal() and 1 <= int(number) <= most[kind]
        found[kind if kind in found else ""].append(int(number) if fits else 0)
    return found[""], found["feature"], found["vendor"]


def _together(said: Iterable[bool | None]) -> bool | None:
    """A purpose of several names needs a yes to each; one no is one."""
    told = list(said)
    if False in told:
        return False
    return None if None in told or not told else True


def _by_name(said: Mapping[str, bool]) -> Verdict:
    return lambda _, names: _together([said.get(name) for name in names])


def _google(said: Any) -> dict[str, bool]:
    """Put the three forms of Consent Mode together: where they differ, a no is one; `gcd` knows who was not asked."""
    if not isinstance(said, dict):
        raise Invalid("no object")
    parts = [consent_mode.read_words(said)]
    if "consentMode" in said:
        parts.append(consent_mode.read_words(said["consentMode"]))
    if "gcd" in said:
        parts.append(consent_mode.read_gcd(_text(said["gcd"])))
    elif "gcs" in said:
        parts.append(consent_mode.read_gcs(_text(said["gcs"])))
    return {name: all(part.get(name, True) for part in parts) for part in parts for name in part}


def _categories(said: dict[str, Any]) -> dict[str, bool] | None:
    """Return category (lower case) -> answer; None for a list without any, which Segment reads as a no to all."""
    found: dict[str, bool] = {}
    if "consent" in said:
        raise Invalid("`context.consent` is no object")
    listed = said.get("categoryPreferences", {})
    if not isinstance(listed, dict) or not all(isinstance(answer, bool) for answer in listed.values()):
        raise Invalid("`categoryPreferences` is no object of true and false")
    for name, answer in listed.items():
        found[name.casefold()] = found.get(name.casefold(), True) and answer
    managed = said.get("consentManagement", {})
    if not isinstance(managed, dict):
        raise Invalid("`consentManagement` is no object")
    for word, answer in (("allowedConsentIds", True), ("deniedConsentIds", False)):
        names = managed.get(word) or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise Invalid(f"`{word}` is no list of texts")
        for name in names:
            found[name.casefold()] = found.get(name.casefold(), True) and answer
    return None if not found and "categoryPreferences" in said else found
