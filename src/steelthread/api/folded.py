"""Waiting until what was acknowledged is in the profiles."""

import asyncio
import time

from anyio import to_thread
from fastapi import FastAPI

from steelthread.thread import LiveStatus, Space, is_mending, live_status


async def folded(api: FastAPI, space: Space, wait: float) -> bool:
    """Wait until what was accepted so far is folded in, at most so many seconds; return whether it is."""
    deadline = time.monotonic() + wait
    accepted = (await to_thread.run_sync(status_now, api, space)).accepted
    while not await to_thread.run_sync(_is_folded, api, space, accepted):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


def _is_folded(api: FastAPI, space: Space, accepted: int) -> bool:
    """Whether so many events are folded in; those that wait for a file to be mended count as soon as it is."""
    with api.state.pool.connection() as conn:
        return live_status(space, conn).folded >= accepted and not is_mending(space, conn)


def status_now(api: FastAPI, space: Space) -> LiveStatus:
    """Return how far live events have come."""
    with api.state.pool.connection() as conn:
        return live_status(space, conn)
