"""What a condition means, said in Python: the same as the SQL that it is compiled to."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from ..errors import QueryError
from .conditions import Both, Compare, Condition, Either, IsObject, Not, Path


def holds(condition: Condition, obj: Any) -> bool:
    """Tell whether a condition is true of an object in memory."""
    match condition:
        case Both(left, right):
            return holds(left, obj) and holds(right, obj)
        case Either(left, right):
            return holds(left, obj) or holds(right, obj)
        case Not(inner):
            return not holds(inner, obj)
        case IsObject(path, object_ids, nothing):
            ends = _walk(path, obj)
            return not ends if nothing else any(end.object_id in object_ids for end in ends)
        case Compare(path, attribute, operator, value):
            values = [getattr(end, attribute.name) for end in _walk(path, obj)]
            return any(_compare(v, operator, value, attribute.codec.encode) for v in values)
    raise QueryError(f"{condition!r} is no condition")


def _walk(path: Path, obj: Any) -> list[Any]:
    """Return every object at the end of a path; none past a null link."""
    ends = [obj]
    for step in path.__dict__["steps"]:
        following: list[Any] = []
        for end in ends:
            value = getattr(end, step.name)
            following.extend(value if step.many else [value] if value is not None else [])
        ends = following
    return ends


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
