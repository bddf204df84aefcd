"""`alerts`: what somebody should look at."""

import msgspec

from steelthread.cli.shell import DEFAULT, Common, app, cell, emit, note, out, table_of
from steelthread.intake import list_alerts


@app.command
def alerts(*, ended: bool = False, limit: int = 100, common: Common = DEFAULT) -> None:
    """List what somebody should look at: unusual volumes of events, contracts and files of sources that cannot be read.

    Parameters
    ----------
    ended
        List those that are over too.
    limit
        At most so many, newest first.
    """
    with common.space() as space, space.database.connect() as conn:
        found = list_alerts(conn, ended=ended, limit=max(1, limit))
    if common.json:
        emit({"alerts": msgspec.to_builtins(found)})
        return
    if not found:
        note("Nothing stands." if not ended else "There was nothing yet.")
        return
    table = table_of("since", "until", "source", "kind", "event", "what")
    for one in found:
        over = f"{one.ended:%Y-%m-%d %H:%M}Z" if one.ended else ""
        table.add_row(f"{one.first:%Y-%m-%d %H:%M}Z", over, *map(cell, (one.source, one.kind, one.event, one.said)))
    out.print(table)
