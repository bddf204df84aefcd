"""Unmodified SDKs of the browser, in Chromium, against our collector: the profile is right, and no fault loses anything."""

import json
import shutil
import subprocess
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
RETRIES = {
    "segment": (429, 500, "cut", "lost"),
    "rudderstack": (429, 500, "cut", "lost"),
    "snowplow": (429, 500, "cut", "lost"),
    "posthog": (500, "lost"),  # it waits 3 s, then 6, then 12, ...
    "jitsu": (),  # it sends each event once: it has no retry rules to test
}


def signed_up(served, sdk):
    try:
        entries = served.timeline(f"user_id:user-{sdk}")
    except OSError:  # not there yet
        return 0
    return sum(one["values"].get("eventType") == "Signed Up" for one in entries)


def arrived(served, sdk):
    """Whether all that an SDK said is there: each call is sent, and sent again, by itself."""
    try:
        pages = served.profile(f"email:{sdk}@example.com")["counts"].get("WebsiteEngagement", 0)
    except OSError:  # not there yet
        return False
    return pages > 0 and signed_up(served, sdk) > 0


def test_browser_sdks_lose_nothing_and_count_nothing_twice(served, faulty):
    proxies = {sdk: faulty(*faults) for sdk, faults in RETRIES.items()}
    hosts = json.dumps({sdk: proxy.host for sdk, proxy in proxies.items()})
    command = ["node", "browser.mjs", CHROMIUM, served.write_key, hosts]
    browser = subprocess.Popen(
        command, cwd=SDKS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        visitors = {}
        for line in browser.stdout:
            said = json.loads(line)
            if said.get("spoken"):
                break
            visitors[said["sdk"]] = said["visitor"]
        deadline = time.monotonic() + 180
        while any(proxy.left for proxy in proxies.values()) or not all(arrived(served, sdk) for sdk in RETRIES):
            assert time.monotonic() < deadline, "\n".join(
                f"{sdk}: {one.left} {one.seen}" for sdk, one in proxies.items()
            )
            time.sleep(0.2)
        time.sleep(2)  # whatever is still on its way
    finally:
        browser.stdin.close()
        browser.wait(timeout=90)
        errors = browser.stderr.read()
        browser.stdout.close()
        browser.stderr.close()
    assert set(visitors) == set(RETRIES), errors
    for sdk, visitor in visitors.items():
        profile = served.profile(f"email:{sdk}@example.com")
        assert served.profile(f"user_id:user-{sdk}")["individualId"] == profile["individualId"], sdk
        assert served.profile(f"anonymous_id:{visitor}")["individualId"] == profile["individualId"], sdk
        assert signed_up(served, sdk) == 1, sdk
        assert profile["counts"]["WebsiteEngagement"] == 1, sdk
        if sdk != "snowplow":  # which tells no traits but those of its shop's user
            assert profile["attributes"]["lastName"]["value"] == "Lee", sdk
    status = served.status()
    assert status["rejected"] == 0
    assert status["duplicates"] > 0
