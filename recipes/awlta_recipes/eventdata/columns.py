"""Columns of tables: name, type, unit and meaning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
    dtype : str
        As NumPy writes it, such as ``f4``.
    about : str
    unit : str
        As in VOUnit; empty without.
    shape : tuple of int
        Of one value.
    default : object
        Where a caller gives none; None where one must be given.
    means : str
        How the stored value is to be understood: empty, ``time`` (high resolution),
        ``mjd`` (TAI), ``telescopes`` (a mask), ``string`` or ``enum:NAME``.
    prefix : str
        What stands before the name in a table of several groups.
    """

    name: str
    dtype: str
    about: str
    unit: str = ""
    shape: tuple[int, ...] = ()
    default: Any = None
    means: str = ""
    prefix: str = ""

    @property
    def full_name(self) -> str:
        """Name in the table."""
        return f"{self.prefix}_{self.name}" if self.prefix else self.name


Columns = tuple[Column, ...]


def row_type(columns: Iterable[Column]) -> np.dtype[Any]:
    """Return the type of a row, packed, little-endian."""
    return np.dtype([(c.full_name, np.dtype(c.dtype).newbyteorder("<"), c.shape) for c in columns])


def prefixed(prefix: str, columns: Iterable[Column]) -> Columns:
    """Return columns with a prefix before their names, and before any prefix they have."""
    return tuple(replace(c, prefix=f"{prefix}_{c.prefix}" if c.prefix else prefix) for c in columns)


def reals(rows: Sequence[tuple[str, str, str]], dtype: str = "f8") -> Columns:
    """Return columns of numbers that are NaN where unknown, of name, unit and meaning."""
    return tuple(Column(n, dtype, about, unit, default=float("nan")) for n, unit, about in rows)


def counts(rows: Sequence[tuple[str, str]]) -> Columns:
    """Return columns of counts that are -1 where unknown, of name and meaning."""
    return tuple(Column(n, "i8", about, default=-1) for n, about in rows)
