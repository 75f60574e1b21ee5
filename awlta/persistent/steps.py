"""What the revisions of a recipe package are written in: one function a change of a table.

A table is made, whole, when its class is first used, so a database may hold any part of the
tables of a package, old ones and new ones. Every step therefore does what is lacking: nothing
where its change is there already, and nothing where its table is not there yet.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from ..errors import ConfigError
from . import tables
from .schema import indexes

Plain = int | float | str | bytes | bool | None
"""What a default may be: a value as it stands in the column."""


def add_table(table: str, kinds: Mapping[str, str]) -> None:
    """Make the table of a class.

    Parameters
    ----------
    table : str
    kinds : mapping
        Column to kind: integer, real, text, blob or boolean. Key and context come with it.
    """
    if not _columns(table):
        tables.new_table(table, kinds).create(op.get_bind())


def drop_table(table: str) -> None:
    """Take a table away with all that is in it."""
    if _columns(table):
        op.drop_table(table)


def rename_table(old: str, new: str) -> None:
    """Give a table another name; what is in a table of that name already is kept."""
    have, there = _columns(old), _columns(new)
    if not have:
        return
    for index in _indexes(old):  # they are named after the table
        op.drop_index(index, table_name=old)
    if not there:
        op.rename_table(old, new)
        return
    both = [name for name in have if name in there]
    source, target = (sa.table(n, *map(sa.column, both)) for n in (old, new))
    op.execute(target.insert().from_select(both, sa.select(*source.columns)))
    op.drop_table(old)


def add_rows(table: str, classes: Sequence[str], defaults: Mapping[str, Plain]) -> None:
    """Give every object of some classes its row in a table, where it has none.

    Parameters
    ----------
    table : str
    classes : sequence of str
        The class of the table, and those that derive from it.
    defaults : mapping
        Column to value; the others are NULL.
    """
    if not _columns(table):
        return
    p = tables.product
    taken = [p.c.id, *(p.c[c.name] for c in tables.context_columns())]
    columns = [sa.column(c.name, c.type) for c in taken]
    values = [sa.column(name, sa.literal(value).type) for name, value in defaults.items()]
    target = sa.table(table, *columns, *values)
    has_row = sa.select(target.c.id).where(target.c.id == p.c.id).exists()
    given = [sa.literal(value) for value in defaults.values()]
    rows = sa.select(*taken, *given).where(p.c.class_name.in_(classes), ~has_row)
    op.execute(target.insert().from_select([c.name for c in target.columns], rows))


def add_column(table: str, name: str, kind: str, *, default: Plain = None) -> None:
    """Add the column of an attribute; old rows read the default.

    The default stays with the column: who still runs the older class writes rows without it.
    """
    have = _columns(table)
    if not have or name in have:
        return
    column = tables.new_column(name, kind)
    if default is not None:
        text: Any = sa.literal_column(_literal(default, op.get_bind().dialect.name))
        column.server_default = sa.DefaultClause(text)
    op.add_column(table, column)


def drop_column(table: str, name: str) -> None:
    """Take a column away with its values."""
    if name not in _columns(table):
        return
    for index, definition in _indexes(table).items():
        if name in re.findall(r"\w+", definition.partition("(")[2]):
            op.drop_index(index, table_name=table)
    op.drop_column(table, name)


def rename_column(table: str, old: str, new: str) -> None:
    """Give a column another name."""
    have = _columns(table)
    if old in have and new not in have:
        quoted = op.get_bind().dialect.identifier_preparer.quote
        # not by alter_column, which on SQLite would copy the whole table
        op.execute(f"ALTER TABLE {quoted(table)} RENAME COLUMN {quoted(old)} TO {quoted(new)}")


def move_column(source: str, target: str, name: str) -> None:
    """Take the values of a column over into the table of a base or derived class."""
    kinds = _columns(source)
    if name not in kinds or name not in _columns(target):
        return
    s, t = (sa.table(n, sa.column("id"), sa.column(name)) for n in (source, target))
    value = sa.select(s.c[name]).where(s.c.id == t.c.id).scalar_subquery()
    op.execute(t.update().values({name: value}).where(t.c.id.in_(sa.select(s.c.id))))
    drop_column(source, name)


def add_index(name: str, table: str, terms: Sequence[str]) -> None:
    """Make an index of columns, or of SQL expressions of them."""
    have = _columns(table)
    if have and name not in _indexes(table):
        op.create_index(name, table, [t if t in have else sa.text(t) for t in terms])


def drop_index(name: str, table: str) -> None:
    """Take an index away."""
    if name in _indexes(table):
        op.drop_index(name, table_name=table)


def rename_class(old: str, new: str) -> None:
    """Let the objects of a class be objects of another; its table is for ``rename_table``."""
    for table in (tables.product, tables.intent):
        renamed = table.update().where(table.c.class_name == old).values(class_name=new)
        op.execute(renamed)


def replace_value(table: str, column: str, old: Plain, new: Plain) -> None:
    """Put one value in the place of another, such as that of a member that an Enum lost."""
    if column in _columns(table):
        t = sa.table(table, sa.column(column))
        op.execute(t.update().where(t.c[column] == old).values({column: new}))


def undecided(what: str) -> None:
    """Refuse to go on: a person has to put steps here.

    Raises
    ------
    ConfigError
    """
    raise ConfigError(
        f"The revision {sys._getframe(1).f_code.co_filename} was not finished: {what}",
        expected="steps in the place of undecided(...)",
        do="Edit the file: what it may be stands in it",
    )


def _columns(table: str) -> dict[str, Any]:
    """Return column to type; empty where there is no such table."""
    inspector = sa.inspect(op.get_bind())
    if not inspector.has_table(table):
        return {}
    return {c["name"]: c["type"] for c in inspector.get_columns(table)}


def _indexes(table: str) -> dict[str, str]:
    return indexes(op.get_bind()).get(table, {})


def _literal(value: Plain, dialect: str) -> str:
    """Return a value as SQL; a default cannot be a bound parameter."""
    match value:
        case bool():
            return str(value).lower() if dialect == "postgresql" else str(int(value))
        case float() if math.isinf(value):
            sign = "-" if value < 0 else ""
            return f"{sign}9e999" if dialect == "sqlite" else f"'{sign}Infinity'"
        case bytes():
            return f"X'{value.hex()}'" if dialect == "sqlite" else f"'\\x{value.hex()}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
    return repr(value)
