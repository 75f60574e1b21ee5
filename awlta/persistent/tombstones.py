"""Which objects are deleted: the newest tombstone row of an object says.

A deleted object keeps its row, its links and what was made from it; it can be got by its
object_id. Queries, targets and the selection of calibrations leave it out, by
:func:`is_living` on the object that is asked for. Objects on the way of a path are not looked
at: what was made from a deleted input is found by it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, not_, select

from . import tables

TOMBSTONE = "tombstone"
"""Kind of the standing row: its value is 1 where an object was deleted, 0 where that was undone."""

PURGED = "purged"
"""Kind of the standing row: 0 before the bytes of a deleted object are removed, 1 after it."""


def is_living(
    product: Any, until: Callable[[Any], ColumnElement[bool]] | None = None
) -> ColumnElement[bool]:
    """Return the condition that an object is not deleted.

    Parameters
    ----------
    product : Table or Alias
        The product table, or an alias of it.
    until : callable, optional
        Gives the condition that a standing row counts: ``Context.until``.
    """
    s, later = tables.standing.alias(), tables.standing.alias()
    undone = [later.c.product == s.c.product, later.c.kind == TOMBSTONE, later.c.id > s.c.id]
    deleted = [s.c.kind == TOMBSTONE, s.c.value == 1, s.c.product == product.c.id]
    if until is not None:
        undone.append(until(later))
        deleted.append(until(s))
    undone_since = select(later.c.id).where(*undone).exists()
    return not_(select(s.c.id).where(*deleted, not_(undone_since)).exists())
