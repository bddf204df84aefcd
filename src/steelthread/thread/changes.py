"""The id-change feed: which universal IDs came, merged and parted, in the order in which it was committed."""

from typing import Any

from steelthread.model import IndividualsCreated, IndividualsErased, Merged, Split
from steelthread.thread.batch import LANE
from steelthread.thread.space import Space


def id_changes(space: Space, after: int = 0, limit: int = 1000) -> dict[str, Any]:
    """Return the changes of universal IDs among the `limit` facts after a number, and the number from which to go on.

    A follower that keeps `next` with what it does sees every change once. Partitions of the log that the project no
    longer keeps are passed over.
    """
    changes: list[dict[str, Any]] = []
    with space.database.connect() as conn:
        facts = space.log.read(conn, LANE, after, limit)
    for one in facts:
        fact, number = one.fact, one.number
        if isinstance(fact, IndividualsCreated):
            changes.append(
                {"number": number, "change": "created", "individuals": [str(new) for new in fact.individuals]}
            )
        elif isinstance(fact, Merged):
            gone = [str(former) for former in fact.gone]
            changes.append({"number": number, "change": "merged", "into": str(fact.into), "gone": gone})
        elif isinstance(fact, IndividualsErased):
            changes.append(
                {"number": number, "change": "erased", "individuals": [str(one) for one in fact.individuals]}
            )
        elif isinstance(fact, Split):
            changes.append({"number": number, "change": "split", "source": str(fact.source), "part": str(fact.part)})
    return {"changes": changes, "next": facts[-1].number if facts else after}
