"""A unit of work: rows are collected by table and written in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, select

from ..digest import digest_text
from . import tables
from .codecs import microseconds_to_time, time_to_microseconds
from .context import Context
from .database import Database
from .model import Persistent
from .records import shared_digest

_FIRST_KEYS, _MOST_KEYS = 8, 4096


@dataclass(frozen=True)
class Entry:
    """An object of a unit, and what it is told of itself when the unit is committed.

    Attributes
    ----------
    obj : Persistent
    key : int
    object_id : str
        Another than the object's own where an equal shared object was there before.
    created : int, microseconds of UTC since 1970
    content_digest : str or None
    """

    obj: Persistent
    key: int
    object_id: str
    created: int
    content_digest: str | None

    def values(self) -> dict[str, Any]:
        """Return the attributes that the system gives."""
        found = {"object_id": self.object_id, "creation_date": microseconds_to_time(self.created)}
        if "content_digest" in type(self.obj).__attributes__:
            found["content_digest"] = self.content_digest
        return found


def shared_names(obj: Persistent, context: Context, level: int) -> list[bytes]:
    """Return the digests under which an equal shared object may be found, a new one's first.

    Parameters of equal content are one row for all who may read it; private ones do not serve
    others, who have a row of their own.
    """
    digest = shared_digest(obj)
    return [bytes.fromhex(digest_text(digest, a)) for a in context.audiences(level)]


class Unit:
    """The rows of one transaction, collected by table."""

    def __init__(self, database: Database, context: Context, connection: Connection) -> None:
        self.database = database
        self.context = context
        self.connection = connection
        self.now = time_to_microseconds(datetime.now(UTC))
        self._rows: dict[str, tuple[Table, list[tuple[Any, ...]]]] = {}
        self._entries: dict[str, Entry] = {}
        self._shared: dict[bytes, Entry] = {}
        self._keys = range(0)
        self._block = _FIRST_KEYS

    def key(self) -> int:
        """Return a new integer key; they are taken in blocks, and what is left is not used."""
        if not self._keys:
            self._keys = self.database.keys(self.connection, self._block)
            self._block = min(2 * self._block, _MOST_KEYS)
        key, self._keys = self._keys[0], self._keys[1:]
        return key

    def row(self, table: Table, values: tuple[Any, ...]) -> None:
        """Add one row, its values in the order of the table's columns."""
        self._rows.setdefault(table.name, (table, []))[1].append(values)

    def entries(self) -> Iterable[Entry]:
        """Return every object that was added."""
        return self._entries.values()

    def add(
        self,
        obj: Persistent,
        *,
        activity: int | None = None,
        content_digest: str | None = None,
    ) -> int:
        """Add an object and whatever it links that is not stored yet; return its key."""
        if obj.is_stored:
            key: int = obj.__dict__["_key"]
            return key
        own_id = obj.object_id
        if own_id in self._entries:
            return self._entries[own_id].key
        links = obj.linked()
        for _, _, target in links:
            if not target.is_stored and target.object_id not in self._entries:
                target._admit()
                self.add(target)
        if not type(obj).__shared__:
            entry = Entry(obj, self.key(), own_id, self.now, content_digest)
            self._product_rows(entry, links, activity)
        else:
            entry = self._share(obj, links)
        self._entries[own_id] = entry
        return entry.key

    def _share(self, obj: Persistent, links: list[tuple[str, int, Persistent]]) -> Entry:
        """Return the entry of a shared object: as one of equal content that is there, or new."""
        names = shared_names(obj, self.context, self.context.level)
        known = self._shared.get(names[0]) or self._stored(obj, names)
        if known is not None:
            return replace(known, obj=obj)
        entry = Entry(obj, self.key(), obj.object_id, self.now, shared_digest(obj))
        self._product_rows(entry, links, None)
        self.row(tables.shared, (self.context.home, names[0], entry.key))
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
        return Entry(obj, key, str(UUID(bytes=bytes(raw))), created, bytes(digest).hex())

    def _product_rows(
        self, entry: Entry, links: list[tuple[str, int, Persistent]], activity: int | None
    ) -> None:
        obj, key, context = entry.obj, entry.key, self.context.row
        digest = None if entry.content_digest is None else bytes.fromhex(entry.content_digest)
        self.row(
            tables.product,
            (
                key,
                *context,
                UUID(entry.object_id).bytes,
                type(obj).__name__,
                self.now,
                activity,
                digest,
                obj.__dict__.get("category"),
            ),
        )
        self.database.ensure(type(obj), self.connection)
        for part, table in tables.class_tables(type(obj)):
            values = [_encode(a, obj) for a in tables.own_attributes(part)]
            self.row(table, (key, *context, *values))
        for role, position, target in links:
            step = type(obj).__links__[role]
            self.row(tables.dep, (key, role, position, self.add(target), step.is_input, *context))

    def flush(self) -> None:
        """Write what was collected, one executemany a table."""
        for table, rows in self._rows.values():
            self.database.insert(self.connection, table, rows)
        self._rows.clear()


def _encode(attribute: Any, obj: Persistent) -> Any:
    value = obj.__dict__.get(attribute.name)
    if value is None:
        if attribute.nullable:
            return None
        return attribute.codec.encode(getattr(obj, attribute.name))
    return attribute.codec.encode(value)
