"""A session: one database, one context, and every object in memory once.

Objects are read by class, many at a time; links are read for all objects that came together.
Writing goes through a :class:`~awlta.persistent.classes.unit.Unit`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Table, bindparam, select

from ..errors import NotFound, Refused
from . import tables
from .attributes.attributes import AnyLink, LinkList
from .attributes.conditions import Column
from .classes.loading import Loader
from .classes.model import Persistent, find_class, link_to_known, remember_batch
from .classes.unit import Unit as Unit
from .classes.unit import shared_names
from .context import Context
from .database import Database
from .engine.identities import Identities
from .engine.listing import bound, bound_names, is_named, to_be_listed
from .engine.memory import uncollected
from .engine.prepared import Prepared
from .engine.retry import retried
from .keys import check_object_id
from .people.entry import enter
from .queries.answers import Answers
from .queries.query import Question, store

CHUNK = 2000
"""Keys in one IN list."""


class Session:
    """The store of a process that has a database connection."""

    def __init__(
        self,
        url: str,
        user: str,
        project: str,
        level: int = 1,
        node: int = 0,
        role: str | None = None,
    ) -> None:
        self.database = Database(url, role)
        try:
            self.database.check()
            self.context = self._enter(user, project, level, node)
        except BaseException:
            self.database.close()
            raise
        self._loaders: dict[type[Any], Loader] = {}
        self._answers = Answers(self.database)
        self._objects = Identities()

    def _enter(self, user: str, project: str, level: int, node: int) -> Context:
        """Return the context, in which everything is read and written."""
        return enter(self.database, user, project, level, node)

    @contextmanager
    def use(self) -> Iterator[Session]:
        """Make this the store that queries ask, for a block."""
        token = store.set(self)
        try:
            yield self
        finally:
            store.reset(token)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    # reading -----------------------------------------------------------------------------

    def fetch(self, question: Question) -> list[Persistent]:
        """Return the objects asked for, in order."""
        return self.load(self._answers.keys(question, self.context))

    def count(self, question: Question) -> int:
        """Return how many objects there are, without reading them."""
        return self._answers.count(question, self.context)

    def rows(self, question: Question, columns: Sequence[Column[Any]]) -> list[tuple[Any, ...]]:
        """Return values of columns, one row an object, in one statement."""
        return self._answers.values(question, columns, self.context)

    def counts(self, question: Question, columns: Sequence[Column[Any]]) -> dict[Any, int]:
        """Return how many objects there are of each value, or of each tuple of values."""
        return self._answers.counts(question, columns, self.context)

    def owned(
        self, table: Table, question: Question, role: str | None = None
    ) -> list[tuple[Persistent, tuple[Any, ...]]]:
        """Return each object with each row of a system table that it owns, in one statement.

        Parameters
        ----------
        table : Table
            One with a column ``product``, such as ``file``.
        question : Question
        role : str, optional
            Only rows of this role.
        """
        rows = self._answers.rows(table, question, self.context, role)
        names = {key: name for key, name, *_ in rows}
        by_key = {obj.__dict__["_key"]: obj for obj in self.load(list(names.items()))}
        return [(by_key[row[0]], row[2:]) for row in rows if row[0] in by_key]

    def keys_of(self, question: Question) -> Any:
        """Return the statement that selects key and class name of the objects asked for."""
        return self._answers.statement(question, self.context)

    def explain(self, question: Question) -> str:
        """Return the statement and the database's plan."""
        return self._answers.explain(question, self.context)

    def load(self, found: Sequence[tuple[int, str]]) -> list[Persistent]:
        """Return the objects of some (key, class name), in that order, each once in memory."""
        absent: dict[str, list[int]] = {}
        held: list[Persistent] = []
        for key, name in found:
            obj = self._objects.get(key)
            if obj is None:
                absent.setdefault(name, []).append(key)
            else:
                held.append(obj)
        for name, keys in absent.items():
            held.extend(self._load_class(find_class(name), keys))
        by_key = {obj.__dict__["_key"]: obj for obj in held}
        objects = [by_key[key] for key, _ in found if key in by_key]
        remember_batch(objects)
        return objects

    def _load_class(self, cls: type[Persistent], keys: list[int]) -> list[Persistent]:
        self.database.ensure(cls)
        loader = self._loaders.get(cls)
        if loader is None:
            loader = self._loaders[cls] = Loader(self.database, cls)
        objects: list[Persistent] = []
        with self.database.read() as connection:
            for obj in loader.objects(connection, keys):
                obj.__dict__["_store"] = self
                self._objects.keep(obj.__dict__["_key"], obj)
                objects.append(obj)
        return objects

    def load_link(self, batch: Sequence[Persistent], step: AnyLink) -> None:
        """Set one link on all objects of a batch: one query, and one for each target class."""
        owners = {obj.__dict__["_key"]: obj for obj in batch}
        edges: list[tuple[int, int, str]] = []
        hidden: set[int] = set()
        prepared = _links_of(self.database.engine, self.context)
        keys = bound(self.database.dialect, list(owners))
        with self.database.read() as connection:
            for owner, target, name, seen in prepared.rows(connection, keys=keys, role=step.name):
                if seen:
                    edges.append((owner, target, name))
                else:
                    hidden.add(owner)
        targets = {
            o.__dict__["_key"]: o for o in self.load(list({(t, n): None for _, t, n in edges}))
        }
        found: dict[int, list[Persistent]] = {key: [] for key in owners}
        for owner, target, _ in edges:
            found[owner].append(targets[target])
        for key, obj in owners.items():
            self._set_link(obj, step, found[key], key in hidden, alone=len(batch) == 1)

    def _set_link(
        self, obj: Persistent, step: AnyLink, targets: list[Any], hidden: bool, alone: bool
    ) -> None:
        if step.many and not hidden:
            obj.__dict__[step.name] = LinkList(obj, step, targets)
        elif not hidden and (targets or step.optional):
            obj.__dict__[step.name] = targets[0] if targets else None
        elif alone:
            raise Refused(
                f"{step.place} of {obj!r} points to an object outside your read scope"
                if hidden
                else f"{step.place} of {obj!r} points to nothing",
                do="Ask its owner to publish it" if hidden else "Run 'awlta doctor'",
            )

    def get(self, object_id: str) -> Persistent:
        """Return one object by its object_id; raise NotFound."""
        return self.get_many([object_id])[0]

    def get_many(self, object_ids: Iterable[str]) -> list[Persistent]:
        """Return objects by their object_ids, in that order; raise NotFound."""
        wanted = [UUID(check_object_id(i)).bytes for i in object_ids]
        if not wanted:
            return []
        engine, dialect = self.database.engine, self.database.dialect
        prepared = _named(engine, self.context, len(wanted) == 1)
        with self.database.read() as connection:
            rows = prepared.rows(connection, names=bound_names(dialect, wanted))
        found = {bytes(raw): (key, name) for raw, key, name in rows}
        for raw in wanted:
            if raw not in found:
                raise NotFound(
                    f"There is no object {UUID(bytes=raw)} in your read scope",
                    do="Check the id, the project and the privileges ('awlta status')",
                )
        return self.load([found[raw] for raw in wanted])

    def standing(self, obj: Persistent, name: str) -> int:
        """Return the current verdict or quality flags."""
        kind, default = {"is_valid": ("verdict", 1), "quality_flags": ("flags", 0)}[name]
        s = tables.standing
        statement = (
            select(s.c.value)
            .where(s.c.product == obj.__dict__["_key"], s.c.kind == kind)
            .where(self.context.until(s))
            .order_by(s.c.id.desc())
            .limit(1)
        )
        with self.database.read() as connection:
            value = connection.execute(statement).scalar()
        return default if value is None else abs(int(value))  # blocking flags have a sign

    def names(self, obj: Persistent) -> tuple[str, str, int]:
        """Return owner, project and level of a stored object."""
        if "_key" not in obj.__dict__:
            return self.context.user, self.context.project, self.context.level
        p, a, j = tables.product, tables.account, tables.project
        statement = (
            select(a.c.name, j.c.name, p.c.level)
            .select_from(p.join(a, a.c.id == p.c.owner).join(j, j.c.id == p.c.project))
            .where(p.c.id == obj.__dict__["_key"])
        )
        with self.database.read() as connection:
            owner, project, level = connection.execute(statement).one()
        return owner, project, level

    # writing -----------------------------------------------------------------------------

    @contextmanager
    def unit(self, *, durable: bool | None = None) -> Iterator[Unit]:
        """Give a unit of work; everything added to it is committed together at its end.

        Parameters
        ----------
        durable : bool, optional
            Wait for the disk; by default only where others may read it (level 2 and above).
        """
        durable = self.context.level > 1 if durable is None else durable
        with uncollected():
            with self.database.write(durable=durable) as connection:
                unit = Unit(self.database, self.context, connection)
                yield unit
                unit.flush()
            self._keep(unit)

    @retried
    def commit(self, *objects: Persistent) -> None:
        """Commit objects that need no recipe, and what they link, in one transaction."""
        with self.unit() as unit:
            for obj in objects:
                obj._admit()
                unit.add(obj)

    def equals(self, obj: Persistent) -> list[str]:
        """Return the object_ids of stored shared objects with the content of this one."""
        s, p = tables.shared, tables.product
        statement = (
            select(p.c.object_id)
            .select_from(s.join(p, p.c.id == s.c.product))
            .where(s.c.digest.in_(shared_names(obj, self.context, 1)))
        )
        with self.database.read() as connection:
            return [str(UUID(bytes=bytes(raw))) for (raw,) in connection.execute(statement)]

    def _keep(self, unit: Unit) -> None:
        """Take committed objects into the identity map, after the transaction.

        What is in memory already as another object, of equal content, stays usable and knows it.
        """
        has_twins = unit.meets_twins
        for obj, key, object_id, created, content_digest in unit.entries():
            held, cls = obj.__dict__, type(obj)
            held["object_id"], held["creation_date"] = object_id, created
            if "content_digest" in cls.__attributes__:
                held["content_digest"] = content_digest
            held["_key"], held["_store"] = key, self
            known = self._objects.get(key) if cls.__shared__ else None  # others have new keys
            if known is None:
                self._objects.keep(key, obj)
            elif known is not obj:
                held["_twin"] = known
                has_twins = True
        if has_twins:
            for obj, *_ in unit.entries():
                link_to_known(obj)


@lru_cache(maxsize=64)
def _links_of(engine: Engine, context: Context) -> Prepared:
    """Return the statement for what some objects link in one role, and whether it may be seen."""
    d, p = tables.dep, tables.product
    statement = (
        select(d.c.product, d.c.target, p.c.class_name, context.scope(p))
        .select_from(d.outerjoin(p, p.c.id == d.c.target))  # a server may hide it
        .where(d.c.product.in_(to_be_listed(engine.dialect.name)), d.c.role == bindparam("role"))
        .order_by(d.c.product, d.c.position)
    )
    return Prepared(engine, statement)


@lru_cache(maxsize=64)
def _named(engine: Engine, context: Context, is_one: bool) -> Prepared:
    """Return the statement for one object_id, or for many."""
    p = tables.product
    chosen = is_named(p.c.object_id, engine.dialect.name, is_one), context.scope(p)
    return Prepared(engine, select(p.c.object_id, p.c.id, p.c.class_name).where(*chosen))
