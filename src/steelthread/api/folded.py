"""Waiting until what was acknowledged is in the profiles."""

import time

from anyio import to_thread
from fastapi import FastAPI

from steelthread.thread import Heard, LiveStatus, Space, accepted, is_all_folded, live_status

_LOOK = 0.1
"""Seconds after which it is looked whether one heard of something or not."""


async def folded(api: FastAPI, space: Space, wait: float) -> bool:
    """Wait until what was accepted so far is folded in, at most so many seconds; return whether it is."""
    heard: Heard = api.state.heard
    deadline = time.monotonic() + wait
    number = await to_thread.run_sync(_accepted, api, space)
    while True:
        times = heard.times
        if await to_thread.run_sync(_is_folded, api, space, number):
            return True
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        await heard.wait(min(left, _LOOK), times)


def _accepted(api: FastAPI, space: Space) -> int:
    with api.state.pool.connection() as conn:
        return accepted(space, conn)


def _is_folded(api: FastAPI, space: Space, number: int) -> bool:
    with api.state.pool.connection() as conn:
        return is_all_folded(space, conn, number)


def status_now(api: FastAPI, space: Space) -> LiveStatus:
    """Return how far live events have come."""
    with api.state.pool.connection() as conn:
        return live_status(space, conn)
