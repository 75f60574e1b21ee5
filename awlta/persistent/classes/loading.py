"""Objects are read: one statement a class, compiled once, rows put into objects as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from .. import tables
from ..database import Database
from ..engine.prepared import run
from . import generate


class Loader:
    """Reads objects of exactly one class by their keys.

    Parameters
    ----------
    database : Database
    cls : type
    """

    def __init__(self, database: Database, cls: type[Any]) -> None:
        self._cls: Any = cls
        self._is_sqlite = database.dialect == "sqlite"
        stored = [a for a in self._cls.__attributes__.values() if a.source != "standing"]
        self._read = generate.reader(stored)
        quote = database.engine.dialect.identifier_preparer.quote
        columns = ["product.id"]
        for attribute in stored:
            is_system = attribute.source == "product"
            table = tables.product if is_system else tables.table_of(attribute.owner)
            columns.append(f"{quote(table.name)}.{quote(attribute.name)}")
        joins = "".join(
            f" JOIN {quote(t.name)} ON {quote(t.name)}.id = product.id"
            for _, t in tables.class_tables(cls)
        )
        wanted = "IN (SELECT value FROM json_each(?))" if self._is_sqlite else "= ANY(%s)"
        self._text = f"SELECT {', '.join(columns)} FROM product{joins} WHERE product.id {wanted}"

    def objects(self, connection: Connection, keys: Sequence[int]) -> Iterator[Any]:
        """Yield the objects that have some keys, in no order."""
        cls, read = self._cls, self._read
        given = json.dumps(list(keys)) if self._is_sqlite else list(keys)
        for row in run(connection, self._text, (given,)):
            obj = cls.__new__(cls)
            read(obj.__dict__, row)
            yield obj
