"""Our own browser snippet in Chromium: faults, leaving, offline, Sec-GPC, consent; and its size."""

import gzip
import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from steelthread.privacy.signals import TcString, Vendors, write_tcf
from steelthread.rights import Consents

GPP = "DBABTA~1YNN"
SDKS = Path(__file__).with_name("sdks")
CHROMIUM = shutil.which("chromium")


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.skipif(
    not shutil.which("node") or not (SDKS / "node_modules").exists() or not CHROMIUM,
    reason="node, chromium, or the packages of tests/live/sdks, are not installed (.ci/run installs them)",
)
def test_the_snippet_loses_nothing_and_asks_first(served, faulty):
    proxy = faulty(429, 500, "cut", "lost", "kill")
    at = int(time.time()) * 10
    tc = write_tcf(TcString(created=at, updated=at, consents="1" * 24, disclosed=Vendors.of([755])))
    command = ["node", "snippet.mjs", CHROMIUM, served.write_key, proxy.host, tc, GPP]
    done = subprocess.run(command, cwd=SDKS, capture_output=True, text=True, check=True, timeout=240)
    told = {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}
    assert done.stderr == ""
    assert not proxy.left
    profile = served.profile("email:plain@example.com")  # waits until all that was acknowledged is folded in
    names = sorted(one["values"]["eventType"] for one in served.timeline("user_id:user-plain"))
    assert names == ["Early", "Leaving", "Signed Up", "group", "page"]
    assert profile["attributes"]["lastName"]["value"] == "Lee"
    assert served.profile(f"anonymous_id:{told['plain']['visitor']}")["individualId"] == profile["individualId"]
    page = next(one for one in served.timeline("user_id:user-plain") if one["values"]["eventType"] == "page")
    assert page["values"]["utmSource"] == "mail"
    assert served.profile("user_id:user-offline")["counts"]["CustomEngagement"] == 121
    assert told["private"] == {"name": "private", "calls": 0, "cookies": [], "storage": []}
    assert told["asked"]["before"] == {"calls": 0, "cookies": 0, "storage": []}
    assert told["asked"]["cookies"] == []
    assert told["managed"]["before"] == {"calls": 0, "cookies": 0}, "it waits for the consent manager's answer"
    assert told["managed"]["cookies"] == []
    with served.space.database.connect() as conn:
        signals = Consents(served.space).signals(conn, "user_id:user-managed")
    assert {(one["signal"], one["content"]) for one in signals} == {("tcf", tc), ("gpp", GPP)}, "letter by letter"
    assert served.profile("user_id:user-managed")["individualId"]
    names = sorted(one["values"]["eventType"] for one in served.timeline("user_id:user-asked"))
    assert names == ["Early", "Signed Up", "alias", "page"]
    check_company(served, told["company"])
    assert served.status()["rejected"] == 0


def check_company(served, told):
    """One visitor for shop and blog; who logs out is another from then on; what waited when the page was closed is there."""
    kept = {"name": "st_id", "secure": True, "sameSite": "Lax"}
    assert sorted(told["cookies"], key=lambda one: one["domain"]) == [
        {**kept, "domain": ".eu.store.example"}, {**kept, "domain": ".shop.example"},
    ]  # fmt: skip
    assert told["atBlog"] == told["first"] != told["second"]
    before, after = (served.profile(f"anonymous_id:{told[name]}")["individualId"] for name in ("first", "second"))
    assert before == served.profile("user_id:user-company")["individualId"]
    assert after == served.profile("user_id:user-next")["individualId"], "the alias names the present visitor"
    assert before != after

    def said(who):
        return sorted(one["values"]["eventType"] for one in served.timeline(f"user_id:{who}"))

    assert said("user-company") == ["Early", "Early", "Logged Out"]
    assert said("user-next") == ["Next", "alias"]
    assert [name for name in said("user-away") if name == "Kept"] == ["Kept"] * 3


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_the_snippet_is_small(served):
    status, headers, body = served.fetch("/steelthread.js", **{"Accept-Encoding": "gzip"})
    assert (status, headers["Content-Encoding"], headers["Content-Type"].partition(";")[0]) == (
        200,
        "gzip",
        "text/javascript",
    )
    assert len(body) < 4096
    assert served.fetch("/steelthread.js")[2] == gzip.decompress(body)
