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
    assert step.valid_at is not None
    when: datetime = walk(product, step.valid_at)
    place: Persistent | None = walk(product, step.same) if step.same else None
    fitting = [
        c
        for c in candidates
        if c.timestamp_start <= when < c.timestamp_end
        and c.category >= product.category
        and (step.same is None or walk(c, step.same) is place)
    ]
    fitting.sort(key=lambda c: c.object_id)
    fitting.sort(key=lambda c: c.creation_date, reverse=True)
    return fitting


def usable(target: type[Any]) -> list[Any]:
    """Return every valid, unflagged calibration of a class, in one query."""
    place: Any = Path(target)
    found: list[Any] = list(target.select((place.is_valid == 1) & (place.quality_flags == 0)))
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
    fitting = covering(usable(target), product, step)
    if fitting:
        return fitting[0]
    if step.optional:
        return None
    when = walk(product, str(step.valid_at))
    raise NotFound(
        f"No valid {target.__name__} covers {when.isoformat()}",
        expected=f"one with the same {step.same}" if step.same else "one",
        do=f"Make one, or give {step.name}=... yourself",
    )
