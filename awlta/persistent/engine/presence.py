"""Whether the tables of a class are there, and as the class says, when it is first used."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, inspect, select

from ...errors import ConfigError
from .. import tables

Parts = list[tuple[Any, Table]]
"""Classes with their tables."""


def absent_of(connection: Connection, wanted: Parts) -> Parts:
    """Return those that are not there yet, and refuse a table that lacks a column.

    Raises
    ------
    ConfigError
    """
    have = inspect(connection)
    names = set(have.get_table_names())
    for _, table in wanted:
        if table.name not in names:
            continue
        columns = {c["name"] for c in have.get_columns(table.name)}
        missing = [c.name for c in table.columns if c.name not in columns]
        if missing:
            raise ConfigError(
                f"The table {table.name} lacks the columns {', '.join(missing)}",
                expected="a table as its class declares it",
                do="The class was changed after the table was made: run 'awlta migrate'",
            )
    return [(cls, table) for cls, table in wanted if table.name not in names]


def refuse_orphans(connection: Connection, cls: Any, table: Table) -> None:
    """Refuse an empty table where objects need a row in it: no query would find them.

    Raises
    ------
    ConfigError
    """
    p = tables.product
    asked = select(p.c.id).where(p.c.class_name.in_(tables.class_names(cls))).limit(1)
    if connection.execute(asked).first() is not None:
        raise ConfigError(
            f"There is no table {table.name}, but there are objects of {cls.__name__}",
            expected="a row for each of them",
            do="The class was changed after they were made: run 'awlta migrate'",
        )
