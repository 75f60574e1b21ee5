"""Questions are answered: compiled once for each shape, then asked with their values.

Building SQL from expressions takes longer than most answers, so the text is kept with the way
to fill its parameters. What a statement depends on is in its key: classes, links and attributes
by identity (a class that is declared anew has new ones), and the context.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.engine import Dialect

from ...errors import QueryError
from .. import tables
from ..attributes.conditions import Column
from ..attributes.logic import Both, Compare, Either, InNight, Not, Within
from ..context import Context
from ..database import Database
from ..engine.prepared import run
from ..watches import watches
from .compiler import Compiler, compile_question, finished, ordered, projected
from .query import Question
from .shape import Zones, parametrised, shape

KEPT = 500
"""Statements that are kept."""

_PREFIX = "value_of_question_"
"""Begins the names of parameters that stand for values of the question."""

Limits = tuple[Any, Any]
Build = Callable[[Compiler, Question, Sequence[Any], Limits], Select[Any]]


@dataclass(frozen=True)
class Statement:
    """The text of a statement, and which value or other parameter goes where."""

    text: str
    fills: tuple[tuple[str, Any], ...]
    by_name: bool

    def parameters(self, values: Sequence[Any]) -> Any:
        """Return the parameters, those of the scope included."""
        held = [values[f] if type(f) is int else f.effective_value for _, f in self.fills]
        if self.by_name:
            return {name: value for (name, _), value in zip(self.fills, held, strict=True)}
        return held


class Answers:
    """What a database answers; see :class:`~awlta.persistent.queries.query.Store`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._dialect = database.engine.dialect
        self._kept: dict[Any, tuple[Statement, frozenset[type[Any]]]] = {}

    def keys(self, question: Question, context: Context) -> list[tuple[int, str]]:
        """Return key and class name of the objects asked for, in order."""
        rows: list[Any] = self._ask("keys", question, (), context, _select_keys)
        return rows

    def count(self, question: Question, context: Context) -> int:
        """Return how many objects there are."""
        return int(self._ask("count", question, (), context, _select_count)[0][0])

    def values(
        self, question: Question, columns: Sequence[Column[Any]], context: Context
    ) -> list[tuple[Any, ...]]:
        """Return values of columns, one row an object, as Python has them."""
        rows = self._ask("values", question, columns, context, _select_values)
        return _decoded(rows, [_decoder(c) for c in columns])

    def counts(
        self, question: Question, columns: Sequence[Column[Any]], context: Context
    ) -> dict[Any, int]:
        """Return how many objects there are of each value, or of each tuple of values."""
        for column in columns:
            if column._attribute.codec.name == "array":
                raise QueryError(f"{column!r} is an array", expected="single values to count")
        rows = self._ask("counts", question, columns, context, _select_counts)
        found = _decoded(rows, [*(_decoder(c) for c in columns), None])
        if len(columns) == 1:
            return dict(found)
        return {row[:-1]: row[-1] for row in found}

    def rows(
        self, table: Any, question: Question, context: Context, role: str | None = None
    ) -> list[tuple[Any, ...]]:
        """Return key and class name of each object with each row of a table that it owns.

        Parameters
        ----------
        table : Table
            One with a column ``product``, such as ``file``.
        question : Question
        context : Context
        role : str, optional
            Only rows of this role.
        """

        def build(
            compiler: Compiler, question: Question, columns: Sequence[Any], limits: Limits
        ) -> Select[Any]:
            asked = _select_keys(compiler, question, columns, limits, numbered=True).subquery()
            owned = table.alias()
            statement = (
                select(asked.c.id, asked.c.class_name, *owned.c)
                .select_from(asked.join(owned, owned.c.product == asked.c.id))
                .where(context.scope(owned))
                .order_by(asked.c.place, owned.c.id)
            )
            return statement if role is None else statement.where(owned.c.role == role)

        return self._ask(("rows", table.name, role), question, (), context, build)

    def explain(self, question: Question, context: Context) -> str:
        """Return the statement for keys and class names, and the database's plan."""
        prefix = "EXPLAIN QUERY PLAN" if self.database.dialect == "sqlite" else "EXPLAIN"
        with self.database.read() as connection:
            statement, values = self._prepare("keys", question, (), context, _select_keys)
            plan = _run(connection, f"{prefix} {statement.text}", statement.parameters(values))
        return f"{statement.text}\n\n" + "\n".join(str(row[-1]) for row in plan)

    def statement(self, question: Question, context: Context) -> Select[Any]:
        """Return the statement for keys and class names, to be part of another one."""
        zones = cache(self._zones)
        values = shape(question, (), self.database.dialect, zones)[1]
        self._ensure(_classes_of(question, ()))
        return self._build(question, (), context, _select_keys, values, "asked_", zones)

    def _ask(
        self, kind: Any, question: Question, columns: Sequence[Any], context: Context, build: Build
    ) -> list[tuple[Any, ...]]:
        if watches:
            watches[-1].query(question.cls)
        statement, values = self._prepare(kind, question, columns, context, build)
        with self.database.read() as connection:
            return _run(connection, statement.text, statement.parameters(values))

    def _prepare(
        self, kind: Any, question: Question, columns: Sequence[Any], context: Context, build: Build
    ) -> tuple[Statement, list[Any]]:
        """Return the statement of a question's shape, compiled on first use, and the values."""
        zones = cache(self._zones)
        form, values = shape(question, columns, self.database.dialect, zones)
        key = (kind, context, form)
        have = self._kept.get(key)
        if have is None:
            select = self._build(question, columns, context, build, values, _PREFIX, zones)
            have = _statement(select, self._dialect), _classes_of(question, columns)
            if len(self._kept) >= KEPT:
                self._kept.pop(next(iter(self._kept)), None)
            self._kept[key] = have
        self._ensure(have[1])
        return have[0], values

    def _build(
        self,
        question: Question,
        columns: Sequence[Any],
        context: Context,
        build: Build,
        values: Sequence[Any],
        prefix: str,
        zones: Zones,
    ) -> Select[Any]:
        asked = parametrised(question, values, self.database.dialect, zones, prefix)
        compiler = compile_question(
            question, asked.condition, asked.names, context, self.database.dialect
        )
        return build(compiler, question, columns, (asked.limit, asked.offset))

    def _ensure(self, classes: frozenset[type[Any]]) -> None:
        for cls in classes:
            self.database.ensure(cls)

    def _zones(self, attribute: Any) -> list[str]:
        """Return the time zones that an attribute has anywhere in the database."""
        self.database.ensure(attribute.owner)
        column = tables.table_of(attribute.owner).c[attribute.name]
        statement = select(column).where(column.is_not(None)).distinct().order_by(column)
        with self.database.read() as connection:
            return list(connection.execute(statement).scalars())


