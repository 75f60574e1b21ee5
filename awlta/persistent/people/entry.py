"""How a user comes into a database: account, project and level are looked up and judged.

Where no list of people was loaded, as on a laptop, whoever opens the database is a user of it
and a project is made by naming it. Where one was loaded, it alone says who is who.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, select

from ...errors import Refused
from .. import tables
from ..classes.model import registry
from ..context import Context, Membership, memberships
from ..database import Database
from ..engine.access import login_of

PEOPLE = "people"
"""Row of the counter that tells how often a list of people was loaded."""


def enter(
    database: Database, user: str, project: str, level: int, node: int, *, make: bool = True
) -> Context:
    """Return the context of a user who works for a project at a level.

    Parameters
    ----------
    database : Database
    user, project : str
    level : int
    node : int
        Node that writes.
    make : bool
        Write an account or project that is not there, where no list of people was loaded.

    Raises
    ------
    Refused
        The user may not do that; it says who can help.
    """
    with database.read() as connection:
        owner, key = _known(connection, user, project)
        login = login_of(connection) if database.dialect == "postgresql" else None
        if login is not None:
            owner = _account_of(connection, login, user)
        is_kept = _is_kept(connection) or login is not None
    if owner is None or key is None:
        _refuse_new(user, project, owner, is_kept or not make)
        owner, key = _make(database, user, project, node)
    with database.read() as connection:
        memberships(connection, owner, [key])[key].check(user, level)
    return Context(user, project, level, node, owner, key)


def _known(connection: Connection, user: str, project: str) -> tuple[int | None, int | None]:
    return _named(connection, tables.account, user), _named(connection, tables.project, project)


def _named(connection: Connection, table: Table, name: str) -> int | None:
    return connection.execute(select(table.c.id).where(table.c.name == name)).scalar()


def _is_kept(connection: Connection) -> bool:
    """Tell whether a list of people was loaded."""
    c = tables.counter
    return connection.execute(select(c.c.next).where(c.c.name == PEOPLE)).first() is not None


def _account_of(connection: Connection, login: str, user: str) -> int:
    """Return the account of a login of the server, which has to be the user's."""
    a = tables.account
    found = connection.execute(select(a.c.id, a.c.name).where(a.c.role == login)).first()
    if found is None:
        raise Refused(
            f"The login {login} belongs to no user of this database",
            expected="a login that the list of people names",
            do="Ask the owner of the database to add it and to run 'awlta people load'",
        )
    if found.name != user:
        raise Refused(
            f"The login {login} belongs to the user {found.name}, not to {user}",
            do=f"'awlta init --user {found.name}' mends the profile",
        )
    return int(found.id)


def _refuse_new(user: str, project: str, owner: int | None, is_fixed: bool) -> None:
    """Refuse an account or a project that is not there, unless it can be made."""
    if not is_fixed:
        return
    if owner is None:
        raise Refused(
            f"There is no user {user!r} in this database",
            expected="a user whom the list of people names ('awlta people show')",
            do="Ask those who keep the list to add you",
        )
    raise Refused(
        f"There is no project {project!r}",
        expected="a project that is in the database ('awlta people show')",
        do=f"'awlta init --project {project}' makes it, for those who may",
    )


def _make(database: Database, user: str, project: str, node: int) -> tuple[int, int]:
    """Write the account and the project that are not there; return their keys."""
    with database.write() as connection:
        database.serialise(connection, PEOPLE)
        owner, key = _known(connection, user, project)
        if owner is None:
            owner = database.keys(connection, 1)[0]
            database.insert(connection, tables.account, [(owner, node, user, None)])
        if key is None:
            key = database.keys(connection, 1)[0]
            database.insert(connection, tables.project, [(key, node, project, "", True, 5)])
    return owner, key


def present(database: Database, context: Context) -> Membership:
    """Return what the user of a context may do in its project now."""
    with database.read() as connection:
        found = memberships(connection, context.owner_key, [context.project_key])
    return found[context.project_key]


def prepare(database: Database) -> None:
    """Make the tables of every class that was imported, for users who may make none.

    On SQLite, and by whoever does not own the database, nothing is done: a table is made when
    its class is first used.
    """
    if database.dialect != "postgresql":
        return
    with database.write() as connection:
        if login_of(connection) is None:
            for cls in list(registry.values()):
                database.ensure(cls, connection)
