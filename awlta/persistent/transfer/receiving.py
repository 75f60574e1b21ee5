"""Rows in: a checked parcel becomes rows of this database, in one transaction, or nothing does.

The rows are made before that transaction begins, beside the parcel, so that others wait for no
more than the writing.

Keys are translated set by set through a temporary table ``map`` beside the parcel: an object
that is here already, by its object_id, keeps the key that it has here; rows of a node that
never joined a federation get new keys; rows of other nodes keep theirs. Equal shared objects
become one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, select

from ...digest import digest_text
from ...errors import Conflict, Refused
from .. import tables
from ..classes.model import registry
from ..session import CHUNK, Session
from .arriving import KeyMap, insert_rows, insert_said_later, make_ready
from .checking import tables_of
from .container import Parcel
from .ownership import Ownership
from .sending import WHOLE_ONLY


@dataclass(frozen=True)
class Received:
    """What a parcel brought, or would bring.

    Attributes
    ----------
    objects : int
        Objects in the parcel.
    new, known, merged : int
        Objects that were written, that were here by their object_id, and shared ones that
        became one with an equal one.
    hidden : int
        Objects that stayed behind, outside the scope of whoever exported.
    standing : int
        Verdicts and flags that objects which were here took over.
    files, bytes : int
        Files that were stored, and their bytes.
    """

    objects: int
    new: int
    known: int
    merged: int
    hidden: int
    standing: int = 0
    files: int = 0
    bytes: int = 0

    def to_json(self) -> dict[str, int]:
        """Return the numbers by their names."""
        return asdict(self)


class Arrival:
    """A checked parcel on its way into the database of a session.

    Parameters
    ----------
    session : Session
    parcel : Parcel
    as_mine : bool
        Write everything for the session's own user, project and level.
    """

    def __init__(self, session: Session, parcel: Parcel, *, as_mine: bool = False) -> None:
        self.session = session
        self.parcel = parcel
        self.as_mine = as_mine
        self.ownership = Ownership(session, parcel)
        self.people: dict[int, int] = {}
        self.is_moved = False
        self._shared: list[tuple[bytes, int]] = []
        self._is_ready = False

    def prepare(self) -> Received:
        """Find what is here, and make all rows that are to be written, beside the parcel.

        Nobody has to wait meanwhile. What moves into an empty database is made ready by
        :meth:`write`, since its people get their keys there.

        Raises
        ------
        Refused
            As :meth:`recognise` does.
        """
        database = self.session.database
        with database.read() as connection:
            received = self.recognise(connection)
        if not self.is_moved:
            wanted = self.map.n_wanted()
            with database.write(durable=False) as connection:
                keys = database.keys(connection, wanted)
            with database.read() as connection:
                self._make_ready(connection, keys)
        return received

    def _make_ready(self, connection: Connection, keys: Sequence[int] | None = None) -> None:
        self.map.add_people(self.people)
        self.map.allot(connection, keys)
        for table in self._tables():
            make_ready(self.map, table)
        self._is_ready = True

    def recognise(self, connection: Connection) -> Received:
        """Find what is here already; nothing is written but to tables beside the parcel.

        Raises
        ------
        Refused
            An object is here with another content, or may not be written.
        """
        self._is_ready = False
        self.map = KeyMap(self.session, self.parcel, as_mine=self.as_mine)
        p = tables.product
        is_empty = connection.execute(select(p.c.id).limit(1)).first() is None
        self.is_moved = bool(self.parcel.facts["is_whole"]) and is_empty and not self.as_mine
        self.map.is_moved = self.is_moved
        self.people = self.ownership.match(connection)
        known = self._recognise_products(connection)
        self._recognise_activities(connection)
        merged = 0
        if not self.is_moved:
            if not self.as_mine:
                self.ownership.check(connection, self.people)
            merged = self._merge_shared(connection)
        objects = self.parcel.count("product")
        new = objects - known - merged
        return Received(objects, new, known, merged, self.parcel.count("_hidden"))

    def write(self, connection: Connection, received: Received) -> Received:
        """Write what is new within a unit of work; return the numbers.

        Raises
        ------
        Conflict
            What was new when it was prepared has come in meanwhile.
        """
        if self._is_ready:
            self._refuse_what_came(connection)
        else:
            if self.is_moved:
                self.people.update(self.ownership.invite(connection, self.people))
                self._merge_shared(connection)
            self._make_ready(connection)
        for name in self.parcel.facts["classes"]:
            self.session.database.ensure(registry[name], connection)
        for table in self._tables():
            insert_rows(connection, self.map, table)
        said = 0 if self.as_mine else insert_said_later(connection, self.map)
        home = self.session.context.home
        rows = [(home, name, self.map.new(key)) for name, key in self._shared]
        self.session.database.insert(connection, tables.shared, rows)
        self.map.go_on_counting(connection)
        return replace(received, standing=said)

    def _refuse_what_came(self, connection: Connection) -> None:
        """Raise Conflict where somebody has written what is new since it was prepared."""
        if not self.as_mine:
            self.ownership.check(connection, self.people)
        n_here = sum(_count(connection, tables.shared, "digest", [d for d, _ in self._shared]))
        for table in (tables.product, tables.activity):
            new = f"SELECT object_id FROM {table.name} JOIN map ON old = id AND is_new"
            for rows in self.parcel.batches(new):
                n_here += sum(_count(connection, table, "object_id", [raw for (raw,) in rows]))
        if n_here:
            raise Conflict(
                f"{n_here} rows of {self.parcel.path} came in while it was read",
                do="Nothing of it was written: do the whole of it again",
            )

    def _tables(self) -> Iterator[Table]:
        """Yield the tables that are written, in that order."""
        left_out = {tables.account, tables.project}
        if not self.is_moved:
            left_out.update(WHOLE_ONLY)
        found = [t for t in tables_of(self.parcel) if t not in left_out]
        # row security lets a part in only where its product is
        yield from sorted(found, key=lambda table: table is not tables.product)

    def _recognise_products(self, connection: Connection) -> int:
        p = tables.product
        number, different = 0, []
        statement = "SELECT id, object_id, class_name, content_digest FROM product ORDER BY id"
        for rows in self.parcel.batches(statement):
            wanted = select(p.c.object_id, p.c.id, p.c.class_name, p.c.content_digest)
            found = connection.execute(wanted.where(p.c.object_id.in_([r[1] for r in rows])))
            here = {bytes(raw): told for raw, *told in found}
            for key, raw, *told in rows:
                if raw in here:
                    have, *same = here[raw]
                    number += 1
                    self.map.add([(key, have, False)])
                    if [None if v is None else _plain(v) for v in same] != told:
                        different.append(f"{told[0]} {UUID(bytes=raw)}")
        if different:
            raise Refused(
                f"{len(different)} objects are here with another content: "
                f"{', '.join(different[:5])}",
                expected="the content that they have here: an object never changes",
                do="Ask where the parcel comes from; nothing was imported",
            )
        return number

    def _recognise_activities(self, connection: Connection) -> None:
        a = tables.activity
        for rows in self.parcel.batches("SELECT id, object_id FROM activity ORDER BY id"):
            wanted = select(a.c.object_id, a.c.id).where(a.c.object_id.in_([r[1] for r in rows]))
            here = {bytes(raw): key for raw, key in connection.execute(wanted)}
            self.map.add([(key, here[raw], False) for key, raw in rows if raw in here])

    def _merge_shared(self, connection: Connection) -> int:
        """Let new shared objects be one with those of equal content that their owners may use."""
        s, number = tables.shared, 0
        fresh: dict[bytes, int] = {}
        self._shared.clear()
        for rows in self.map.pages(
            "product",
            "owner, project, level, content_digest",
            "AND class_name IN (SELECT value FROM json_each(?))",
            [n for n, told in self.parcel.facts["classes"].items() if told["is_shared"]],
        ):
            names = {row[0]: self._names(*row[1:]) for row in rows}
            asked = {name for some in names.values() for name in some}
            found = connection.execute(select(s.c.digest, s.c.product).where(s.c.digest.in_(asked)))
            here = {bytes(digest): key for digest, key in found}
            for key, some in names.items():
                equal = next((here[name] for name in some if name in here), None)
                twin = next((fresh[name] for name in some if name in fresh), None)
                if equal is not None:
                    self.map.add([(key, equal, False)])
                elif twin is not None:
                    self.map.add_twin(key, twin)
                else:
                    fresh[some[0]] = key
                number += equal is not None or twin is not None
        self._shared += fresh.items()
        return number

    def _names(self, owner: int, project: int, level: int, digest: bytes) -> list[bytes]:
        """Return the digests under which an equal shared object may be found, its own first."""
        context = self.session.context
        if self.as_mine:
            level = context.level
        else:
            keys = self.people[owner], self.people[project]
            context = replace(context, owner_key=keys[0], project_key=keys[1])
        return [bytes.fromhex(digest_text(digest.hex(), a)) for a in context.audiences(level)]


def _count(
    connection: Connection, table: Table, column: str, values: Sequence[bytes]
) -> Iterator[int]:
    """Yield how many of some values there are, as driver SQL: to compile it takes longer."""
    for start in range(0, len(values), CHUNK):
        part = values[start : start + CHUNK]
        head = f"SELECT count(*) FROM {table.name} WHERE {column}"
        if connection.dialect.name == "postgresql":
            found = connection.exec_driver_sql(f"{head} = ANY(%s)", (list(part),))
        else:
            marks = ", ".join("?" * len(part))
            found = connection.exec_driver_sql(f"{head} IN ({marks})", tuple(part))
        yield int(found.scalar_one())


def _plain(value: Any) -> Any:
    """Return what the driver gave as SQLite gives it."""
    return value if isinstance(value, str | int) else bytes(value)
