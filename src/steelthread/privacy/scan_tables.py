"""The needle scan's tables: every value of them as text, so that nothing hides in how PostgreSQL keeps it.

Values of `bytea` are searched as bytes. Where the files of the server are searched as they lie, too, only those are
fetched that cannot be seen there: compressed, or kept out of line in pieces.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg import pq as protocol

from steelthread.kit import Unavailable
from steelthread.privacy.needles import Needles
from steelthread.privacy.scan import CHUNK, OVERLAP, Hit

Connection = psycopg.Connection[Any]
_SYSTEM = ("pg_catalog", "information_schema")
_OURS = frozenset({
    "bigint", "integer", "smallint", "boolean", '"char"', "timestamp with time zone", "timestamp without time zone",
})  # fmt: skip
"""Types of what is no value of anybody: numbers that we gave, moments."""
_TELLS_HIDDEN = 170_000
"""The version of PostgreSQL from which on it tells which values lie out of line."""
_PAGES = 32_768
"""Pages of a table that are fetched with one question: 256 MB."""
_TOGETHER = 64
"""Pages whose texts come in one row: with a row for each the search takes three times as long."""
_COLUMNS = (
    "select n.nspname || '.' || quote_ident(c.relname), pg_relation_size(c.oid) / current_setting('block_size')::int, "
    "c.reltoastrelid <> 0 and pg_relation_size(c.reltoastrelid) > 0, coalesce(array_agg(quote_ident(a.attname) order by a.attnum) "
    "filter (where a.attnum is not null), '{}'), coalesce(array_agg(a.atttypid::regtype::text order by a.attnum) "
    "filter (where a.attnum is not null), '{}') from pg_class c join pg_namespace n on n.oid = c.relnamespace "
    "left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' "
    "where c.relkind in ('r', 'm') and n.nspname <> all(%s) and n.nspname !~ '^pg_(toast|temp)' group by c.oid, n.nspname, c.relname order by 1"
)


class Question(msgspec.Struct, array_like=True, frozen=True, tag="table"):
    """What is fetched of a table, or of a part of it: some of its pages, from the first one on."""

    table: str
    what: str
    conditions: tuple[str, ...] = ()
    form: str = "text"
    first: int = 0
    end: int = 0
    step: int = 0
    """Pages that are fetched at a time; 0 for all that there are."""
    is_last: bool = True
    """Whether rows behind the end are of this part, too: there may be more by then."""

    def copies(self) -> Iterator[str]:
        """Yield the statements that fetch it."""
        step = self.step or max(self.end - self.first, 1)
        for start in range(self.first, max(self.end, self.first + 1), step):
            end = min(start + step, self.end)
            rows = [f"ctid >= '({start},0)'"] * (start > 0)
            rows += [f"ctid < '({end},0)'"] * (end < self.end or not self.is_last)
            where = " and ".join((*self.conditions, *rows))
            source = f"{self.table} where {where}" if where else self.table
            yield f"copy (select {self.what} from {source}) to stdout (format {self.form})"


def scan_database(conn: Connection, needles: Needles, *, in_files: bool = False) -> tuple[int, list[Hit]]:
    """Search every table, and what the planner remembers of their values, as PostgreSQL gives them out (TOAST opened).

    With `in_files`, bytes that show in the server's files are left to the search of those (`stands_in`).
    """
    tables, questions = questions_of(conn, in_files=in_files)
    hits = {hit for question in questions for hit in search_table(conn, question, needles)}
    return tables, sorted(hits, key=lambda hit: (hit.where, hit.needle, hit.form))


def questions_of(conn: Connection, *, in_files: bool) -> tuple[int, list[Question]]:
    """Return how many tables there are, and what is to be fetched of them; large ones in parts."""
    tables = conn.execute(_COLUMNS, (list(_SYSTEM),)).fetchall()
    asked = [
        question
        for table, pages, is_large, names, types in tables
        for whole in _fetched(table, names, types, in_files=in_files, together=not is_large)
        for question in _parts(whole, pages)
    ]
    return len(tables) + 1, [*asked, Question("pg_stats", "*")]


def search_table(conn: Connection, question: Question, needles: Needles) -> list[Hit]:
    """Fetch what is asked of a table, and search it."""
    hits: set[Hit] = set()
    before = b""
    for block in _blocks(row for copy in question.copies() for row in _copied(conn, copy)):
        hits |= {Hit(question.table, "sql", number, form) for number, form in needles.found(before + block)}
        before = block[-OVERLAP:]
    return list(hits)


def _fetched(
    table: str, names: Sequence[str], types: Sequence[str], *, in_files: bool, together: bool
) -> Iterator[Question]:
    """Yield what is fetched of a table: text as text, many rows in one where none of them can be large; bytes as bytes."""
    columns = list(zip(names, types, strict=True))
    texts = [name for name, kind in columns if kind != "bytea" and kind.removesuffix("[]") not in _OURS]
    if texts and together:
        row = ", ".join(f"{one}::text" for one in texts)
        yield Question(table, f"string_agg(concat_ws(E'\t', {row}), E'\n')", step=_TOGETHER)
    elif texts:
        yield Question(table, ", ".join(texts))
    hidden = {
        name: f"(pg_column_compression({name}) is not null or pg_column_toast_chunk_id({name}) is not null)"
        for name, kind in columns
        if kind == "bytea"
    }
    whole = [f"'\x0a' || {one}" for one in hidden]  # else the length before it may look like a digit more
    if hidden and in_files:
        some = ", ".join(f"case when {how} then {one} end" for one, how in zip(whole, hidden.values(), strict=True))
        yield Question(table, some, (f"({' or '.join(hidden.values())})",), "binary")
    elif hidden:
        yield Question(table, ", ".join(whole), (), "binary")


def _parts(whole: Question, pages: int) -> Iterator[Question]:
    """Yield the parts of a question: where the rows lie. The last is open: rows may still come."""
    starts = range(0, max(pages, 1), _PAGES)
    for start in starts:
        is_last = start == starts[-1]
        end = max(pages, 1) if is_last else start + _PAGES
        yield msgspec.structs.replace(whole, first=start, end=end, is_last=is_last)


def stands_in(conn: Connection, folder: Path) -> bool:
    """Whether the files of this very server lie below a folder; if so, what stands in its memory only is written to them.

    Which server it is tells the number that each has (`pg_control`).
    """
    if conn.info.server_version < _TELLS_HIDDEN or not conn.info.host.startswith("/"):
        return False
    row = conn.execute("select usesuper from pg_user where usename = current_user").fetchone()
    if row is None or not row[0]:
        return False
    told = conn.execute(
        "select current_setting('data_directory'), system_identifier from pg_control_system()"
    ).fetchone()
    assert told is not None
    home = Path(told[0])
    try:
        number = int.from_bytes((home / "global" / "pg_control").read_bytes()[:8], "little", signed=True)
        elsewhere = any((home / "pg_tblspc").iterdir()) or (home / "pg_wal").is_symlink()
    except OSError:
        return False
    if number != told[1] or elsewhere or not home.resolve().is_relative_to(folder.resolve()):
        return False
    conn.execute("checkpoint")
    return True


def _copied(conn: Connection, source: str) -> Iterator[bytes | memoryview]:
    """Yield the rows of a COPY as libpq gives them: through a cursor it takes five times as long."""
    wire = conn.pgconn
    result = wire.exec_(source.encode())
    if result.status != protocol.ExecStatus.COPY_OUT:
        raise Unavailable(f"A table cannot be searched: {source}. Ask again as the owner of the tables.")
    while True:
        size, row = wire.get_copy_data(0)
        if size < 0:
            break
        yield row
    while (left := wire.get_result()) is not None:
        if left.status not in (protocol.ExecStatus.COMMAND_OK, protocol.ExecStatus.COPY_OUT):
            raise Unavailable("A table could not be searched to its end: the database broke off. Search again.")


def _blocks(rows: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    block, size = [], 0
    for row in rows:
        block.append(row)
        size += len(row)
        if size > CHUNK:
            yield b"".join(block)
            block, size = [], 0
    yield b"".join(block)
