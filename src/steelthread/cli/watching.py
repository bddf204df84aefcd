"""`tail`: live events as they are folded in; `replay`: what is kept, through the present mapping and rules."""

from datetime import UTC, datetime

import msgspec
import psycopg

from steelthread.cli.shell import DEFAULT, Common, app, emit, err, note, out
from steelthread.kit import SteelthreadError
from steelthread.log import channel
from steelthread.thread import Replayed, Space, Tail, shown
from steelthread.thread import replay as run_again


@app.command
def tail(*, events: int = 0, common: Common = DEFAULT) -> None:
    """Show live events as they are folded in: verdict, mapped records, what each did to which profile. Ctrl-C ends it.

    Parameters
    ----------
    events
        Stop after so many; 0 goes on until stopped. With --json each event is a line.
    """
    with common.reading("tail", whole=True) as space:
        note("Watching live events; Ctrl-C ends it.")
        _watch(space, events, as_json=common.json)


def _watch(space: Space, most: int, *, as_json: bool) -> None:
    told = 0
    try:
        with space.database.connect() as conn:
            conn.autocommit = True
            conn.execute(f"listen {channel('identity')}")
            following = Tail(space, conn)
            while not most or told < most:
                batch = following.step(conn)
                batch = batch[: most - told] if most else batch
                told += len(batch)
                if as_json:
                    for one in batch:
                        emit(one)
                else:
                    for line in shown(batch):
                        out.print(line, markup=False)
                if not batch:
                    for _ in conn.notifies(timeout=0.5, stop_after=1):
                        pass
    except psycopg.OperationalError as error:
        raise SteelthreadError(f"The database went away ({type(error).__name__}): start tail again.") from None


@app.command
def replay(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    source: str = "",
    common: Common = DEFAULT,
) -> None:
    """Run what is kept through the present mapping and rules again: live events from the log, identifiers of all records.

    Parameters
    ----------
    since
        Only what was received or loaded at this time or later (UTC without a zone).
    until
        Only what was received or loaded before this time.
    source
        Only this source.
    """
    with common.space() as space, err.status("replaying") as status:

        def show(done: Replayed) -> None:
            status.update(f"{done.events:,} events, {done.records:,} records, {done.changed:,} changed")

        done = run_again(space, _moment(since), _moment(until), source, show)
    if common.json:
        emit(msgspec.to_builtins(done))
    else:
        out.print(f"{done.events:,} live events were mapped again.")
        out.print(f"{done.records:,} kept records were gone through; {done.changed:,} of them came out otherwise.")


def _moment(said: datetime | None) -> datetime | None:
    return said.replace(tzinfo=UTC) if said is not None and said.tzinfo is None else said
