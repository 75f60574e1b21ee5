"""What is the same in all rows of a batch is written into the statement, once.

The SQLite driver looks for a converter for every None that it is given, which takes it longer
than to store a number; and owner, project and level of all rows of a unit are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from operator import itemgetter
from typing import Any

FEWEST = 16
"""Rows for which it is worth to compile a statement of their own."""

Row = tuple[Any, ...]


def thinned(rows: Sequence[Row], often: Collection[int]) -> tuple[list[str], Iterable[Row]]:
    """Return what stands for each column in VALUES, and the rows without what is in all the same.

    Parameters
    ----------
    rows : sequence of tuple
        At least one.
    often : collection of int
        Places of integers or None that usually are the same in all rows; None is looked for in
        the other places too.
    """
    first = rows[0]
    width = range(len(first))
    absent = {n for n in width if first[n] is None}
    for same in ({*often, *absent}, {*often}):
        kept = [n for n in width if n not in same]
        if len(same) > 1 and len(kept) > 1 and _are_equal(rows, itemgetter(*sorted(same))):
            marks = ["?" if n in kept else _literal(first[n]) for n in width]
            return marks, map(itemgetter(*kept), rows)
    return ["?"] * len(first), rows


def _are_equal(rows: Sequence[Row], taken: itemgetter[Any]) -> bool:
    """Tell whether some columns hold the same in all rows."""
    return all(map(taken(rows[0]).__eq__, map(taken, rows)))


def _literal(value: int | None) -> str:
    return "NULL" if value is None else f"{value:d}"
