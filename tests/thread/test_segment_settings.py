"""Segment's settings of identity hold for live events: limits with demotion, priorities, blocked values; in any order."""

import json
import shutil
import sys

import msgspec
import pytest
from tests import commands

from steelthread import intake
from steelthread.app import verify_space
from steelthread.intake import Message
from steelthread.kit import NotFound
from steelthread.model import Received
from steelthread.thread import LiveThread, Space

START, DAY = 1_790_000_000_000_000, 86_400_000_000
SETTINGS = {
    "externalIds": [
        {"type": "user_id", "priority": 1, "limit": {"value": 1, "frequency": "Ever"}},
        {"type": "email", "priority": 2, "limit": {"value": 3, "frequency": "Monthly"}},
        {"type": "anonymous_id", "priority": 3, "limit": {"value": 2, "frequency": "Ever"}},
    ],
    "blockedValues": [{"type": "*", "exact": ["kiosk"]}, {"type": "email", "regex": ["@acme\\.example$"]}],
}


def said(number, day, **more):
    at = START + day * DAY + number
    return Message(id=f"m{number}", type="identify", timestamp=at, received=at, **more)


EVENTS = [
    *(said(n, n, user_id="u1", traits={"email": f"e{n}@mail.example"}) for n in range(5)),  # two too many in a month
    said(10, 100, user_id="u1", traits={"email": "late@mail.example"}),  # months later there is room again
    *(said(20 + n, n, user_id=f"k{n}", anonymous_id="kiosk") for n in range(2)),
    *(said(30 + n, n, user_id=f"k{n}", traits={"email": "desk@acme.example"}) for n in range(2)),
    *(said(40 + n, n, user_id="u5", anonymous_id=f"a{n}") for n in range(4)),
]  # fmt: skip


def settled(space, settings=SETTINGS):
    """Open a project with Segment's settings, as `ruleset import` takes them."""
    path = space.project.folder / "segment.json"
    path.write_text(json.dumps(settings))
    command = [
        sys.executable,
        "-m",
        "steelthread",
        "ruleset",
        "import",
        str(path),
        "--project",
        str(space.project.folder),
    ]
    commands.run(command, check=True)
    return Space(space.project, space.database)


def tell(space, events):
    with space.writer() as conn:
        number, _, _ = intake.source_row(conn, space.vault, "web", 0, space.vault.digest(b"live"), unique=False)
        space.log.append(conn, "received", [Received(number, msgspec.msgpack.encode(one)) for one in events], hours=1)
        conn.commit()
        thread = LiveThread(space)
        while thread.step(conn, 3).read:
            pass


def together(space, ref, others):
    """Return which of these references are the same person's."""
    with space.database.connect() as conn:
        reader = space.reader(conn)
        own = reader.profile(ref)["individualId"]
        found = []
        for other in others:
            try:
                found += [other] if reader.profile(other)["individualId"] == own else []
            except NotFound:
                continue
    return found


def test_limits_and_blocked_values_hold_in_any_order(space, other_space):
    shutil.rmtree(other_space.project.keyring)
    shutil.copytree(space.project.keyring, other_space.project.keyring)
    one, other = settled(space), settled(other_space)
    tell(one, EVENTS)
    tell(other, EVENTS[::-1])
    emails, visitors = [f"email:e{n}@mail.example" for n in range(5)], [f"anonymous_id:a{n}" for n in range(4)]
    for kept in (one, other):
        assert together(kept, "user_id:u1", emails) == emails[:3], "the later ones are refused, whenever they came"
        assert together(kept, "user_id:u1", ["email:late@mail.example"]) == ["email:late@mail.example"]
        assert together(kept, "user_id:u5", visitors) == visitors[:2]
        shared = ["user_id:k1", "anonymous_id:kiosk", "email:desk@acme.example"]
        assert together(kept, "user_id:k0", shared) == []
        assert verify_space(kept)["same"]


@pytest.mark.parametrize(("frequency", "days"), [("Weekly", 7), ("Annually", 365)])
def test_a_limit_within_a_week_or_a_year_is_of_the_time_of_the_events(space, frequency, days):
    limit = {"type": "email", "priority": 2, "limit": {"value": 1, "frequency": frequency}}
    kept = settled(space, {"externalIds": [{"type": "user_id", "priority": 1}, limit]})
    days_told = [0, days - 2, days + 2, 2 * days, 2 * days + 5]  # the second and the fourth are too soon after another
    events = [said(n, day, user_id="u1", traits={"email": f"e{n}@mail.example"}) for n, day in enumerate(days_told)]
    tell(kept, events[::-1])
    emails = [f"email:e{n}@mail.example" for n in range(len(events))]
    assert together(kept, "user_id:u1", emails) == [emails[0], emails[2], emails[4]]
    assert verify_space(kept)["same"]
