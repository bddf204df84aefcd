"""Unmodified SDKs of the browser, in Chromium, against our collector: the profile is right, and no fault loses anything."""

import json
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

SDKS = Path(__file__).with_name("sdks")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.parametrize("server", ["embedded"], indirect=True),
    pytest.mark.skipif(
        not shutil.which("node") or not (SDKS / "node_modules").exists() or not CHROMIUM,
        reason="node, chromium, or the packages of tests/live/sdks, are not installed (.ci/run installs them)",
    ),
]
FAULTS = (429, 500, "cut", "lost")
RETRIES = {
    "segment": (*FAULTS, "kill"),  # the server is away for some seconds for all
    "rudderstack": FAULTS,
    "snowplow": FAULTS,
    "posthog": (500, "lost"),  # it waits 3 s, then 6, then 12, ...
}
SAID = {"segment": ["Home", "Signed Up", "alias", "group"], "rudderstack": ["Home", "Signed Up", "alias", "group"],
        "posthog": ["Signed Up", "group", "page"], "jitsu": ["Signed Up", "group", "page"],
        "snowplow": ["Home", "Signed Up"]}  # fmt: skip
LOST = sum(fault in ("lost", "kill") for faults in RETRIES.values() for fault in faults)
"""How many calls the server took and no SDK knows of: each is sent again, and is there for the second time."""


def told(served, sdk):
    """Return what of an SDK's words is in the profile: its events by name, the last name, who the visitor is."""
    try:
        profile = served.profile(f"user_id:user-{sdk}")
        events = sorted(one["values"]["eventType"] for one in served.timeline(f"user_id:user-{sdk}"))
        mailed = served.profile(f"email:{sdk}@example.com")["individualId"]
    except OSError:  # nobody of that name yet, or the server is away
        return None
    name = profile["attributes"].get("lastName", {}).get("value")
    return events, name, mailed == profile["individualId"]


def wanted(sdk):  # snowplow tells no traits but those of its shop's user
    return SAID[sdk], None if sdk == "snowplow" else "Lee", True


def speak(served, hosts, missing):
    """Let the SDKs speak on pages of a browser, which stay open until nothing is `missing`; return the visitors."""
    command = ["node", "browser.mjs", CHROMIUM, served.write_key, json.dumps(hosts)]
    browser = subprocess.Popen(
        command, cwd=SDKS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    complaints = []
    reader = threading.Thread(
        target=lambda: complaints.extend(browser.stderr)
    )  # or the pipe fills, and all stands still
    reader.start()
    try:
        visitors = {}
        for line in browser.stdout:
            said = json.loads(line)
            if said.get("spoken"):
                break
            visitors[said["sdk"]] = said["visitor"]
        deadline = time.monotonic() + 240
        while browser.poll() is None and (left := missing()):
            assert time.monotonic() < deadline, left
            time.sleep(0.2)
    finally:
        browser.stdin.close()
        browser.wait(timeout=90)
        reader.join()
        browser.stdout.close()
        browser.stderr.close()
    assert set(visitors) == set(hosts), complaints
    return visitors


def check(served, visitors):
    for sdk, visitor in visitors.items():
        assert told(served, sdk) == wanted(sdk), sdk
        profile = served.profile(f"user_id:user-{sdk}")
        assert served.profile(f"anonymous_id:{visitor}")["individualId"] == profile["individualId"], sdk
        assert profile["counts"]["WebsiteEngagement"] == 1, sdk
    assert served.status()["rejected"] == 0


def test_browser_sdks_lose_nothing_and_count_nothing_twice(served, faulty):
    proxies = {sdk: faulty(*faults) for sdk, faults in RETRIES.items()}

    def missing():
        """Return what has not come to pass: every fault happens, all that is said is there, all that is sent twice came twice."""
        left = {f"{sdk} faults": (proxy.left, proxy.seen) for sdk, proxy in proxies.items() if proxy.left}
        left |= {sdk: found for sdk in RETRIES if (found := told(served, sdk)) != wanted(sdk)}
        if left:
            return left
        duplicates = served.status()["duplicates"]
        return {"duplicates": duplicates} if duplicates < LOST else {}

    check(served, speak(served, {sdk: proxy.host for sdk, proxy in proxies.items()}, missing))


def test_a_browser_sdk_that_sends_each_event_once(served):
    """@jitsu/js has no retry rules to test."""

    def missing():
        found = told(served, "jitsu")
        return {} if found == wanted("jitsu") else {"jitsu": found}

    check(served, speak(served, {"jitsu": served.host}, missing))
