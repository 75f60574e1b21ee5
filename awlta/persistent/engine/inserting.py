"""Rows of one table are inserted together: one executemany on SQLite, one COPY on PostgreSQL.

On SQLite what is the same in all rows of a batch, such as owner, project and level, is written into
the statement once: its driver looks for a converter for every None that it is given, which takes it
longer than to store a number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table

from ..context import CONTEXT_COLUMNS

_COPY_FROM = 8
"""Rows from which COPY is quicker than INSERT."""

_THIN_FROM = 16
"""Rows for which it is worth to compile a statement of their own."""

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
        self._heads: dict[Table, str] = {}

    def insert(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Insert tuples, at least one, in the order of the table's columns."""
        if not self._is_sqlite and len(rows) >= _COPY_FROM:
            self._copy(connection, table, rows)
            return
        given: Iterable[Row] = rows
        marks = ["?" if self._is_sqlite else "%s"] * len(rows[0])
        if self._is_sqlite and len(rows) >= _THIN_FROM:
            marks, given = thinned(rows, _context_places(table))
        statement = f"{self._head(table)} VALUES ({', '.join(marks)})"
        with closing(_driver_of(connection).cursor()) as cursor:
            cursor.executemany(statement, given)

    def _head(self, table: Table) -> str:
        """Return how the INSERT of a table begins."""
        known = self._heads.get(table)
        if known is None:
            known = f"INSERT INTO {self._quote(table.name)} ({self._columns(table)})"
            self._heads[table] = known
        return known

    def _columns(self, table: Table) -> str:
        return ", ".join(self._quote(c.name) for c in table.columns)

    def _copy(self, connection: Connection, table: Table, rows: Sequence[Row]) -> None:
        """Write by COPY; where row security applies, which refuses it, by way of a draft table."""
        name, columns = self._quote(table.name), self._columns(table)
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
                copy.write_row(row)
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


def thinned(rows: Sequence[Row], often: Collection[int]) -> tuple[list[str], Iterable[Row]]:
    """Return what stands for each column in VALUES, and the rows without what is in all the same.

    Parameters
    ----------
    rows : sequence of tuple
        At least one.
    often : collection of int
        Places of integers or None that usually are the same in all rows; None is looked for in
        the other places too.
    """
    first = rows[0]
    width = range(len(first))
    absent = {n for n in width if first[n] is None}
    for same in ({*often, *absent}, {*often}):
        kept = [n for n in width if n not in same]
        if len(same) > 1 and len(kept) > 1 and _are_equal(rows, itemgetter(*sorted(same))):
            marks = ["?" if n in kept else _literal(first[n]) for n in width]
            return marks, map(itemgetter(*kept), rows)
    return ["?"] * len(first), rows


def _driver_of(connection: Connection) -> Any:
    """Return the driver's own connection: what is done for every unit goes straight to it."""
    return connection.connection.driver_connection


@cache
def _context_places(table: Table) -> tuple[int, ...]:
    """Return the places of owner, project and level among the columns of a table."""
    return tuple(n for n, c in enumerate(table.columns) if c.name in CONTEXT_COLUMNS)


def _are_equal(rows: Sequence[Row], taken: itemgetter[Any]) -> bool:
    """Tell whether some columns hold the same in all rows."""
    return all(map(taken(rows[0]).__eq__, map(taken, rows)))


def _literal(value: int | None) -> str:
    return "NULL" if value is None else f"{value:d}"
