"""Any number of keys, or of names of 16 bytes, as one parameter of a statement.

Asking about twenty thousand objects is so one statement, and its text is the same for one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    String,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import NullType


def listed(dialect: str, keys: Sequence[int]) -> Select[Any]:
    """Return the statement whose one column, ``id``, has some keys."""
    value = bound(dialect, keys)
    if dialect == "postgresql":
        return _of_array(bindparam(None, value, ARRAY(BigInteger), unique=True))
    return _of_text(bindparam(None, value, String, unique=True))


def to_be_listed(dialect: str) -> Select[Any]:
    """Return the same for keys that are given when it is run, as the parameter ``keys``."""
    if dialect == "postgresql":
        return _of_array(bindparam("keys", type_=ARRAY(BigInteger)))
    return _of_text(bindparam("keys", type_=String))


def bound(dialect: str, keys: Sequence[int]) -> Any:
    """Return keys as the value of the one parameter."""
    return list(keys) if dialect == "postgresql" else json.dumps(list(keys))


def is_named(column: Any, dialect: str, is_one: bool) -> ColumnElement[bool]:
    """Return the condition that a column has one of the names of 16 bytes in ``names``.

    That it has the one name there is, which is asked most often, is a statement of its own.
    """
    raw = type_coerce(column, NullType())  # each would be converted
    return raw == bindparam("names") if is_one else raw.in_(_of_names(dialect))


def bound_names(dialect: str, names: Sequence[bytes]) -> Any:
    """Return names, at least one, as the value of the one parameter."""
    if len(names) == 1:
        return names[0]
    return list(names) if dialect == "postgresql" else b"".join(names)


def _of_names(dialect: str) -> Select[Any]:
    """SQLite takes names one behind the other, since its JSON holds no bytes."""
    if dialect == "postgresql":
        return _of_array(bindparam("names", type_=ARRAY(LargeBinary)))
    whole = type_coerce(bindparam("names", type_=NullType()), LargeBinary)
    first: Any = literal_column("1", Integer).label("start")
    starts = select(first).cte("starts", recursive=True)
    after = starts.c.start + literal_column("16")
    starts = starts.union_all(select(after).where(after < func.length(whole)))
    return select(func.substr(whole, starts.c.start, literal_column("16")).label("id"))


def _of_array(parameter: BindParameter[Any]) -> Select[Any]:
    rows = func.unnest(parameter).table_valued("id").render_derived()
    return select(rows.c.id)


def _of_text(parameter: BindParameter[Any]) -> Select[Any]:
    value = func.json_each(parameter).table_valued("value").c.value
    return select(cast(value, BigInteger).label("id"))
