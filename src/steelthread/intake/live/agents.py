"""From a user agent to a device, an operating system, a browser, and whether it is a robot. Pure.

The rules are ua-parser's (the uap-core project's regular expressions), shipped with the library.
"""

from typing import Any

from ua_parser import parse

from steelthread.kit import remembered

_LONGEST = 512
_MOBILE = ("iOS", "Android", "Windows Phone", "BlackBerry OS", "KaiOS", "HarmonyOS")
_DESKTOP = ("Windows", "Mac OS X", "Linux", "Ubuntu", "Fedora", "Debian", "Chrome OS", "FreeBSD")


def device(agent: Any, context: dict[str, Any]) -> dict[str, Any]:
    """Return deviceType, osName, browserName and isBot, as far as a user agent and the context's device and os say them."""
    found = dict(_parsed(agent[:_LONGEST])) if isinstance(agent, str) and agent else {}
    if "os" in context and (system := _name(context["os"], "name")):
        found["osName"] = system
    if "device" in context and "deviceType" not in found and (kind := _name(context["device"], "type")):
        found["deviceType"] = "mobile" if kind.casefold() in ("ios", "android") else kind
    return found


def hardware(agent: Any, context: dict[str, Any]) -> dict[str, Any]:
    """Return osVersion, manufacturerName and modelName, as far as a user agent and the context's device and os say them."""
    found = dict(_made(agent[:_LONGEST])) if isinstance(agent, str) and agent else {}
    said = {
        "osVersion": _name(context.get("os"), "version"),
        "manufacturerName": _name(context.get("device"), "manufacturer"),
        "modelName": _name(context.get("device"), "model"),
    }
    return found | {name: value for name, value in said.items() if value}


@remembered(20_000)
def _made(agent: str) -> tuple[tuple[str, str], ...]:
    said = parse(agent)
    version = ".".join(part for part in (said.os.major, said.os.minor) if part) if said.os else ""
    made, model = (said.device.brand, said.device.model) if said.device else (None, None)
    found = (("osVersion", version), ("manufacturerName", made), ("modelName", model))
    return tuple((name, value) for name, value in found if value and not value.startswith("Generic"))


@remembered(20_000)
def _parsed(agent: str) -> tuple[tuple[str, Any], ...]:
    said = parse(agent)
    family = said.device.family if said.device else ""
    if family == "Spider":
        name = said.user_agent.family if said.user_agent else "Spider"
        return (("deviceType", "other"), ("browserName", name), ("isBot", True))
    found: list[tuple[str, Any]] = []
    if said.os:
        found += [("deviceType", _type(said.os.family, agent)), ("osName", said.os.family)]
    if said.user_agent:
        found.append(("browserName", said.user_agent.family))
    return tuple(found)


def _type(system: str, agent: str) -> str:
    if "iPad" in agent or "Tablet" in agent or (system == "Android" and "Mobile" not in agent):
        return "tablet"
    if system in _MOBILE:
        return "mobile"
    return "desktop" if system in _DESKTOP else "other"


def _name(value: Any, key: str) -> str:
    said = value.get(key) if isinstance(value, dict) else ""
    return said[:100] if isinstance(said, str) else ""
