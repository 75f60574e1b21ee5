"""The tables: the system's own, and one a persistent class.

Every row of a product, class, link, file or activity carries ``home`` (the node that wrote it),
``owner``, ``project``, ``level`` and ``embargo``, since row filters of replication and row-level
security can only look at columns of the same row.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    cast,
    literal_column,
)
from sqlalchemy.types import TypeEngine

from ..errors import BadValue

SYSTEM = MetaData()
"""The tables that Alembic's migrations make."""

CLASSES = MetaData()
"""The tables of the classes that were imported; made when a class is first used."""


LONGEST_NAME = 63
"""Letters that PostgreSQL keeps of a name."""

WORK_BYTES = 16
"""Bytes of a work digest that a product keeps."""


def context_columns() -> list[Column[Any]]:
    """Return new columns home, owner, project, level, embargo.

    The level counts for others from the embargo on (microseconds of UTC; NULL: at once).
    """
    return [
        Column("home", BigInteger, nullable=False),
        Column("owner", BigInteger, nullable=False),
        Column("project", BigInteger, nullable=False),
        Column("level", SmallInteger, nullable=False),
        Column("embargo", BigInteger),
    ]


def _key(name: str = "id") -> Column[Any]:
    """Return a key column; SQLite's own row number must be named INTEGER to serve as the key."""
    kind = BigInteger().with_variant(Integer(), "sqlite")
    return Column(name, kind, primary_key=True, autoincrement=False)


product = Table(
    "product",
    SYSTEM,
    _key(),
    *context_columns(),
    Column("object_id", LargeBinary(16), nullable=False),
    Column("class_name", Text, nullable=False),
    Column("creation_date", BigInteger, nullable=False),
    Column("activity", BigInteger),
    Column("content_digest", LargeBinary(32)),
    Column("category", Text),
    Column("work", LargeBinary(WORK_BYTES)),
    UniqueConstraint("object_id", "home", name="uq_product_object_id"),
    Index("ix_product_class", "class_name", "creation_date"),
)
Index(
    "ix_product_work",
    product.c.work,
    sqlite_where=product.c.work.is_not(None),
    postgresql_where=product.c.work.is_not(None),
)

