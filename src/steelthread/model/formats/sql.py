"""PostgreSQL DDL: all tables first, then the foreign keys, so that references may go in circles; comments on everything."""

from collections.abc import Iterator

from steelthread.model.formats.selecting import Selection
from steelthread.model.formats.tables import Column, Table, short, tables

_TYPES = {
    "string": "text",
    "integer": "bigint",
    "decimal": "numeric",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamptz",
    "time": "time",
    "json": "jsonb",
}


def sql(selection: Selection) -> str:
    """Write the DDL; run it in one transaction, in a schema of its own."""
    laid = tables(selection)
    lines = [f"-- {selection.title}, version {selection.version}. PostgreSQL 15 or later.", "begin;", ""]
    keys = {table.name: table.key[0] for table in laid}
    for table in laid:
        lines += [*_create(table), *_comments(table), ""]
    for table in laid:
        lines += _foreign_keys(table, keys)
    return "\n".join([*lines, "", "commit;", ""])


def _create(table: Table) -> Iterator[str]:
    yield f"create table {_quoted(table.name)} ("
    parts = [f"    {_quoted(one.name)} {_type(one)}{' not null' if one.required else ''}" for one in table.columns]
    parts.append(f"    primary key ({', '.join(map(_quoted, table.key))})")
    parts += [f"    check (num_nonnulls({', '.join(map(_quoted, names))}) <= 1)" for names in table.one_of]
    yield ",\n".join(parts)
    yield ");"


def _comments(table: Table) -> Iterator[str]:
    yield f"comment on table {_quoted(table.name)} is {_text(table.note)};"
    for one in table.columns:
        yield f"comment on column {_quoted(table.name)}.{_quoted(one.name)} is {_text(one.note)};"


def _foreign_keys(table: Table, keys: dict[str, str]) -> Iterator[str]:
    if table.parent:
        yield _foreign_key(table, table.key[0], table.parent, keys[table.parent], " on delete cascade")
    for one in table.columns:
        if one.target:
            yield _foreign_key(table, one.name, one.target, keys[one.target], "")


def _foreign_key(table: Table, column: str, target: str, key: str, more: str) -> str:
    name = short(f"{table.name}_{column}_{'is' if more else 'fk'}")
    return (
        f"alter table {_quoted(table.name)} add constraint {_quoted(name)} foreign key ({_quoted(column)}) "
        f"references {_quoted(target)} ({_quoted(key)}){more} deferrable initially deferred;"
    )


def _type(column: Column) -> str:
    return _TYPES[column.type] + ("[]" if column.many else "")


def _quoted(name: str) -> str:
    return f'"{name}"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
