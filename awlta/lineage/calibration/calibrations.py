"""Calibrations: products that are valid for a span of time, and sets of them that are pinned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, TypeVar, cast

from ...errors import NotMade
from ...persistent import Attribute, Links, Persistent, persistent, reference
from ..product import DataProduct
from ..workplace import current_workplace

C = TypeVar("C", bound="Calibration")


class Calibration(DataProduct):
    """A product that is valid for a span of time: half-open, start included, end not."""

    timestamp_start: Attribute[datetime] = persistent(
        "first instant of validity", init=False, index=True
    )
    timestamp_end: Attribute[datetime] = persistent("first instant no longer valid", init=False)

    @classmethod
    def valid_for(
        cls: type[C], when: datetime | None, same: str | None = None, place: Any = None
    ) -> C | None:
        """Return the calibration that would be chosen for a time, None if none covers it.

        Parameters
        ----------
        when : datetime or None
        same : str, optional
            Dotted path that must lead from the calibration to ``place``.
        place : object, optional
        """
        return cls.valid_for_each([(when, place)], same)[0]

    @classmethod
    def valid_for_each(
        cls: type[C], wanted: Iterable[tuple[datetime | None, Any]], same: str | None = None
    ) -> list[C | None]:
        """Return for each time and place what :meth:`valid_for` gives, asked together.

        Parameters
        ----------
        wanted : iterable of (datetime or None, object)
        same : str, optional
        """
        return cast("list[C | None]", current_workplace().valid_for(cls, list(wanted), same))


class CalibrationSet(Persistent):
    """Calibrations that are kept together, to choose from them alone: see :func:`pinned`."""

    name: Attribute[str] = persistent("name of the set")
    description: Attribute[str] = persistent("what it is for", default="")
    members: Links[Calibration] = reference("calibrations of the set", default=())


_pin: ContextVar[CalibrationSet | None] = ContextVar("awlta_pinned", default=None)


@contextmanager
def pinned(calibrations: CalibrationSet) -> Iterator[CalibrationSet]:
    """Choose calibrations from a set alone, for a block.

    What is made within carries the set, and stays up to date as long as the set would choose
    the same.

    Raises
    ------
    NotMade
        The set is not committed.
    """
    if not calibrations.is_stored:
        raise NotMade(
            f"{calibrations!r} is not committed",
            expected="a set whose members never change",
            do="Commit it first: workspace.commit(...)",
        )
    token = _pin.set(calibrations)
    try:
        yield calibrations
    finally:
        _pin.reset(token)


def pin() -> CalibrationSet | None:
    """Return the set from which calibrations are chosen now, None for all there are."""
    return _pin.get()


def pinned_keys() -> frozenset[int] | None:
    """Return the keys of the members of the pinned set, None where none is pinned."""
    current = _pin.get()
    return None if current is None else frozenset(o.__dict__["_key"] for o in current.members)
