"""Unmodified SDKs of Node against our collector: what they say is in the profile, and no fault on the way loses any of it."""

import shutil
import subprocess
from pathlib import Path

import pytest

SDKS = Path(__file__).with_name("sdks")
pytestmark = [
    pytest.mark.parametrize("server", ["embedded"], indirect=True),
    pytest.mark.skipif(
        not shutil.which("node") or not (SDKS / "node_modules").exists(),
        reason="node, or the packages of tests/live/sdks, are not installed (.ci/run installs them)",
    ),
]
RETRIES = dict.fromkeys(("segment", "rudderstack", "posthog"), ("kill", 429, 500, "cut", "lost"))
"""The server is killed when it has the call, and away for some seconds for all; busy; our fault; the call never arrives; it
arrives and nobody says so."""
SAID = {"segment": ["Home", "Signed Up", "alias", "group"], "rudderstack": ["Home", "Signed Up", "alias", "group"],
        "posthog": ["Signed Up", "alias", "group", "page"], "jitsu": ["Home", "Signed Up", "group"]}  # fmt: skip


def run(sdk, host, key):
    return subprocess.Popen(
        ["node", "node.mjs", sdk, host, key, sdk], cwd=SDKS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def ends_well(process):
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 0, said
    return said


def check(served, sdk):
    profile = served.profile(f"email:{sdk}@example.com")
    assert profile["attributes"]["lastName"]["value"] == "Lee", sdk
    assert profile["counts"]["WebsiteEngagement"] == 1, sdk
    refs = [f"user_id:user-{sdk}"] + ([f"anonymous_id:visitor-{sdk}"] if sdk != "posthog" else [])
    refs += [f"anonymous_id:second-{sdk}"] if "alias" in SAID[sdk] else []  # known by the alias alone
    for ref in refs:
        assert served.profile(ref)["individualId"] == profile["individualId"], ref
    linked, traits = served.account(f"user_id:user-{sdk}", f"group-{sdk}")
    assert (linked, traits["name"]) == (True, "Lee Ltd"), sdk
    assert sorted(one["values"]["eventType"] for one in served.timeline(f"user_id:user-{sdk}")) == SAID[sdk], sdk


def test_node_sdks_lose_nothing_and_count_nothing_twice(served, faulty):
    proxies = {sdk: faulty(*faults) for sdk, faults in RETRIES.items()}
    running = {sdk: run(sdk, proxy.host, served.write_key) for sdk, proxy in proxies.items()}
    for sdk, process in running.items():
        said = ends_well(process)
        assert not proxies[sdk].left, (sdk, said, proxies[sdk].seen)
        check(served, sdk)
    status = served.status()
    assert status["rejected"] == 0
    assert status["duplicates"] > len(RETRIES)


def test_an_sdk_that_sends_each_event_once(served):
    """@jitsu/js has no retry rules to test."""
    ends_well(run("jitsu", served.host, served.write_key))
    check(served, "jitsu")
    assert served.status()["rejected"] == 0