def _run(connection: Connection, text: str, parameters: Any) -> list[tuple[Any, ...]]:
    """Run a statement by the driver, without what SQLAlchemy would do to rows."""
    return list(run(connection, text, parameters).fetchall())


def _statement(select: Select[Any], dialect: Dialect) -> Statement:
    compiled: Any = select.compile(dialect=dialect)
    fills: list[tuple[str, Any]] = []
    for name in compiled.positiontup or compiled.binds:
        number = name.removeprefix(_PREFIX)
        is_value = name.startswith(_PREFIX) and number.isdecimal()
        fills.append((name, int(number) if is_value else compiled.binds[name]))
    return Statement(str(compiled), tuple(fills), by_name=compiled.positiontup is None)


def _select_keys(
    compiler: Compiler,
    question: Question,
    columns: Sequence[Any],
    limits: Limits,
    numbered: bool = False,
) -> Select[Any]:
    """Select keys and class names in order, and on demand the place of each in it."""
    sorting = ordered(compiler, question)
    product = compiler.table(compiler.root, tables.product)
    wanted = [product.c.id, product.c.class_name]
    if numbered:
        wanted.append(func.row_number().over(order_by=sorting).label("place"))
    return _limited(finished(compiler, wanted).order_by(*sorting), limits)


def _select_values(
    compiler: Compiler, question: Question, columns: Sequence[Any], limits: Limits
) -> Select[Any]:
    wanted = [projected(compiler, column, "a path") for column in columns]
    sorting = ordered(compiler, question)
    return _limited(finished(compiler, wanted).order_by(*sorting), limits)


def _select_count(
    compiler: Compiler, question: Question, columns: Sequence[Any], limits: Limits
) -> Select[Any]:
    if not _is_limited(limits):
        return finished(compiler, [func.count()])
    found = _limited(finished(compiler, [compiler.root.key]), limits).subquery()
    return select(func.count()).select_from(found)


def _select_counts(
    compiler: Compiler, question: Question, columns: Sequence[Any], limits: Limits
) -> Select[Any]:
    wanted = [
        projected(compiler, column, "a path").label(f"value_{n}")
        for n, column in enumerate(columns)
    ]
    inner = finished(compiler, wanted)
    if _is_limited(limits):
        sorting = ordered(compiler, question)
        inner = _limited(finished(compiler, wanted).order_by(*sorting), limits)
    found = inner.subquery()
    return (
        select(*found.c, func.count())
        .group_by(*found.c)
        .order_by(*(c.asc().nulls_last() for c in found.c))
    )


def _is_limited(limits: Limits) -> bool:
    return any(limit is not None for limit in limits)


def _limited(statement: Select[Any], limits: Limits) -> Select[Any]:
    limit, offset = limits
    if limit is not None:
        statement = statement.limit(limit)
    return statement if offset is None else statement.offset(offset)


def _classes_of(question: Question, columns: Sequence[Column[Any]]) -> frozenset[type[Any]]:
    """Return every class whose table a question may touch."""
    found: set[type[Any]] = {question.cls}
    pending: list[Any] = [question.condition]
    fields: list[Any] = [c._attribute for c in (*columns, *(c for c, _ in question.order))]
    while pending:
        match pending.pop():
            case Both(left, right) | Either(left, right):
                pending += [left, right]
            case Not(inner):
                pending.append(inner)
            case Compare(_, attribute):
                fields.append(attribute)
            case Within(_, ra, dec):
                fields += [ra, dec]
            case InNight(_, time, _, zone):
                fields += [time, zone]
    return frozenset(found | {field.owner for field in fields})


def _decoded(rows: list[tuple[Any, ...]], decoders: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return rows as Python has them; a decoder of None leaves a value as it is."""
    if not any(decoders):
        return rows
    return [
        tuple(v if d is None else d(v) for d, v in zip(decoders, row, strict=True)) for row in rows
    ]


def _decoder(column: Column[Any]) -> Callable[[Any], Any] | None:
    attribute: Any = column._attribute
    codec = attribute.codec
    if codec.name in ("int", "str"):
        return None
    if codec.column == "real":
        optional = any(s.optional for s in column._path.__dict__["steps"])
        return None if attribute.nullable or optional else lambda v: math.nan if v is None else v
    return lambda v: None if v is None else codec.decode(v)
