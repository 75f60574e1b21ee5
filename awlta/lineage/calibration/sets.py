"""Sets of calibrations: made of what is chosen now, found by name, pinned by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...errors import BadValue, NotFound
from ..product import CATEGORIES
from ..workplace import current_database
from .calibrations import Calibration, CalibrationSet, pinned
from .selection import load_spans
from .spans import now_of
from .timeline import fitting, own_need, read_lanes
from .validity import sweep


def freeze(name: str, *classes: type[Calibration], description: str = "") -> CalibrationSet:
    """Commit the set of the calibrations that are chosen now, at any time and place.

    Parameters
    ----------
    name : str
        Under which it is found again; no other set of yours may have it.
    *classes : subclasses of Calibration
    description : str

    Raises
    ------
    BadValue
        There is a set of this name.
    """
    session = current_database()
    if CalibrationSet.select(name=name).first() is not None:
        raise BadValue(
            f"There is a set of calibrations {name!r} already",
            expected="a new name, since a set never changes",
        )
    chosen: list[Any] = []
    for cls in classes:
        for _, spans in read_lanes(session, cls, None):
            winners = {
                segment.span.key: segment.span
                for category in CATEGORIES
                for segment in sweep(fitting(spans, own_need(session, category), now_of(session)))
            }
            chosen += winners.values()
    chosen.sort(key=lambda span: span.key)
    members = load_spans(session, chosen)
    found = CalibrationSet(name=name, description=description, members=members)
    session.commit(found)
    return found


@contextmanager
def pinned_by(name: str | None) -> Iterator[None]:
    """Choose calibrations from the newest set of a name alone, for a block; None pins nothing.

    Raises
    ------
    NotFound
        There is no such set in the read scope.
    """
    if name is None:
        yield
        return
    found = CalibrationSet.select(name=name).max("creation_date")
    if found is None:
        raise NotFound(
            f"There is no set of calibrations {name!r} in your read scope",
            expected="the name of a CalibrationSet",
            do="'awlta query CalibrationSet' lists them",
        )
    with pinned(found):
        yield


@contextmanager
def pinned_as(object_id: str | None) -> Iterator[None]:
    """Choose calibrations from the set of an object_id alone, for a block; None pins nothing."""
    if object_id is None:
        yield
        return
    found = current_database().get(object_id)
    if not isinstance(found, CalibrationSet):
        raise BadValue(f"{found!r} was pinned", expected="a CalibrationSet")
    with pinned(found):
        yield
