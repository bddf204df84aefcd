"""`steelthread resolve --incremental`: new and changed records against all, under the model in force.

Candidates are found in the database by keyed hashes of their blocking keys, so only those who may be meant are unsealed.
They are scored by our own scorer, which gives Splink's weights; what a newcomer connects is compared pair by pair, as a
full run would.
"""

import math
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import chain, combinations, pairwise
from typing import Any, NamedTuple

import numpy as np
import psycopg

from steelthread import identity
from steelthread.identity import SAYS, Judgement, Like, ModelRow, Seen, load_match
from steelthread.thread.models import homely_contacts, opened_model, seen_of
from steelthread.thread.opening import Opened, Opening
from steelthread.thread.pairs import Pair, Pairs, Places, pair_of
from steelthread.thread.people import (
    DOUBTFUL,
    Person,
    apart,
    organisation_entities,
    organisations,
    party_entities,
    people,
    person_entities,
    singles_in,
    those_of,
)
from steelthread.thread.resolving import (
    Beside,
    Findings,
    ResolveResult,
    behind_others,
    is_superseded,
    note_seen,
    resolve_all,
    write,
)
from steelthread.thread.space import Space, look_up_by_key
from steelthread.thread.surroundings import Surroundings
from steelthread.thread.types import LANE

Connection = psycopg.Connection[Any]
CANDIDATES = 200
"""How many records a newcomer is compared with at most."""
FEW = 50_000
"""Up to so many newcomers everything is looked up by key, whatever the planner holds of lists of thousands of keys."""
COMMON = 400
"""A key on more records than this finds nobody."""
_BOTH = 2000
"""Where a model has seen more records than this, people and organisations together, newcomers are compared by keys."""
_READ = 5000
"""So many newcomers are read at once, but for the first ones: those are asked of soon."""
_ASKED = 100
"""Of so many newcomers it is asked at once whom they may be."""
_AHEAD = 2
"""So many questions further the database is while the answers to one are opened."""
_HELPED = 200
"""From so many newcomers on a fork helps to open the others."""
_WEIGHED = 7000
"""So many pairs are weighed at once, at least: those that connect are looked around while others are opened."""


def resolve_new(space: Space, most: int | None = None, *, noted: bool = True) -> ResolveResult:
    """Look at the records that are new or changed since the last run.

    The first run of a space is a full one, and so is the first after an update that reads records in another way, and the
    one with which records become too many to compare all of them: from then on keys say who is compared with whom.
    `most` limits how many are looked at; with `noted` the run stands among those that `quality` tells of. The seconds are
    those until the ids are committed; what the model has seen of the records is noted after that.
    """
    began = time.monotonic()
    with space.database.connect() as conn, space.database.connect() as asked:
        row = identity.model_in_force(conn, space.matching)
        if row is None or opened_model(space, row).reads_otherwise:
            conn.rollback()
            return resolve_all(space)
        firms = opened_model(space, row).organisations is not None
        fresh = identity.unjudged(conn, party_entities(space, conn, sees_organisations=firms))[:most]
        if len(fresh) <= FEW:
            for one in (conn, asked):
                look_up_by_key(one, planned_once=True)
                one.commit()  # the switches are the connection's then, and outlast what is taken back
        with load_match().nothing_collected():
            try:
                findings = _judged(space, conn, row, fresh, asked)
            except _OutgrownError:
                conn.rollback()
                return resolve_all(space, keep_model=True)
            conn.rollback()
            space.log.lock(conn, LANE)
            if is_superseded(conn, row):  # by a run over all records, of which these were a part
                conn.rollback()
                return resolve_new(space, most, noted=noted)
            with Beside(asked, fresh) as beside:
                result = write(space, conn, row, findings, fresh, noted=noted, beside=beside)
        conn.commit()
        result.seconds = round(time.monotonic() - began, 3)
        note_seen(space, conn, row, findings)
    return result


