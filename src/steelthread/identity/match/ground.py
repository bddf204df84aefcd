"""Where records and pairs lie as tables while they are compared: in a DuckDB in memory (`duck.py`), or in Spark (`spark.py`).

The engine asks both in one SQL; where the two say a thing differently, `dialect` tells which is spoken.
"""

from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

Dialect = Literal["duckdb", "spark"]
Numbers = dict[str, npt.NDArray[Any]]


class Ground(Protocol):
    """Tables that go when it is closed; no personal value in them is written to a disk in clear."""

    dialect: Dialect
    api: Any
    """The door by which Splink reaches the tables."""

    def write(self, name: str, table: "pa.Table") -> None:
        """Write a table from memory; one of that name goes."""

    def make(self, name: str, select: str) -> None:
        """Make a table from a question, which is asked now; one of that name goes."""

    def append(self, name: str, select: str) -> None:
        """Add rows to a table."""

    def view(self, name: str, select: str) -> None:
        """Give a question a name; it is asked when the name is used."""

    def drop(self, *names: str) -> None:
        """Drop tables."""

    def ask(self, select: str) -> Numbers:
        """Ask for columns of numbers."""

    def count(self, name: str) -> int:
        """Return how many rows a table has."""

    def close(self) -> None:
        """Drop everything."""
