"""Tables in a DuckDB of one's own, in memory. A file by itself: DuckDB and Splink take their time to be imported."""

import duckdb
import pyarrow as pa
from splink import DuckDBAPI

from steelthread.identity.match.ground import Dialect, Numbers


class DuckDBGround:
    """A DuckDB of its own in memory: names and contacts never go to a disk."""

    dialect: Dialect = "duckdb"

    def __init__(self) -> None:
        self._sql = duckdb.connect(":memory:", config={"temp_directory": ""})
        self._sql.execute("set enable_progress_bar = false")  # it would draw on stdout
        self.api = DuckDBAPI(connection=self._sql)

    def write(self, name: str, table: pa.Table) -> None:
        """Write a table from memory."""
        self._sql.register("arriving", table)
        self._sql.execute(f"create or replace table {name} as select * from arriving")
        self._sql.unregister("arriving")

    def make(self, name: str, select: str) -> None:
        """Make a table from a question."""
        self._sql.execute(f"create or replace table {name} as {select}")

    def append(self, name: str, select: str) -> None:
        """Add rows to a table."""
        self._sql.execute(f"insert into {name} {select}")

    def view(self, name: str, select: str) -> None:
        """Give a question a name."""
        self._sql.execute(f"create or replace temp view {name} as {select}")

    def drop(self, *names: str) -> None:
        """Drop tables."""
        for name in names:
            self._sql.execute(f"drop table {name}")

    def ask(self, select: str) -> Numbers:
        """Ask for columns of numbers."""
        return dict(self._sql.execute(select).fetchnumpy())

    def count(self, name: str) -> int:
        """Return how many rows a table has."""
        return int(self._sql.execute(f"select count(*) from {name}").fetchall()[0][0])

    def close(self) -> None:
        """Drop everything."""
        self._sql.close()
