"""What a database holds of its objects' content, mended where a class has gained attributes.

A class that gains an attribute gains it in every digest that covers it: in what its own products
ask for, in the content of its shared objects, and in both of those which link a shared object of
it. Such digests are taken away with the change of the tables, in one transaction, and written anew
after it; in between, and after a kill, the rows that have none are known. What products contain
stays as it was recorded: a standing row says which attributes came later.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from .. import tables
from ..classes.forms import note_later
from ..classes.model import registry
from ..database import Database

Columns = dict[str, set[str]]
"""Names of the columns of every table."""

Gains = dict[str, set[str]]
"""Names of the attributes that classes with objects have gained, those of their bases included."""


def columns_of(connection: Connection) -> Columns:
    """Return the tables that there are, with their columns."""
    found = sa.inspect(connection).get_multi_columns()
    return {str(name): {c["name"] for c in some} for (_, name), some in found.items()}


def gains_since(connection: Connection, before: Columns) -> Gains:
    """Return what classes have gained.

    Parameters
    ----------
    connection : Connection
        In the transaction that has changed the tables.
    before : dict
        What :func:`columns_of` gave before that.
    """
    after = columns_of(connection)
    stored = connection.execute(sa.select(tables.product.c.class_name).distinct()).scalars()
    found: Gains = {}
    for name in sorted(set(stored) & registry.keys()):
        for part, table in tables.class_tables(registry[name]):
            have = after.get(table.name, set()) - before.get(table.name, set())
            names = {a.name for a in tables.own_attributes(part)} & have
            if names:
                found.setdefault(name, set()).update(names)
    return found


def forget_work(connection: Connection, gains: Gains) -> dict[str, int]:
    """Take the digests of products away that no longer hold; return how many of each class."""
    p = tables.product
    changed = {
        name
        for name, names in gains.items()
        if registry[name].__shared__ or any(registry[name].__attributes__[n].init for n in names)
    }
    outdated = p.c.class_name.in_(sorted(_affected(changed))) & p.c.work.is_not(None)
    found = _counted(connection, outdated) if changed else {}
    if found:
        connection.execute(p.update().where(outdated).values(work=None))
    return found


def forget_names(connection: Connection, gains: Gains) -> dict[str, int]:
    """Take away by what shared objects are known as equal; return how many of each class."""
    p, s = tables.product, tables.shared
    changed = {name for name in gains if registry[name].__shared__}
    shared = {name for name in _affected(changed) if registry[name].__shared__}
    outdated = p.c.class_name.in_(sorted(shared)) & p.c.content_digest.is_not(None)
    found = _counted(connection, outdated) if shared else {}
    if found:
        connection.execute(s.delete().where(s.c.product.in_(sa.select(p.c.id).where(outdated))))
        connection.execute(p.update().where(outdated).values(content_digest=None))
    return found


def note_forms(database: Database, connection: Connection, gains: Gains) -> dict[str, int]:
    """Say of products which attributes came later; return of how many of each class."""
    found = {
        name: note_later(database, connection, name, names)
        for name, names in gains.items()
        if not registry[name].__shared__
    }
    return {name: number for name, number in found.items() if number}


def _counted(connection: Connection, which: ColumnElement[bool]) -> dict[str, int]:
    name = tables.product.c.class_name
    counted = sa.select(name, sa.func.count()).where(which).group_by(name)
    return {str(name): int(number) for name, number in connection.execute(counted.order_by(name))}


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
