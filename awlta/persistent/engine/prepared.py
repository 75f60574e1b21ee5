"""A statement that is compiled once and run many times, straight on the driver.

To build and compile an expression costs SQLAlchemy more than SQLite needs to answer it. Values
that are worked out when it is run (:func:`sqlalchemy.bindparam` with a callable) are worked out
at each run.
"""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.sql import ClauseElement

statements = logging.getLogger("awlta.sql")
"""Every statement is told here at level DEBUG, whichever way it goes to the database."""


def run(connection: Connection, text: str, values: Any = ()) -> Any:
    """Run a statement straight on the driver, and return its cursor."""
    if statements.isEnabledFor(logging.DEBUG):
        statements.debug("%s", text)
    driver: Any = connection.connection.driver_connection
    return driver.execute(text, values)


def tell_statements(engine: Engine) -> None:
    """Have what SQLAlchemy runs told in the same place."""

    def tell(_c: Any, _cursor: Any, text: str, _v: Any, _context: Any, _many: bool) -> None:
        if statements.isEnabledFor(logging.DEBUG):
            statements.debug("%s", text)

    event.listen(engine, "before_cursor_execute", tell)


class Prepared:
    """One compiled statement; rows come as the driver gives them, so ask for plain columns.

    Parameters
    ----------
    engine : Engine
    statement : ClauseElement
        Without lists of variable length.
    """

    def __init__(self, engine: Engine, statement: ClauseElement) -> None:
        compiled: Any = statement.compile(engine)
        self._compiled = compiled
        self._text = str(compiled)
        self._order: list[str] | None = compiled.positiontup

    def rows(self, connection: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """Return every row for some values by name."""
        named = self._compiled.construct_params(values)
        given = named if self._order is None else [named[name] for name in self._order]
        found: list[tuple[Any, ...]] = run(connection, self._text, given).fetchall()
        return found
