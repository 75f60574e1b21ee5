"""Which calibration is chosen: the newest valid one that covers the time.

Among calibrations that are valid, carry no quality flag, cover the time and are of at least
the product's category, the newest creation wins; object_id breaks ties. Where a link names a
path in ``same``, the calibration must lead to the same object by that path.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..errors import NotFound
from ..persistent import Persistent
from ..persistent.attributes import AnyLink
from ..persistent.conditions import Path
from .product import Calibration


def walk(obj: Any, dotted: str) -> Any:
    """Return what a dotted path leads to from an object, None past a null link."""
    for step in dotted.split("."):
        if obj is None:
            return None
        obj = getattr(obj, step)
    return obj


def covering(candidates: Sequence[Any], product: Any, step: AnyLink) -> list[Any]:
    """Return the candidates that a product may use, the chosen one first."""
    when: datetime | None = walk(product, str(step.valid_at))
    place: Persistent | None = walk(product, step.same) if step.same else None
    return fitting(candidates, when, product.category, step.same, place)


def fitting(
    candidates: Sequence[Any],
    when: datetime | None,
    category: str,
    same: str | None,
    place: Persistent | None,
) -> list[Any]:
    """Return the calibrations that cover a time, newest first; none covers an unknown time."""
    if when is None:
        return []
    found = [
        c
        for c in candidates
        if c.timestamp_start <= when < c.timestamp_end
        and c.category >= category
        and (same is None or _is_same(walk(c, same), place))
    ]
    found.sort(key=lambda c: c.object_id)
    found.sort(key=lambda c: c.creation_date, reverse=True)
    return found


def _is_same(a: Persistent | None, b: Persistent | None) -> bool:
    """Tell whether two are one object; a shared object may be in memory twice."""
    return a is b or (a is not None and b is not None and a.object_id == b.object_id)


def usable(target: type[Any]) -> list[Any]:
    """Return every valid, unflagged calibration of a class, in one query."""
    place: Any = Path(target)
    found: list[Any] = target.select((place.is_valid == 1) & (place.quality_flags == 0)).all()
    return found


def choose(product: Any, step: AnyLink) -> Any:
    """Return the calibration that a link should point to now, None for an optional one.

    Raises
    ------
    NotFound
        None covers the time.
    """
    target: Any = step.target
    if not issubclass(target, Calibration):
        raise NotFound(f"{step.place} has valid_at, but {target.__name__} has no validity")
    found = covering(usable(target), product, step)
    if found:
        return found[0]
    if step.optional:
        return None
    when = walk(product, str(step.valid_at))
    raise NotFound(
        f"No valid {target.__name__} covers {when.isoformat() if when else 'an unknown time'}",
        expected=f"one with the same {step.same}" if step.same else "one",
        do=f"Make one, or give {step.name}=... yourself",
    )
