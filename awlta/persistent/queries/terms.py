"""The SQL of single comparisons, with parameters for their values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, case, false, func, or_, select

from .. import tables
from ..attributes.sky import TURN
from ..context import Context


def one_of(column: Any, values: Sequence[Any]) -> Any:
    """Return whether a column has one of some values; a null is none of no values too."""
    if not values:
        return false()
    return column == values[0] if len(values) == 1 else column.in_(values)


def compare(column: Any, operator: str, values: Sequence[Any], place: Any, dialect: str) -> Any:
    """Return a comparison; no value stands for None and NaN."""
    match operator:
        case "in":
            return one_of(column, values)
        case "like":
            return _like(column, values[0], dialect)
        case "==":
            if values:
                return column == values[0]
            return and_(place.key.is_not(None), column.is_(None))
        case "!=":
            if not values:
                return column.is_not(None)
            return and_(place.key.is_not(None), column.is_distinct_from(values[0]))
    if not values:
        return false()
    return {
        "<": column < values[0],
        "<=": column <= values[0],
        ">": column > values[0],
        ">=": column >= values[0],
    }[operator]


def _like(column: Any, pattern: Any, dialect: str) -> Any:
    """Compile ``*`` and ``?``, letters as written; SQLite's LIKE would fold their case."""
    if dialect == "sqlite":
        return column.op("GLOB", is_comparison=True)(pattern)
    return column.like(pattern, escape="\\")


def within(ra: Any, dec: Any, values: Sequence[Any], n_windows: int) -> Any:
    """Return whether a position is in a cone: its bands and windows, then its haversine."""
    ra0, dec0, sign, limit, *rest = values
    half = math.pi / 360
    high, wide = (func.sin((d + TURN) * half) for d in (dec - dec0, ra - ra0))
    between = func.cos((dec + TURN) * (2 * half)) * func.cos((dec0 + TURN) * (2 * half))
    exact = sign * (high * high + between * wide * wide) <= limit
    if n_windows == 0:
        return exact
    size = len(rest) // n_windows
    parts = [rest[n * size : (n + 1) * size] for n in range(n_windows)]
    near = [and_(one_of(tables.zone(dec), p[2:]), ra.between(p[0], p[1])) for p in parts]
    return and_(or_(*near), exact)


def in_night(time: Any, site: Any, values: Sequence[Any]) -> Any:
    """Return whether a time is in the night at its site; without one, in that of UTC."""
    first, last, begin, end, *rest = values
    there = [and_(site.is_(None), time >= begin, time < end)]
    for n in range(0, len(rest), 3):
        name, begin, end = rest[n : n + 3]
        there.append(and_(site == name, time >= begin, time < end))
    return and_(time >= first, time < last, or_(*there))


def standing(place: Any, name: str, context: Context) -> Any:
    """Return the newest standing of an object; where a null link leads there is none."""
    kind, default = {"is_valid": ("verdict", 1), "quality_flags": ("flags", 0)}[name]
    row = tables.standing.alias()
    latest = (
        select(row.c.value)
        .where(row.c.product == place.key, row.c.kind == kind, context.until(row))
        .order_by(row.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    unwritten = case((place.key.is_not(None), default)) if place.outer else default
    return func.coalesce(func.abs(latest), unwritten)  # blocking flags have a sign
