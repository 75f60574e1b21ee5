"""Row security of PostgreSQL: whoever connects, by whatever program, sees no more than the scope.

A user of the database is a role of the server, named in ``account.role``; all of them belong to
one group that has the rights. Every table has policies that ask who ``current_user`` is, never a
setting, which anybody could set. They are written from the functions of
:mod:`awlta.persistent.context`. The owner of the tables, who runs ``awlta init``, is above them;
a service of the owner takes a user's role for a transaction.

Two views tell the policies who asks and what for: their names are bound when they are made, so
that no table of the asker's own can stand in for a table of the system.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, and_, any_, or_, text
from sqlalchemy.dialects import postgresql

from ...errors import Refused
from ..context import CONTEXT_COLUMNS, HIGHEST, PROJECT, creatable, readable
from .prepared import run

_HIGHEST = f"""LEAST(j.max_level, CASE WHEN %s OR NOT EXISTS (
            SELECT 1 FROM member o WHERE o.project = j.id AND o.is_manager
        ) THEN {HIGHEST} ELSE {PROJECT} END) AS highest"""

_VIEWS = {
    "awlta_me": "SELECT id FROM account WHERE role = current_user::text",
    "awlta_mine": f"""
        SELECT m.project, m.is_manager AS manages, {_HIGHEST % "m.is_manager"}
        FROM member m JOIN project j ON j.id = m.project
        WHERE m.account IN (SELECT id FROM awlta_me)
        UNION ALL
        SELECT j.id, false, {_HIGHEST % "false"}
        FROM project j WHERE j.is_open AND EXISTS (SELECT 1 FROM awlta_me)""",
    # how often others use what is one's own, where row security hides the uses themselves
    "awlta_uses": """
        SELECT d.target AS product, count(*) AS number
        FROM dep d JOIN product p ON p.id = d.target JOIN product q ON q.id = d.product
        WHERE d.is_input AND q.owner <> p.owner AND p.owner IN (SELECT id FROM awlta_me)
            AND coalesce((SELECT s.value FROM standing s
                WHERE s.product = q.id AND s.kind = 'tombstone'
                ORDER BY s.id DESC LIMIT 1), 0) = 0
        GROUP BY d.target""",
}
"""Accounts of the asker; the projects that the asker may use with the highest level there; and
how many living objects of others were made from the asker's own, hidden ones too, so that nothing
is deleted that somebody needs."""

_SAID = ("standing", "shared")
"""Tables whose rows are said of a product, by whomever."""

_PARTS = ("dep", "file")
"""Tables whose rows are parts of a product, and written with it."""

_CHANGING = {
    "intent": ("state", "attempt", "lease", "lease_until", "names", "reason", "updated"),
    "ticket": ("state", "reason", "updated"),
    "campaign_item": ("new", "state", "reason", "updated"),
}
"""What changes in rows of work that goes on; only their owner changes it."""

_NO_RIGHT = "42501"
"""What the server says where rights are missing."""

_LASTING = ("standing", "ticket_event", "shared")
"""Tables whose rows are never changed."""


class Role:
    """The role that a service takes to act for a user, transaction by transaction.

    Parameters
    ----------
    name : str or None
        None to act as whoever has logged in.
    """

    def __init__(self, name: str | None) -> None:
        self.name = name
        self._thread = threading.local()

    def take(self, connection: Connection) -> None:
        """Be the user until the end of the transaction that is open."""
        if self.name is not None:
            quote = connection.dialect.identifier_preparer.quote
            run(connection, f"SET LOCAL ROLE {quote(self.name)}")

    @contextmanager
    def reading(self, connection: Connection) -> Iterator[None]:
        """Be the user for a block; one within another is of the same transaction."""
        depth = getattr(self._thread, "depth", 0)
        if depth == 0:
            run(connection, "BEGIN")
            self.take(connection)
        self._thread.depth = depth + 1
        try:
            yield
        finally:
            self._thread.depth = depth
            if depth == 0:
                run(connection, "ROLLBACK")


def refuse_rights(error: Any) -> None:
    """Raise Refused where the server said that the login has no right to what was asked."""
    error = getattr(error, "orig", error)
    if getattr(error, "sqlstate", None) == _NO_RIGHT:
        raise Refused(
            f"The database refuses it: {str(error).splitlines()[0]}",
            expected="rows that you may read; new ones of your own, in a project and at a level "
            "that you may use",
            do="Check user, project and privileges ('awlta status', 'awlta people show')",
        ) from error


def login_of(connection: Connection) -> str | None:
    """Return the role that row security holds for; None for the owner of the tables."""
    asked = "SELECT current_user, row_security_active('product')"
    role, is_held = connection.exec_driver_sql(asked).one()
    return str(role) if is_held else None


def refuse_to_create(connection: Connection, table: str) -> None:
    """Raise Refused where a table of a class is to be made by a user whom row security holds."""
    login = login_of(connection)
    if login is not None:
        owned = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'product'::regclass"
        owner = connection.exec_driver_sql(owned).scalar()
        raise Refused(
            f"This database has no table {table} yet, and {login} may not make tables",
            expected="a class whose table is there",
            do=f"Ask {owner}, who owns the database, to run 'awlta migrate'",
        )


def group_of(connection: Connection) -> str:
    """Return the name of the group that the users of a database belong to."""
    name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
    return f"awlta_{name}"[:63]


def secure(connection: Connection, *names: str) -> None:
    """Give tables their policies and the group its rights on them; nothing on SQLite.

    What is as it should be is not touched, so that nobody has to wait.
    """
    if connection.dialect.name != "postgresql":
        return
    group = group_of(connection)
    has_group = has_role(connection, group)
    have = _policies_of(connection)
    quote = connection.dialect.identifier_preparer.quote
    for name in names:
        policies = _policies(name)
        wanted = {_named(kind, definition): definition for kind, definition in policies.items()}
        table = quote(name)
        if have.get(name, set()) != set(wanted):
            for old in have.get(name, ()):
                run_plainly(connection, f"DROP POLICY {quote(old)} ON {table}")
            run_plainly(connection, f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            for policy, definition in wanted.items():
                run_plainly(connection, f"CREATE POLICY {quote(policy)} ON {table} {definition}")
        if has_group and not _has_right(connection, group, table):
            run_plainly(connection, f"GRANT {_rights(name)} ON {table} TO {quote(group)}")


def secure_all(connection: Connection) -> None:
    """Make the group of users, and give every table its policies; nothing on SQLite.

    Where the owner may make no roles there is no group, and nobody but the owner gets in.
    """
    if connection.dialect.name != "postgresql" or login_of(connection) is not None:
        return
    group = group_of(connection)
    quote = connection.dialect.identifier_preparer.quote
    if not has_role(connection, group) and _may_create_roles(connection):
        run_plainly(connection, f"CREATE ROLE {quote(group)} NOLOGIN")
    inspector = sa.inspect(connection)
    views = set(inspector.get_view_names())
    for name, definition in _VIEWS.items():
        if name not in views:
            run_plainly(connection, f"CREATE VIEW {name} AS {definition}")
    found = {
        str(n): {c["name"] for c in cs} for (_, n), cs in inspector.get_multi_columns().items()
    }
    secured = [n for n, columns in found.items() if columns >= {*CONTEXT_COLUMNS} or n == "shared"]
    secure(connection, *sorted(secured))
    if not has_role(connection, group):
        return
    plain = ", ".join(quote(n) for n in sorted({*found, *_VIEWS} - set(secured)))
    run_plainly(connection, f"GRANT SELECT ON {plain} TO {quote(group)}")
    run_plainly(connection, f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {quote(group)}")
    run_plainly(connection, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")


# rules -------------------------------------------------------------------------------------


def _policies(name: str) -> dict[str, str]:
    """Return the policies of a table as kind to definition."""
    if name in _SAID:
        return _policies_of_said(name)
    row = sa.table(name, *(sa.column(c) for c in CONTEXT_COLUMNS))

    def of_any(which: str) -> ColumnElement[bool]:
        return row.c.project == any_(text(f"({_projects(which)})"))

    mine = row.c.owner == any_(text(f"({_ME})"))
    known = sa.literal_column("EXISTS (SELECT 1 FROM awlta_me)", sa.Boolean())
    scope = readable(row, mine, of_any("true"), known)
    allowed = creatable(row, lambda level: of_any(f"highest >= {level}"))
    add = _sql(and_(mine, allowed))
    if name in _PARTS:
        add += f" AND {_of_product(name, f'{_IS_OWN} AND {_same(name)}')}"
    found = {
        "read": f"FOR SELECT USING ({_sql(scope)})",
        "add": f"FOR INSERT WITH CHECK ({add})",
    }
    if name in _CHANGING:
        found["change"] = f"FOR UPDATE USING ({_sql(mine)})"
    elif name not in _LASTING:
        # an UPDATE of all rows asks no policy for reading: what is not seen is not raised
        entitled = or_(mine, of_any("manages"))
        using = and_(scope, entitled)
        check = and_(entitled, row.c.level >= PROJECT, allowed)
        found["raise"] = f"FOR UPDATE USING ({_sql(using)}) WITH CHECK ({_sql(check)})"
    return found


def _policies_of_said(name: str) -> dict[str, str]:
    """Return the policies of rows that go by their product: who reads it reads them.

    A digest is written with the product. A standing row is written by its author, who owns or
    works in the project of the product, and has the project, level and embargo of the product.
    """
    if name == "shared":
        add = _of_product(name, _IS_OWN)
    else:
        entitled = f"({_IS_OWN} OR p.project = ANY ({_projects('true')}))"
        embargo = "p.embargo IS NOT DISTINCT FROM standing.embargo"
        add = f"standing.owner = ANY ({_ME}) AND "
        add += _of_product(name, f"{entitled} AND {_same(name)} AND {embargo}")
    return {
        "read": f"FOR SELECT USING ({_of_product(name)})",
        "add": f"FOR INSERT WITH CHECK ({add})",
    }


_ME = "ARRAY(SELECT id FROM awlta_me)"
_IS_OWN = f"p.owner = ANY ({_ME})"


def _projects(which: str) -> str:
    """Return the projects of the asker of which something holds, as an array."""
    return f"ARRAY(SELECT project FROM awlta_mine WHERE {which})"


def _of_product(name: str, condition: str = "true") -> str:
    """Return the condition that the asker sees the product of a row, and something of it."""
    return f"EXISTS (SELECT 1 FROM product p WHERE p.id = {name}.product AND {condition})"


def _same(name: str) -> str:
    return f"p.project = {name}.project AND p.level = {name}.level"


def _sql(condition: ColumnElement[bool]) -> str:
    compiled = condition.compile(
        dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    return str(compiled)


def _rights(name: str) -> str:
    """Return what the group may do with a table: rows are added, few columns are changed."""
    if name in _LASTING:
        return "SELECT, INSERT"
    columns = _CHANGING.get(name, ("level", "embargo"))
    return f"SELECT, INSERT, UPDATE ({', '.join(columns)})"


def _named(kind: str, definition: str) -> str:
    """Return the name of a policy, which changes with its definition."""
    return f"awlta_{kind}_{hashlib.sha256(definition.encode()).hexdigest()[:8]}"


# the server --------------------------------------------------------------------------------


def run_plainly(connection: Connection, statement: str) -> None:
    """Run a statement that has no values, colons and all."""
    connection.execute(sa.text(statement.replace(":", "\\:")))


def _policies_of(connection: Connection) -> dict[str, set[str]]:
    """Return the names of our policies by table."""
    asked = (
        "SELECT tablename, policyname FROM pg_policies "
        "WHERE schemaname = current_schema() AND starts_with(policyname, 'awlta_')"
    )
    found: dict[str, set[str]] = {}
    for table, policy in connection.exec_driver_sql(asked):
        found.setdefault(table, set()).add(policy)
    return found


def has_role(connection: Connection, name: str) -> bool:
    """Tell whether the server has a role."""
    asked = "SELECT 1 FROM pg_roles WHERE rolname = %s"
    return connection.exec_driver_sql(asked, (name,)).first() is not None


def _has_right(connection: Connection, group: str, table: str) -> bool:
    asked = "SELECT has_table_privilege(%s, %s, 'INSERT')"
    return bool(connection.exec_driver_sql(asked, (group, table)).scalar())


def _may_create_roles(connection: Connection) -> bool:
    """Tell whether this login may make other logins."""
    asked = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    return bool(connection.exec_driver_sql(asked).scalar())
