"""A question becomes SQL.

A path through to-one links becomes joins, one alias a path, shared by all conditions of the
question; a path through Links becomes EXISTS. A link is a LEFT JOIN, unless the question holds
only where it leads to an object: then the planner may begin at the far end. Negation is pushed
down to the leaves, where ``IS NOT TRUE`` makes the negation of a condition over a null link true.

The read scope is applied once to every object on the way. Every row of an object tells whether
the object is visible, that of its class and the edges that start from it as well as its row in
``product``, so the latter is joined only where something of it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, literal, not_, or_, select, true
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.selectable import FromClause

from ...errors import QueryError
from .. import tables
from ..attributes.conditions import Column
from ..attributes.logic import (
    Both,
    Compare,
    Condition,
    Either,
    Everything,
    InNight,
    IsObject,
    Not,
    Within,
)
from ..context import Context
from . import terms
from .query import Question
from .shape import Asked


class Place:
    """One alias of an object in a statement: its key, and its tables as they are needed.

    Attributes
    ----------
    key : column
        Key of the object; NULL where an outer place has none.
    outer : bool
        Whether there may be no object.
    is_seen : bool
        Whether the read scope was applied.
    """

    def __init__(self, key: Any, *, outer: bool, is_seen: bool) -> None:
        self.key = key
        self.outer = outer
        self.is_seen = is_seen
        self.tables: dict[str, Any] = {}


class Compiler:
    """Compile one question, or one EXISTS within it.

    Parameters
    ----------
    cls : type
        Class whose objects are asked.
    context : Context
        Gives the read scope.
    dialect : str
    edge : alias of dep, optional
        Leads to the objects, for an EXISTS.
    """

    def __init__(self, cls: type[Any], context: Context, dialect: str, edge: Any = None) -> None:
        self.context = context
        self.dialect = dialect
        self.where: list[ColumnElement[bool]] = []
        self.aliases: list[Any] = []
        self.required: set[tuple[str, ...]] = set()
        if edge is None:
            own = tables.own_attributes(cls)
            table = tables.table_of(cls) if own and self._tells(None) else tables.product
            start = table.alias()
            self.where.append(context.scope(start))
            self.root = Place(start.c.id, outer=False, is_seen=True)
            self.root.tables[table.name] = start
            self.source: FromClause = start
        else:
            start = edge
            self.root = Place(edge.c.target, outer=False, is_seen=False)
            self.source = edge
        self.aliases.append(start)
        self.places: dict[tuple[str, ...], Place] = {(): self.root}
        if edge is None and own and "product" in self.root.tables:
            self.table(self.root, tables.table_of(cls))  # which tells the class

    def _tells(self, table: Any) -> bool:
        """Tell whether a row of a table says all about the visibility of its object."""
        return self.context.as_of is None or table is tables.product

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
            case Asked(leaf) if not (isinstance(leaf, IsObject) and leaf.nothing):
                self.require(leaf.steps)

    def require(self, steps: Sequence[Any]) -> None:
        """Note that to-one links must lead to an object, as far as the first Links."""
        walked: tuple[str, ...] = ()
        for step in steps:
            if step.many:
                break
            walked = (*walked, step.name)
            self.required.add(walked)

    def settle(self) -> None:
        """Apply the read scope to objects of which nothing was asked but that they are there."""
        for place in list(self.places.values()):
            if not place.is_seen:
                self.table(place, tables.product)

    def _join(self, alias: Any, on: Any, outer: bool) -> None:
        self.source = self.source.join(alias, on, isouter=outer)
        self.aliases.append(alias)

    def table(self, place: Place, table: Any) -> Any:
        """Return the alias of a table at a place, joined on first use."""
        have = place.tables.get(table.name)
        if have is None:
            have = place.tables[table.name] = table.alias()
            on = have.c.id == place.key
            if not place.is_seen and self._tells(table):
                on, place.is_seen = and_(on, self.context.scope(have)), True
            self._join(have, on, place.outer)
        return have

    def place(self, steps: Sequence[Any]) -> Place:
        """Return the place at the end of to-one links."""
        here = self.root
        walked: tuple[str, ...] = ()
        for step in steps:
            walked = (*walked, step.name)
            if walked not in self.places:
                outer = here.outer or walked not in self.required
                self.places[walked] = self._follow(here, step, outer)
            here = self.places[walked]
        return here

    def _follow(self, here: Place, step: Any, outer: bool) -> Place:
        edge = tables.dep.alias()
        on = and_(edge.c.product == here.key, edge.c.role == step.name)
        if not outer and not here.is_seen and self._tells(tables.dep):
            on, here.is_seen = and_(on, self.context.scope(edge)), True
        self._join(edge, on, outer)
        if not outer:
            return Place(edge.c.target, outer=False, is_seen=False)
        target = tables.product.alias()
        self._join(target, and_(target.c.id == edge.c.target, self.context.scope(target)), True)
        place = Place(target.c.id, outer=True, is_seen=True)
        place.tables["product"] = target
        return place

    def column(self, steps: Sequence[Any], attribute: Any) -> Any:
        """Return the column of an attribute at the end of to-one links."""
        place = self.place(steps)
        match attribute.source:
            case "product":
                return self.table(place, tables.product).c[attribute.name]
            case "standing":
                return terms.standing(place, attribute.name, self.context)
            case "context":
                return self._context_column(place, attribute.name)
        return self.table(place, tables.table_of(attribute.owner)).c[attribute.name]

    def _context_column(self, place: Place, name: str) -> Any:
        product = self.table(place, tables.product)
        if name == "_privileges":
            return product.c.level
        table, key = {
            "_creator": (tables.account, product.c.owner),
            "_project": (tables.project, product.c.project),
        }[name]
        have = place.tables.get(table.name)
        if have is None:
            have = place.tables[table.name] = table.alias()
            self._join(have, have.c.id == key, place.outer)
        return have.c.name

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
            case Everything():
                return false() if negated else true()
            case Asked():
                return self._leaf(condition, negated)
        raise QueryError(f"{condition!r} is no condition")

    def _leaf(self, asked: Asked, negated: bool) -> ColumnElement[bool]:
        steps = asked.leaf.steps
        nothing = isinstance(asked.leaf, IsObject) and asked.leaf.nothing
        if any(step.many for step in steps):
            found = self._found(asked, steps)
            return not_(found) if negated != nothing else found
        if nothing:
            key = self.place(steps).key
            return key.is_not(None) if negated else key.is_(None)  # type: ignore[no-any-return]
        plain = self._plain(asked, steps)
        return plain.is_not(True) if negated else plain  # type: ignore[no-any-return]

    def _found(self, asked: Asked, steps: Sequence[Any]) -> ColumnElement[bool]:
        """Return whether there is an object at the end of a path for which a leaf holds.

        Of one that asks for nothing, whether there is an object.
        """
        many = next((n for n, step in enumerate(steps) if step.many), None)
        if many is not None:
            return self._exists(asked, steps, many)
        if isinstance(asked.leaf, IsObject) and asked.leaf.nothing:
            return self.place(steps).key.is_not(None)  # type: ignore[no-any-return]
        return self._plain(asked, steps)  # type: ignore[no-any-return]

    def _exists(self, asked: Asked, steps: Sequence[Any], many: int) -> ColumnElement[bool]:
        """Ask whether any object at the end of a path through Links fits."""
        start, edge = self.place(steps[:many]), tables.dep.alias()
        inner = Compiler(steps[many].target, self.context, self.dialect, edge)
        rest = steps[many + 1 :]
        inner.require(rest)
        inner.where.append(inner._found(asked, rest))
        inner.settle()
        return (
            select(literal(1))
            .select_from(inner.source)
            .where(edge.c.product == start.key, edge.c.role == steps[many].name, *inner.where)
            .correlate_except(*inner.aliases)
            .exists()
        )

    def _plain(self, asked: Asked, steps: Sequence[Any]) -> Any:
        """Return the SQL of a leaf whose objects are at the end of to-one links."""
        leaf, values = asked.leaf, asked.values
        match leaf:
            case IsObject():
                product = self.table(self.place(steps), tables.product)
                return terms.one_of(product.c.object_id, values)
            case Compare(_, attribute, operator):
                column = self.column(steps, attribute)
                return terms.compare(column, operator, values, self.place(steps), self.dialect)
            case Within(_, ra, dec, cone):
                position = self.column(steps, ra), self.column(steps, dec)
                n_windows = 0 if cone.is_wide else len(cone.windows())
                return terms.within(*position, values, n_windows)
            case InNight(_, time, zone_steps, zone):
                site = self.column((*steps, *zone_steps), zone)
                return terms.in_night(self.column(steps, time), site, values)
        raise QueryError(f"{leaf!r} is no condition")


def compile_question(
    question: Question,
    condition: Condition | None,
    names: Sequence[Any],
    context: Context,
    dialect: str,
) -> Compiler:
    """Return a compiler with all that a question asks, but order and columns.

    Parameters
    ----------
    question : Question
    condition, names
        Its condition and class names, with parameters for their values.
    context : Context
        Deleted objects are not asked for, but may be on the way of a path.
    dialect : str
    """
    compiler = Compiler(question.cls, context, dialect)
    root = next(iter(compiler.root.tables.values()))
    if names:
        product = compiler.table(compiler.root, tables.product)
        compiler.where.append(product.c.class_name.in_(names))
    compiler.where.append(context.living(root))
    if condition is not None:
        compiler.ask(condition)
    return compiler


def finished(compiler: Compiler, columns: Sequence[Any]) -> Select[Any]:
    """Return the SELECT of some columns, without order."""
    compiler.settle()
    return select(*columns).select_from(compiler.source).where(*compiler.where)


def projected(compiler: Compiler, column: Column[Any], what: str) -> Any:
    """Return the column of a dotted path.

    Raises
    ------
    QueryError
        It goes through Links.
    """
    steps = column._path.__dict__["steps"]
    if any(step.many for step in steps):
        raise QueryError(
            f"{column!r} has many values an object",
            expected=f"{what} by to-one links",
            do="Ask the class at the other end, or read the objects: their links come together",
        )
    return compiler.column(steps, column._attribute)


def ordered(compiler: Compiler, question: Question) -> list[Any]:
    """Return the ORDER BY terms; object_id breaks ties."""
    sorting: list[Any] = []
    for column, falling in question.order:
        sql = projected(compiler, column, "an order")
        sorting.append(sql.desc().nulls_last() if falling else sql.asc().nulls_last())
    last: Any = compiler.table(compiler.root, tables.product).c.object_id
    if question.limit is None and compiler.dialect == "sqlite":
        # SQLite would walk through all objects in their order rather than sort the few found
        last = UnaryExpression(last, operator=custom_op("+"))
    return [*sorting, last.asc()]
