"""Rows of one table are inserted together: one executemany on SQLite, one COPY on PostgreSQL.

Home, owner, project, level and embargo are the same in all rows of a unit, and are told once.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table

from ..context import CONTEXT_COLUMNS

_COPY_FROM = 8
"""Rows from which COPY is quicker than INSERT."""

_STATEMENTS = 256
"""Statements that are kept: one a table and context, of which a session writes in few."""

Row = tuple[Any, ...]


class Inserter:
    """Inserts rows into the tables of one database.

    Parameters
    ----------
    dialect : Dialect
    """

    def __init__(self, dialect: Dialect) -> None:
        self._is_sqlite = dialect.name == "sqlite"
        self._quote = dialect.identifier_preparer.quote
        self._secured: dict[str, bool] = {}
        self._statement = lru_cache(maxsize=_STATEMENTS)(self._new_statement)

    def insert(
        self,
        connection: Connection,
        table: Table,
        rows: Sequence[Row],
        context: Row | None = None,
    ) -> None:
        """Insert tuples, at least one, in the order of the table's columns.

        Parameters
        ----------
        connection : Connection
        table : Table
        rows : sequence of tuple
        context : tuple, optional
            What the context columns hold in all rows, which then lack them.
        """
        context = context if "owner" in table.columns else None
        if not self._is_sqlite and len(rows) >= _COPY_FROM:
            self._copy(connection, table, rows, context)
            return
        with closing(_driver_of(connection).cursor()) as cursor:
            cursor.executemany(self._statement(table, context), rows)

    def _new_statement(self, table: Table, context: Row | None) -> str:
        """Return the INSERT of a table."""
        mark, same = "?" if self._is_sqlite else "%s", context or ()
        marks = [mark] * (len(table.columns) - len(same)) + [_literal(value) for value in same]
        columns = self._columns(table, context)
        return f"INSERT INTO {self._quote(table.name)} ({columns}) VALUES ({', '.join(marks)})"

    def _columns(self, table: Table, context: Row | None) -> str:
        """Return the columns, those of a context that is told once at the end."""
        names = [column.name for column in table.columns]
        if context is not None:
            names = [name for name in names if name not in CONTEXT_COLUMNS] + [*CONTEXT_COLUMNS]
        return ", ".join(map(self._quote, names))

    def _copy(
        self, connection: Connection, table: Table, rows: Sequence[Row], context: Row | None
    ) -> None:
        """Write by COPY; where row security applies, which refuses it, by way of a draft table."""
        name, columns = self._quote(table.name), self._columns(table, context)
        same = context or ()
        draft = self._quote(f"draft_{table.name}")
        secured = self._is_secured(connection, table)
        if secured:
            connection.exec_driver_sql(
                f"CREATE TEMPORARY TABLE IF NOT EXISTS {draft} (LIKE {name}) ON COMMIT DELETE ROWS"
            )
        target = draft if secured else name
        with (
            _driver_of(connection).cursor() as cursor,
            cursor.copy(f"COPY {target} ({columns}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row + same)
        if secured:
            connection.exec_driver_sql(
                f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {draft}"
            )
            connection.exec_driver_sql(f"DELETE FROM {draft}")

    def _is_secured(self, connection: Connection, table: Table) -> bool:
        """Tell whether row security holds for the role that writes."""
        have = self._secured.get(table.name)
        if have is None:
            have = self._secured[table.name] = bool(
                connection.exec_driver_sql(
                    "SELECT row_security_active(%s::regclass)", (self._quote(table.name),)
                ).scalar()
            )
        return have


def _driver_of(connection: Connection) -> Any:
    """Return the driver's own connection: what is done for every unit goes straight to it."""
    return connection.connection.driver_connection


def _literal(value: int | None) -> str:
    return "NULL" if value is None else f"{value:d}"
