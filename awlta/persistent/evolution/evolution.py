"""Where the tables of a database and the classes of a program differ, and what mends it.

What can be said from the classes alone is done by itself: a new class, attribute or index.
What only a person can know is refused with words: whether an attribute is new or has a new
name, what a compulsory attribute is for old objects. What harms nobody is told and kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from .. import tables
from ..attributes.attributes import MISSING
from ..classes.declare import snake
from ..classes.model import registry
from ..schema import SYSTEM_COLUMNS, Schema, declared_columns, kind_of, term_of
from .differences import Cure, Difference, Step


def compare(connection: Connection, new: Collection[str] = ()) -> list[Difference]:
    """Return where the tables differ from the classes that were imported.

    Parameters
    ----------
    connection : Connection
    new : collection of str
        Attributes, as ``Class.name``, and classes that are new although they could be old ones
        under another name.
    """
    schema = Schema.read(connection)
    found: list[Difference] = []
    for cls in sorted(registry.values(), key=lambda c: c.__name__):
        if not tables.own_attributes(cls):
            continue
        if cls.__table_name__ in schema.columns:
            found += _TableOf(schema, cls, new).differences()
        else:
            found.append(_missing_table(schema, cls))
    return [*found, *_links(schema), *_classes(schema, new)]


def _members(schema: Schema, cls: Any) -> list[str]:
    """Return the classes of the objects that have a row in the table of a class."""
    return [name for name in tables.class_names(cls) if name in schema.objects]


def _has_no_default(attribute: Any) -> bool:
    return not attribute.nullable and attribute.default is MISSING


def _default(attribute: Any) -> Any:
    """Return what old objects have for an attribute, as it stands in the column."""
    if attribute.nullable or attribute.default is MISSING:
        return None
    return attribute.codec.encode(attribute.default)


def _indexes(table: sa.Table) -> Iterator[Step]:
    for index in sorted(table.indexes, key=lambda i: str(i.name)):
        terms = [term_of(expression) for expression in index.expressions]
        yield Step("add_index", (index.name, table.name, terms))


def _missing_table(schema: Schema, cls: Any) -> Difference:
    table = tables.table_of(cls)
    members = _members(schema, cls)
    n = sum(schema.objects[m] for m in members)
    attributes = tables.own_attributes(cls)
    kinds = {c.name: kind_of(c.type) for c in table.columns if c.name not in SYSTEM_COLUMNS}
    defaults = {a.name: d for a in attributes if (d := _default(a)) is not None}
    steps = [Step("add_table", (table.name, kinds)), *_indexes(table)]
    cure, do = Cure.MIGRATE, ""
    if members:
        steps.append(Step("add_rows", (table.name, members, defaults)))
        moved = {a.name: lost for a in attributes if (lost := schema.lost(cls, a.name))}
        lacking = [a.place for a in attributes if _has_no_default(a) and a.name not in moved]
        if lacking:
            cure, do = Cure.PERSON, _give_default(", ".join(lacking), n)
        elif moved:
            steps += [Step("move_column", (s, table.name, a)) for a, s in moved.items()]
            cure = Cure.PERSON
            do = _write(f"Were {', '.join(moved)} of {', '.join(moved.values())} moved here?")
    found = f"There is no table {table.name}" + (f" for the rows of {n} objects" if n else "")
    return Difference(
        table.name, "table", cls.__name__, found, f"{cls.__name__} declares {', '.join(kinds)}",
        cure, do, tuple(steps), n, cls.__module__,
    )  # fmt: skip


def _give_default(places: str, n: int) -> str:
    return f"Give {places} a default, or let the type end in | None: {n} old objects have no value"


def _write(question: str) -> str:
    return f"{question} Only a person knows: 'awlta migrate --write PACKAGE -m TEXT'"


def _or_new(question: str, *places: str) -> str:
    return f"{question}; if not, 'awlta migrate {' '.join(f'--new {p}' for p in places)}'"


class _TableOf:
    """The comparison of one class with its table."""

    def __init__(self, schema: Schema, cls: Any, new: Collection[str]) -> None:
        self.schema = schema
        self.cls = cls
        self.new = new
        self.table = tables.table_of(cls)
        self.have = schema.columns[self.table.name]
        self.attributes = {a.name: a for a in tables.own_attributes(cls)}
        self.declared = {c.name for c in self.table.columns}
        names = [n for n in self.have if n not in SYSTEM_COLUMNS]
        counted = sa.select(sa.func.count(), *(sa.func.count(sa.column(n)) for n in names))
        n, *values = schema.connection.execute(counted.select_from(sa.table(self.table.name))).one()
        self.n_rows: int = n
        self.n_values = dict(zip(names, values, strict=True))
        self.gone = [name for name in names if name not in self.declared]

    def differences(self) -> Iterator[Difference]:
        """Return everything in which the table is not as the class says."""
        for column in self.table.columns:
            if column.name not in self.have:
                yield self._missing(column)
            elif column.name in self.attributes:
                yield from self._values(self.attributes[column.name])
        for name in self.gone:
            n = self.n_values[name]
            found = f"The column {self.table.name}.{name} holds {n} values"
            declared = f"{self.cls.__name__} has no {name} any more"
            yield self._tell("column", name, found, declared, Cure.NOBODY, "It is kept", n=n)
        for step in _indexes(self.table):
            if step.arguments[0] not in self.schema.indexes.get(self.table.name, {}):
                found = f"There is no index {step.arguments[0]} of {self.table.name}"
                yield self._tell("index", "", found, "", Cure.MIGRATE, "", (step,))
        yield from self._rows()

    def _tell(
        self,
        kind: str,
        name: str,
        found: str,
        declared: str,
        cure: Cure,
        do: str,
        steps: tuple[Step, ...] = (),
        *,
        n: int = 0,
    ) -> Difference:
        place = f"{self.cls.__name__}.{name}" if name else self.cls.__name__
        module = self.cls.__module__
        return Difference(self.table.name, kind, place, found, declared, cure, do, steps, n, module)

    def _missing(self, column: sa.Column[Any]) -> Difference:
        """Tell of a column that is not there: new, of another name, or of another table before."""
        name, kind = column.name, kind_of(column.type)
        attribute = self.attributes.get(name)
        default = None if attribute is None else _default(attribute)
        options = () if default is None else (("default", default),)
        steps: tuple[Step, ...] = (Step("add_column", (self.table.name, name, kind), options),)
        cure, do = Cure.MIGRATE, ""
        if attribute is not None and self.n_rows:  # old objects will read something
            question, likely = self._before(attribute, kind, steps)
            if likely:
                cure, do, steps = Cure.PERSON, question, likely
            elif _has_no_default(attribute):
                cure, do = Cure.PERSON, _give_default(attribute.place, self.n_rows)
        found = f"The table {self.table.name} has no column {name}"
        declared = f"{self.cls.__name__}.{name} is declared"
        return self._tell("column", name, found, declared, cure, do, steps, n=self.n_rows)

    def _before(
        self, attribute: Any, kind: str, add: tuple[Step, ...]
    ) -> tuple[str, tuple[Step, ...]]:
        """Return what a new column may have been before: the question, and what would do it."""
        name, table = attribute.name, self.table.name
        if attribute.place in self.new:
            return "", ()
        source = self.schema.lost(self.cls, name)
        if source is not None:
            moved = Step("move_column", (source, table, name))
            question = f"Was it moved here from {source}?"
            return _or_new(_write(question), attribute.place), (*add, moved)
        others = [g for g in self.gone if self.have[g] == kind and self.n_values[g]]
        question = _write(f"Is it {' or '.join(others)} under another name?")
        renamed = tuple(Step("rename_column", (table, g, name)) for g in others)
        return _or_new(question, attribute.place), (*renamed, *add) if renamed else ()

    def _values(self, attribute: Any) -> Iterator[Difference]:
        """Tell of a column of another type, and of values that the attribute cannot have."""
        name, kind, have = attribute.name, attribute.codec.column, self.have[attribute.name]
        place = f"{self.table.name}.{name}"
        if have != kind:
            declared = f"{attribute.place} is of type {attribute.codec.name}, {kind}"
            do = "Give the attribute another name, or write a revision that converts the column"
            yield self._tell("type", name, f"{place} is {have}", declared, Cure.PERSON, do)
            return
        n = self.n_rows - self.n_values[name]
        if n and kind != "real" and not attribute.nullable:
            declared = f"{attribute.place} must have a value"
            do = "Let its type end in | None, or write a revision that fills the column"
            found = f"{place} is NULL in {n} rows"
            yield self._tell("value", name, found, declared, Cure.PERSON, do, n=n)
        if isinstance(attribute.kind, type) and issubclass(attribute.kind, Enum):
            yield from self._members(attribute)

    def _members(self, attribute: Any) -> Iterator[Difference]:
        """Tell of values in a column that the Enum does not have, or not any more."""
        column: sa.ColumnElement[Any] = sa.column(attribute.name)
        known = [str(member.value) for member in attribute.kind]
        odd = (
            sa.select(column, sa.func.count())
            .select_from(sa.table(self.table.name))
            .where(column.is_not(None), column.not_in(known))
            .group_by(column)
            .order_by(column)
        )
        for value, n in self.schema.connection.execute(odd):
            found = f"{self.table.name}.{attribute.name} is {value!r} in {n} rows"
            declared = f"{attribute.kind.__name__} has only {', '.join(known)}"
            do = "Give the Enum this value back, or write a revision that replaces it"
            where = (self.table.name, attribute.name, value)
            steps = tuple(Step("replace_value", (*where, other)) for other in known)
            yield self._tell("value", attribute.name, found, declared, Cure.PERSON, do, steps, n=n)

    def _rows(self) -> Iterator[Difference]:
        """Tell of objects without a row in this table; a class may have got another base."""
        members = _members(self.schema, self.cls)
        if sum(self.schema.objects[m] for m in members) == self.n_rows:
            return
        p, t = tables.product, sa.table(self.table.name, sa.column("id"))
        counted = (
            sa.select(p.c.class_name, sa.func.count(), sa.func.count(t.c.id))
            .select_from(p.outerjoin(t, t.c.id == p.c.id))
            .where(p.c.class_name.in_(members))
            .group_by(p.c.class_name)
        )
        lacking = [a.place for a in self.attributes.values() if _has_no_default(a)]
        values = [(a.name, _default(a)) for a in self.attributes.values()]
        defaults = {name: value for name, value in values if value is not None}
        for name, n, n_there in self.schema.connection.execute(counted):
            if n == n_there:
                continue
            found = f"{n - n_there} objects of {name} have no row in {self.table.name}"
            declared = f"{name} is a {self.cls.__name__}"
            steps: tuple[Step, ...] = (Step("add_rows", (self.table.name, [name], defaults)),)
            if n_there:
                cure, do, steps = Cure.PERSON, "Others have: bring the rows from a backup", ()
            elif lacking:
                cure, do = Cure.PERSON, _give_default(", ".join(lacking), n)
            else:
                cure, do = Cure.MIGRATE, ""
            yield self._tell("row", "", found, declared, cure, do, steps, n=n - n_there)


def _links(schema: Schema) -> Iterator[Difference]:
    """Tell of links that a class lost, and of compulsory ones that old objects do not have."""
    d, p = tables.dep, tables.product
    counted = (
        sa.select(p.c.class_name, d.c.role, sa.func.count(sa.distinct(d.c.product)))
        .select_from(d.join(p, p.c.id == d.c.product))
        .group_by(p.c.class_name, d.c.role)
    )
    have: dict[str, Counter[str]] = {}
    for name, role, n in schema.connection.execute(counted):
        have.setdefault(name, Counter())[role] = n
    for name in sorted(schema.objects):
        cls: Any = registry.get(name)
        if cls is None:
            continue
        roles = have.get(name, Counter())
        for role in sorted(roles.keys() - cls.__links__.keys()):
            found = f"{roles[role]} objects of {name} have a link {role}"
            yield Difference(
                "dep", "link", f"{name}.{role}", found, f"{name} has no such link any more",
                Cure.NOBODY, "It is kept, and stays in their lineage", (), roles[role],
                cls.__module__,
            )  # fmt: skip
        for role, step in cls.__links__.items():
            n = schema.objects[name] - roles[role]
            may_be_empty = step.many or step.optional or role in cls.__link_defaults__
            if n > 0 and not may_be_empty:
                do = f"Let it be an OptionalLink[{step.target.__name__}], default=None"
                found = f"{n} objects of {name} have no link {role}"
                yield Difference(
                    "dep", "link", f"{name}.{role}", found, f"{name}.{role} is compulsory",
                    Cure.PERSON, do, (), n, cls.__module__,
                )  # fmt: skip


def _classes(schema: Schema, new: Collection[str]) -> Iterator[Difference]:
    """Tell of objects whose class is not there, and of a class that may be it."""
    unknown = sorted(name for name in schema.objects if name not in registry)
    for name in unknown:
        n = schema.objects[name]
        found, table = f"There are {n} objects of {name}", snake(name)
        columns = schema.columns.get(table, {}).keys() - SYSTEM_COLUMNS
        likely = _unused(schema, columns, new) if columns else []
        if not likely:
            do = f"Is its package installed? If {name} has another name now, write a revision"
            yield Difference(
                table, "class", name, found, "no such class was imported", Cure.NOBODY, do, (), n
            )
            continue
        steps = [
            step
            for cls in likely
            for step in (
                Step("rename_table", (table, cls.__table_name__)),
                Step("rename_class", (name, cls.__name__)),
            )
        ]
        names = " or ".join(c.__name__ for c in likely)
        do = _or_new(_write(f"Is it {names} now?"), *(c.__name__ for c in likely))
        yield Difference(
            table, "class", name, found, f"no such class was imported, and {names} has no objects",
            Cure.PERSON, do, tuple(steps), n, likely[0].__module__,
        )  # fmt: skip


def _unused(schema: Schema, columns: Iterable[str], new: Collection[str]) -> Sequence[Any]:
    """Return the classes without objects that have the same columns."""
    return [
        cls
        for cls in registry.values()
        if cls.__name__ not in new
        and not _members(schema, cls)
        and declared_columns(cls) - SYSTEM_COLUMNS == set(columns)
    ]
