"""A unit of work: rows are collected by table and written in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, select

from ...digest import digest_text
from .. import tables
from ..attributes.codecs import microseconds_to_time, time_to_microseconds
from ..context import Context
from ..database import Database
from ..watches import watches
from . import generate
from .model import Persistent
from .records import shared_digest

_FIRST_KEYS, _MOST_KEYS = 8, 4096


Row = tuple[Any, ...]

Entry = tuple[Persistent, int, str, datetime, str | None]
"""An object of a unit, and what it is told of itself when the unit is committed: key, object_id,
time of commit and content digest. The object_id is another than its own where an equal shared
object was there before."""

Form = tuple[list[Row], Callable[[int, dict[str, Any]], Row]]
"""Where the rows of one table of a class wait, and what gives an object's row for it."""


def _refuse_incomplete(obj: Persistent) -> None:
    """Say which attribute of an object has no value."""
    for part, _ in tables.class_tables(type(obj)):
        for attribute in tables.own_attributes(part):
            if not attribute.nullable:
                getattr(obj, attribute.name)


def shared_names(obj: Persistent, context: Context, level: int) -> list[bytes]:
    """Return the digests under which an equal shared object may be found, a new one's first.

    Parameters of equal content are one row for all who may read it; private ones do not serve
    others, who have a row of their own.
    """
    digest = shared_digest(obj)
    return [bytes.fromhex(digest_text(digest, a)) for a in context.audiences(level)]


class Unit:
    """The rows of one transaction, collected by table.

    Attributes
    ----------
    created : datetime, UTC
        When its objects are made.
    now : int
        The same in microseconds.
    truth : tuple
        What stands for False and True: the driver of SQLite takes long over a bool, which is a
        number there.
    meets_twins : bool
        Whether a link leads to what is known in memory as another object too.
    """

    def __init__(self, database: Database, context: Context, connection: Connection) -> None:
        self.database = database
        self.context = context
        self.connection = connection
        self.created = datetime.now(UTC)
        self.now = time_to_microseconds(self.created)
        self.truth = (0, 1) if database.dialect == "sqlite" else (False, True)
        self.meets_twins = False
        self._own = context.row
        self._rows: dict[tuple[Table, Row], list[Row]] = {}
        self._products, self._links = self._of(tables.product), self._of(tables.dep)
        self._forms: dict[type[Any], list[Form]] = {}
        self._entries: list[Entry] = []
        self._known: dict[str, int] = {}
        self._shared: dict[bytes, Entry] = {}
        self._keys: Iterator[int] = iter(())
        self._block = _FIRST_KEYS

    def key(self) -> int:
        """Return a new integer key; they are taken in blocks, and what is left is not used."""
        key = next(self._keys, None)
        if key is None:
            self._keys = iter(self.database.keys(self.connection, self._block))
            self._block = min(2 * self._block, _MOST_KEYS)
            key = next(self._keys)
        return key

    def row(self, table: Table, values: Row, context: Row | None = None) -> None:
        """Add one row: its values in the order of the table's columns, without the context.

        Parameters
        ----------
        table : Table
        values : tuple
        context : tuple, optional
            Home, owner, project, level and embargo, where they are not those of the unit.
        """
        self._of(table, context).append(values)

    def _of(self, table: Table, context: Row | None = None) -> list[Row]:
        """Return the rows of a table, and of a context, that wait to be written."""
        return self._rows.setdefault((table, context or self._own), [])

    def entries(self) -> list[Entry]:
        """Return every object that was added."""
        return self._entries

    def add(
        self,
        obj: Persistent,
        *,
        activity: int | None = None,
        content_digest: str | None = None,
        work: bytes | None = None,
    ) -> int:
        """Add an object and whatever it links that is not stored yet; return its key.

        Parameters
        ----------
        obj : Persistent
        activity : int, optional
            Key of the activity that made it.
        content_digest : str, optional
        work : bytes, optional
            First half of the digest of what the object asks for, by which it is found again.
        """
        held = obj.__dict__
        if "_store" in held:
            key: int = held["_key"]
            return key
        object_id: str = held["object_id"]
        known = self._known.get(object_id)
        if known is not None:
            return known
        if watches:
            obj.linked()  # a recipe that commits an object follows its links
        cls = type(obj)
        edges = generate.edges(cls)(self, obj)
        if cls.__shared__:
            entry = self._share(obj, edges)
        else:
            entry = (obj, self.key(), object_id, self.created, content_digest)
            self._product_rows(entry, edges, activity, work)
        self._entries.append(entry)
        self._known[object_id] = entry[1]
        return entry[1]

    def added(self, target: Persistent) -> int:
        """Return the key of an object that is linked, added now if it is not there yet."""
        held = target.__dict__
        if "_store" in held:
            if "_twin" in held:
                self.meets_twins = True
            key: int = held["_key"]
            return key
        known = self._known.get(held["object_id"])
        if known is not None:
            return known
        target._admit()
        return self.add(target)

    def _share(self, obj: Persistent, edges: list[Row]) -> Entry:
        """Return the entry of a shared object: as one of equal content that is there, or new."""
        names = shared_names(obj, self.context, self.context.level)
        self.database.serialise(self.connection, f"shared {names[0].hex()}")
        known = self._shared.get(names[0]) or self._stored(obj, names)
        if known is not None:
            return (obj, *known[1:])
        entry = (obj, self.key(), obj.object_id, self.created, shared_digest(obj))
        self._product_rows(entry, edges, None, None)
        self.row(tables.shared, (self.context.home, names[0], entry[1]))
        self._shared[names[0]] = entry
        return entry

    def _stored(self, obj: Persistent, names: list[bytes]) -> Entry | None:
        s, p = tables.shared, tables.product
        found = self.connection.execute(
            select(p.c.id, p.c.object_id, p.c.creation_date, p.c.content_digest)
            .select_from(s.join(p, p.c.id == s.c.product))
            .where(s.c.digest.in_(names))
            .order_by(p.c.id)
        ).first()
        if found is None:
            return None
        key, raw, created, digest = found
        object_id, when = str(UUID(bytes=bytes(raw))), microseconds_to_time(created)
        return obj, key, object_id, when, bytes(digest).hex()

    def _product_rows(
        self, entry: Entry, edges: list[Row], activity: int | None, work: bytes | None
    ) -> None:
        obj, key, object_id, _, content_digest = entry
        cls, held = type(obj), obj.__dict__
        raw = bytes.fromhex(object_id.replace("-", ""))
        digest = None if content_digest is None else bytes.fromhex(content_digest)
        category = held.get("category")
        row = (key, raw, cls.__name__, self.now, activity, digest, category, work)
        self._products.append(row)
        try:
            for rows, take in self._forms.get(cls) or self._form(cls):
                rows.append(take(key, held))
        except KeyError:
            _refuse_incomplete(obj)
            raise
        if edges:
            self._links += [(key, *edge) for edge in edges]

    def _form(self, cls: type[Any]) -> list[Form]:
        """Return the forms of a class, one a table; the tables are made if need be."""
        self.database.ensure(cls, self.connection)
        parts = tables.class_tables(cls)
        forms = [(self._of(table), generate.row(part)) for part, table in parts]
        self._forms[cls] = forms
        return forms

    def flush(self) -> None:
        """Write what was collected, one executemany a table."""
        for (table, context), rows in self._rows.items():
            self.database.insert(self.connection, table, rows, context)
            rows.clear()
