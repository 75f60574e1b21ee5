"""The database as it was on a date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from ..errors import BadValue
from ..persistent.session import Session
from .workplace import current_database


def instant(when: str | date) -> datetime:
    """Return the instant that a date names: of a day its beginning, UTC unless it says otherwise.

    Raises
    ------
    BadValue
    """
    try:
        found = datetime.fromisoformat(when) if isinstance(when, str) else when
    except ValueError:
        raise BadValue(
            f"The date {when!r} cannot be read", expected="such as 2026-01-01 or 2026-01-01T18:30"
        ) from None
    if isinstance(found, datetime):
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    if isinstance(found, date):
        return datetime(found.year, found.month, found.day, tzinfo=UTC)
    raise BadValue(f"The date {when!r}", expected="a date, a datetime, or such as 2026-01-01")


@contextmanager
def reading_as_of(session: Session, when: str | date) -> Iterator[Any]:
    """Read the database of a session as it was on a date, for a block."""
    before = session.context
    session.context = replace(before, as_of=instant(when))
    try:
        yield session
    finally:
        session.context = replace(session.context, as_of=before.as_of)


@contextmanager
def as_of(when: str | date) -> Iterator[Any]:
    """Read the database as it was on a date, for a block.

    Queries, verdicts and flags, the choice of calibrations, and what ``get_target`` finds are
    those of that date. What is made within the block is made of these, and is created now: it
    is not seen by queries in the block.

    Parameters
    ----------
    when : str, date or datetime
        Of a day its beginning; UTC unless it says otherwise.
    """
    with reading_as_of(current_database(), when) as workspace:
        yield workspace
