"""A question becomes SQL.

A path through to-one links becomes joins, one alias a path, shared by all conditions of the
question; a path through Links becomes EXISTS. An OptionalLink is a LEFT JOIN, unless the question
holds only where it leads to an object: then the planner may begin at the far end. Negation is
pushed down to the leaves, where ``IS NOT TRUE`` makes the negation of a condition over a null
link true. The read scope is applied to every alias of an object; an edge has the owner, project
and level of the object that it starts from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    false,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.sql.selectable import FromClause

from ..errors import QueryError
from . import tables
from .conditions import Both, Column, Compare, Condition, Either, IsObject, Not, Path
from .model import registry
from .query import Question

Scope = Callable[[Any], ColumnElement[bool]]


def family(cls: type[Any]) -> list[str]:
    """Return the names of a class and its subclasses."""
    return sorted(n for n, c in registry.items() if issubclass(c, cls))


class Place:
    """One alias of an object in a statement: its key, and its tables as they are needed."""

    def __init__(self, key: ColumnElement[Any] | None, cls: type[Any], outer: bool) -> None:
        self.key: Any = key
        self.cls = cls
        self.outer = outer
        self.tables: dict[str, Any] = {}


class Compiler:
    """Compile one question, or one EXISTS within it."""

    def __init__(self, cls: type[Any], scope: Scope, dialect: str) -> None:
        self.scope = scope
        self.dialect = dialect
        self.cls = cls
        root = tables.product.alias()
        self.root = Place(root.c.id, cls, outer=False)
        self.root.tables["product"] = root
        self.source: FromClause = root
        self.places: dict[tuple[str, ...], Place] = {(): self.root}
        self.where: list[ColumnElement[bool]] = [scope(root)]
        self.required: set[tuple[str, ...]] = set()

    def ask(self, condition: Condition) -> None:
        """Add what must hold."""
        self._require(condition)
        self.where.append(self.condition(condition))

    def _require(self, condition: Condition) -> None:
        """Note the paths that must lead to an object for a condition to hold."""
        match condition:
            case Both(left, right):
                self._require(left)
                self._require(right)
            case Compare(path) | IsObject(path, nothing=False):
                walked: tuple[str, ...] = ()
                for step in path.__dict__["steps"]:
                    if step.many:
                        break
                    walked = (*walked, step.name)
                    self.required.add(walked)

    def restrictions(self) -> list[ColumnElement[bool]]:
        """Return all that must hold; the class is told by its own table where that is joined."""
        if self.cls.__name__ == "Persistent" or self.cls.__table_name__ in self.root.tables:
            return self.where
        root = self.root.tables["product"]
        return [*self.where, root.c.class_name.in_(family(self.cls))]

    def table(self, place: Place, table: Any) -> Any:
        """Return the alias of a table at a place, joined on first use."""
        have = place.tables.get(table.name)
        if have is None:
            have = place.tables[table.name] = table.alias()
            self.source = self.source.join(have, have.c.id == place.key, isouter=place.outer)
        return have

    def place(self, path: Path) -> Place:
        """Return the place at the end of a path of to-one links."""
        steps = path.__dict__["steps"]
        here = self.root
        walked: tuple[str, ...] = ()
        for step in steps:
            walked = (*walked, step.name)
            if walked not in self.places:
                outer = here.outer or (step.optional and walked not in self.required)
                self.places[walked] = self._follow(here, step, outer)
            here = self.places[walked]
        return here

    def _follow(self, here: Place, step: Any, outer: bool) -> Place:
        edge = tables.dep.alias()
        self.source = self.source.join(
            edge, and_(edge.c.product == here.key, edge.c.role == step.name), isouter=outer
        )
        target = tables.product.alias()
        self.source = self.source.join(
            target, and_(target.c.id == edge.c.target, self.scope(target)), isouter=outer
        )
        place = Place(target.c.id, step.target, outer)
        place.tables["product"] = target
        return place

    def column(self, place: Place, attribute: Any) -> Any:
        """Return the column of an attribute at a place."""
        if attribute.source == "product":
            return self.table(place, tables.product).c[attribute.name]
        if attribute.source == "standing":
            return _current_standing(place, attribute.name)
        return self.table(place, tables.table_of(attribute.owner)).c[attribute.name]

    def condition(self, condition: Condition, negated: bool = False) -> ColumnElement[bool]:
        """Return a condition as SQL, with negation pushed to the leaves."""
        match condition:
            case Not(inner):
                return self.condition(inner, not negated)
            case Both(left, right):
                join = or_ if negated else and_
                return join(self.condition(left, negated), self.condition(right, negated))
            case Either(left, right):
                join = and_ if negated else or_
                return join(self.condition(left, negated), self.condition(right, negated))
            case Compare() | IsObject():
                return self._leaf(condition, negated)
        raise QueryError(f"{condition!r} is no condition")

    def _leaf(self, leaf: Compare | IsObject, negated: bool) -> ColumnElement[bool]:
        steps = leaf.path.__dict__["steps"]
        if any(step.many for step in steps):
            exists = self._exists(leaf)
            return not_(exists) if negated else exists
        place = self.place(leaf.path)
        if isinstance(leaf, IsObject):
            plain = self._is_object(place, leaf)
        else:
            plain = _compare(self.column(place, leaf.attribute), leaf, place, self.dialect)
        return plain.is_not(True) if negated else plain

    def _is_object(self, place: Place, leaf: IsObject) -> ColumnElement[bool]:
        if leaf.nothing:
            return place.key.is_(None)  # type: ignore[no-any-return]
        ids = [_object_bytes(i) for i in leaf.object_ids]
        column: Any = self.table(place, tables.product).c.object_id
        return column.in_(ids) if len(ids) != 1 else column == ids[0]  # type: ignore[no-any-return]

    def _exists(self, leaf: Compare | IsObject) -> ColumnElement[bool]:
        """Ask whether any object at the end of a path through Links fits."""
        steps = leaf.path.__dict__["steps"]
        first_many = next(i for i, s in enumerate(steps) if s.many)
        start = self.place(Path(leaf.root, steps[:first_many]))
        edge = tables.dep.alias()
        inner = Compiler(steps[first_many].target, self.scope, self.dialect)
        rest = Path(steps[first_many].target, steps[first_many + 1 :])
        nothing = isinstance(leaf, IsObject) and leaf.nothing
        if not nothing:
            moved: Condition = (
                IsObject(rest, leaf.object_ids)
                if isinstance(leaf, IsObject)
                else Compare(rest, leaf.attribute, leaf.operator, leaf.value)
            )
            inner.ask(moved)
        else:
            inner.where.append(inner.place(rest).key.is_not(None))
        statement = (
            select(literal(1))
            .select_from(inner.source.join(edge, edge.c.target == inner.root.key))
            .where(edge.c.product == start.key, edge.c.role == steps[first_many].name)
            .where(*inner.restrictions())
            .correlate(*[t for p in self.places.values() for t in p.tables.values()])
        )
        return not_(statement.exists()) if nothing else statement.exists()


def _current_standing(place: Place, name: str) -> Any:
    """Return the newest standing of an object; where a null link leads there is none."""
    kind, default = {"is_valid": ("verdict", 1), "quality_flags": ("flags", 0)}[name]
    row = tables.standing.alias()
    latest = (
        select(row.c.value)
        .where(row.c.product == place.key, row.c.kind == kind)
        .order_by(row.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    unwritten = case((place.key.is_not(None), default)) if place.outer else default
    return func.coalesce(latest, unwritten)


def _object_bytes(object_id: str) -> bytes:
    return UUID(object_id).bytes


def _compare(column: Any, leaf: Compare, place: Place, dialect: str) -> Any:
    codec = leaf.attribute.codec
    value = leaf.value
    if leaf.operator == "in":
        return column.in_([codec.encode(v) for v in value]) if value else false()
    if leaf.operator == "like":
        return _like(column, value, dialect)
    encoded = None if value is None else codec.encode(value)
    if leaf.operator == "==":
        if encoded is None:
            return and_(place.key.is_not(None), column.is_(None))
        return column == encoded
    if leaf.operator == "!=":
        if encoded is None:
            return column.is_not(None)
        return and_(place.key.is_not(None), column.is_distinct_from(encoded))
    if encoded is None:
        return false()
    return {
        "<": column < encoded,
        "<=": column <= encoded,
        ">": column > encoded,
        ">=": column >= encoded,
    }[leaf.operator]


def _like(column: Any, pattern: str, dialect: str) -> Any:
    """Compile ``*`` and ``?``, letters as written; SQLite's LIKE would fold their case."""
    if dialect == "sqlite":
        return column.op("GLOB", is_comparison=True)(pattern.replace("[", "[[]"))
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.like(escaped.replace("*", "%").replace("?", "_"), escape="\\")


