"""Query results as an astropy table, with units and descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np
from astropy import units
from astropy.table import Column, MaskedColumn, Table

from ..attributes.conditions import resolve


def to_table(cls: type[Any], paths: Sequence[str], query: Any) -> Table:
    """Return one column a dotted path; absent values are masked, times are ISO text (UTC)."""
    rows = query.values(*paths)
    table = Table()
    for number, path in enumerate(paths):
        attribute: Any = resolve(cls, path)._attribute
        values = [_plain(row[number]) for row in rows]
        table[path] = _column(values, attribute)
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if hasattr(value, "isoformat") else value


def _column(values: list[Any], attribute: Any) -> Column:
    mask = [v is None for v in values]
    kinds = {"integer": np.int64, "real": np.float64, "boolean": np.bool_, "text": np.str_}
    is_time = attribute.codec.name.startswith("time")
    kind: Any = np.str_ if is_time else kinds.get(attribute.codec.column, object)
    if attribute.codec.name in ("object_id",):
        kind = np.str_
    if attribute.codec.name.startswith("tuple"):
        kind = object
    if kind is object:
        filled = np.empty(len(values), dtype=object)
        for number, value in enumerate(values):  # arrays of one shape would be taken apart
            filled[number] = value
    else:
        blank = "" if kind is np.str_ else kind(0)
        filled = np.array([blank if v is None else v for v in values], dtype=kind)
    unit = units.Unit(attribute.unit, parse_strict="silent") if attribute.unit else None
    if any(mask):
        return MaskedColumn(filled, mask=mask, unit=unit, description=attribute.doc)
    return Column(filled, unit=unit, description=attribute.doc)
