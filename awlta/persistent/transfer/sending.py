"""Rows out: objects with all that they were made from, set by set, into a parcel.

What leaves is what may be read: an ancestor outside the scope stays behind, and the parcel says
that there is one. Everything is read in one snapshot, some thousand keys at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, and_, bindparam, or_, select

from ...errors import NotFound
from .. import tables
from ..classes.forms import FORM
from ..classes.model import find_class
from ..context import CONTEXT_COLUMNS
from ..database import Database
from ..keys import check_object_id
from ..session import CHUNK, Session
from .container import Packing, quoted

WHOLE_ONLY = (tables.member, tables.intent, tables.ticket, tables.ticket_event)
"""Tables that leave only with a whole database."""


def send_rows(
    session: Session, parcel: Packing, object_ids: Iterable[str] | None = None
) -> dict[str, Any]:
    """Write objects, their ancestors and what belongs to them; return facts for the manifest.

    Parameters
    ----------
    session : Session
    parcel : Packing
    object_ids : iterable of str, optional
        What is wanted; by default everything in the read scope.

    Raises
    ------
    NotFound
        An object is not in the read scope, or its class is not known here.
    """
    with _snapshot(session.database) as connection:
        sending = _Sending(session, connection, parcel)
        if object_ids is None:
            sending.want_all()
        else:
            sending.want(object_ids)
            sending.want_ancestors()
        sending.products()
        classes = sending.class_rows()
        sending.belongings()
        sending.runs(is_whole=object_ids is None)
        sending.campaigns()
        if object_ids is None:
            for table in WHOLE_ONLY:
                sending.everything(table)
        sending.people(is_whole=object_ids is None)
        return {
            "is_whole": object_ids is None,
            "user": session.context.user,
            "project": session.context.project,
            "classes": classes,
            "n_hidden": sending.hidden(),
        }


@contextmanager
def _snapshot(database: Database) -> Iterator[Connection]:
    """Give a connection that sees the database as it is now, whoever goes on writing."""
    with database.read(), database.engine.connect() as connection:
        isolated = " ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        begin = "BEGIN" + (isolated if database.dialect == "postgresql" else "")
        connection.exec_driver_sql(begin)
        yield connection
        connection.exec_driver_sql("COMMIT")


class _Sending:
    """One sending: the keys that are wanted stand in a temporary table of the parcel."""

    def __init__(self, session: Session, connection: Connection, parcel: Packing) -> None:
        self.session = session
        self.scope = session.context.scope
        self.connection = connection
        self.parcel = parcel
        self.own = parcel.connection
        self.own.execute("CREATE TEMP TABLE wanted (id INTEGER PRIMARY KEY)")

    # which -------------------------------------------------------------------------------

    def want_all(self) -> None:
        """Want every object in the scope."""
        p = tables.product
        last = -1
        while True:
            after = select(p.c.id).where(p.c.id > last, self.scope(p)).order_by(p.c.id)
            keys = self.connection.execute(after.limit(10 * CHUNK)).scalars().all()
            if not keys:
                return
            self._note(keys)
            last = keys[-1]

    def want(self, object_ids: Iterable[str]) -> None:
        """Want the objects of some object_ids."""
        p = tables.product
        for ids in _parts(object_ids):
            raw = {UUID(check_object_id(i)).bytes for i in ids}
            statement = select(p.c.id, p.c.object_id).where(p.c.object_id.in_(raw), self.scope(p))
            rows = self.connection.execute(statement).all()
            missing = raw - {bytes(r.object_id) for r in rows}
            if missing:
                raise NotFound(
                    f"There is no object {UUID(bytes=missing.pop())} in your read scope",
                    do="Check the id, the project and the privileges ('awlta status')",
                )
            self._note([r.id for r in rows])

    def want_ancestors(self) -> None:
        """Want all that the wanted was made from or links, with releases and environments."""
        front = [row[0] for row in self.own.execute("SELECT id FROM wanted")]
        while front:
            reached: set[int] = set()
            for keys in _parts(front):
                for statement in self._next(keys):
                    reached.update(self.connection.execute(statement).scalars())
            reached.discard(None)
            front = self._note(list(reached))

    def _next(self, keys: Sequence[int]) -> list[Any]:
        """Return the statements for all that some objects lean on."""
        d, p, a, s = tables.dep, tables.product, tables.activity, tables.standing
        runs = select(p.c.activity).where(among(p.c.id, keys), self.scope(p))
        return [
            select(d.c.target).where(among(d.c.product, keys), self.scope(d)).distinct(),
            select(a.c.release).where(a.c.id.in_(runs)).distinct(),
            select(a.c.environment).where(a.c.id.in_(runs)).distinct(),
            select(s.c.value).where(among(s.c.product, keys), s.c.kind == "pin", self.scope(s)),
        ]

    def _note(self, keys: Sequence[int]) -> list[int]:
        """Take keys among the wanted; return those that are new."""
        fresh = self.own.execute(
            "SELECT DISTINCT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM wanted)",
            (json.dumps(list(keys)),),
        ).fetchall()
        self.own.executemany("INSERT INTO wanted VALUES (?)", fresh)
        return [row[0] for row in fresh]

    # rows --------------------------------------------------------------------------------

    def products(self) -> None:
        """Write the rows of the wanted products that are in the scope."""
        p = tables.product
        self.parcel.add(p, ())
        for keys in self._keys("SELECT id FROM wanted ORDER BY id"):
            self._copy(p, among(p.c.id, keys))

    def class_rows(self) -> dict[str, Any]:
        """Write the rows of the classes' own tables; return what the classes are."""
        classes: dict[str, Any] = {}
        found = self.own.execute("SELECT class_name, id FROM product ORDER BY class_name, id")
        for name, rows in groupby(found, key=lambda row: row[0]):
            cls = find_class(name)
            classes[name] = describe_class(cls)
            for keys in _parts(key for _, key in rows):
                for _, table in tables.class_tables(cls):
                    self._copy(table, among(table.c.id, keys))
        return classes

    def belongings(self) -> None:
        """Write links, files and standing of the products."""
        d, f, s = tables.dep, tables.file, tables.standing
        for table in (d, f, s):
            self.parcel.add(table, ())
        for keys in self._keys("SELECT id FROM product ORDER BY id"):
            self._copy(d, among(d.c.product, keys), d.c.product, d.c.role, d.c.position)
            self._copy(f, among(f.c.product, keys), f.c.id)
            self._copy(s, and_(among(s.c.product, keys), s.c.kind != FORM), s.c.id)
            self._forms(keys)

    def _forms(self, keys: Sequence[int]) -> None:
        """Write what came later to some products, which whoever reads these needs as well.

        A product may have been published since that was noted.
        """
        p, s = tables.product, tables.standing
        columns = [p.c[c.name] if c.name in CONTEXT_COLUMNS else c for c in s.columns]
        rows = (
            select(*columns)
            .join_from(s, p, p.c.id == s.c.product)
            .where(among(s.c.product, keys), s.c.kind == FORM)
            .order_by(s.c.id)
        )
        self.parcel.add(s, map(tuple, self.connection.execute(rows)))

    def runs(self, *, is_whole: bool) -> None:
        """Write the activities: those that made the products, and their failed attempts."""
        a = tables.activity
        self.parcel.add(a, ())
        if is_whole:
            self.everything(a)
            return
        statement = "SELECT object_id, activity FROM product ORDER BY id"
        for rows in _parts(self.own.execute(statement)):
            made = {key for _, key in rows if key is not None}
            mine = or_(a.c.subject.in_({raw for raw, _ in rows}), a.c.id.in_(made))
            known = [
                row[0]
                for row in self.own.execute(
                    f"SELECT id FROM activity WHERE id IN ({','.join('?' * len(made))})",
                    tuple(made),
                )
            ]
            self._copy(a, and_(mine, a.c.id.not_in(known)) if known else mine, a.c.id)

    def campaigns(self) -> None:
        """Write what campaigns say of products, where both are in the parcel."""
        c = tables.campaign_item
        for keys in self._keys("SELECT id FROM product ORDER BY id"):
            rows = self.connection.execute(
                select(c).where(among(c.c.campaign, keys), self.scope(c))
            )
            inside = [tuple(row) for row in rows if self._has(row.old) and self._has(row.new)]
            if inside:
                self.parcel.add(c, inside)

    def _has(self, key: int | None) -> bool:
        found = self.own.execute("SELECT 1 FROM product WHERE id = ?", (key,)).fetchone()
        return key is None or found is not None

    def everything(self, table: Table) -> None:
        """Write all rows of a table that are in the scope."""
        statement = select(table).order_by(*table.primary_key.columns)
        if "owner" in table.c:
            statement = statement.where(self.scope(table))
        found = self.connection.execute(statement.execution_options(yield_per=CHUNK))
        for rows in found.partitions():
            self.parcel.add(table, map(tuple, rows))

    def people(self, *, is_whole: bool) -> None:
        """Write the names of owners and projects."""
        holders = list(self.parcel.rows)
        for table, column in ((tables.account, "owner"), (tables.project, "project")):
            if is_whole:
                self.everything(table)
                continue
            used: set[int] = set()
            for name in holders:
                rows = self.own.execute(f"SELECT DISTINCT {column} FROM {quoted(name)}")
                used.update(row[0] for row in rows)
            self._copy(table, table.c.id.in_(used), scoped=False)

    def hidden(self) -> int:
        """Note the keys that rows point to and that stayed behind; return how many there are."""
        self.own.execute(
            "INSERT INTO _hidden SELECT key FROM (SELECT target AS key FROM dep "
            "UNION SELECT release FROM activity UNION SELECT environment FROM activity "
            "UNION SELECT value FROM standing WHERE kind = 'pin') "
            "WHERE key IS NOT NULL AND key NOT IN (SELECT id FROM product)"
        )
        return int(self.own.execute("SELECT count(*) FROM _hidden").fetchone()[0])

    def _copy(self, table: Table, where: Any, *order: Any, scoped: bool = True) -> None:
        statement = select(table).where(where)
        if scoped:
            statement = statement.where(self.scope(table))
        rows = self.connection.execute(statement.order_by(*order) if order else statement)
        self.parcel.add(table, map(tuple, rows))

    def _keys(self, statement: str) -> Iterator[list[int]]:
        return _parts(row[0] for row in self.own.execute(statement))


def among(column: Any, keys: Sequence[int]) -> Any:
    """Return the condition that a key is one of some, which are written out in the statement.

    A driver takes longer over thousands of parameters than a database over its answer.
    """
    return column.in_(bindparam(None, list(keys), expanding=True, literal_execute=True))


def describe_class(cls: Any) -> dict[str, Any]:
    """Return what a class is: its tables with their columns, its links."""
    return {
        "tables": {
            table.name: {a.name: a.codec.name for a in tables.own_attributes(part)}
            for part, table in tables.class_tables(cls)
        },
        "links": {name: step.target.__name__ for name, step in cls.__links__.items()},
        "is_shared": cls.__shared__,
    }


def _parts(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield values in lists that fit into one statement."""
    rest = iter(values)
    while part := list(islice(rest, CHUNK)):
        yield part
