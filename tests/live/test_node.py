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
FAULTS = (429, 500, "cut", "lost")
"""Busy; our fault; the server is killed before it takes the call; it is killed after it took it."""
RETRIES = {"segment": FAULTS, "rudderstack": FAULTS, "posthog": FAULTS, "jitsu": ()}
"""@jitsu/js sends each event once: it has no retry rules to test."""


def test_node_sdks_lose_nothing_and_count_nothing_twice(served, faulty):
    proxies = {sdk: faulty(*faults) for sdk, faults in RETRIES.items()}
    running = {
        sdk: subprocess.Popen(
            ["node", "node.mjs", sdk, proxy.host, served.write_key, sdk],
            cwd=SDKS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for sdk, proxy in proxies.items()
    }  # fmt: skip
    for sdk, process in running.items():
        said = process.communicate(timeout=120)[0]
        assert process.returncode == 0, said
        assert not proxies[sdk].left, (sdk, said, proxies[sdk].seen)
    for sdk in RETRIES:
        profile = served.profile(f"email:{sdk}@example.com")
        assert profile["attributes"]["lastName"]["value"] == "Lee", sdk
        assert profile["counts"]["WebsiteEngagement"] == 1, sdk
        assert served.profile(f"user_id:user-{sdk}")["individualId"] == profile["individualId"], sdk
        assert served.profile(f"anonymous_id:visitor-{sdk}")["individualId"] == profile["individualId"], sdk
        signed = [
            one for one in served.timeline(f"user_id:user-{sdk}") if one["values"].get("eventType") == "Signed Up"
        ]
        assert len(signed) == 1, sdk
    status = served.status()
    assert status["rejected"] == 0
    assert status["duplicates"] > 0
