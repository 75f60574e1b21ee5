"""A list of people is written into a database, and read from it."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from ...errors import ConfigError
from .. import tables
from ..database import Database
from ..engine.access import group_of, has_role, secure_all
from ..migrations.run import require_owner
from . import logins
from .entry import PEOPLE
from .people import People, Project


def stored_people(connection: Connection) -> People:
    """Return the list as the database has it."""
    a, j, m = tables.account, tables.project, tables.member
    joined = (
        select(j.c.name, a.c.name, m.c.is_manager)
        .join(m, m.c.project == j.c.id)
        .join(a, a.c.id == m.c.account)
    )
    members: dict[str, set[str]] = {}
    managers: dict[str, set[str]] = {}
    for project, user, is_manager in connection.execute(joined):
        members.setdefault(project, set()).add(user)
        if is_manager:
            managers.setdefault(project, set()).add(user)
    projects = {
        row.name: Project(
            row.name,
            row.description,
            frozenset(managers.get(row.name, ())),
            frozenset(members.get(row.name, ())),
            row.max_level,
            bool(row.is_open),
        )
        for row in connection.execute(select(j).order_by(j.c.name))
    }
    users = {row.name: row.role for row in connection.execute(select(a).order_by(a.c.name))}
    return People(projects, users)


class _TakenBack(Exception):
    """Ends a dry run."""


def apply_people(
    database: Database, people: People, node: int, *, dry_run: bool = False
) -> list[str]:
    """Make the accounts, projects, members and logins of a database those of a list.

    Parameters
    ----------
    database : Database
    people : People
    node : int
        Node that writes.
    dry_run : bool
        Do it, tell what was done, and take it back.

    Returns
    -------
    list of str
        What was changed, in words.

    Raises
    ------
    Refused
        The tables belong to another role of the server.
    ConfigError
        A login cannot be one of a user.
    """
    changes: list[str] = []
    try:
        with database.write() as connection:
            require_owner(connection)
            database.serialise(connection, PEOPLE)
            changes = _Applying(database, connection, people, node).run()
            if dry_run:
                raise _TakenBack
    except _TakenBack:
        pass
    return changes


class _Applying:
    """One list that is written, table by table, with what was changed in words."""

    def __init__(
        self, database: Database, connection: Connection, people: People, node: int
    ) -> None:
        self.database, self.connection = database, connection
        self.people, self.node = people, node
        self.changes: list[str] = []
        self.before = stored_people(connection)

    def run(self) -> list[str]:
        self.logins()
        accounts, projects = self.accounts(), self.projects()
        self.members(accounts, projects)
        c = tables.counter
        if self.connection.execute(select(c).where(c.c.name == PEOPLE)).first() is None:
            self.connection.execute(insert(c).values(name=PEOPLE, next=1))
        if self.database.dialect == "postgresql":  # row security asks them in every statement
            self.connection.exec_driver_sql("ANALYZE account, project, member")
        return self.changes

    def logins(self) -> None:
        """Let the logins of users in on PostgreSQL, and shut out those of nobody."""
        roles = sorted(role for role in self.people.users.values() if role is not None)
        old = {role for role in self.before.users.values() if role is not None}
        if self.database.dialect != "postgresql":
            return
        secure_all(self.connection)
        group = group_of(self.connection)
        if roles and not has_role(self.connection, group):
            raise ConfigError(
                f"There is no group {group}, and you may make no roles of the server",
                expected="a role that all users of this database belong to",
                do=f"Ask who runs the server for CREATE ROLE {group}, then load the list again",
            )
        unfit = logins.unfit_roles(self.connection, roles)
        if unfit:
            said = "; ".join(f"{role} {why}" for role, why in sorted(unfit.items()))
            raise ConfigError(
                f"These logins cannot be those of users: {said}",
                expected="logins for which row security holds",
                do="Give these users logins of their own",
            )
        self.changes += logins.admit(self.connection, roles)
        self.changes += logins.dismiss(self.connection, sorted(old - set(roles)))

    def accounts(self) -> dict[str, int]:
        a = tables.account
        here = {row.name: row.id for row in self.connection.execute(select(a))}
        # a login that moves from one user to another must be free in between
        for name, role in self.before.users.items():
            if role is not None and self.people.users.get(name) != role:
                self.connection.execute(update(a).where(a.c.id == here[name]).values(role=None))
        for name, role in self.people.users.items():
            login = f", login {role}" if role else ""
            if name not in here:
                here[name] = self.database.keys(self.connection, 1)[0]
                row = (here[name], self.node, name, role)
                self.database.insert(self.connection, a, [row])
                self.changes.append(f"user {name}: new{login}")
            elif role != self.before.users[name]:
                self.connection.execute(update(a).where(a.c.id == here[name]).values(role=role))
                self.changes.append(f"user {name}: {login[2:] or 'no login'}")
        for name, role in self.before.users.items():
            if role is not None and name not in self.people.users:
                self.changes.append(f"user {name}: no login, not in the list")
        return here

    def projects(self) -> dict[str, int]:
        j = tables.project
        here = {row.name: row.id for row in self.connection.execute(select(j))}
        for project in self.people.projects.values():
            values = {n: getattr(project, n) for n in ("description", "is_open", "max_level")}
            before = self.before.projects.get(project.name)
            if before is None:
                here[project.name] = self.database.keys(self.connection, 1)[0]
                given = {"id": here[project.name], "home": self.node, "name": project.name}
                self.connection.execute(insert(j).values(**given, **values))
                self.changes.append(f"project {project.name}: new")
                continue
            differing = {n: v for n, v in values.items() if v != getattr(before, n)}
            if differing:
                where = j.c.id == here[project.name]
                self.connection.execute(update(j).where(where).values(**differing))
                said = ", ".join(f"{n} {v}" for n, v in differing.items())
                self.changes.append(f"project {project.name}: {said}")
        for name, before in self.before.projects.items():
            if name not in self.people.projects and before.is_open:
                self.connection.execute(update(j).where(j.c.id == here[name]).values(is_open=False))
                self.changes.append(f"project {name}: closed, not in the list")
        return here

    def members(self, accounts: dict[str, int], projects: dict[str, int]) -> None:
        m = tables.member
        nobody = Project("")
        for name, key in projects.items():
            old = self.before.projects.get(name, nobody)
            new = self.people.projects.get(name, nobody)
            for user in sorted(old.members | new.members):
                was, will = _rank(old, user), _rank(new, user)
                if was == will:
                    continue
                row = {"project": key, "account": accounts[user]}
                same = [m.c[n] == v for n, v in row.items()]
                self.connection.execute(delete(m).where(*same))
                if will:
                    given = {"home": self.node, "is_manager": will == "manager", **row}
                    self.connection.execute(insert(m).values(**given))
                self.changes.append(f"project {name}: {user} is {will or 'no longer ' + was}")


def _rank(project: Project, user: str) -> str:
    """Return what a user is in a project, empty if nothing."""
    if user in project.managers:
        return "manager"
    return "member" if user in project.members else ""
