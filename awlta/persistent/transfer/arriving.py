"""The keys of arriving rows: from those of the parcel to those of this database, and written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Boolean, Connection, Table, func, select, update

from .. import tables
from ..database import KEYS
from ..keys import NODE_SHIFT
from ..session import Session
from .container import Parcel, quoted

_POINTERS = {
    "product": ("activity",),
    "dep": ("target",),
    "file": ("product",),
    "activity": ("release", "environment"),
    "standing": ("product",),
    "campaign_item": ("old", "new"),
    "member": ("account",),
    "ticket_event": ("ticket",),
}
"""Columns that hold the keys of other rows."""

_OWN = {"dep": "product", "campaign_item": "campaign", "member": "project", "intent": "owner"}
"""Column by which a row is known as new, where it is not its own key."""

_SAID_LATER = ("verdict", "flags")
"""Kinds of standing that an object which is here already takes over."""

_PAGE = 5000


class KeyMap:
    """The table ``map``: old key, new key, and whether the row is written."""

    def __init__(self, session: Session, parcel: Parcel, *, as_mine: bool) -> None:
        self.session = session
        self.parcel = parcel
        self.as_mine = as_mine
        self.is_moved = False
        self._supply: Iterator[int] | None = None
        self.own = parcel.connection
        self.own.execute("DROP TABLE IF EXISTS map")
        self.own.execute("DROP TABLE IF EXISTS twin")
        self.own.execute("CREATE TEMP TABLE map (old INTEGER PRIMARY KEY, new INTEGER, is_new)")
        self.own.execute("CREATE TEMP TABLE twin (old INTEGER PRIMARY KEY, first INTEGER)")

    def add(self, rows: Sequence[tuple[int, int, bool]]) -> None:
        """Add old key, new key, and whether the row is written."""
        self.own.executemany("INSERT INTO map VALUES (?, ?, ?)", rows)

    def add_twin(self, old: int, first: int) -> None:
        """Say that a row becomes what another row of the parcel becomes."""
        self.own.execute("INSERT INTO twin VALUES (?, ?)", (old, first))

    def add_people(self, people: dict[int, int]) -> None:
        """Add the keys of accounts and projects."""
        self.add([(old, new, True) for old, new in people.items()])

    def new(self, old: int) -> int:
        """Return the new key of a row."""
        return int(self.own.execute("SELECT new FROM map WHERE old = ?", (old,)).fetchone()[0])

    def pages(
        self, table: str, columns: str = "", where: str = "", among: Sequence[str] = ()
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a table that have no new key yet, their old key first."""
        more = f", {columns}" if columns else ""
        statement = (
            f"SELECT id{more} FROM {table} WHERE id > ? AND id NOT IN (SELECT old FROM map) "
            f"AND id NOT IN (SELECT old FROM twin) {where} ORDER BY id LIMIT {_PAGE}"
        )
        values = [json.dumps(list(among))] if "?" in where else []
        last = -1
        while rows := self.own.execute(statement, [last, *values]).fetchall():
            yield rows
            last = rows[-1][0]

    def n_wanted(self) -> int:
        """Return how many keys are needed at most."""
        new = "NOT IN (SELECT old FROM map)"
        asked = [(t.name, f"id {new}") for t in (tables.product, tables.activity)]
        asked += [(t.name, f"product {new}") for t in (tables.file, tables.standing)]
        asked = [(name, where) for name, where in asked if self.parcel.has(name)]
        counted = [
            self.own.execute(f"SELECT count(*) FROM {name} WHERE {where}").fetchone()[0]
            for name, where in (*asked, ("_hidden", f"id {new}"))
        ]
        return sum(counted)

    def allot(self, connection: Connection, keys: Iterable[int] | None = None) -> None:
        """Give every row that is new its key, and those left behind a key without a row.

        Parameters
        ----------
        connection : Connection
        keys : iterable of int, optional
            Keys that were taken; by default they are taken within the unit of work.
        """
        self._supply = None if keys is None else iter(keys)
        of_new = "AND product IN (SELECT old FROM map WHERE is_new)"
        wanted = [(tables.product, ""), (tables.activity, "")]
        wanted += [(tables.file, of_new), (tables.standing, of_new)]
        if self.is_moved:
            wanted += [(tables.ticket, ""), (tables.ticket_event, "")]
        for table, where in wanted:
            for rows in self.pages(table.name, where=where) if self.parcel.has(table.name) else ():
                old = [row[0] for row in rows]
                kept = self._kept(old)
                there = select(table.c.id).where(table.c.id.in_(kept))
                kept -= set(connection.execute(there).scalars())
                self._give(connection, old, kept, is_new=True)
        for rows in self.pages("_hidden"):
            old = [row[0] for row in rows]
            self._give(connection, old, self._kept(old), is_new=False)
        self.own.execute(
            "INSERT INTO map SELECT t.old, m.new, 0 FROM twin t JOIN map m ON m.old = t.first"
        )

    def _kept(self, old: Sequence[int]) -> set[int]:
        """Return the keys that stay as they are: those of nodes of a federation.

        Keys of this node are its own to give, unless all of it moves.
        """
        home = self.session.context.home
        if self.as_mine:
            return set()
        return {
            key for key in old if key >> NODE_SHIFT and (key >> NODE_SHIFT != home or self.is_moved)
        }

    def _give(
        self, connection: Connection, old: Sequence[int], kept: set[int], *, is_new: bool
    ) -> None:
        fresh = self._supply
        if fresh is None:
            fresh = iter(self.session.database.keys(connection, len(old) - len(kept)))
        self.add([(key, key if key in kept else next(fresh), is_new) for key in old])

    def go_on_counting(self, connection: Connection) -> None:
        """Let the keys of this node go on behind those that it was moved with."""
        home = self.session.context.home
        first, end = home << NODE_SHIFT, (home + 1) << NODE_SHIFT
        largest = self.own.execute(
            "SELECT max(new) FROM map WHERE new >= ? AND new < ?", (first, end)
        ).fetchone()[0]
        if largest is None or not self.is_moved:
            return
        if self.session.database.dialect == "postgresql":
            last = f"GREATEST((SELECT last_value FROM {KEYS}), {int(largest)})"
            connection.exec_driver_sql(f"SELECT setval('{KEYS}', {last})")
        else:
            c = tables.counter
            behind = (c.c.name == "key") & (c.c.next <= largest)
            connection.execute(update(c).where(behind).values(next=largest + 1))


