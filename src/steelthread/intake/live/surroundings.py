"""What the door knows of a client that the event does not say: user agent, country; the IP address is cut off there."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import maxminddb

from steelthread.intake.live.decoding import Refusal
from steelthread.intake.live.types import Message
from steelthread.kit import Invalid


class Surroundings:
    """Completes events at the door. An IP address gives the country, then goes, unless a purpose needs it."""

    def __init__(self, database: Path | None = None, country_header: str = "") -> None:
        self._reader = _opened(database) if database else None
        self._country_header = country_header.lower()

    def add(self, message: Message, headers: Mapping[str, str], address: str, *, keeps_ip: bool = False) -> None:
        """Complete an event that came from `address` with these headers (names in lower case).

        `keeps_ip`: a purpose of its source needs the address; the gate will ask whoever it is of (`Collecting`).
        A browser's own agent and address are taken; a server's are not those of the person, so only what the event says.
        """
        if message.mapped:
            return
        context = message.context
        agent = headers.get("user-agent", "")
        is_browser = agent.startswith("Mozilla/")
        if is_browser:
            context.setdefault("userAgent", agent)
        said = context.pop("ip", None)
        found = str(said) if said else address if is_browser or context.get("direct") is True else ""
        country = headers.get(self._country_header, "") if self._country_header and is_browser else ""
        country = country if len(country) == 2 and country.isalpha() and country.isascii() else self._country(found)
        if country:
            context.setdefault("country", country.upper())
        if found and keeps_ip:
            context["ip"] = found

    def cut(self, refusal: Refusal) -> None:
        """Take the IP address out of an event that was refused, where dialects have it."""
        event = refusal.event
        if not isinstance(event, dict):
            return
        for holder, name in ((event, "ip"), (event.get("context"), "ip"), (event.get("properties"), "$ip")):
            if isinstance(holder, dict):
                holder.pop(name, None)

    def _country(self, address: str) -> str:
        if self._reader is None or not address:
            return ""
        try:
            found: Any = self._reader.get(str(ipaddress.ip_address(address)))
        except ValueError:
            return ""
        country = found.get("country") if isinstance(found, dict) else None
        code = country.get("iso_code") if isinstance(country, dict) else country
        return code if isinstance(code, str) and len(code) == 2 else ""


def _opened(path: Path) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(path)
    except (OSError, maxminddb.InvalidDatabaseError):
        raise Invalid(
            f"{path} is no database of countries in MaxMind's format (`country_database` under [live]): "
            "name one, or leave the setting empty."
        ) from None
