"""DBML: the same tables as in SQL, with notes, references and one group of tables per area."""

from collections.abc import Iterator

from steelthread.model.formats.selecting import Selection
from steelthread.model.formats.tables import Column, Table, tables


def dbml(selection: Selection) -> str:
    """Write DBML for dbdiagram.io and its relatives."""
    laid = tables(selection)
    keys = {table.name: table.key[0] for table in laid}
    lines = ["Project steelthread {", "  database_type: 'PostgreSQL'", f"  Note: {_text(selection.title)}", "}", ""]
    for table in laid:
        lines += [*_table(table), ""]
    for table in laid:
        lines += _references(table, keys)
    return "\n".join([*lines, "", *_groups(selection, laid), ""])


def _table(table: Table) -> Iterator[str]:
    yield f'Table "{table.name}" {{'
    for one in table.columns:
        yield f'  "{one.name}" "{_type(one)}" [{", ".join(_settings(table, one))}]'
    if len(table.key) > 1:
        names = ", ".join(f'"{name}"' for name in table.key)
        yield f"  indexes {{\n    ({names}) [pk]\n  }}"
    yield f"  Note: {_text(table.note)}"
    yield "}"


def _type(column: Column) -> str:
    return column.type + ("[]" if column.many else "")


def _settings(table: Table, column: Column) -> Iterator[str]:
    if table.key == (column.name,):
        yield "pk"
    elif column.required:
        yield "not null"
    yield f"note: {_text(column.note)}"


def _references(table: Table, keys: dict[str, str]) -> Iterator[str]:
    if table.parent:
        yield f'Ref: "{table.name}"."{table.key[0]}" - "{table.parent}"."{keys[table.parent]}"'
    for one in table.columns:
        if one.target:
            yield f'Ref: "{table.name}"."{one.name}" > "{one.target}"."{keys[one.target]}"'


def _groups(selection: Selection, laid: list[Table]) -> Iterator[str]:
    areas: dict[str, list[str]] = {}
    for table in laid:
        if table.entity:
            areas.setdefault(selection.entities[table.entity].area, []).append(table.name)
    for area, names in sorted(areas.items()):
        yield f'TableGroup "{area}" {{\n' + "\n".join(f'  "{name}"' for name in names) + "\n}\n"


def _text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
