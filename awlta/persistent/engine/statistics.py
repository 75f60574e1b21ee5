"""The planner is told how large the tables are, as they grow.

Without statistics SQLite may begin a path at its unselective end: tens of milliseconds in place
of one. PostgreSQL gathers them by itself, but only a minute after a bulk load. They are gathered
when a process wrote as many rows as there were the last time, so that it costs little beside the
writing.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table

from .prepared import run

FIRST = 5000
"""Fewer rows are not worth it."""


class Growth:
    """How many rows this process wrote, and to which tables, since statistics were gathered."""

    def __init__(self) -> None:
        self._rows = 0
        self._due = FIRST
        self._tables: set[str] = set()

    def wrote(self, table: Table, n_rows: int) -> None:
        """Count rows that were written."""
        self._rows += n_rows
        self._tables.add(table.name)

    def gather(self, connection: Connection) -> None:
        """Gather statistics where they are due, within a unit of work."""
        if self._rows < self._due:
            return
        is_sqlite = connection.dialect.name == "sqlite"
        known = _known_sqlite(connection) if is_sqlite else self._known_postgresql(connection)
        if self._rows < known:
            self._due = known
            return
        # SQLite looks at whole indexes: a sample of their beginning misleads it. PostgreSQL
        # takes a sample, and leaves tables of other owners out with a warning.
        run(connection, "ANALYZE" if is_sqlite else f"ANALYZE {self._names(connection)}")
        self._rows, self._due = 0, FIRST
        self._tables.clear()

    def _names(self, connection: Connection) -> str:
        quote = connection.dialect.identifier_preparer.quote
        return ", ".join(quote(name) for name in sorted(self._tables))

    def _known_postgresql(self, connection: Connection) -> int:
        """Return the rows that the tables had the last time."""
        statement = "SELECT coalesce(sum(greatest(reltuples, 0)), 0) FROM pg_class WHERE relname "
        return int(run(connection, f"{statement} = ANY(%s)", (list(self._tables),)).fetchone()[0])


def _known_sqlite(connection: Connection) -> int:
    """Return the rows that all tables had the last time."""
    if not run(connection, "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone():
        return 0
    rows: dict[str, int] = {}
    for table, told in run(connection, "SELECT tbl, stat FROM sqlite_stat1").fetchall():
        rows[table] = max(rows.get(table, 0), int(told.split()[0]))
    return sum(rows.values())
