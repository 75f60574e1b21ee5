"""Some products as a subquery, however they were named: keys, objects' query, or SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import CTE, BigInteger, ColumnElement, Select, and_, any_, case, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from ..persistent import Query, tables
from ..persistent.engine import listing
from ..persistent.engine.listing import to_be_listed as to_be_listed
from ..persistent.session import Session

Wanted = Sequence[int] | Query[Any] | CTE | Select[Any]
"""Keys of products, a query for them, or SQL whose column ``id`` has the keys."""


def selected(session: Session, wanted: Wanted) -> Select[Any]:
    """Return the statement whose one column, ``id``, has the keys of some products."""
    if isinstance(wanted, Query):
        return select(keys_of(session, wanted).subquery().c.id)
    if isinstance(wanted, CTE):
        return select(wanted.c.id)
    if isinstance(wanted, Select):
        return wanted
    return listed(session, list(wanted))


def keys_of(session: Session, query: Query[Any]) -> Select[Any]:
    """Return the statement for key and class name of what a query finds, unsorted if it may be."""
    question = query._question
    found: Select[Any] = session.keys_of(question)
    if question.limit is None and not question.offset:
        return found.order_by(None)
    return found


def listed(session: Session, keys: Sequence[int]) -> Select[Any]:
    """Return the statement that gives a list of keys: one parameter, whatever their number."""
    return listing.listed(session.database.dialect, keys)


def bound(session: Session, keys: Sequence[int]) -> Any:
    """Return keys as the parameter of a statement with :func:`to_be_listed`."""
    return listing.bound(session.database.dialect, keys)


Follow = Callable[[Any], ColumnElement[bool]]
"""Takes the table of edges and returns the condition under which one is followed."""


def any_input(edge: Any) -> ColumnElement[bool]:
    """Follow inputs and no references."""
    condition: ColumnElement[bool] = edge.c.is_input
    return condition


def upwards(chosen: Select[Any], follow: Follow = any_input) -> CTE:
    """Return the recursive query for some products and everything that they were made from."""
    return walk(select(chosen.subquery().c.id), "upwards", down=False, follow=follow)


def downwards(chosen: Select[Any], follow: Follow = any_input) -> CTE:
    """Return the recursive query for some products and everything that was made from them."""
    return walk(select(chosen.subquery().c.id), "downwards", down=True, follow=follow)


def walk(first: Select[Any], name: str, *, down: bool, follow: Follow = any_input) -> CTE:
    """Return the recursive query that goes on from some keys along edges, each key once.

    Which edges are followed is asked in the column and not in a WHERE: a condition on ``dep``
    alone makes SQLite, once it has statistics, read the whole table into a Bloom filter at every
    query, which costs as much as the table is large.

    Parameters
    ----------
    first : Select
        Gives the column ``id``.
    name : str
    down : bool
        To what was made from them, else to what they were made from.
    follow : callable
        By default inputs are followed, and no references.
    """
    found = first.cte(f"{name}_walk", recursive=True)
    d = tables.dep.alias()
    here, there = (d.c.target, d.c.product) if down else (d.c.product, d.c.target)
    found = found.union(select(case((follow(d), there))).join(found, here == found.c.id))
    return select(found.c.id).where(found.c.id.is_not(None)).cte(name)


def named(found: CTE, dialect: str, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the statement for what a walk has found: key, class name, and whether it counts.

    The conditions, on ``tables.product``, stand in the third column and not in a WHERE, nor are
    the products joined on PostgreSQL: for either of these the databases, once they know how large
    the table is, may read all of it for a handful of rows.
    """
    p = tables.product
    statement = select(p.c.id, p.c.class_name, and_(*conditions).label("counts"))
    if dialect == "postgresql":
        keys: Any = func.array(select(found.c.id).scalar_subquery(), type_=ARRAY(BigInteger))
        return statement.where(p.c.id == any_(keys))
    return statement.join(found, found.c.id == p.c.id)


def inputs_of(session: Session, keys: Sequence[int]) -> list[tuple[int, str, int, int]]:
    """Return (product, role, position, target) of every input of some products, in order."""
    d = tables.dep
    statement = (
        select(d.c.product, d.c.role, d.c.position, d.c.target)
        .where(d.c.product.in_(listed(session, keys)), d.c.is_input)
        .order_by(d.c.product, d.c.role, d.c.position)
    )
    with session.database.read() as connection:
        return [(p, role, n, t) for p, role, n, t in connection.execute(statement)]
