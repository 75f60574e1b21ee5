"""Standing: what is said of a committed product afterwards, in rows that are only ever added.

A verdict, quality flags, a level, a tombstone: each is a row with who, when and why. Of each
kind the newest row counts, which is the one with the largest key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import func, select

from ...persistent import tables
from ...persistent.classes.unit import Unit
from ...persistent.keys import NODE_SHIFT
from ...persistent.session import CHUNK, Session


class Subject(NamedTuple):
    """A product of which something is said: what rights go by, and what its rows take over."""

    key: int
    class_name: str
    owner: int
    project: int
    level: int
    embargo: int | None


def subjects(session: Session, keys: Sequence[int]) -> list[Subject]:
    """Return the products of some keys that are in the read scope."""
    p = tables.product
    columns = (p.c.id, p.c.class_name, p.c.owner, p.c.project, p.c.level, p.c.embargo)
    found: list[Subject] = []
    with session.database.read() as connection:
        for part in chunks(keys):
            statement = select(*columns).where(p.c.id.in_(part), session.context.scope(p))
            found += [Subject(*row) for row in connection.execute(statement)]
    return found


def append(
    unit: Unit,
    kind: str,
    author: str,
    reason: str,
    said: Mapping[Subject, tuple[int, str]],
) -> None:
    """Add one row for each of some products, newer than all that are there.

    The rows have the project, level and embargo of their products: who reads the one reads the
    other.

    Parameters
    ----------
    unit : Unit
    kind : str
    author, reason : str
    said : mapping
        Value and detail for each product.
    """
    newest = _newest(unit, kind, [subject.key for subject in said])
    home, owner = unit.context.home, unit.context.owner_key
    for subject, (value, detail) in said.items():
        key = unit.key()
        # PostgreSQL hands out keys in advance, connection by connection, so that a row may get
        # a smaller key than one that was written before it.
        while key <= newest.get(subject.key, 0):
            key = unit.key()
        context = (home, owner, subject.project, subject.level, subject.embargo)
        row = (subject.key, kind, value, detail, reason, author, unit.now)
        unit.row(tables.standing, (key, *row), context)


def _newest(unit: Unit, kind: str, keys: Sequence[int]) -> dict[int, int]:
    """Return the largest key of this node's rows of a kind, by product."""
    s = tables.standing
    end = (unit.context.home + 1) << NODE_SHIFT
    found: dict[int, int] = {}
    for part in chunks(keys):
        statement = (
            select(s.c.product, func.max(s.c.id))
            .where(s.c.product.in_(part), s.c.kind == kind, s.c.id < end)
            .group_by(s.c.product)
        )
        found.update((product, key) for product, key in unit.connection.execute(statement))
    return found


def history(session: Session, key: int, kind: str) -> list[Any]:
    """Return the rows of a kind for one product, the newest last."""
    s = tables.standing
    statement = select(s).where(s.c.product == key, s.c.kind == kind).order_by(s.c.id)
    with session.database.read() as connection:
        return list(connection.execute(statement).all())


def chunks(keys: Sequence[int]) -> Iterator[list[int]]:
    """Yield keys in lists that fit into one statement."""
    for start in range(0, len(keys), CHUNK):
        yield list(keys[start : start + CHUNK])
