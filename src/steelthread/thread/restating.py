"""Asking the graph anew what kinds of identifiers are and what constrains people, as identity.yaml has it now.

Kinds (durable, exclusive, weak, generic_above), limits with their windows, the name guard. Persons between whom a link was
refused are computed together, so that the result is that of the batch, whoever comes first.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any

import psycopg

from steelthread import identity
from steelthread.identity import Outcome, Stitch
from steelthread.intake import Load
from steelthread.kit import now
from steelthread.thread.batch import Batch
from steelthread.thread.space import Space
from steelthread.thread.stars import Stars
from steelthread.thread.types import LANE, SourceFacts

Connection = psycopg.Connection[Any]
_PAGE = 10_000
"""Nodes that are computed at once."""


def restate(space: Space, conn: Connection, after_page: Callable[[], object] = lambda: None) -> int:
    """Have the rules of today hold for everybody, in the caller's transaction; return how much was otherwise.

    `after_page` is called when a page of people is done, and may commit.
    """
    space.log.lock(conn, LANE)
    kinds = [space.rules.kind(name) for name in sorted(identity.kind_names(conn).values()) if space.rules.knows(name)]
    windowed = [kind.index for kind in kinds if any(limit.window for limit in kind.limit)]
    changed = identity.restate_kinds(conn, kinds, windowed)
    flips = identity.generic_otherwise(conn, space.generic_above)
    after_page()
    for page in _pages(conn, flips):
        outcome = _Anew(space, conn, now()).restate(page)
        changed += len(outcome.touched) + len(outcome.gone)
        after_page()
    return changed + len(flips)


def _pages(conn: Connection, flips: Collection[int]) -> Iterator[list[int]]:
    """Yield pages of persons of whom links are known; those between whom links were refused stand on one page."""
    sizes = identity.linked_persons(conn)
    parent: dict[int, int] = {}

    def root(person: int) -> int:
        while (above := parent.setdefault(person, person)) != person:
            parent[person] = person = parent[above]
        return person

    for one, other in identity.persons_refused(conn, flips):
        parent[root(one)] = root(other)
    groups: dict[int, list[int]] = defaultdict(list)
    for person in sizes:
        groups[root(person) if person in parent else person].append(person)
    page: list[int] = []
    count = 0
    for group in groups.values():
        page += group
        count += sum(sizes[person] for person in group)
        if count >= _PAGE:
            yield page
            page, count = [], 0
    if page:
        yield page


class _Anew(Batch):
    """Computes persons anew without a new record; events whose owner turned generic, or back, find their way."""

    def __init__(self, space: Space, conn: Connection, at: datetime) -> None:
        super().__init__(space, conn, SourceFacts(0, 0, unique=False), Load(0, at), None)
        self._stitch = Stitch(conn, space.policy(self._names.conflict), space.generic_above, at)
        self._stars = Stars(space, self._stitch)

    def restate(self, persons: Collection[int]) -> Outcome:
        """Ask the constraints anew of these persons, and write what changes."""
        self._space.log.lock(self._conn, LANE)
        self._stitch.restate(persons)
        return self._finish([])
