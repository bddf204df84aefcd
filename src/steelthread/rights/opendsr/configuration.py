"""`opendsr.yaml`: who we are to others, and which destinations are told of erasures: the allow-list of domains."""

import ipaddress
import os
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import yaml

from steelthread.kit import Invalid

VERSION = "2.0"
PATH = f"/opendsr/{VERSION}"
HEADER_DOMAIN = "X-OpenDSR-Processor-Domain"
HEADER_SIGNATURE = "X-OpenDSR-Signature"
IDENTITIES = {
    "email": "email", "controller_customer_id": "user_id", "android_advertising_id": "device_id",
    "ios_advertising_id": "device_id", "ios_vendor_id": "device_id", "android_id": "device_id",
    "fire_advertising_id": "device_id", "roku_advertising_id": "device_id", "microsoft_advertising_id": "device_id",
}  # fmt: skip
"""Identity types of the specification -> our kinds."""


class OwnSide(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Our own face: the domain, and the certificate (PEM, with those in between) under which we sign."""

    domain: str
    certificate: str
    key: str
    url: str = ""
    """Where the outside reaches us; https://DOMAIN by default."""
    callbacks: tuple[str, ...] = ()
    """Hosts that controllers may have called back."""


class Destination(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A processor that is told of erasures."""

    domain: str
    url: str
    """Up to the version: `/discovery`, `/requests` come after it. https, on the domain."""
    authorities: str
    """File with the certificates (PEM) of the authorities that may vouch for it."""
    revoked: str = ""
    """File with the lists of revocation (CRLs, PEM) of those authorities; without it none is asked."""
    identities: tuple[str, ...] = ("email",)
    """Identity types that it knows people by."""
    token: str = ""
    """Name of the environment variable with its bearer token."""
    probe: bool = True
    """Whether it is asked afterwards, by a request for access, whether anybody is still there."""


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The file."""

    processor: OwnSide | None = None
    regulation: str = "gdpr"
    """What destinations are told: gdpr or ccpa."""
    destinations: dict[str, Destination] = {}


def load_opendsr(folder: Path) -> Configuration:
    """Read opendsr.yaml; a file that is not there names nobody. Invalid when it cannot be understood."""
    path = folder / "opendsr.yaml"
    try:
        content = yaml.safe_load(path.read_text("utf-8")) if path.exists() else None
        found = msgspec.convert(content or {}, Configuration)
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Invalid(f"{path} is not valid YAML: mend it, then read again.") from None
    except msgspec.ValidationError as error:
        raise Invalid(f"{path}: {error}. See docs/opendsr.md for what it may say.") from None
    if found.regulation not in ("gdpr", "ccpa"):
        raise Invalid(f"{path}: regulation is gdpr or ccpa.")
    for name, one in found.destinations.items():
        if not on_domain(one.url, one.domain):
            raise Invalid(f"{path}: the url of {name} is https on its domain {one.domain}.")
        unknown = [kind for kind in one.identities if kind not in IDENTITIES]
        if unknown:
            raise Invalid(f"{path}: {name} has identities that there are not; there are: {', '.join(IDENTITIES)}.")
    return found


def on_domain(url: str, domain: str) -> bool:
    """Whether an address is https on a domain; one of this machine's own (a proxy beside, a test) may be plain."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    if port == 0 or parts.username or parts.password:
        return False
    return (parts.scheme == "https" and host == domain) or (parts.scheme in ("http", "https") and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def token_of(destination: Destination) -> str:
    """Return the bearer token of a destination; Invalid when its variable is not set."""
    if not destination.token:
        return ""
    value = os.environ.get(destination.token, "")
    if not value:
        raise Invalid(
            f"The environment variable {destination.token} with the token of {destination.domain} is not set."
        )
    return value


def processor_url(own: OwnSide) -> str:
    """Return our own address up to the version."""
    return (own.url.rstrip("/") or f"https://{own.domain}") + PATH
