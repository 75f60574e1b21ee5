"""What is in a database: tables with columns and indexes, and the classes of its objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from . import tables
from .classes.model import registry

SYSTEM_COLUMNS = frozenset({"id", *(c.name for c in tables.context_columns())})
"""Columns that every table of a class has."""

_KINDS = {
    "boolean": sa.Boolean,
    "integer": sa.Integer,
    "real": sa.Float,
    "text": sa.String,
    "blob": sa.LargeBinary,
}


@dataclass(frozen=True)
class Schema:
    """What was found in a database.

    Attributes
    ----------
    connection : Connection
    columns : dict
        Table to column to kind.
    indexes : dict
        Table to index to definition.
    objects : dict
        Class to number of objects.
    """

    connection: Connection
    columns: dict[str, dict[str, str]]
    indexes: dict[str, dict[str, str]]
    objects: dict[str, int]

    @classmethod
    def read(cls, connection: Connection) -> Schema:
        """Read it: a few statements, whatever the number of tables."""
        columns = {
            str(name): {c["name"]: kind_of(c["type"]) for c in found}
            for (_, name), found in sa.inspect(connection).get_multi_columns().items()
        }
        p = tables.product
        counted = sa.select(p.c.class_name, sa.func.count()).group_by(p.c.class_name)
        objects = {row[0]: row[1] for row in connection.execute(counted)}
        return cls(connection, columns, indexes(connection), objects)

    def lost(self, cls: Any, name: str) -> str | None:
        """Return the table of a base or derived class that has a column which its class lost."""
        for other in registry.values():
            if other is cls or not (issubclass(other, cls) or issubclass(cls, other)):
                continue
            table = other.__table_name__
            if name in self.columns.get(table, {}) and name not in declared_columns(other):
                return table
        return None


def kind_of(column: Any) -> str:
    """Return which kind of column a type is; its name if it is none that a class may have."""
    return next((k for k, t in _KINDS.items() if isinstance(column, t)), str(column).lower())


def declared_columns(cls: Any) -> set[str]:
    """Return the names of the columns that the table of a class should have."""
    if not tables.own_attributes(cls):
        return set()
    return {c.name for c in tables.table_of(cls).columns}


def indexes(connection: Connection) -> dict[str, dict[str, str]]:
    """Return table to index to definition, those of keys and constraints left out.

    Not by reflection, which leaves out indexes of expressions on SQLite, with a warning.
    """
    asked = (
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
        if connection.dialect.name == "postgresql"
        else "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' AND sql > ''"
    )
    found: dict[str, dict[str, str]] = {}
    for table, name, definition in connection.exec_driver_sql(asked):
        if not name.endswith("_pkey"):
            found.setdefault(table, {})[name] = definition
    return found


def term_of(expression: Any) -> str:
    """Return a column of an index by its name, an expression as SQL."""
    if isinstance(expression, sa.Column):
        return expression.name
    options = {"include_table": False, "literal_binds": True}
    return str(expression.compile(compile_kwargs=options))
