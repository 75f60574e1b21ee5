"""What was made from a product and still counts: whom it concerns if the product goes bad."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from ...persistent import tables
from ...persistent.session import Session
from ...persistent.tombstones import is_living
from ..keyset import downwards, listed, named, upwards
from ..product import DataProduct
from .causes import Cause
from .currency import outdated_by


@dataclass(frozen=True)
class Dependents:
    """Products that were made from a product, directly or not.

    Attributes
    ----------
    found : tuple of (int, str)
        Key and class name of each, oldest first.
    """

    session: Session
    found: tuple[tuple[int, str], ...]

    def counts(self) -> dict[str, int]:
        """Return how many there are of each class."""
        return dict(Counter(name for _, name in self.found))

    def products(self) -> list[Any]:
        """Return the products themselves."""
        return self.session.load(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __str__(self) -> str:
        """Tell how many there are of each class."""
        counted = ", ".join(f"{number} {name}" for name, number in self.counts().items())
        return f"{len(self)} products: {counted}" if counted else "no products"

    def __repr__(self) -> str:
        return f"<Dependents {self}>"


def dependents(session: Session, product: DataProduct) -> Dependents:
    """Return what was made from a product and still counts.

    That is neither deleted, nor judged bad, nor out of date for another reason than this product
    and what it was made from.
    """
    if not product.is_stored:
        return Dependents(session, ())
    key = product.__dict__["_key"]
    p, below = tables.product, downwards(listed(session, [key]))
    conditions = (p.c.id != key, session.context.scope(p), is_living(p, session.context.until))
    statement = named(below, session.database.dialect, *conditions)
    above = upwards(listed(session, [key]))
    with session.database.read() as connection:
        rows = connection.execute(statement.order_by(p.c.creation_date, p.c.id)).all()
        found = [(k, name) for k, name, counts in rows if counts]
        own = set(connection.execute(select(above.c.id)).scalars())
    if not found:
        return Dependents(session, ())

    def counts(cause: Cause) -> bool:
        return cause.product not in own and cause.old_key not in own

    out = outdated_by(session, [k for k, _ in found], counts)
    return Dependents(session, tuple(pair for pair in found if pair[0] not in out))
