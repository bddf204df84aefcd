"""What the gate at the collector remembers: what holds of nodes, and its answers, each with what it rests on.

What holds of a node is remembered under the number under which it was derived, so it is true as long as that number is the
same. The number, and an answer, are remembered until a mark of theirs is among those of which a change is noted
(`privacy.Changes`).
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import count, product
from typing import Any, Generic, TypeVar

import msgspec
import psycopg

from steelthread.kit import now
from steelthread.privacy import Derived, NodeState, Statement, fold, gist, mark_of, statements_of
from steelthread.store import Byteas

Connection = psycopg.Connection[Any]
_Item = TypeVar("_Item")
Key = tuple[str, bytes]
"""Source, and all that an event names."""
NEVER = -1
"""The number of what will be other some day by itself."""
_REMEMBERED = 100_000
_MARKS_EACH = 8
"""On how many marks an answer rests, at most on the average."""


class Held(msgspec.Struct, frozen=True, gc=False):
    """What holds of a node."""

    number: int
    states: tuple[NodeState, ...]
    """One, maybe that of another node of the same gist; none where all that was said is still to come."""
    gist: int | None
    """The same number for all of whom the same was said, as far as a decision goes by it; None: decide each time."""


_NUMBERS = "select node_hash, max(derived) from privacy.consent_state where node_hash = any(%s) group by 1"
_UNKNOWN = Held(NEVER, (), None)


class _Marked(Generic[_Item]):
    """Things by the marks that they rest on, nearly always one by each: nothing is made for it that is looked through for garbage."""

    def __init__(self) -> None:
        self._by_mark: dict[int, _Item | list[_Item]] = {}

    def add(self, mark: int, item: _Item) -> None:
        found = self._by_mark.setdefault(mark, item)
        if isinstance(found, list):
            found.append(item)
        elif found is not item:
            self._by_mark[mark] = [found, item]

    def pop(self, mark: int) -> Collection[_Item]:
        found = self._by_mark.pop(mark, None)
        return found if isinstance(found, list) else () if found is None else (found,)

    def clear(self) -> None:
        self._by_mark.clear()


class Nodes:
    """What holds of nodes, as it was read last."""

    def __init__(self) -> None:
        self._held: dict[bytes, Held] = {}
        self._gists: dict[Hashable, tuple[int, tuple[NodeState, ...]]] = {}
        """What has each gist, as one for all: people are many, and most of them said the same few things."""
        self._count = count()
        """No number is given twice: rulings are remembered by them."""
        self.learnt: dict[bytes, int] = {}
        """Of which nodes the present transaction said something, and the number under which their state was derived."""
        self._sure: dict[bytes, int | None] = {}
        """The numbers of nodes of which no change was noted since; None of whoever nothing was said of."""
        self._marked = _Marked[bytes]()
        """The nodes in `_sure`."""

    def learn(self, derived: Derived) -> None:
        """Take note of all that was said of some nodes, as it was read in this transaction: it is not read again."""
        if derived.later:
            at, told = now(), _by_node(derived.statements)
            for node in derived.later:
                self._fold(node, told[node], derived.number, at)
                self.learnt.pop(node, None)
        for state in derived.states:
            if state.node not in derived.later:
                self._keep(state.node, derived.number, (state,))
                self.learnt[state.node] = derived.number

    def forget(self, changed: Iterable[int] | None) -> None:
        """Be sure no more of the numbers of nodes with these marks; of none without."""
        if changed is None or len(self._sure) > _REMEMBERED:
            self._sure.clear()
            self._marked.clear()
            return
        for mark in changed:
            for node in self._marked.pop(mark):
                del self._sure[node]

    def numbers(self, conn: Connection, nodes: Iterable[bytes]) -> dict[bytes, int]:
        """Return the number of each node of which anything was said; what is not sure is read."""
        sure, learnt = self._sure, self.learnt
        fresh = [node for node in nodes if node not in sure]
        asked = [node for node in fresh if node not in learnt]
        read: dict[bytes, int] = {}
        if asked:
            with conn.cursor(binary=True) as cursor:
                read = dict(cursor.execute(_NUMBERS, (Byteas(sorted(asked)),)).fetchall())
        for node in fresh:
            sure[node] = read.get(node)
            self._marked.add(mark_of(node), node)
        sure.update((node, learnt[node]) for node in nodes if node in learnt)
        return {node: number for node in nodes if (number := sure[node]) is not None}

    def read(self, conn: Connection, numbers: Mapping[bytes, int]) -> Mapping[bytes, Held]:
        """Return what holds of nodes, which was derived under these numbers; read is what is not remembered so."""
        held = self._held
        if max(len(held), len(self._gists)) > _REMEMBERED:
            held.clear()
            self._gists.clear()
        stale = [node for node, number in numbers.items() if held.get(node, _UNKNOWN).number != number]
        if stale:
            told, at = _by_node(statements_of(conn, stale)), now()
            for node in stale:
                self._fold(node, told.get(node, []), numbers[node], at)
        return {node: held[node] for node in numbers}

    def _fold(self, node: bytes, said: list[Statement], number: int, at: datetime) -> None:
        again = any(one.occurred_at > at for one in said)  # it will hold some day: not to be remembered
        self._keep(node, NEVER if again else number, tuple(fold(said, at)))

    def _keep(self, node: bytes, number: int, states: tuple[NodeState, ...]) -> None:
        same = gist(states[0]) if len(states) == 1 else None
        if same is None:
            self._held[node] = Held(number, states, None)
            return
        known = self._gists.get(same)
        if known is None:
            known = self._gists[same] = (next(self._count), states)
        self._held[node] = Held(number, known[1], known[0])


def _by_node(statements: Sequence[Statement]) -> dict[bytes, list[Statement]]:
    told: dict[bytes, list[Statement]] = {}
    for one in statements:
        told.setdefault(one.node, []).append(one)
    return told


class Ruling(msgspec.Struct, frozen=True, gc=False):
    """What may be done with an event."""

    collects: bool
    ties: bool
    locates: bool
    """Whether its IP address may be kept."""


_RULINGS = {said: Ruling(*said) for said in product((True, False), repeat=3)}
YES = _RULINGS[True, True, True]


def ruling_of(*, collects: bool, ties: bool, locates: bool) -> Ruling:
    """Return the one ruling that says so: they are remembered by the hundred thousand."""
    return _RULINGS[collects, ties, locates]


class _Answer(msgspec.Struct, frozen=True, gc=False):
    slot: int
    until: datetime | None
    ruling: Ruling


class Answers:
    """What was decided of all that events name."""

    def __init__(self) -> None:
        self._answers: dict[Key, _Answer] = {}
        self._resting = _Marked[Key]()
        self._rests = 0

    def among(self, keys: Iterable[Key], slot: int, at: datetime) -> dict[Key, Ruling]:
        """Return what was decided of these, as far as it still holds at a moment, which is in a slot of time."""
        answers, found = self._answers.get, {}
        for key in keys:
            known = answers(key)
            if known is not None and known.slot == slot and (known.until is None or at < known.until):
                found[key] = known.ruling
        return found

    def keep(self, key: Key, slot: int, until: datetime | None, ruling: Ruling, marks: Collection[int]) -> None:
        """Remember an answer for the rest of its slot, or until a moment before, or until something of it changes."""
        if len(self._answers) >= _REMEMBERED or self._rests >= _MARKS_EACH * _REMEMBERED:
            self.forget(None)
        self._answers[key] = _Answer(slot, until, ruling)
        self._rests += len(marks)
        for mark in marks:
            self._resting.add(mark, key)

    def forget(self, changed: Iterable[int] | None) -> None:
        """Forget the answers that rest on these marks; all of them without."""
        if changed is None:
            self._answers.clear()
            self._resting.clear()
            self._rests = 0
            return
        for mark in changed:
            keys = self._resting.pop(mark)
            self._rests -= len(keys)
            for key in keys:
                self._answers.pop(key, None)
