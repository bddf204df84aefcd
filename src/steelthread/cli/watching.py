"""`tail`: live events as they are folded in."""

import psycopg

from steelthread.cli.shell import DEFAULT, Common, app, emit, note, out
from steelthread.kit import SteelthreadError
from steelthread.log import channel
from steelthread.thread import Space, Tail, shown


@app.command
def tail(*, events: int = 0, common: Common = DEFAULT) -> None:
    """Show live events as they are folded in: verdict, mapped records, what each did to which profile. Ctrl-C ends it.

    Parameters
    ----------
    events
        Stop after so many; 0 goes on until stopped. With --json each event is a line.
    """
    with common.reading() as space:
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
