"""The form of a product: which attributes its class has gained since it was made.

The content digest of a product stays as it was recorded, since whoever makes it again with the
release of that time compares with it. A class that gains an attribute has objects of an older
form: a standing row of each says what came later, so that its digest can be worked out as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy import Connection

from .. import tables
from ..context import CONTEXT_COLUMNS, now_microseconds
from ..database import KEYS, Database

FORM = "form"
"""Kind of the standing row: its detail names attributes that came later. Several rows add up."""


def note_later(
    database: Database, connection: Connection, class_name: str, names: Iterable[str]
) -> int:
    """Say of all products of a class which attributes came later; return of how many.

    Parameters
    ----------
    database : Database
    connection : Connection
        In a writing unit of the owner of the tables.
    class_name : str
        Exactly this class is meant.
    names : iterable of str
    """
    p, s = tables.product, tables.standing
    older = (p.c.class_name == class_name) & p.c.content_digest.is_not(None)
    counted = sa.select(sa.func.count()).select_from(p).where(older)
    number = int(connection.execute(counted).scalar_one())
    if not number:
        return 0
    key: sa.ColumnElement[int]
    if database.dialect == "postgresql":
        key = sa.literal_column(f"nextval('{KEYS}')", sa.BigInteger())
    else:
        first = database.keys(connection, number)[0]
        key = sa.func.row_number().over(order_by=p.c.id) + sa.literal(first - 1)
    values = {
        "id": key,
        **{name: p.c[name] for name in CONTEXT_COLUMNS},
        "product": p.c.id,
        "kind": sa.literal(FORM),
        "detail": sa.literal(json.dumps(sorted(names))),
        "reason": sa.literal(f"{class_name} has gained attributes"),
        "author": sa.literal("awlta migrate"),
        "written": now_microseconds(),
    }
    rows = sa.select(*values.values()).where(older)
    connection.execute(s.insert().from_select(list(values), rows))
    return number


def later_in(detail: str) -> frozenset[str]:
    """Return the names of attributes in a row of this kind.

    Raises
    ------
    ValueError
        It is no list of names.
    """
    names = json.loads(detail)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(detail)
    return frozenset(names)