def order(compiler: Compiler, question: Question) -> list[Any]:
    """Return the ORDER BY terms; object_id breaks ties."""
    terms: list[Any] = []
    for column, falling in question.order:
        if any(s.many for s in column._path.__dict__["steps"]):
            raise QueryError(
                f"{column!r} has many values an object", expected="an order by to-one links"
            )
        sql = compiler.column(compiler.place(column._path), column._attribute)
        terms.append(sql.desc().nulls_last() if falling else sql.asc().nulls_last())
    terms.append(compiler.root.tables["product"].c.object_id.asc())
    return terms


def compile_question(
    question: Question, scope: Scope, dialect: str, columns: Sequence[Column[Any]] | None = None
) -> Select[Any]:
    """Return the SELECT for a question: keys and class names, or the columns asked for."""
    compiler = Compiler(question.cls, scope, dialect)
    if question.condition is not None:
        compiler.ask(question.condition)
    wanted: list[Any] = []
    if columns is None:
        root = compiler.root.tables["product"]
        wanted = [root.c.id, root.c.class_name]
    else:
        for column in columns:
            wanted.append(_projected(compiler, column))
    terms = order(compiler, question)
    statement = select(*wanted).select_from(compiler.source).where(*compiler.restrictions())
    statement = statement.order_by(*terms)
    if question.limit is not None:
        statement = statement.limit(question.limit)
    return statement.offset(question.offset) if question.offset else statement


def _projected(compiler: Compiler, column: Column[Any]) -> Any:
    if any(s.many for s in column._path.__dict__["steps"]):
        raise QueryError(f"{column!r} has many values an object", expected="a path of to-one links")
    return compiler.column(compiler.place(column._path), column._attribute)