def _judged(space: Space, conn: Connection, row: ModelRow, fresh: Sequence[int], asked: Connection) -> Findings:
    """Return what a model says of new records: of people, and of organisations with the part that it has for them."""
    asked.autocommit = True
    firms = those_of(conn, fresh, organisation_entities(space, conn))
    persons = sorted(set(fresh) - set(firms))
    findings = Newcomers(space, conn, row, asked=asked).judge(persons) if persons or not firms else Findings([], {}, 0)
    if firms:
        beside = Newcomers(space, conn, row, of_organisations=True, asked=asked).judge(firms)
        findings.judgements += beside.judgements
        findings.seen |= beside.seen
        findings.pairs += beside.pairs
    return findings


class _OutgrownError(Exception):
    """Up to now all records were compared with each other, and with these newcomers they are too many."""


class _Met(NamedTuple):
    """Whom some newcomers may be."""

    common: Collection[int]
    """Those of their keys that find nobody."""
    likes: Sequence[tuple[int, Like]]
    """Each newcomer with each record found: what is compared of that, sealed."""


class Newcomers:
    """New records, whom they may be, and what the model says."""

    def __init__(
        self,
        space: Space,
        conn: Connection,
        row: ModelRow,
        *,
        of_organisations: bool = False,
        asked: Connection | None = None,
    ) -> None:
        """`asked` is another connection, on which the next candidates are looked for while those before are opened."""
        self._space = space
        self._conn = conn
        self._asked = asked or conn
        self._match = load_match()
        whole = opened_model(space, row)
        self.model = whole.organisations if of_organisations else whole
        self._party = self._match.ORGANISATIONS if of_organisations else self._match.PEOPLE
        self._read = organisations if of_organisations else people
        self._entities = organisation_entities if of_organisations else person_entities
        self._behind = len(whole.comparisons) if of_organisations else 0
        self._connects: float = self._match.CONNECTS
        self._joins: float = max(getattr(row, space.rules.confidence), self._connects)
        self.scorer = self._match.Scorer(self.model)
        self._opening = Opening(space.vault, self.model, numbered=not self._behind)
        self._weighing = self._opening.weighing
        self._places: dict[int, int] = {}
        """Where the records stand that are weighed."""
        self._records: list[int] = []
        self._numbers: dict[int, Sequence[str]] = {}
        self._singles: dict[int, dict[str, set[str]]] = {}
        self._pairs = 0

    def judge(self, fresh: Collection[int]) -> Findings:
        """Return what the model says of these records and of what they connect."""
        self._seen: dict[int, Seen] = {}
        self._homely: dict[int, tuple[str, ...]] = {}
        pages = self._prepared(sorted(fresh))
        known = identity.first_seen(self._conn, _BOTH + 1)
        others = None
        if len(known) <= _BOTH:
            pages = iter([*pages])
            others = self._others(known, self._seen)
        near: dict[Pair, float] = {}
        with self._helped(fresh), Surroundings(self._conn, self._joins) as around:
            for left, right in self._candidates(pages, fresh) if others is None else self._all_pairs(others):
                some = self._near(left, right)
                near |= some
                around.take(chain(self._seen, *some))
            judged = list(self._judgements(list(self._pairs_within(set(self._seen), near, around))))
        return Findings(judged, self._seen, self._pairs, homely=self._homely)

    def _helped(self, fresh: Collection[int]) -> AbstractContextManager[object]:
        """Have a fork open some of the others, where it is worth its while."""
        return self._opening if len(fresh) >= _HELPED else nullcontext()

    def _prepared(self, fresh: Sequence[int]) -> Iterator[Mapping[int, Sequence[int]]]:
        """Yield the keys of newcomers by which they are found, some at a time, as they are read and sealed."""
        for start, end in pairwise([0, *range(_ASKED, len(fresh), _READ), len(fresh)]):
            found = list(self._read(self._space, self._conn, fresh[start:end]))
            for first in range(0, len(found), _ASKED):
                some = found[first : first + _ASKED]
                rows = self._know(some)
                seen = list(seen_of(self._space, zip(some, rows, strict=True), self._party))
                self._seen.update((one.record, one) for one in seen)
                if not self._behind:
                    self._homely.update((one.record, homely_contacts(row)) for one, row in zip(some, rows, strict=True))
                yield {one.record: one.keys for one in seen}

    def _others(self, seen: Collection[int], fresh: Collection[int]) -> list[int] | None:
        """Return the other records, where they are so few that a whole run compares all, else None."""
        known = set(those_of(self._conn, seen, self._entities(self._space, self._conn)))
        if not self._match.compares_all(len(known)):
            return None
        if not self._match.compares_all(len(known.union(fresh))):
            raise _OutgrownError
        return sorted(known.difference(fresh))

    def _all_pairs(self, others: Sequence[int]) -> Iterator[Places]:
        """Yield the places of newcomers and all others: a pair that shares no key may be heavy, too."""
        self.open(others)
        fresh = sorted(self._seen)
        pairs = list(combinations(fresh, 2))
        for other in others:
            if other in self._places:
                pairs += (pair_of(record, other) for record in fresh)
        yield self._ends(pairs)

    def _candidates(self, pages: Iterable[Mapping[int, Sequence[int]]], fresh: Collection[int]) -> Iterator[Places]:
        """Yield the places of newcomers and of those who share keys with them, known ones and each other: each pair once."""
        holders: dict[int, list[int]] = defaultdict(list)
        common: set[int] = set()
        known, among = Pairs(), Pairs()
        newcomers = set(fresh)
        tried, told = set(fresh), 0
        for keys, met in self._met(pages):
            for record, own in keys.items():
                for key in own:
                    holders[key].append(record)
            common.update(met.common)
            found = {}
            for record, like in met.likes:
                (among if like.record in newcomers else known).add(record, like.record)
                found[like.record] = like
            missing = found.keys() - tried
            tried |= missing
            self._open(missing, [found[record] for record in missing])
            if len(known) > max(_WEIGHED, told // 2):  # to weigh them costs something for all that were opened
                told += len(known)
                self._stand(self._opening.rest())
                yield known.placed(self._places)
                known = Pairs()
        for key, records in holders.items():
            if key not in common and len(records) <= COMMON:
                for one, other in combinations(records, 2):
                    among.add(one, other)
        known.take(among)
        self._stand(self._opening.rest())
        yield known.placed(self._places)

    def _met(self, pages: Iterable[Mapping[int, Sequence[int]]]) -> Iterator[tuple[Mapping[int, Sequence[int]], _Met]]:
        """Yield newcomers' keys with whom they may be, some newcomers at a time; others are asked of meanwhile."""

        def ask(keys: Mapping[int, Sequence[int]]) -> _Met:
            common = identity.known_common(self._asked, set(chain.from_iterable(keys.values())))
            rare = {record: [key for key in own if key not in common] for record, own in keys.items()}
            return _Met(common, identity.likes_of(self._asked, rare, CANDIDATES))

        with ThreadPoolExecutor(1, "candidates") as beside:
            later: deque[tuple[Mapping[int, Sequence[int]], Future[_Met]]] = deque()
            for keys in pages:
                later.append((keys, beside.submit(ask, keys)))
                if len(later) > _AHEAD:
                    asked, met = later.popleft()
                    yield asked, met.result()
            while later:
                asked, met = later.popleft()
                yield asked, met.result()

    def open(self, records: Collection[int]) -> None:
        """Have the prepared values of these records: as they were sealed when a model saw them, else from themselves."""
        missing = set(records) - self._places.keys()
        self._open(missing, identity.seen_of(self._conn, missing) if missing else ())

        self._stand(self._opening.rest())

    def _open(self, missing: Collection[int], found: Iterable[Like]) -> None:
        """Have the prepared values of records of which this was found, sealed; some of them come later."""
        likes = [one for one in found if one.sealed and one.subject is not None]
        self._stand(self._opening.open(likes))
        self._know(self._read(self._space, self._conn, set(missing) - {one.record for one in likes}))

    def _stand(self, opened: Iterable[Opened]) -> None:
        """Note where records stand that are open."""
        for one in opened:
            self._places[one.record] = one.place
            self._records.append(one.record)
            if one.numbers:
                self._numbers[one.record] = one.numbers

    def _know(self, found: Iterable[Person]) -> list[dict[str, Any]]:
        """Prepare records; return them so."""
        rows, cells = [], []
        for one in found:
            row = self.scorer.prepare(one.values)
            rows.append(row)
            cells.append((one.record, self._match.cells_of(row, self._party.columns)))
            self._singles[one.record] = one.singles
        places = self._weighing.add([row for _, row in cells])
        self._stand(Opened(record, place, ()) for (record, _), place in zip(cells, places, strict=True))
        return rows

    def _apart(self, one: int, other: int, weight: float) -> str:
        """Return why two records' numbers keep them apart, "" when they do not."""
        if weight >= DOUBTFUL:
            return ""
        exclusive = self._space.rules.exclusive_schemes
        for record in (one, other):
            if record not in self._singles:
                self._singles[record] = singles_in(self._numbers.get(record, ()), exclusive)
        return apart(self._singles[one], self._singles[other], weight)

    def _near(self, left: Any, right: Any) -> dict[Pair, float]:
        """Return the pairs that connect, and their weights; where their records stand is given."""
        self._pairs += len(left)
        records = self._records
        heavy = (end.tolist() for end in self._weighing.heavy(left, right, self._connects))
        return {(records[one], records[other]): weight for one, other, weight in zip(*heavy, strict=True)}

    def _judgements(self, pairs: Sequence[Pair]) -> Iterator[Judgement]:
        """Yield what the model says of pairs of which it says anything."""
        self._pairs += len(pairs)
        judged = self._weighing.judge(*self._ends(pairs))
        walls = ["", *(wall.label for wall in self.model.walls)]
        said = zip(
            judged.levels.tolist(), judged.steps.tolist(), judged.wall.tolist(), judged.said.tolist(), strict=True
        )
        for (one, other), (levels, steps, wall, bits) in zip(pairs, said, strict=True):
            weight = sum(steps)
            word = walls[wall] or self._apart(one, other, weight)
            if word or bits >= SAYS:
                yield Judgement(one, other, weight, *behind_others(levels, steps, self._behind), word)

    def _ends(self, pairs: Sequence[Pair]) -> Places:
        """Return the places of the records at either end of these pairs."""
        places = self._places
        left = np.fromiter((places[one] for one, _ in pairs), np.int64, len(pairs))
        return left, np.fromiter((places[other] for _, other in pairs), np.int64, len(pairs))

    def _pairs_within(self, fresh: set[int], near: dict[Pair, float], around: Surroundings) -> Iterator[Pair]:
        """Yield the pairs of what newcomers connect: theirs, and those that were never compared before.

        Two parts join at a mean from a threshold on, so one of their pairs is so heavy: what is not connected by such pairs
        is compared with the newcomers that are near, and not within itself.
        """
        links = around.links()
        self.open(around.members)
        weights = links | near | dict.fromkeys(around.doubted, math.inf)
        groups = list(around.groups(weights, self.model.largest))
        of = {record: group for group in groups for record in group}
        pairs = {
            (one, other)
            for group in groups
            for one, other in combinations(group, 2)
            if one in fresh or other in fresh or (one, other) not in links
        }
        for ends in near:
            for one, other in (ends, ends[::-1]):
                if one in fresh:
                    pairs.update(pair_of(one, mate) for mate in of[other] if mate != one)
        yield from (pair for pair in sorted(pairs) if pair[0] in self._places and pair[1] in self._places)
