"""What a condition means, said in Python: the same as the SQL that it is compiled to."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from ...errors import QueryError
from ..attributes.logic import (
    Both,
    Compare,
    Condition,
    Either,
    Everything,
    InNight,
    IsObject,
    Leaf,
    Not,
    Within,
)
from ..attributes.nights import night


def holds(condition: Condition, obj: Any) -> bool:
    """Tell whether a condition is true of an object in memory."""
    match condition:
        case Both(left, right):
            return holds(left, obj) and holds(right, obj)
        case Either(left, right):
            return holds(left, obj) or holds(right, obj)
        case Not(inner):
            return not holds(inner, obj)
        case Everything(cls):
            return isinstance(obj, cls)
        case IsObject(_, object_ids, nothing):
            ends = _ends(condition, obj)
            return not ends if nothing else any(end.object_id in object_ids for end in ends)
        case Compare(_, attribute, operator, value):
            values = [getattr(end, attribute.name) for end in _ends(condition, obj)]
            return any(_compare(v, operator, value, attribute.codec.encode) for v in values)
        case Within(_, ra, dec, cone):
            ends = _ends(condition, obj)
            return any(cone.holds(getattr(e, ra.name), getattr(e, dec.name)) for e in ends)
        case InNight():
            return any(_is_in_night(condition, end) for end in _ends(condition, obj))
    raise QueryError(f"{condition!r} is no condition")


def _ends(leaf: Leaf, obj: Any) -> list[Any]:
    """Return every object at the end of a path; none past a null link."""
    ends = [obj]
    for step in leaf.steps:
        following: list[Any] = []
        for end in ends:
            value = getattr(end, step.name)
            following.extend(value if step.many else [value] if value is not None else [])
        ends = following
    return ends


def _is_in_night(leaf: InNight, obj: Any) -> bool:
    """Tell whether the time of an object is in the night at its site."""
    when, site = getattr(obj, leaf.time.name), obj
    for step in leaf.zone_steps:
        site = None if site is None else getattr(site, step.name)
    zone = None if site is None else getattr(site, leaf.zone.name)
    return when is not None and when in night(leaf.date, zone)


def _compare(value: Any, operator: str, asked: Any, encode: Any) -> bool:
    """Compare as columns are compared: NaN is no value, as None is."""
    left = None if value is None else encode(value)
    match operator:
        case "in":
            return left is not None and left in [encode(a) for a in asked]
        case "like":
            return left is not None and fnmatchcase(left, asked.replace("[", "[[]"))
    right = None if asked is None else encode(asked)
    if operator in ("==", "!="):
        return bool((left == right) is (operator == "=="))
    if left is None or right is None:
        return False
    ordered: dict[str, bool] = {
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }
    return ordered[operator]