dep = Table(
    "dep",
    SYSTEM,
    Column("product", BigInteger, nullable=False),
    Column("role", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("target", BigInteger, nullable=False),
    Column("is_input", Boolean(create_constraint=False), nullable=False),
    *context_columns(),
    PrimaryKeyConstraint("product", "role", "position"),
    Index("ix_dep_target", "target", "role", "product", "is_input"),
    sqlite_with_rowid=False,
)

file = Table(
    "file",
    SYSTEM,
    _key(),
    *context_columns(),
    Column("product", BigInteger, nullable=False),
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("adler32", LargeBinary(4), nullable=False),
    Column("content_digest", LargeBinary(32), nullable=False),
    Column("media_type", Text, nullable=False),
    UniqueConstraint("home", "name", name="uq_file_name"),
    Index("ix_file_product", "product"),
    Index("ix_file_sha256", "sha256"),
)

activity = Table(
    "activity",
    SYSTEM,
    _key(),
    *context_columns(),
    Column("object_id", LargeBinary(16), nullable=False),
    Column("subject", LargeBinary(16), nullable=False),
    Column("kind", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("recipe_version", Text, nullable=False),
    Column("recipe_digest", LargeBinary(32), nullable=False),
    Column("interactive", Boolean(create_constraint=False), nullable=False),
    Column("release", BigInteger),
    Column("environment", BigInteger),
    Column("order_id", Text),
    Column("host", Text, nullable=False),
    Column("instruction_set", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("log", Text, nullable=False),
    Column("facts", Text, nullable=False),
    UniqueConstraint("object_id", "home", name="uq_activity_object_id"),
    Index("ix_activity_subject", "subject"),
    Index("ix_activity_recipe", "recipe", "recipe_digest"),
)

standing = Table(
    "standing",
    SYSTEM,
    _key(),
    *context_columns(),
    Column("product", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", BigInteger),
    Column("detail", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("written", BigInteger, nullable=False),
    Index("ix_standing_product", "product", "kind", "id"),
    Index("ix_standing_value", "kind", "value", "product"),
)

shared = Table(
    "shared",
    SYSTEM,
    Column("home", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("product", BigInteger, nullable=False),
    PrimaryKeyConstraint("home", "digest"),
    sqlite_with_rowid=False,
)

intent = Table(
    "intent",
    SYSTEM,
    Column("object_id", LargeBinary(16), primary_key=True),
    *context_columns(),
    Column("kind", Text, nullable=False),
    Column("work", LargeBinary(32), nullable=False),
    Column("class_name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("lease", Text, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("names", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Index("ix_intent_work", "work"),
    Index("ix_intent_state", "state", "updated"),
)

ticket = Table(
    "ticket",
    SYSTEM,
    _key(),
    *context_columns(),
    Column("object_id", LargeBinary(16), nullable=False),
    Column("state", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("sip", Text, nullable=False),
    Column("sip_digest", LargeBinary(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    UniqueConstraint("home", "object_id", name="uq_ticket_object_id"),
    Index("ix_ticket_state", "state", "updated"),
)

ticket_event = Table(
    "ticket_event",
    SYSTEM,
    _key(),
    *context_columns(),
    Column("ticket", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("written", BigInteger, nullable=False),
    Index("ix_ticket_event", "ticket", "id"),
)

account = Table(
    "account",
    SYSTEM,
    _key(),
    Column("home", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text),
    UniqueConstraint("home", "name", name="uq_account_name"),
    UniqueConstraint("home", "role", name="uq_account_role"),
)

project = Table(
    "project",
    SYSTEM,
    _key(),
    Column("home", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("is_open", Boolean(create_constraint=False), nullable=False),
    Column("max_level", SmallInteger, nullable=False),
    UniqueConstraint("home", "name", name="uq_project_name"),
)

member = Table(
    "member",
    SYSTEM,
    Column("home", BigInteger, nullable=False),
    Column("project", BigInteger, nullable=False),
    Column("account", BigInteger, nullable=False),
    Column("is_manager", Boolean(create_constraint=False), nullable=False),
    PrimaryKeyConstraint("home", "project", "account"),
    Index("ix_member_account", "account"),
    sqlite_with_rowid=False,
)

campaign_item = Table(
    "campaign_item",
    SYSTEM,
    Column("campaign", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    *context_columns(),
    Column("old", BigInteger, nullable=False),
    Column("new", BigInteger),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("updated", BigInteger, nullable=False),
    PrimaryKeyConstraint("campaign", "position"),
    Index("ix_campaign_item_new", "new"),
    sqlite_with_rowid=False,
)

counter = Table(
    "counter",
    SYSTEM,
    Column("name", Text, primary_key=True),
    Column("next", BigInteger, nullable=False),
)

_TYPES: dict[str, type[TypeEngine[Any]]] = {
    "integer": BigInteger,
    "real": Float,
    "text": Text,
    "blob": LargeBinary,
    "boolean": Boolean,
}


def own_attributes(cls: Any) -> list[Any]:
    """Return the attributes that stand in the table of exactly this class."""
    names = cls.__dict__.get("__own_attributes__", ())
    return [cls.__attributes__[n] for n in names if cls.__attributes__[n].source == "class"]


def class_tables(cls: Any) -> list[tuple[Any, Table]]:
    """Return (class, table) for a class and its bases that have attributes, base first."""
    known: list[tuple[Any, Table]] | None = cls.__dict__.get("__tables__")
    if known is None:
        known = cls.__tables__ = [
            (part, table_of(part))
            for part in reversed(cls.__mro__)
            if "__own_attributes__" in part.__dict__ and own_attributes(part)
        ]
    return known


def class_names(cls: Any) -> list[str]:
    """Return the names of a class and of all that derive from it."""
    found, pending = set(), [cls]
    while pending:
        part = pending.pop()
        found.add(part.__name__)
        pending += type.__subclasses__(part)
    return sorted(found)


def new_column(name: str, kind: str) -> Column[Any]:
    """Return the column of an attribute; the kind is that of its codec, such as ``real``."""
    return Column(name, _TYPES[kind](), nullable=True)


def new_table(name: str, kinds: Mapping[str, str]) -> Table:
    """Return the table of a class, known by name only: key, context, a column an attribute."""
    columns = [new_column(n, kind) for n, kind in kinds.items()]
    return Table(name, MetaData(), _key(), *context_columns(), *columns)


def table_of(cls: Any) -> Table:
    """Return the table with the attributes that a class declares itself.

    An attribute column may be NULL although the value may not be None: NULL is then NaN.
    """
    known: Table | None = cls.__dict__.get("__own_table__")
    if known is not None:
        return known
    name = cls.__table_name__
    if name in SYSTEM.tables:
        raise BadValue(
            f"The class {cls.__name__} would have the system's table {name}",
            expected="another name",
            do=f"Name it for instance Observing{cls.__name__}",
        )
    if name in CLASSES.tables:  # of a class of this name that was declared before, at a prompt
        CLASSES.remove(CLASSES.tables[name])
    columns = [new_column(a.name, a.codec.column) for a in own_attributes(cls)]
    table = Table(name, CLASSES, _key(), *context_columns(), *columns)
    _index(table, own_attributes(cls))
    cls.__own_table__ = table
    return table


def zone(dec: Any) -> Any:
    """Return the band of declination of one degree that a column is in."""
    return cast(dec + literal_column("90"), Integer)


def _index(table: Table, attributes: list[Any]) -> None:
    """Give a class table the indexes that its attributes declare."""
    for attribute in attributes:
        if attribute.index:
            Index(_index_name(table, attribute.name), table.c[attribute.name])
    place = {a.sky: table.c[a.name] for a in attributes if a.sky}
    if place:
        Index(_index_name(table, "sky"), zone(place["dec"]), place["ra"])


def _index_name(table: Table, what: str) -> str:
    """Return the name of an index, cut to what PostgreSQL takes."""
    name = f"ix_{table.name}_{what}"
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 9]}_{sha256(name.encode()).hexdigest()[:8]}"
