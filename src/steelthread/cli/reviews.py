"""`review`: pairs in doubt, one after the other."""

import sys
from typing import Annotated, Any

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from steelthread.cli.decisions import waterfall
from steelthread.cli.shell import DEFAULT, Common, actor, app, cell, complain, emit, note, out
from steelthread.identity import single, verdict
from steelthread.kit import Conflict
from steelthread.rights import Auditor
from steelthread.thread import Space, review_queue
from steelthread.thread import review as answer_pair

_KEYS = {"s": "same", "d": "different", "k": "skip"}


@app.command
def review(
    pair: str = "",
    answer: str = "",
    /,
    *,
    reason: str = "",
    limit: Annotated[int, Parameter()] = 20,
    common: Common = DEFAULT,
) -> None:
    """Decide pairs of records of which the model is not sure, and people or organisations who may be several; most uncertain and important first.

    In a terminal it asks pair by pair: s same, d different, k skip, q quit. Without one, or with --json, it prints
    the queue. A decision wins over every model; take it back with link or unlink.

    Parameters
    ----------
    pair
        `id` of a pair of the queue, to answer without being asked.
    answer
        same, different or skip.
    reason
        Why; kept with the decision.
    limit
        At most so many pairs.
    """
    with common.reading("review", whole=True) as space:
        if pair:
            _one(space, common, pair, answer, reason)
            return
        with space.database.connect() as conn:
            queue = review_queue(space, conn, actor(), limit)
        if common.json:
            emit({"pairs": queue})
            return
        if not queue:
            out.print("Nothing is in doubt.")
        ask = sys.stdin.isatty()
        for place, one in enumerate(queue, 1):
            _draw(one, place, len(queue))
            if ask and not _asked(space, one, reason):
                break


def _one(space: Space, common: Common, pair: str, answer: str, reason: str) -> None:
    done = _answered(space, pair, _KEYS.get(answer, answer), reason)
    if common.json:
        emit(done)
    else:
        _say(done)


def _asked(space: Space, one: dict[str, Any], reason: str) -> bool:
    """Ask for one pair; False to stop."""
    while True:
        key = input("  [s]ame  [d]ifferent  s[k]ip  [q]uit: ").strip().lower()[:1]
        if key == "q":
            return False
        if key in _KEYS:
            break
    try:
        _say(_answered(space, one["id"], _KEYS[key], reason))
    except Conflict as error:
        complain(str(error))
    return True


def _answered(space: Space, pair: str, answer: str, reason: str) -> dict[str, Any]:
    """Answer, and tell the audit log who did."""
    done = answer_pair(space, pair, answer, actor(), reason)  # type: ignore[arg-type]  # checked there
    refs = [f"individual:{one}" for one in done["individuals"]]
    Auditor(space).act(f"operator {actor()}", "review", refs, answer=answer)
    return done


def _say(done: dict[str, Any]) -> None:
    if done["answer"] == "skip":
        note("skipped")
    elif done["same"]:
        out.print(f"{_verdict(done)}.")
    else:
        out.print(f"{_verdict(done)}{': ' + done['refused'] if done['refused'] else ''}.", markup=False)


def _verdict(done: dict[str, Any]) -> str:
    return verdict(same=done["same"], parties=[done["party"]])


def _draw(one: dict[str, Any], place: int, count: int) -> None:
    impact = one["impact"]
    out.print(
        f"\n[bold]{place} of {count}[/bold]  {one['id']}  {one['question']}  "
        f"{_why(one)}{impact['records']:,} records, revenue {impact['revenue']}"
    )
    table = Table(show_header=True, box=None)
    for name in ("", *(record["record"] for record in one["records"])):
        table.add_column(name, overflow="fold")
    words = dict.fromkeys(word for record in one["records"] for word in record["values"])
    for word in words:
        table.add_row(word, *(_shown(record["values"].get(word, "")) for record in one["records"]))
    out.print(table)
    if one["evidence"]:
        waterfall(one["evidence"], single(one["party"]))


def _why(one: dict[str, Any]) -> str:
    """Return what is in doubt, in words that end with a comma."""
    told = []
    if one["bridge"]:
        small, large = one["bridge"]["parts"]
        told.append(f"{one['bridge']['rule']} alone holds {small:,} and {large:,} records together")
    if one["kind"] == "cluster":
        told.append(f"{one['firstNames']:,} first names, {one['birthDates']:,} birth dates in {one['size']:,} records")
    if one["wall"]:
        told.append(f"a wall: {one['wall']}")
    if one["mean"] is not None:
        told.append(f"mean {one['mean']:+.2f} (needs {one['threshold']:+.2f})")
    return "".join(f"{each}, " for each in told)


def _shown(value: Any) -> Text:
    return cell(", ".join(value) if isinstance(value, list) else value)
