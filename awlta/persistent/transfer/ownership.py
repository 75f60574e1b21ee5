"""Whose the rows of a parcel become: names are matched, rights are asked for.

Owners and projects are known by their names. Rows of one's own come in as they are; those of
others by whoever manages their project here, or with a whole database that moves into an empty
one. Whoever has no such right may import them as their own.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from ...errors import Refused
from .. import tables
from ..context import memberships
from ..session import Session
from .container import Parcel


class Ownership:
    """The people and projects of a parcel, as they are in the database of a session."""

    def __init__(self, session: Session, parcel: Parcel) -> None:
        self.session = session
        self.parcel = parcel
        self.accounts = self._named("account")
        self.projects = self._named("project")

    def _named(self, table: str) -> dict[int, str]:
        return dict(self.parcel.connection.execute(f"SELECT id, name FROM {table}").fetchall())

    def match(self, connection: Connection) -> dict[int, int]:
        """Return the keys here of those accounts and projects that are here, by their old keys."""
        found: dict[int, int] = {}
        for table, names in ((tables.account, self.accounts), (tables.project, self.projects)):
            statement = select(table.c.name, table.c.id).where(table.c.name.in_(names.values()))
            here = {row.name: row.id for row in connection.execute(statement)}
            found.update({old: here[name] for old, name in names.items() if name in here})
        return found

    def invite(self, connection: Connection, matched: dict[int, int]) -> dict[int, int]:
        """Write the accounts and projects that are not here; return their new keys by the old."""
        new: dict[int, int] = {}
        home = self.session.context.home
        for table, names in ((tables.account, self.accounts), (tables.project, self.projects)):
            missing = sorted(set(names) - set(matched))
            keys = list(self.session.database.keys(connection, len(missing)))
            mine = dict(zip(missing, keys, strict=True))
            # a login of another database is not one of this
            given = {"home": home, "role": None}
            columns = self.parcel.columns(table.name)
            rows = []
            for row in self.parcel.connection.execute(f"SELECT * FROM {table.name}").fetchall():
                told = dict(zip(columns, row, strict=True))
                if told["id"] in mine:
                    told = {**told, **given, "id": mine[told["id"]]}
                    told["is_open"] = bool(told.get("is_open"))
                    rows.append(tuple(told.get(c.name) for c in table.columns))
            self.session.database.insert(connection, table, rows)
            new.update(mine)
        return new

    def check(self, connection: Connection, matched: dict[int, int]) -> None:
        """Raise Refused unless all that is new may be written for those who own it."""
        context = self.session.context
        mine = memberships(connection, context.owner_key, list(matched.values()))
        faults: list[str] = []
        for owner, project, level in self._owned():
            user, name = self.accounts.get(owner, "?"), self.projects.get(project, "?")
            place = mine.get(matched.get(project, 0))
            if place is None:
                faults.append(f"there is no project {name} here")
            elif owner not in matched:
                faults.append(f"there is no user {user} here")
            elif user != context.user and not place.is_manager:
                faults.append(f"objects of {user} in {name}, which you do not manage")
            elif not place.may_use:
                faults.append(f"you are no member of {name}")
            elif level > place.highest:
                faults.append(f"objects of {name} at level {level}, which you may not give")
        if faults:
            raise Refused(
                f"{self.parcel.path} cannot be imported as it is: {'; '.join(sorted(set(faults)))}",
                expected="objects of your own in projects that are here",
                do="Ask a manager of the project to import it, or add --as-mine to have it all "
                f"as {context.user} in {context.project} at level {context.level}",
            )

    def _owned(self) -> list[Any]:
        """Return owner, project and highest level of what is new."""
        return self.parcel.connection.execute(
            "SELECT owner, project, max(level) FROM product "
            "WHERE id NOT IN (SELECT old FROM map WHERE NOT is_new) GROUP BY owner, project"
        ).fetchall()
