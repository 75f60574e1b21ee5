"""The statements that are sent to the database, to be counted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _Statements(logging.Handler):
    """Keeps the statements that ask or change something."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.sent: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if not text.startswith(("PRAGMA", "BEGIN", "COMMIT")):
            self.sent.append(text)


@contextmanager
def counted() -> Iterator[list[str]]:
    """Give the statements that are sent in a block."""
    logger, handler = logging.getLogger("awlta.sql"), _Statements()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield handler.sent
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
