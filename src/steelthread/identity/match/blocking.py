"""Which pairs are compared at all: records that share a key, of keys that are not too common. Set-based, in DuckDB.

Keys that stand on many records are left out, as many as it takes to stay within a budget of pairs per record: what
they would give is found by another key, or is not one person. So the pairs grow with the records, not with their square.
"""

import duckdb

BUDGET = 60
"""Pairs per record, before those that are found twice are counted once."""
FEW = 1000
"""Up to so many records all pairs are compared."""
_SPARE = 500_000
_RULES = (
    ("mail", "unnest(mails)"),
    ("phone", "unnest(phones)"),
    ("number", "unnest(numbers)"),
    ("local", "case when length(local) > 5 then local end"),
    ("home", "unnest(homes) || left(first, 1)"),
    ("home year", "unnest(homes) || year"),
    ("road", "road || house || first_sound"),
    ("birth sound", "birthday || left(last_sound, 3)"),
    ("birth first", "birthday || left(first_sound, 2)"),
    ("swapped", "least(birthday, swapped) || left(coalesce(last_sound, first_sound), 2)"),
    ("birth place", "birth || coalesce(postcode, city)"),
    ("birth area", "birth || area"),
    ("birth word", "birth || word"),
    ("full name", "unnest(called) || last_sound"),
    ("turned name", "least(first, last) || greatest(first, last)"),
    ("sounds year", "first_sound || last_sound || left(year, 3)"),
    ("name year", "last || year || left(first, 1)"),
    ("name place", "unnest(surnames) || postcode"),
    ("first place", "unnest(called) || postcode"),
    ("any name postcode", "unnest(names) || postcode"),
    ("any name city", "unnest(names) || city || left(year, 3)"),
    ("sound area", "last_sound || area || left(first_sound, 1)"),
    ("first area", "first || area || year"),
    ("name city", "last_sound || city || left(first_sound, 1)"),
    ("postcode year", "postcode || year"),
    ("postcode job", "postcode || category"),
    ("city job", "city || category || left(year, 3)"),
    ("rare name", "unnest(names)"),
    ("day", "birthday"),
    ("postcode", "postcode"),
    ("called city", "unnest(called) || city"),
    ("surname city", "unnest(surnames) || city"),
    ("last sound city", "left(last_sound, 3) || city"),
    ("last start", "left(last, 4) || left(first, 2)"),
    ("name job", "unnest(names) || category"),
    ("birth any", "birth || left(coalesce(first, word), 1)"),
    ("mail words", "unnest(local_words) || left(coalesce(first, last, word), 1)"),
)


def block(connection: duckdb.DuckDBPyConnection, table: str, into: str) -> int:
    """Write the pairs (record_l < record_r) of a table of prepared records; return how many there are."""
    records = int(connection.execute(f"select count(*) from {table}").fetchall()[0][0])
    if records <= FEW:
        connection.execute(
            f"create or replace table {into} as select l.record as record_l, r.record as record_r"
            f" from {table} l join {table} r on l.record < r.record"
        )
        return records * (records - 1) // 2
    parts = " union all ".join(
        f"select record, {number}::utinyint as rule, {expression} as value from {table}"
        for number, (_, expression) in enumerate(_RULES)
    )
    connection.execute(
        f"create or replace temp table keys as select record, hash(rule, value) as key from ({parts}) where value is not null"
    )
    connection.execute(
        "create or replace temp table sizes as select key, count(*) as size from keys group by key having count(*) > 1"
    )
    largest = connection.execute(
        "select max(size) from (select size, sum(sum(size * (size - 1) / 2)) over (order by size) as pairs from sizes group by size)"
        f" where pairs <= {BUDGET * records + _SPARE}"
    ).fetchall()[0][0]
    connection.execute(f"create or replace temp table small as select key from sizes where size <= {largest or 2}")
    connection.execute(
        "create or replace temp table kept as select distinct record, key from keys semi join small using (key)"
    )
    connection.execute(
        f"create or replace table {into} as select distinct l.record as record_l, r.record as record_r"
        " from kept l join kept r on l.key = r.key and l.record < r.record"
    )
    connection.execute("drop table keys; drop table sizes; drop table small; drop table kept")
    return int(connection.execute(f"select count(*) from {into}").fetchall()[0][0])
