"""Ancestors and descendants: one recursive query, whatever the depth.

The recursion joins with UNION, never UNION ALL: most graphs here are diamonds, and UNION ALL
walks every path through them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CTE, select

from ..persistent import Persistent, tables
from ..persistent.session import CHUNK, Session
from ..persistent.watches import watches


def closure(keys: Sequence[int], *, down: bool, inputs_only: bool = True) -> CTE:
    """Return the recursive query for the keys of all ancestors or descendants."""
    d = tables.dep
    here, there = (d.c.target, d.c.product) if down else (d.c.product, d.c.target)
    first = select(there.label("id")).where(here.in_(list(keys)))
    if inputs_only:
        first = first.where(d.c.is_input)
    found = first.cte("closure", recursive=True)
    step = tables.dep.alias()
    a, b = (step.c.target, step.c.product) if down else (step.c.product, step.c.target)
    following = select(b).join(found, a == found.c.id)
    if inputs_only:
        following = following.where(step.c.is_input)
    return found.union(following)


def related(session: Session, keys: Sequence[int], *, down: bool) -> list[tuple[int, str]]:
    """Return (key, class name) of ancestors or descendants in the read scope, oldest first."""
    if watches:
        watches[-1].query(Persistent)
    found = closure(keys, down=down)
    p = tables.product
    statement = (
        select(p.c.id, p.c.class_name)
        .join(found, found.c.id == p.c.id)
        .where(session.context.scope(p))
        .order_by(p.c.creation_date, p.c.id)
    )
    with session.database.read() as connection:
        return [(key, name) for key, name in connection.execute(statement)]


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
