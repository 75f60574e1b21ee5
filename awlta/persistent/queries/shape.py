"""The shape of a question, and the values in it.

Two questions of one shape become the same SQL; only their values differ. The shape is a tuple of
classes, links, attributes and operators, by which a compiled statement is found again, the
values go to the database as parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam

from ...errors import QueryError
from ..attributes.codecs import time_to_microseconds
from ..attributes.conditions import Column
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
from ..tables import class_names, own_attributes
from .query import Question

MOST_VALUES = 30_000
"""Values that one question may hold; SQLite takes 32,766 parameters."""

Zones = Callable[[Any], list[str]]
"""Gives the time zones that an attribute has anywhere in the database."""


@dataclass(frozen=True, eq=False, repr=False)
class Asked(Condition):
    """A leaf with the parameters that stand for its values."""

    leaf: Leaf
    values: tuple[Any, ...]

    @property
    def root(self) -> type[Any]:
        """The class whose objects are asked."""
        return self.leaf.root


@dataclass(frozen=True)
class Parametrised:
    """Condition, class names, limit and offset of a question, with parameters for values."""

    condition: Condition | None
    names: list[Any]
    limit: Any
    offset: Any


def shape(
    question: Question, columns: Sequence[Column[Any]], dialect: str, zones: Zones
) -> tuple[tuple[Any, ...], list[Any]]:
    """Return the shape of a question for some columns, and its values in order."""
    values: list[Any] = []
    key: list[Any] = [question.cls]
    if named := _names(question.cls):
        values += named
        key.append(len(named))
    if question.condition is not None:
        key.append(_walk(question.condition, values, dialect, zones))
    key.append(tuple((*_column(column), falling) for column, falling in question.order))
    key.append(tuple(_column(column) for column in columns))
    key.append((question.limit is None, question.offset == 0))
    if question.limit is not None:
        values.append(question.limit)
    if question.offset:
        values.append(question.offset)
    if len(values) > MOST_VALUES:
        raise QueryError(
            f"The question holds {len(values)} values",
            expected=f"at most {MOST_VALUES}",
            do="Ask by an attribute or a link, or in several parts",
        )
    return tuple(key), values


def parametrised(
    question: Question, values: Sequence[Any], dialect: str, zones: Zones, prefix: str
) -> Parametrised:
    """Return what a question asks, with parameters for its values.

    The parameters are named in order of :func:`shape`, and hold the values.
    """
    rest: Iterator[Any] = iter([bindparam(f"{prefix}{n}", value) for n, value in enumerate(values)])
    names = [next(rest) for _ in _names(question.cls)]
    condition = question.condition
    if condition is not None:
        condition = _filled(condition, rest, dialect, zones)
    limit = None if question.limit is None else next(rest)
    offset = next(rest) if question.offset else None
    return Parametrised(condition, names, limit, offset)


def _names(cls: type[Any]) -> list[str]:
    """Return the class names that tell the objects, where no table of their own does."""
    known: Any = cls
    if own_attributes(cls) or known.__table_name__ == "persistent":
        return []
    return padded(class_names(cls))


def padded(values: Sequence[Any]) -> list[Any]:
    """Return values repeated to a power of two, so that lists of many lengths have few shapes."""
    size = 1 << (len(values) - 1).bit_length() if values else 0
    if size > MOST_VALUES:
        size = len(values)
    return [*values, *[values[-1]] * (size - len(values))] if values else []


def _column(column: Column[Any]) -> tuple[Any, ...]:
    path = column._path.__dict__
    return path["root"], path["steps"], column._attribute


def _walk(condition: Condition, values: list[Any], dialect: str, zones: Zones) -> tuple[Any, ...]:
    """Return the shape of a condition; add its values."""
    match condition:
        case Both(left, right):
            return (
                "&",
                _walk(left, values, dialect, zones),
                _walk(right, values, dialect, zones),
            )
        case Either(left, right):
            return (
                "|",
                _walk(left, values, dialect, zones),
                _walk(right, values, dialect, zones),
            )
        case Not(inner):
            return "~", _walk(inner, values, dialect, zones)
        case Everything(cls):
            return "*", cls
        case Leaf():
            kind, held = _leaf(condition, dialect, zones)
            values += held
            return (*kind, condition.root, condition.steps, len(held))
    raise QueryError(f"{condition!r} is no condition")


def _filled(condition: Condition, rest: Iterator[Any], dialect: str, zones: Zones) -> Condition:
    """Return a condition whose leaves hold parameters."""
    match condition:
        case Both(left, right):
            first = _filled(left, rest, dialect, zones)
            return Both(first, _filled(right, rest, dialect, zones))
        case Either(left, right):
            first = _filled(left, rest, dialect, zones)
            return Either(first, _filled(right, rest, dialect, zones))
        case Not(inner):
            return Not(_filled(inner, rest, dialect, zones))
        case Leaf():
            held = _leaf(condition, dialect, zones)[1]
            return Asked(condition, tuple(next(rest) for _ in held))
    return condition


def _leaf(leaf: Leaf, dialect: str, zones: Zones) -> tuple[tuple[Any, ...], list[Any]]:
    """Return what the SQL of a leaf depends on, and its values as columns hold them."""
    match leaf:
        case Compare(_, attribute, "in", several):
            return ("in", attribute), padded([attribute.codec.encode(v) for v in several])
        case Compare(_, attribute, "like", pattern):
            return ("like", attribute), [_pattern(pattern, dialect)]
        case Compare(_, attribute, operator, value):
            held = None if value is None else attribute.codec.encode(value)
            return (operator, attribute), [] if held is None else [held]
        case IsObject(_, object_ids, nothing):
            return ("is", nothing), padded([UUID(i).bytes for i in object_ids])
        case Within(_, ra, dec, cone):
            values: list[Any] = [*cone.test]
            windows = [] if cone.is_wide else cone.windows()
            for window in windows:
                values += [*window, *padded(cone.zones())]
            return ("within", ra, dec, len(windows)), values
        case InNight(_, time, zone_steps, zone, day):
            nights = [night(day, None), *(night(day, name) for name in zones(zone))]
            spans = [(time_to_microseconds(n.begin), time_to_microseconds(n.end)) for n in nights]
            values = [min(b for b, _ in spans), max(e for _, e in spans), *spans[0]]
            for one, span in zip(nights[1:], spans[1:], strict=True):
                values += [one.zone, *span]
            return ("night", time, zone_steps, zone), values
    raise QueryError(f"{leaf!r} is no condition")


def _pattern(pattern: str, dialect: str) -> str:
    """Return ``*`` and ``?`` as the database has them, all else as it is written."""
    if dialect == "sqlite":
        return pattern.replace("[", "[[]")
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")