def make_ready(keys: KeyMap, table: Table) -> None:
    """Make the rows of a table that are new, with their new keys, in a table beside the parcel."""
    context = keys.session.context
    given = context.columns() if keys.as_mine else {}
    there = keys.parcel.columns(table.name)
    own = _OWN.get(table.name, "id")
    columns = []
    for column in table.columns:
        name, old = column.name, f"t.{quoted(column.name)}"
        if name in given and table is not tables.member:
            columns.append(_literal(given[name]))
        elif name not in there:
            columns.append("NULL")
        elif name == "home":
            columns.append(f"CASE t.home WHEN 0 THEN {context.home} ELSE t.home END")
        elif name == own:
            columns.append("own.new")
        elif name in ("owner", "project") or name in _POINTERS.get(table.name, ()):
            columns.append(f"(SELECT new FROM map WHERE old = {old})")
        elif table is tables.standing and name == "value":
            pinned = f"(SELECT new FROM map WHERE old = {old})"
            columns.append(f"CASE t.kind WHEN 'pin' THEN {pinned} ELSE {old} END")
        else:
            columns.append(old)
    named = [f"{c} AS c{n}" for n, c in enumerate(columns)]
    statement = (
        f"SELECT {', '.join(named)} FROM {quoted(table.name)} t "
        f"JOIN map own ON own.old = t.{quoted(own)} AND own.is_new"
    )
    ready = quoted(f"ready_{table.name}")
    keys.own.execute(f"DROP TABLE IF EXISTS temp.{ready}")
    keys.own.execute(f"CREATE TEMP TABLE {ready} AS {statement}")


def insert_rows(connection: Connection, keys: KeyMap, table: Table) -> None:
    """Write the rows of a table that were made ready."""
    for rows in keys.parcel.batches(f"SELECT * FROM temp.{quoted(f'ready_{table.name}')}"):
        keys.session.database.insert(connection, table, _typed(keys, table, rows))


def _literal(value: int | None) -> str:
    return "NULL" if value is None else str(int(value))


def _typed(keys: KeyMap, table: Table, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows with booleans as PostgreSQL takes them; SQLite's are numbers."""
    places = [n for n, c in enumerate(table.columns) if isinstance(c.type, Boolean)]
    if not places or keys.session.database.dialect == "sqlite":
        return rows
    changed = [list(row) for row in rows]
    for row in changed:
        for place in places:
            row[place] = None if row[place] is None else bool(row[place])
    return [tuple(row) for row in changed]


def insert_said_later(connection: Connection, keys: KeyMap) -> int:
    """Add verdicts and flags to one's own objects that were here; return how many rows.

    Only what is newer than all that is said of an object here.
    """
    p, context, said = tables.product, keys.session.context, 0
    statement = (
        "SELECT m.new, s.kind, s.value, s.detail, s.reason, s.author, s.written FROM standing s "
        "JOIN map m ON m.old = s.product AND NOT m.is_new "
        "WHERE s.kind IN (SELECT value FROM json_each(?)) ORDER BY s.id"
    )
    for rows in keys.parcel.batches(statement, [json.dumps(_SAID_LATER)]):
        products = {row[0] for row in rows}
        mine = select(p.c.id, p.c.project, p.c.level, p.c.embargo).where(p.c.id.in_(products))
        mine = mine.where(p.c.owner == context.owner_key)
        owned = {key: tuple(rest) for key, *rest in connection.execute(mine)}
        newest, last = _newest(connection, products)
        wanted = [
            row for row in rows if row[0] in owned and row[6] > newest.get((row[0], row[1]), -1)
        ]
        fresh = keys.session.database.keys(connection, len(wanted))
        while wanted and fresh[0] <= last:  # PostgreSQL hands keys out in advance
            fresh = keys.session.database.keys(connection, len(wanted))
        head = (context.home, context.owner_key)
        keys.session.database.insert(
            connection,
            tables.standing,
            [(k, *head, *owned[r[0]], *r) for k, r in zip(fresh, wanted, strict=True)],
        )
        said += len(wanted)
    return said


def _newest(connection: Connection, products: set[int]) -> tuple[dict[tuple[int, str], int], int]:
    """Return when something was said last, by product and kind, and the largest key of it."""
    s = tables.standing
    statement = (
        select(s.c.product, s.c.kind, func.max(s.c.written), func.max(s.c.id))
        .where(s.c.product.in_(products))
        .group_by(s.c.product, s.c.kind)
    )
    rows = connection.execute(statement).all()
    return {(r[0], r[1]): r[2] for r in rows}, max((r[3] for r in rows), default=-1)
