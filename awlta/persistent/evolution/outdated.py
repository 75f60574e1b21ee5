"""Digests of what products were asked for, taken away where a changed class would ask for more.

A class that gains an attribute gains it in every digest that covers it: that of its own products,
and that of products which link a shared object of it. Digests are taken away with the change of
the tables, in one transaction, and written anew after it; in between, and after a kill, the rows
that have none are known.
"""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa
from sqlalchemy import Connection

from .. import tables
from ..classes.model import registry

Columns = dict[str, set[str]]
"""Names of the columns of every table."""


def columns_of(connection: Connection) -> Columns:
    """Return the tables that there are, with their columns."""
    found = sa.inspect(connection).get_multi_columns()
    return {str(name): {c["name"] for c in some} for (_, name), some in found.items()}


def forget_work(connection: Connection, before: Columns) -> dict[str, int]:
    """Take the digests of products away that no longer hold; return how many of each class.

    Parameters
    ----------
    connection : Connection
        In the transaction that has changed the tables.
    before : dict
        What :func:`columns_of` gave before that.
    """
    p = tables.product
    stored = set(connection.execute(sa.select(p.c.class_name).distinct()).scalars())
    changed = _affected(_changed(before, columns_of(connection)) & stored)
    if not changed:
        return {}
    outdated = p.c.class_name.in_(sorted(changed)) & p.c.work.is_not(None)
    counted = sa.select(p.c.class_name, sa.func.count()).where(outdated).group_by(p.c.class_name)
    found = Counter({name: int(number) for name, number in connection.execute(counted)})
    if found:
        connection.execute(p.update().where(outdated).values(work=None))
    return dict(sorted(found.items()))


def _changed(before: Columns, after: Columns) -> set[str]:
    """Return the classes that have gained an attribute which their digests cover."""
    found: set[str] = set()
    for cls in list(registry.values()):
        table = cls.__table_name__
        covered = {a.name for a in tables.own_attributes(cls) if a.init or cls.__shared__}
        if covered & (after.get(table, set()) - before.get(table, set())):
            found.update(tables.class_names(cls))
    return found


def _affected(changed: set[str]) -> set[str]:
    """Return these classes, and those that link shared objects of them, however far."""
    found = set(changed)
    while True:
        shared = {name for name in found if name in registry and registry[name].__shared__}
        more = {
            name
            for name, cls in registry.items()
            if name not in found
            and any(
                not shared.isdisjoint(tables.class_names(step.target))
                for step in cls.__links__.values()
            )
        }
        if not more:
            return found
        found |= more
