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
RETRIES = dict.fromkeys(("segment", "rudderstack", "snowplow"), ("kill", 429, 500, "cut", "lost"))
HOGS = ("kill", "cut", "lost", 503, 500)
"""posthog-js tries three times where nobody answers, and ten where the server does; what a 429 answers it drops, so it gets none."""
SAID = {"segment": ["Home", "Signed Up", "alias", "group"], "rudderstack": ["Home", "Signed Up", "alias", "group"],
        "posthog": ["Signed Up", "alias", "group", "page"], "jitsu": ["Signed Up", "group", "page"],
        "snowplow": ["Home", "Signed Up"]}  # fmt: skip


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
        refs = [f"anonymous_id:{visitor}"]
        refs += [f"anonymous_id:second-{sdk}"] if "alias" in SAID[sdk] else []  # known by the alias alone
        for ref in refs:
            assert served.profile(ref)["individualId"] == profile["individualId"], ref
        if "group" in SAID[sdk]:
            linked, traits = served.account(f"user_id:user-{sdk}", f"group-{sdk}")
            assert (linked, traits["name"]) == (True, "Lee Ltd"), sdk
        assert profile["counts"]["WebsiteEngagement"] == 1, sdk
    assert served.status()["rejected"] == 0


def speak_to(served, faulty, retries):
    """Let SDKs speak to proxies with these faults until all is there, and what was sent twice came twice; return the faults that did not happen."""
    proxies = {sdk: faulty(*faults) for sdk, faults in retries.items()}
    twice = sum(fault in ("lost", "kill") for faults in retries.values() for fault in faults)

    def missing():
        left = {f"{sdk} faults": (proxy.left, proxy.seen) for sdk, proxy in proxies.items() if proxy.left}
        left |= {sdk: found for sdk in retries if (found := told(served, sdk)) != wanted(sdk)}
        if left:
            return left
        duplicates = served.status()["duplicates"]
        return {"duplicates": duplicates} if duplicates < twice else {}

    check(served, speak(served, {sdk: proxy.host for sdk, proxy in proxies.items()}, missing))
    return {sdk: proxy.left for sdk, proxy in proxies.items() if proxy.left}


def test_browser_sdks_lose_nothing_and_count_nothing_twice(served, faulty):
    assert speak_to(served, faulty, RETRIES) == {}


def test_posthogs_browser_sdk_loses_nothing_and_counts_nothing_twice(served, faulty):
    """By itself: where others have the server killed it would give up. Its page's clock runs ahead: it waits minutes."""
    assert speak_to(served, faulty, {"posthog": HOGS}) == {}


def test_a_browser_sdk_that_sends_each_event_once(served):
    """@jitsu/js has no retry rules to test."""

    def missing():
        found = told(served, "jitsu")
        return {} if found == wanted("jitsu") else {"jitsu": found}

    check(served, speak(served, {"jitsu": served.host}, missing))
