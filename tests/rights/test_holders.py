"""Every table and column has a holder: whoever adds one says what it holds, and whether it is of a person."""

from steelthread.rights import HOLDERS

SQL = """
select table_schema || '.' || table_name, array_agg(column_name::text) from information_schema.columns
where table_schema not in ('pg_catalog', 'information_schema') group by 1
"""


def test_every_column_has_a_holder(space):
    with space.database.connect() as conn:
        there = {table: sorted(columns) for table, columns in conn.execute(SQL)}
    told = {holder.table: sorted(holder.columns.split()) for holder in HOLDERS}
    assert told == there, "say in src/steelthread/rights/holders.py what the new table or column holds"
    for holder in HOLDERS:
        assert set(holder.by) <= set(holder.columns.split())
        assert holder.what
