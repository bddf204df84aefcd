"""The two kinds of parties that are matched, people and organisations: one machinery, told here what differs between them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from steelthread.identity.match import organisations, prepare
from steelthread.identity.match.blocking import WORDS, Word
from steelthread.identity.match.coded import Coded
from steelthread.identity.match.columns import prepared
from steelthread.identity.match.comparisons import TWINS, Comparison, Wall, choose, walls
from steelthread.identity.match.conditions import Condition
from steelthread.identity.match.prepare import Frequencies, Values
from steelthread.identity.match.sufficiency import lacks

if TYPE_CHECKING:
    from steelthread.identity.match.model import Model


class Party(NamedTuple):
    """A kind of parties: its columns, how they are read, which records are compared, by what, and what keeps two apart."""

    name: Literal["people", "organisations"]
    texts: Sequence[str]
    lists: Sequence[str]
    frequent: Sequence[str]
    columns_of: Callable[[Values, Frequencies], dict[str, Any]]
    prepared: Callable[[Sequence[Values], Frequencies | None], tuple[Coded, Frequencies]]
    words: Sequence[Sequence[Word]]
    """The rules of blocking."""
    mark: str
    """What stands before its keys, so that no key finds a record of another kind."""
    choose: Callable[[dict[str, float]], list[Comparison]]
    walls: Callable[..., list[Wall]]
    twins: Condition | None
    """What two of one family have, where there are families."""
    lacks: "Callable[[Mapping[str, float], int, Model], list[str]]"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a prepared record, in order."""
        return (*self.texts, *self.lists, *(f"tf_{column}" for column in self.frequent))


PEOPLE = Party(
    "people", prepare.TEXTS, prepare.LISTS, prepare.FREQUENT, prepare.columns_of, prepared, WORDS, "", choose, walls, TWINS, lacks,
)  # fmt: skip
ORGANISATIONS = Party(
    "organisations", organisations.TEXTS, organisations.LISTS, organisations.FREQUENT, organisations.columns_of,
    organisations.prepared, organisations.WORDS, "organisation|", organisations.choose, organisations.walls, None, organisations.lacks,
)  # fmt: skip
PARTIES: dict[str, Party] = {one.name: one for one in (PEOPLE, ORGANISATIONS)}
