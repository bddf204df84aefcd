"""What a run changed of links, put into force: persons computed anew, page by page, within one transaction."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

import psycopg

from steelthread import identity, profiles
from steelthread.identity import Contacts, Outcome, Stitch, load_match
from steelthread.model import ProfilesChanged
from steelthread.thread.names import Names
from steelthread.thread.space import Space
from steelthread.thread.types import LANE, Stage, silent

Connection = psycopg.Connection[Any]
_PAGE = 4000


class Settling:
    """Computes persons anew, page by page, within one transaction."""

    def __init__(self, space: Space, conn: Connection, at: datetime, threshold: float, stage: Stage = silent) -> None:
        self._space = space
        self._stage = stage
        self._threshold = threshold
        self._conn = conn
        self._at = at
        self._names = Names(space.vault, conn, space.rules.threshold)
        self._policy = space.policy(self._names.conflict)
        self._merged = self._split = 0

    def settle(
        self,
        touched: Collection[int],
        among: Collection[int],
        homely: Mapping[int, Collection[str]],
        contacts: Contacts | None = None,
    ) -> tuple[int, int]:
        """Compute the persons of these records anew; return how many individuals went and came.

        `contacts` is what rules say of their contacts, where that was asked for already.
        """
        doubts = self._doubts(among, homely, contacts)
        records = {*touched, *doubts.records}
        one_page = len(records) <= _PAGE  # whichever group each is of
        return self._settle(
            doubts, dict.fromkeys(records, 0) if one_page else identity.components_of(self._conn, records)
        )

    def settle_all(self, homely: Mapping[int, Collection[str]]) -> tuple[int, int]:
        """Compute everybody anew whom a run over all records may move; return how many individuals went and came."""
        doubts = self._doubts(None, homely)
        several, pairs = identity.persons_in_question(self._conn, self._threshold)
        links = [*doubts.aside, *doubts.back]
        labels = identity.labels_of(self._conn, {end for link in links for end in link[:2]})
        pairs += [(labels[one], labels[other]) for one, other, _ in links]
        groups = identity.grouped({*several, *chain.from_iterable(pairs)}, pairs)
        groups |= {record: groups[labels[record]] for record in doubts.records}
        return self._settle(doubts, groups)

    def _doubts(
        self, among: Collection[int] | None, homely: Mapping[int, Collection[str]], contacts: Contacts | None = None
    ) -> Any:
        names = self._names
        return identity.doubted(self._conn, among, homely, names.learn, names.conflict, self._threshold, contacts)

    def _settle(self, doubts: Any, groups: Mapping[int, int]) -> tuple[int, int]:
        """Compute the persons of these nodes anew, page by page; `groups` says of each in which group it stands."""
        done = 0
        with load_match().nothing_collected():
            for page in _pages(groups):
                self._stage("computing people", done, len(groups))
                self._settle_page(page, doubts.among(page))
                done += len(page)
        return self._merged, self._split

    def _settle_page(self, page: Collection[int], doubts: Any) -> None:
        stitch = Stitch(self._conn, self._policy, self._space.generic_above, self._at)
        stitch.reconsider(page)
        stitch.settle()
        stitch.leave_to_models(doubts.aside, doubts.back)
        self._publish(stitch, stitch.finish())

    def _publish(self, stitch: Stitch, outcome: Outcome) -> None:
        stitch.write()
        if outcome.touched or outcome.gone:
            profiles.delete_profiles(self._conn, outcome.gone)
            self._space.folder(self._conn).fold(outcome.touched)
            facts = [*outcome.facts, ProfilesChanged(individuals=sorted(outcome.touched))]
            self._space.log.append(self._conn, LANE, facts)
        self._merged += len(outcome.gone)
        self._split += len(outcome.fresh)


def _pages(groups: Mapping[int, int]) -> Iterator[list[int]]:
    """Yield pages of nodes; those of one group stand on one page."""
    together: dict[int, list[int]] = defaultdict(list)
    for node, name in groups.items():
        together[name].append(node)
    page: list[int] = []
    for group in together.values():
        page += group
        if len(page) >= _PAGE:
            yield page
            page = []
    if page:
        yield page
