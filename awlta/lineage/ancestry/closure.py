"""Ancestors and descendants: one recursive query, whatever the depth.

The recursion joins with UNION, never UNION ALL: most graphs here are diamonds, and UNION ALL
walks every path through them. It does not go on behind an object outside the read scope: what is
reached only through a hidden object is not told either.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    BindParameter,
    ColumnElement,
    Engine,
    Select,
    and_,
    bindparam,
    select,
    true,
)

from ...persistent import Persistent, tables
from ...persistent.context import Context
from ...persistent.engine.prepared import Prepared
from ...persistent.session import CHUNK, Session
from ...persistent.watches import watches
from ..keyset import named, walk


def closure(
    keys: Sequence[int] | BindParameter[int],
    *,
    down: bool,
    inputs_only: bool = True,
    context: Context | None = None,
) -> CTE:
    """Return the recursive query for the keys of all ancestors or descendants.

    With a context it walks only through objects in its read scope: an edge has the context of
    the product that it belongs to.
    """
    d = tables.dep
    here, there = (d.c.target, d.c.product) if down else (d.c.product, d.c.target)

    def follow(edge: Any) -> ColumnElement[bool]:
        asked = [edge.c.is_input] if inputs_only else []
        return and_(*asked, true() if context is None else context.scope(edge))

    begins = here == keys if isinstance(keys, BindParameter) else here.in_(list(keys))
    first = select(there.label("id")).where(begins, follow(d))
    return walk(first, "closure", down=down, follow=follow)


def related(session: Session, keys: Sequence[int], *, down: bool) -> list[tuple[int, str]]:
    """Return (key, class name) of ancestors or descendants in the read scope, oldest first."""
    if watches:
        watches[-1].query(Persistent)
    dialect = session.database.dialect
    with session.database.read() as connection:
        rows: Sequence[Any]
        if len(keys) != 1:
            rows = connection.execute(
                _related(session.context, closure(keys, down=down), dialect)
            ).all()
        else:
            prepared = _prepared(session.database.engine, session.context, down)
            rows = prepared.rows(connection, start=keys[0])
        if not all(seen for _, _, seen in rows):  # rare, and then it is walked with more care
            found = closure(keys, down=down, context=session.context)
            rows = connection.execute(_related(session.context, found, dialect)).all()
    return [(key, name) for key, name, seen in rows if seen]


def _related(context: Context, found: CTE, dialect: str) -> Select[Any]:
    """Return the statement for key, class name and whether it is in the read scope."""
    p = tables.product
    return named(found, dialect, context.scope(p)).order_by(p.c.creation_date, p.c.id)


def hidden_inputs(session: Session, keys: Sequence[int]) -> list[tuple[int, int]]:
    """Return (product, target) of every input of some products that is outside the read scope."""
    d, p = tables.dep, tables.product
    found: list[tuple[int, int]] = []
    with session.database.read() as connection:
        for start in range(0, len(keys), CHUNK):
            statement = (
                select(d.c.product, d.c.target)
                .join_from(d, p, and_(p.c.id == d.c.target, session.context.scope(p)), isouter=True)
                .where(d.c.product.in_(list(keys[start : start + CHUNK])), d.c.is_input)
                .where(p.c.id.is_(None))
                .distinct()
            )
            found += [(product, target) for product, target in connection.execute(statement)]
    return found


@lru_cache(maxsize=64)
def _prepared(engine: Engine, context: Context, down: bool) -> Prepared:
    """Return the statement for one object, which is asked most often, ready to be run."""
    start = bindparam("start", type_=BigInteger())
    return Prepared(engine, _related(context, closure(start, down=down), engine.dialect.name))


def edges(session: Session, keys: Sequence[int]) -> list[tuple[int, str, int, int]]:
    """Return (product, role, position, target) of every input among some keys."""
    wanted = set(keys)
    d = tables.dep
    found: list[tuple[int, str, int, int]] = []
    with session.database.read() as connection:
        for start in range(0, len(keys), CHUNK):
            statement = (
                select(d.c.product, d.c.role, d.c.position, d.c.target)
                .where(d.c.product.in_(list(keys[start : start + CHUNK])), d.c.is_input)
                .order_by(d.c.product, d.c.role, d.c.position)
            )
            rows = connection.execute(statement)
            found += [(p, role, n, t) for p, role, n, t in rows if t in wanted]
    return found


def rows_of(session: Session, table: Any, column: Any, keys: Sequence[Any]) -> list[Any]:
    """Return the rows of a table whose column is one of some keys."""
    found: list[Any] = []
    with session.database.read() as connection:
        for start in range(0, len(keys), CHUNK):
            part = list(keys[start : start + CHUNK])
            found += connection.execute(select(table).where(column.in_(part))).all()
    return found
