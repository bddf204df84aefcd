"""Rows as a Parquet file; in constant memory."""

from collections.abc import Container, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def write_parquet(
    rows: Iterator[dict[str, Any]], names: Sequence[str], lists: Container[str], output: Path, page: int
) -> int:
    """Write columns of text, some of them `lists`, and how many records each row has, `page` rows at once; return how many."""
    many = pa.list_(pa.string())
    schema = pa.schema([*((name, many if name in lists else pa.string()) for name in names), ("records", pa.int64())])
    count = 0
    with pq.ParquetWriter(output, schema) as writer:
        while some := list(islice(rows, page)):
            count += len(some)
            columns = [pa.array([_cell(row.get(one.name), one.type) for row in some], one.type) for one in schema]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return count


def _cell(value: Any, kind: Any) -> Any:
    if value is None or kind == pa.int64():
        return value
    if pa.types.is_list(kind):
        return [str(one) for one in (value if isinstance(value, list) else [value])]
    return "|".join(map(str, value)) if isinstance(value, list) else str(value)
